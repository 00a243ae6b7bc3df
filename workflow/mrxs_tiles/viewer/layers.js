// --- layers: what became of tiles, and numbers of them as a heat map ----------------------------

const SMALL = 4; // screen px: smaller tiles are drawn as one picture of all
const state = { on: false, hidden: new Set(), labels: false, outline: false, fade: 55, heat: "", heatFade: 60 };
const overlay = document.createElement("canvas");
overlay.id = "overlay";
let chosen = null;

const rgba = (tint, share) => `rgba(${tint.join(",")},${share})`;

// What the tiles in view need and is not there yet; resolves when it is.
function loadFor(fromCol, toCol) {
  const wanted = parts.filter((one) => one.first <= toCol && one.last >= fromCol);
  const asked = wanted.map(loadPart);
  const score = scoreOf(state.heat);
  if (score) asked.push(load(`heatmap-${score}.js`));
  else if (state.heat) asked.push(...wanted.map((one) => loadMeasure(one, state.heat)));
  return Promise.all(asked);
}

// The colour of a tile's tint and its share; null: none.
function tintOf(one, index) {
  const [name, , tint] = SLIDE.kinds[one.kinds[index]];
  if (!state.on || state.hidden.has(name)) return null;
  if (name !== "kept") return [tint, state.fade / 100];
  const label = state.labels && one.labels ? one.labels[index] : 0;
  return label ? [SLIDE.labels[label - 1][1], (0.4 * state.fade) / 55] : null;
}

// All tiles as a picture of a px each, one of tints and one of heat.
const pictures = { key: "" };

function smallPictures() {
  const key = [loaded, state.on, [...state.hidden], state.labels, state.fade, state.heat, state.heatFade].join();
  if (pictures.key === key) return pictures;
  const [left, top] = [columns[0].number, lines[0].number];
  const width = columns[columns.length - 1].number - left + 1, height = lines[lines.length - 1].number - top + 1;
  for (const name of ["tints", "heat"]) {
    pictures[name] = Object.assign(document.createElement("canvas"), { width, height });
  }
  const tints = new ImageData(width, height), heat = new ImageData(width, height);
  eachTile(0, Infinity, 0, Infinity, (one, index, col, row) => {
    const at = 4 * ((row - top) * width + col - left);
    const tint = tintOf(one, index);
    if (tint) tints.data.set([...tint[0], 255 * tint[1]], at);
    const colour = state.heat && colourOf(valueOf(state.heat, one, index));
    if (colour) heat.data.set([...colour, 2.55 * state.heatFade], at);
  });
  pictures.tints.getContext("2d").putImageData(tints, 0, 0);
  pictures.heat.getContext("2d").putImageData(heat, 0, 0);
  pictures.key = key;
  return pictures;
}

function drawLayers() {
  const ratio = window.devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = viewer.canvas;
  overlay.width = width * ratio;
  overlay.height = height * ratio;
  overlay.style.width = `${width}px`;
  overlay.style.height = `${height}px`;
  const pen = overlay.getContext("2d");
  pen.scale(ratio, ratio);
  const corner = item().imageToViewerElementCoordinates(new OpenSeadragon.Point(0, 0));
  const scale = screenPerPx();
  if ((state.on || state.heat) && columns.length) drawTiles(pen, corner, scale, width, height);
  if (chosen) {
    const [x, w, y, h] = box(...chosen);
    pen.strokeStyle = "#0b57d0";
    pen.lineWidth = 3;
    pen.strokeRect(corner.x + x * scale + 0.5, corner.y + y * scale + 0.5, w * scale - 1, h * scale - 1);
  }
  drawRuler(pen, corner, scale);
}

function drawTiles(pen, corner, scale, width, height) {
  const seen = (all, begin, end) => all.filter((one) => begin + (one.start + one.length) * scale >= 0 && begin + one.start * scale <= end);
  const across = seen(columns, corner.x, width), down = seen(lines, corner.y, height);
  if (!across.length || !down.length) return;
  const [fromCol, toCol] = [across[0].number, across[across.length - 1].number];
  const before = loaded;
  loadFor(fromCol, toCol).then(() => { if (loaded !== before) { showHeat(); drawLayers(); } }, (error) => note(`${error.message} is not there: make the viewer again.`));
  const typical = columns[Math.floor(columns.length / 2)].length * scale;
  if (typical < SMALL) {
    const made = smallPictures();
    // by what tiles lie apart: the last column and row are mostly smaller than the others
    const apart = (all) => (all.length > 1 ? (all[all.length - 1].start - all[0].start) / (all[all.length - 1].number - all[0].number) : all[0].length);
    const place = [corner.x + columns[0].start * scale, corner.y + lines[0].start * scale,
      made.tints.width * apart(columns) * scale, made.tints.height * apart(lines) * scale];
    pen.imageSmoothingEnabled = false;
    pen.drawImage(made.tints, ...place);
    pen.drawImage(made.heat, ...place);
    return;
  }
  eachTile(fromCol, toCol, down[0].number, down[down.length - 1].number, (one, index, col, row) => {
    const [x, w, y, h] = box(col, row);
    drawTile(pen, { one, index, col, row }, [corner.x + x * scale, corner.y + y * scale, w * scale, h * scale]);
  });
}

function drawTile(pen, { one, index, col, row }, [left, top, width, height]) {
  const [name, , tint] = SLIDE.kinds[one.kinds[index]];
  const veil = tintOf(one, index);
  if (veil && !(state.outline && name !== "kept")) {
    pen.fillStyle = rgba(...veil);
    pen.fillRect(left, top, width, height);
  }
  const isChosen = chosen && chosen[0] === col && chosen[1] === row; // seen as it is, its number beside it
  const colour = state.heat && !isChosen && colourOf(valueOf(state.heat, one, index));
  if (colour) {
    pen.fillStyle = rgba(colour, state.heatFade / 100);
    pen.fillRect(left, top, width, height);
  }
  if (!state.on || state.hidden.has(name)) return;
  const outlined = state.outline && name !== "kept";
  pen.strokeStyle = outlined ? rgba(tint, Math.min(1, state.fade / 55)) : rgba([0, 0, 0], state.fade / 100);
  pen.lineWidth = outlined ? 3 : 1;
  const inset = pen.lineWidth / 2;
  pen.strokeRect(left + inset, top + inset, width - 2 * inset, height - 2 * inset);
}

// --- the panel ----------------------------------------------------------------------------------

function add(name, text, to) {
  const made = document.createElement(name);
  made.textContent = text;
  to.append(made);
  return made;
}

function changed() {
  showLayers();
  drawLayers();
  remember();
}

function buildPanel() {
  for (const [value, text] of heats) add("option", scoreOf(value) ? `score: ${text}` : text, byId("heat")).value = value;
  byId("heat").addEventListener("change", () => {
    state.heat = byId("heat").value;
    state.on = !state.heat; // the tints of dropped tiles would look like numbers
    rank = 0;
    byId("heat-value").textContent = "";
    changed();
  });
  for (const id of ["fade", "heat-fade"]) {
    byId(id).addEventListener("input", () => { state[id === "fade" ? "fade" : "heatFade"] = Number(byId(id).value); changed(); });
  }
  byId("outline").addEventListener("change", () => { state.outline = byId("outline").checked; changed(); });
  byId("highest").addEventListener("click", () => goToNext(1));
  byId("lowest").addEventListener("click", () => goToNext(-1));
  byId("peak").addEventListener("click", goToPeak);
  byId("heat-bar").style.background = `linear-gradient(to right, ${SLIDE.heatColours.map((one) => rgba(one, 1)).join(",")})`;
  for (const [number, [name, label, tint]] of SLIDE.kinds.entries()) {
    if (!SLIDE.counts[number]) continue;
    const line = add("li", "", byId("kinds")), whole = add("label", "", line);
    const check = add("input", "", whole);
    check.type = "checkbox";
    check.dataset.kind = name;
    check.addEventListener("change", () => {
      if (!state.on) state.hidden = new Set(SLIDE.kinds.map(([one]) => one)); // none was shown
      state.on = true;
      state.hidden[check.checked ? "delete" : "add"](name);
      changed();
    });
    add("i", "", whole).style.background = name === "kept" ? "transparent" : rgba(tint, 0.8);
    whole.append(`${SLIDE.counts[number].toLocaleString("en")} ${label}`);
  }
}

function showLayers() {
  byId("layers").setAttribute("aria-pressed", String(state.on || Boolean(state.heat)));
  byId("labels").setAttribute("aria-pressed", String(state.labels));
  byId("fade").value = state.fade;
  byId("heat-fade").value = state.heatFade;
  byId("outline").checked = state.outline;
  byId("heat").value = state.heat;
  for (const check of document.querySelectorAll("#kinds input")) check.checked = state.on && !state.hidden.has(check.dataset.kind);
  for (const line of document.querySelectorAll("#kinds .of-label")) line.remove();
  const kept = document.querySelector("#kinds [data-kind=kept]")?.closest("li");
  for (const [name, tint, count] of kept && state.labels ? [...SLIDE.labels].reverse() : []) {
    if (!count) continue;
    const line = document.createElement("li");
    line.className = "of-label";
    add("i", "", line).style.background = rgba(tint, 0.8);
    line.append(`${count.toLocaleString("en")} kept: ${name}`);
    kept.after(line);
  }
  showHeat();
}

function showLayersOf(asked) {
  const kinds = (asked.get("hide") || "").split(".").filter(Boolean);
  state.on = asked.get("grid") === "1";
  state.hidden = new Set(kinds);
  state.labels = asked.get("labels") === "1" && SLIDE.labels.length > 0;
  if (state.labels) state.on = true;
  state.outline = asked.get("look") === "outline";
  state.heat = heats.some(([value]) => value === asked.get("heat")) ? asked.get("heat") : "";
  const number = (name, usual) => (asked.get(name) === null ? usual : Math.min(100, Math.max(0, Number.parseInt(asked.get(name), 10) || 0)));
  state.fade = number("fade", 55);
  state.heatFade = number("heatfade", 60);
  byId("legend").open = !isPhone(); // on a phone the panel would hide the place of a link
  showPanel(state.on || Boolean(state.heat));
  showLayers();
}

function layersAsked() {
  const asked = {};
  if (state.on) asked.grid = 1;
  if (state.hidden.size) asked.hide = [...state.hidden].join(".");
  if (state.labels) asked.labels = 1;
  if (state.outline) asked.look = "outline";
  if (state.heat) asked.heat = state.heat;
  if (state.fade !== 55) asked.fade = state.fade;
  if (state.heatFade !== 60) asked.heatfade = state.heatFade;
  return asked;
}

function showPanel(shown) {
  byId("legend").hidden = !shown;
  byId("layers").setAttribute("aria-expanded", String(shown));
}
