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
  const headers = [...table.tHead.rows[0].cells];
  const collator = new Intl.Collator("en", { numeric: true });
  const slides = [...table.tBodies].map((body) => {
    const said = [...body.querySelectorAll(".error, .warning, .path")];
    const texts = [body.rows[0].cells[0], body.rows[0].cells[1], ...said];
    return {
      body,
      button: body.querySelector(".unfold"),
      tags: new Set(body.dataset.tags.split(" ")),
      text: texts.map((part) => part.textContent).join("\n").toLowerCase(),
    };
  });
  let ordered = slides;
  let pictured = FIRST;

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
    const link = made("a", "go", made("bdi", "", name.dataset.v));
    link.href = `#${body.id}`;
    const title = made("p", "title", link);
    const marks = made("p", "", ...[...status.childNodes].map((one) => one.cloneNode(true)));
    const shown = made("li", body.classList.contains("bad") ? "bad" : "", pictures, title, marks);
    const became = few && body.querySelector(".became");
    if (tiles.textContent && !became) {
      const all = `${tiles.textContent} tile${tiles.dataset.v === "1" ? "" : "s"}`;
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

  function showPictures() {
    const fitting = ordered.filter((slide) => !slide.body.hidden);
    gallery.replaceChildren(...fitting.slice(0, pictured).map(card));
    const left = Math.max(0, fitting.length - pictured);
    more.hidden = !left;
    more.textContent = `More slides (${left.toLocaleString("en")})`;
  }

  function unfold(slide, open) {
    slide.body.classList.toggle("open", open);
    slide.button.setAttribute("aria-expanded", String(open));
  }

  function filter() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const slide of slides) {
      const fits =
        words.every((word) => slide.text.includes(word)) &&
        (!show.value || slide.tags.has(show.value)) &&
        (!reason.value || slide.tags.has(reason.value));
      slide.body.hidden = !fits;
      count += fits;
    }
    const all = `${slides.length} slide${slides.length === 1 ? "" : "s"}`;
    found.textContent = count === slides.length ? all : `${count} of ${all}`;
    pictured = FIRST;
    showPictures();
  }

  // What is not known comes last, whichever way the rest is sorted.
  function compare(a, b, sign) {
    if (a === "" || b === "") return (a === "") - (b === "");
    const number = Number(a) - Number(b);
    return sign * (Number.isNaN(number) ? collator.compare(a, b) : number);
  }

  function sort(column) {
    const header = headers[column];
    const next = header.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
    for (const one of headers) if (one.hasAttribute("aria-sort")) one.setAttribute("aria-sort", "none");
    header.setAttribute("aria-sort", next);
    const value = (slide) => slide.body.rows[0].cells[column].dataset.v;
    const keyed = slides.map((slide) => [value(slide), slide]);
    keyed.sort((a, b) => compare(a[0], b[0], next === "ascending" ? 1 : -1));
    ordered = keyed.map(([, slide]) => slide);
    table.append(...ordered.map((slide) => slide.body));
    showPictures();
  }

  // An outlier's link leads to its row, also where the filter hides it.
  function visit() {
    const slide = slides.find((one) => `#${one.body.id}` === location.hash);
    if (!slide) return;
    if (slide.body.hidden) {
      form.reset();
      filter();
    }
    unfold(slide, true);
    slide.button.focus({ preventScroll: true });
    slide.body.scrollIntoView();
  }

  headers.forEach((header, column) => {
    header.querySelector("button")?.addEventListener("click", () => sort(column));
  });
  for (const slide of slides) {
    slide.button.addEventListener("click", () => {
      unfold(slide, !slide.body.classList.contains("open"));
    });
  }
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
  more.addEventListener("click", () => {
    const next = gallery.childElementCount;
    pictured += MORE;
    showPictures();
    gallery.children[next].querySelector("a").focus();
  });
  window.addEventListener("hashchange", visit);
  filter(); // a browser may have kept what was typed before the page was loaded again
  visit();
})();
