"use strict";
(() => {
  const table = document.querySelector("table.slides");
  const form = document.querySelector("form.tools");
  const search = document.getElementById("search");
  const show = document.getElementById("show");
  const reason = document.getElementById("reason");
  const found = document.getElementById("found");
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
    table.append(...keyed.map(([, slide]) => slide.body));
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
  for (const link of document.querySelectorAll("a.go")) {
    link.addEventListener("click", () => setTimeout(visit)); // also a second time
  }
  window.addEventListener("hashchange", visit);
  filter(); // a browser may have kept what was typed before the page was loaded again
  visit();
})();
