"use strict";
// SLIDE comes from viewer_files/slide.js. Lengths: level-0 px ("image"), unless named otherwise.

const byId = (id) => document.getElementById(id);
const isPhone = () => window.innerWidth <= 700; // as in the style

// --- scripts that hand over data: a page from a disk may fetch nothing --------------------------

const loading = new Map();

function load(address) {
  if (!loading.has(address)) {
    loading.set(address, new Promise((done, failed) => {
      const script = document.createElement("script");
      script.src = address;
      script.onload = done;
      script.onerror = () => { loading.delete(address); failed(new Error(address)); };
      document.head.append(script);
    }));
  }
  return loading.get(address);
}

const unpacked = (text, Kind) => new Kind(Uint8Array.from(atob(text), (one) => one.charCodeAt(0)).buffer);

// A part of the tiles, in the order of tiles.tsv; `first` and `last` are columns.
const parts = SLIDE.parts.map(([begin, first, last], number) => ({ number, begin, first, last, runs: null, measures: {} }));
const scores = {}; // by name: min, max, count, values in the order of tiles.tsv
let loaded = 0; // scripts: what was drawn before is old

function part(number, told) {
  const one = parts[number];
  one.kinds = unpacked(told.kinds, Uint8Array);
  one.labels = told.labels ? unpacked(told.labels, Uint16Array) : null;
  one.files = unpacked(told.files, Uint16Array);
  one.starts = [];
  for (let at = 0, begin = 0; at < told.runs.length; at += 3) {
    one.starts.push(begin);
    begin += told.runs[at + 2];
  }
  one.runs = told.runs;
  loaded += 1;
}

function measure(name, number, text) {
  parts[number].measures[name] = unpacked(text, Float32Array);
  loaded += 1;
}

function heatmap(name, about, text) {
  scores[name] = { ...about, values: unpacked(text, Float32Array) };
  loaded += 1;
}

const loadPart = (one) => load(`${SLIDE.files}/tiles-${one.number}.js`);
const loadMeasure = (one, name) => load(`${SLIDE.files}/${name}-${one.number}.js`);

// --- tiles --------------------------------------------------------------------------------------

// Columns and rows: number, begin and length of each, in order.
const spans = (of) => Object.entries(of).map(([number, [start, length]]) => ({ number: Number(number), start, length }));
const columns = spans(SLIDE.columns);
const lines = spans(SLIDE.rows);

// The tile at an address among the parts that are loaded.
function tileAt(col, row) {
  for (const one of parts) {
    if (!one.runs || col < one.first || col > one.last) continue;
    let low = 0, high = one.runs.length / 3 - 1;
    while (low < high) { // the last run that begins at or before it
      const middle = (low + high + 1) >> 1;
      const before = one.runs[3 * middle] < col || (one.runs[3 * middle] === col && one.runs[3 * middle + 1] <= row);
      if (before) low = middle; else high = middle - 1;
    }
    const [runCol, first, count] = one.runs.slice(3 * low, 3 * low + 3);
    if (runCol === col && first <= row && row < first + count) return { part: one, index: one.starts[low] + row - first, col, row };
  }
  return null;
}

// Call `with_` with each tile of the parts that are loaded, within these columns and rows.
function eachTile(fromCol, toCol, fromRow, toRow, with_) {
  for (const one of parts) {
    if (!one.runs || one.last < fromCol || one.first > toCol) continue;
    for (let run = 0; run < one.starts.length; run++) {
      const col = one.runs[3 * run], first = one.runs[3 * run + 1], count = one.runs[3 * run + 2];
      if (col < fromCol) continue;
      if (col > toCol) break;
      const last = Math.min(first + count - 1, toRow);
      for (let row = Math.max(first, fromRow); row <= last; row++) with_(one, one.starts[run] + row - first, col, row);
    }
  }
}

// A place lies in the last tile that begins before it: where tiles overlap, either would do.
function addressAt(image) {
  const within = (all, at) => all.filter((one) => one.start <= at && at < one.start + one.length).pop();
  const column = within(columns, image.x), line = within(lines, image.y);
  return column && line ? [column.number, line.number] : null;
}

const box = (col, row) => [...SLIDE.columns[col], ...SLIDE.rows[row]]; // x, width, y, height
const kindOf = (tile) => SLIDE.kinds[tile.part.kinds[tile.index]]; // its name, what it is called, its colour

function fileOf(tile) {
  const number = tile.part.files[tile.index];
  return number ? SLIDE.tileFiles[number - 1].replace("{}", `${tile.col}_${tile.row}`) : "";
}

