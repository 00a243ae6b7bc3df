// --- the slide ----------------------------------------------------------------------------------

const last = SLIDE.levels.length - 1;

// Which pictures there are: none is asked for that is not.
function exists(level, col, row) {
  const runs = (SLIDE.levels[level] || {})[row] || [];
  for (let i = 0; i < runs.length; i += 2) if (col >= runs[i] && col < runs[i + 1]) return true;
  return false;
}

const viewer = OpenSeadragon({
  element: byId("viewer"),
  drawer: "canvas", // WebGL refuses pictures from a disk
  showNavigationControl: false,
  showNavigator: true,
  navigatorPosition: "BOTTOM_RIGHT",
  maxZoomPixelRatio: 8,
  minZoomImageRatio: 0.8,
  visibilityRatio: 0.3,
  gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: true },
  tileSources: {
    width: SLIDE.width,
    height: SLIDE.height,
    tileSize: SLIDE.tileSize,
    tileOverlap: 0,
    minLevel: 0,
    maxLevel: last,
    getTileUrl: (level, col, row) => `${SLIDE.files}/${level}/${col}_${row}.${SLIDE.format}`,
    tileExists: exists,
  },
});
viewer.canvas.style.background = rgba(SLIDE.background, 1);
viewer.canvas.appendChild(overlay);

const item = () => viewer.world.getItemAt(0);
const screenPerPx = () => item().viewportToImageZoom(viewer.viewport.getZoom(true));
const note = (text) => { byId("note").textContent = text; };

// --- where we are -------------------------------------------------------------------------------

function here() {
  const centre = item().viewportToImageCoordinates(viewer.viewport.getCenter(true));
  const place = { x: centre.x.toFixed(0), y: centre.y.toFixed(0), zoom: screenPerPx().toPrecision(4), ...layersAsked() };
  if (chosen) place.tile = chosen.join("_");
  return new URLSearchParams(place).toString();
}

// The address bar holds the place, so that a copied link leads there.
function remember() {
  const place = `#${here()}`;
  if (place !== location.hash) history.replaceState(null, "", place);
}

async function goTo(hash) {
  const asked = new URLSearchParams(hash.replace(/^#/, ""));
  const [x, y, zoom] = ["x", "y", "zoom"].map((name) => Number.parseFloat(asked.get(name)));
  showLayersOf(asked);
  if ([x, y, zoom].every(Number.isFinite)) {
    viewer.viewport.zoomTo(item().imageToViewportZoom(zoom), null, true);
    viewer.viewport.panTo(item().imageToViewportCoordinates(x, y), true);
    if (asked.get("tile")) await choose(...addressOf(asked.get("tile")));
  } else if (asked.get("tile")) {
    await visit(...addressOf(asked.get("tile")), true);
  }
}

const addressOf = (text) => text.trim().split(/[_, ]+/).map(Number);

// Show a tile, with as much around it, and choose it.
async function visit(col, row, atOnce = false) {
  if (SLIDE.columns[col] && SLIDE.rows[row]) {
    const [x, width, y, height] = box(col, row);
    // no nearer than a screen px a px: what is small is seen sharp, and where it lies
    const { clientWidth, clientHeight } = viewer.canvas;
    const across = Math.max(2 * width, clientWidth), down = Math.max(2 * height, clientHeight);
    const above = isPhone() ? 0.35 : 0.5; // there what is told of the tile lies below
    viewer.viewport.fitBounds(item().imageToViewportRectangle(x + width / 2 - across / 2, y + height / 2 - above * down, across, down), atOnce);
  }
  const found = await choose(col, row);
  remember();
  return found;
}

// --- scale and power ----------------------------------------------------------------------------

const mpp = SLIDE.mpp[0];

function drawScale() {
  const perScreenPx = (mpp || 1) / screenPerPx(); // µm, or level-0 px
  const most = 160 * perScreenPx;
  const power = 10 ** Math.floor(Math.log10(most));
  const length = [5, 2, 1].map((step) => step * power).find((one) => one <= most);
  byId("scale-text").textContent = mpp ? micrometres(length) : `${Number(length.toPrecision(3))} px of the slide`;
  byId("scale-bar").style.width = `${length / perScreenPx}px`;
  if (!mpp) return;
  byId("power-text").textContent = `${Number((10 / perScreenPx).toPrecision(2))}x · ${Number(perScreenPx.toPrecision(3))} µm per px`;
  for (const button of document.querySelectorAll("#powers button")) {
    button.setAttribute("aria-pressed", String(Math.abs((button.value * perScreenPx) / 10 - 1) < 0.02));
  }
}

// As on a microscope: 10x is 1 µm a px.
for (const power of mpp ? [5, 10, 20, 40] : []) {
  const button = add("button", `${power}x`, byId("powers"));
  Object.assign(button, { type: "button", value: power, title: `${power}x: ${10 / power} µm per px` });
  button.addEventListener("click", () => viewer.viewport.zoomTo(item().imageToViewportZoom((mpp * power) / 10)));
}

// --- one tile -----------------------------------------------------------------------------------

async function choose(col, row) {
  chosen = null;
  const panel = byId("tile");
  await Promise.all(parts.filter((one) => one.first <= col && col <= one.last).map(loadPart));
  const tile = tileAt(col, row);
  panel.replaceChildren();
  panel.hidden = false;
  const close = add("button", "×", panel);
  Object.assign(close, { type: "button", id: "close", title: "Close (Escape)" });
  close.setAttribute("aria-label", "Close");
  close.addEventListener("click", unchoose);
  if (!tile) {
    add("p", "There is no such tile in tiles.tsv.", panel);
    drawLayers();
    return false;
  }
  chosen = [col, row];
  drawLayers();
  const score = loadFor(col, col).catch(() => {}); // of which drawing says that it is not there
  await Promise.all([score, ...Object.keys(SLIDE.measures).map((name) => loadMeasure(tile.part, name))]);
  if (chosen && chosen[0] === col && chosen[1] === row) tellOf(tile, panel);
  return true;
}

function tellOf(tile, panel) {
  const [x, width, y, height] = box(tile.col, tile.row);
  add("h2", `Tile ${tile.col}_${tile.row}`, panel);
  const list = add("dl", "", panel);
  const [name, called] = kindOf(tile);
  const label = tile.part.labels ? tile.part.labels[tile.index] : 0;
  const facts = [["result", name === "kept" ? "kept" : `dropped: ${called}`]];
  for (const one of Object.keys(SLIDE.measures)) {
    const value = valueOf(one, tile.part, tile.index);
    facts.push([CALLED[one], Number.isNaN(value) ? null : worded(one, value)]);
  }
  for (const one of Object.keys(scores)) facts.push([one, valueOf(`score-${one}`, tile.part, tile.index)]);
  facts.push(["label", label ? SLIDE.labels[label - 1][0] : null], ["place", `${x}, ${y} (px of the slide)`], ["size", `${width} × ${height} px`]);
  for (const [key, value] of facts) {
    if (value === null || Number.isNaN(value)) continue;
    add("dt", key, list);
    add("dd", typeof value === "number" ? String(Number(value.toPrecision(6))) : value, list);
  }
  const file = fileOf(tile);
  if (file.includes("#")) { // one inside a shard has no address of its own
    add("p", file, panel);
  } else if (file) {
    const link = add("a", file, panel);
    link.href = file.split("/").map(encodeURIComponent).join("/");
    link.target = "_blank";
    link.rel = "noopener";
  }
}

function unchoose() {
  chosen = null;
  byId("tile").hidden = true;
  if (!ruler.on) note("");
  drawLayers();
  remember();
}

// --- other slides -------------------------------------------------------------------------------

let others = null;
const slides = (all) => { others = all; };

// All slides with a viewer, as the report lists them; null: there is no report, and a note says so.
async function otherSlides() {
  try {
    await load(`${document.body.dataset.root}report_files/slides.js`);
  } catch {
    note("No report lists the other slides yet: run mrxs-tiles report.");
    return null;
  }
  return others;
}

async function goToSlide(step) {
  if (!(await otherSlides())) return;
  const at = others.findIndex(([id]) => id === document.body.dataset.id);
  const next = at < 0 ? null : others[at + step];
  if (next) location.href = document.body.dataset.root + next[1];
  else note(at < 0 ? "The report does not list this slide." : `This is the ${step > 0 ? "last" : "first"} slide with a viewer.`);
}

// --- events -------------------------------------------------------------------------------------

const imageAt = (position) => item().viewerElementToImageCoordinates(position);

viewer.addHandler("canvas-click", (event) => {
  if (!event.quick) return;
  if (ruler.on) { setRuler(imageAt(event.position)); return; }
  const address = addressAt(imageAt(event.position));
  if (address) choose(...address).then((found) => (found ? remember() : unchoose()));
  else unchoose();
});
viewer.addHandler("canvas-double-click", (event) => { event.preventDefaultAction = ruler.on; });
viewer.addHandler("canvas-key", (event) => { event.preventDefaultAction = true; }); // the page's own, below
viewer.addHandler("open", () => {
  byId("labels").hidden = !SLIDE.labels.length;
  byId("damage").hidden = !SLIDE.error;
  byId("damage").textContent = SLIDE.error;
  buildPanel();
  goTo(location.hash).catch((error) => note(`${error.message} is not there: make the viewer again.`)).finally(() => {
    drawScale();
    drawLayers();
    document.body.dataset.ready = "true";
  });
});
viewer.addHandler("update-viewport", () => { drawScale(); drawLayers(); });
viewer.addHandler("animation-finish", remember);
window.addEventListener("hashchange", () => { goTo(location.hash).then(drawLayers); });

viewer.canvas.addEventListener("pointermove", (event) => {
  const frame = viewer.canvas.getBoundingClientRect();
  const image = imageAt(new OpenSeadragon.Point(event.clientX - frame.left, event.clientY - frame.top));
  if (ruler.on && ruler.from && !ruler.ended) { ruler.to = image; drawLayers(); }
  if (!state.heat) return;
  const address = addressAt(image), tile = address && tileAt(...address);
  const value = tile ? valueOf(state.heat, tile.part, tile.index) : NaN;
  byId("heat-value").textContent = Number.isNaN(value) ? "no number here" : `${address.join("_")}: ${worded(state.heat, value)}`;
});

const zoom = (by) => viewer.viewport.zoomBy(by);
const fullScreen = () => (document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen());

function toggleLayers() {
  const shown = byId("legend").hidden;
  if (shown && !state.on && !state.heat) state.on = true;
  else if (!shown) Object.assign(state, { on: false, labels: false, heat: "" });
  byId("legend").open = true;
  showPanel(shown);
  changed();
}

function toggleLabels() {
  state.labels = !state.labels;
  if (state.labels) { state.on = true; showPanel(true); }
  changed();
}

function close() {
  if (ruler.on) measureFrom(false);
  else if (!byId("tile").hidden) unchoose();
  else if (!byId("legend").hidden) showPanel(false);
}

function pan(across, down) {
  const view = viewer.viewport.getBounds();
  viewer.viewport.panBy(new OpenSeadragon.Point(across * view.width * 0.2, down * view.height * 0.2));
}

const middle = () => item().viewportToImageCoordinates(viewer.viewport.getCenter(true));
const KEYS = {
  "+": () => zoom(2), "=": () => zoom(2), "-": () => zoom(0.5), "_": () => zoom(0.5), "0": () => viewer.viewport.goHome(),
  ArrowLeft: () => pan(-1, 0), ArrowRight: () => pan(1, 0), ArrowUp: () => pan(0, -1), ArrowDown: () => pan(0, 1),
  Escape: close, l: toggleLayers, r: () => measureFrom(!ruler.on), n: () => goToSlide(1), p: () => goToSlide(-1),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = event.target.closest?.("input:not([type=checkbox]), select");
  if (typing && event.key !== "Escape") return;
  if (event.key === "Enter" && ruler.on && !event.target.closest?.("button, a")) { setRuler(middle()); return; }
  const does = KEYS[event.key];
  if (!does) return;
  event.preventDefault();
  does();
});

const clicks = {
  "zoom-in": () => zoom(2), "zoom-out": () => zoom(0.5), home: () => viewer.viewport.goHome(), "full-screen": fullScreen,
  layers: toggleLayers, labels: toggleLabels, ruler: () => measureFrom(!ruler.on), previous: () => goToSlide(-1), next: () => goToSlide(1),
};
for (const [id, does] of Object.entries(clicks)) byId(id).addEventListener("click", does);

byId("go").addEventListener("submit", async (event) => {
  event.preventDefault();
  const found = await visit(...addressOf(byId("address").value));
  byId("address").setAttribute("aria-invalid", String(!found));
});
