"use strict";
(() => {
  const table = document.querySelector("table.slides");
  const form = document.querySelector("form.tools");
  const search = document.getElementById("search");
  const show = document.getElementById("show");
  const reason = document.getElementById("reason");
  const found = document.getElementById("found");
  const gallery = document.querySelector(".gallery");
  const more = document.getElementById("more");
  const few = gallery.parentElement.classList.contains("few");
  const FIRST = innerWidth < 700 ? 8 : 18; // slides in the gallery
  const MORE = 48;
  const moreRows = document.getElementById("more-rows");
  const trouble = document.getElementById("trouble");
  const headers = [...table.tHead.rows[0].cells];
  const collator = new Intl.Collator("en", { numeric: true });

  // Of all slides what they are sorted and searched by. A long page holds the first rows alone.
  const known = document.getElementById("index");
  const index = JSON.parse(known.textContent);
  const slides = index.slides.map(([id, tags, texts, ...values], at) => ({
    id,
    at,
    values, // as the columns stand
    tags: new Set(tags),
    text: [values[0], ...texts].join("\n").toLowerCase(),
    body: document.getElementById(`s-${id}`), // null: its row is elsewhere
  }));
  const step = index.shown ?? slides.length; // rows
  let ordered = slides;
  let pictured = FIRST;
  let shown = step;
  let visited = null; // an outlier's link led to it: shown wherever it stands
  let words = []; // that are searched for
  let turn = 0;

  // --- rows that are elsewhere: a page from a disk may fetch nothing, but load scripts ------------

  const received = new Map();
  const loading = new Map();
  globalThis.rows = (script, all) => received.set(script, all);

  function load(name) {
    if (!loading.has(name)) {
      loading.set(name, new Promise((done, failed) => {
        const script = document.createElement("script");
        script.nonce = known.dataset.nonce;
        script.src = `${index.folder}/${name}`;
        script.onload = done;
        script.onerror = () => { loading.delete(name); failed(new Error(name)); };
        document.head.append(script);
      }));
    }
    return loading.get(name);
  }

  async function fetchRows(wanted) {
    const missing = wanted.filter((slide) => !slide.body);
    const place = (slide) => slide.at - index.here;
    const script = (slide) => index.scripts[Math.floor(place(slide) / index.size)];
    await Promise.all([...new Set(missing.map(script))].map(load));
    const holder = document.createElement("template");
    for (const slide of missing) {
      if (slide.body) continue; // twice wanted
      holder.innerHTML = received.get(script(slide))[place(slide) % index.size];
      slide.body = document.adoptNode(holder.content.firstElementChild);
    }
  }

  function made(name, className, ...content) {
    const element = document.createElement(name);
    if (className) element.className = className;
    element.append(...content);
    return element;
  }

  // A slide's card in the gallery: what its row says, its picture first.
  function card(slide) {
    const { body } = slide;
    const [name, status, tiles, kept] = body.rows[0].cells;
    const [called, , count] = slide.values;
    const pictures = made("div", "pictures");
    for (const one of [name.querySelector("a.thumb"), few && body.querySelector(".map a")]) {
      if (!one) continue;
      const link = one.cloneNode(true);
      link.removeAttribute("tabindex");
      link.removeAttribute("class");
      pictures.append(link);
    }
    if (!pictures.childElementCount) pictures.className = "quiet";
    if (!pictures.childElementCount) pictures.append("no picture");
    const link = made("a", "go", made("bdi", "", called));
    link.href = `#${body.id}`;
    const title = made("p", "title", link);
    const marks = made("p", "", ...[...status.childNodes].map((one) => one.cloneNode(true)));
    const shown = made("li", body.classList.contains("bad") ? "bad" : "", pictures, title, marks);
    const became = few && body.querySelector(".became");
    if (tiles.textContent && !became) {
      const all = `${tiles.textContent} tile${count === 1 ? "" : "s"}`;
      marks.append(" ", made("b", "", kept.textContent), ` of ${all} kept`);
    }
    if (became) shown.append(made("p", "became", ...became.cloneNode(true).childNodes));
    const said = body.rows[0].querySelector(".said").textContent.trim();
    if (said) shown.append(made("p", "why", said));
    const actions = made("p", "actions");
    for (const one of [body.querySelector(".known .button"), body.querySelector(".error a")]) {
      if (one) actions.append(one.cloneNode(true));
    }
    if (actions.childElementCount) shown.append(actions);
    return shown;
  }

  // Put rows and pictures of what fits in their order; resolves when they are there.
  async function draw() {
    turn += 1;
    const mine = turn;
    const fitting = ordered.filter(fits);
    const all = `${slides.length.toLocaleString("en")} slide${slides.length === 1 ? "" : "s"}`;
    const count = fitting.length.toLocaleString("en");
    found.textContent = fitting.length === slides.length ? all : `${count} of ${all}`;
    const rows = fitting.slice(0, shown);
    if (visited && !rows.includes(visited)) rows.unshift(visited);
    const cards = fitting.slice(0, pictured);
    trouble.hidden = true;
    if (![...rows, ...cards].every((slide) => slide.body)) {
      table.setAttribute("aria-busy", "true");
      try {
        await fetchRows([...rows, ...cards]);
      } catch {
        trouble.textContent = `Some rows cannot be read from ${index.folder}, which must lie beside this page. If the report was made anew, load this page again.`;
        trouble.hidden = false;
        return;
      } finally {
        table.removeAttribute("aria-busy");
      }
      if (mine !== turn) return; // something else was asked for meanwhile
    }
    const bodies = rows.map((slide) => slide.body);
    const there = [...table.tBodies];
    if (bodies.length !== there.length || bodies.some((body, at) => body !== there[at])) {
      for (const body of there) body.remove();
      table.append(...bodies);
    }
    moreRows.hidden = fitting.length <= shown;
    moreRows.textContent = `Show ${Math.min(step, fitting.length - shown)} more rows (${(fitting.length - shown).toLocaleString("en")} left)`;
    gallery.replaceChildren(...cards.map(card));
    const left = fitting.length - cards.length;
    more.hidden = !left;
    more.textContent = `More slides (${left.toLocaleString("en")})`;
  }

  function unfold(body, open) {
    body.classList.toggle("open", open);
    body.querySelector(".unfold").setAttribute("aria-expanded", String(open));
  }

  function fits(slide) {
    return (
      words.every((word) => slide.text.includes(word)) &&
      (!show.value || slide.tags.has(show.value)) &&
      (!reason.value || slide.tags.has(reason.value))
    );
  }

  function filter() {
    words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    pictured = FIRST;
    shown = step;
    visited = null;
    return draw();
  }

  // What is not known comes last, whichever way the rest is sorted.
  function compare(a, b, sign) {
    if (a === null || b === null) return (a === null) - (b === null);
    return sign * (typeof a === "number" ? a - b : collator.compare(a, b));
  }

  function sort(column) {
    const header = headers[column];
    const next = header.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
    for (const one of headers) if (one.hasAttribute("aria-sort")) one.setAttribute("aria-sort", "none");
    header.setAttribute("aria-sort", next);
    const sign = next === "ascending" ? 1 : -1;
    ordered = [...slides].sort((a, b) => compare(a.values[column], b.values[column], sign));
    shown = step;
    draw();
  }

  // An outlier's link leads to its row, also where the filter hides it, or it stands far below.
  async function visit() {
    const slide = slides.find((one) => `#s-${one.id}` === location.hash);
    if (!slide) return;
    if (!fits(slide)) {
      search.value = show.value = reason.value = "";
      await filter();
    }
    visited = slide;
    await draw();
    if (visited !== slide || !slide.body) return;
    unfold(slide.body, true);
    slide.body.querySelector(".unfold").focus({ preventScroll: true });
    slide.body.scrollIntoView();
  }

  headers.forEach((header, column) => {
    header.querySelector("button")?.addEventListener("click", () => sort(column));
  });
  table.addEventListener("click", (event) => {
    const button = event.target.closest(".unfold");
    if (button) unfold(button.closest("tbody"), button.getAttribute("aria-expanded") !== "true");
  });
  for (const button of document.querySelectorAll("button.show")) {
    button.addEventListener("click", () => {
      form.reset();
      show.value = button.dataset.show;
      filter();
      document.getElementById("slides").focus();
    });
  }
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(filter));
  document.addEventListener("click", (event) => {
    if (event.target.closest("a.go")) setTimeout(visit); // also a second time
  });
  more.addEventListener("click", async () => {
    const next = gallery.childElementCount;
    pictured += MORE;
    await draw();
    gallery.children[next]?.querySelector("a").focus();
  });
  moreRows.addEventListener("click", async () => {
    const next = table.tBodies.length;
    shown += step;
    await draw();
    table.tBodies[next]?.querySelector(".unfold").focus();
  });
  window.addEventListener("hashchange", visit);
  filter(); // a browser may have kept what was typed before the page was loaded again
  visit();
})();
