"use strict";
// SLIDE comes from viewer_files/slide.js. Lengths: level-0 px ("image"), unless named otherwise.

const byId = (id) => document.getElementById(id);
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
const paper = `rgb(${SLIDE.background.join(",")})`;
viewer.canvas.style.background = paper;

// --- where we are -----------------------------------------------------------------------------

const item = () => viewer.world.getItemAt(0);
const screenPerPx = () => item().viewportToImageZoom(viewer.viewport.getZoom(true));

function here() {
  const centre = item().viewportToImageCoordinates(viewer.viewport.getCenter(true));
  const state = { x: centre.x.toFixed(0), y: centre.y.toFixed(0), zoom: screenPerPx().toPrecision(4) };
  if (gridShown()) state.grid = 1;
  if (pressed("labels")) state.labels = 1;
  if (chosen) state.tile = `${chosen[0]}_${chosen[1]}`;
  return new URLSearchParams(state).toString();
}

// The address bar holds the place, so that a copied link leads there.
function remember() {
  const place = `#${here()}`;
  if (place !== location.hash) history.replaceState(null, "", place);
}

function goTo(hash) {
  const asked = new URLSearchParams(hash.replace(/^#/, ""));
  const [x, y, zoom] = ["x", "y", "zoom"].map((name) => Number.parseFloat(asked.get(name)));
  showLabels(asked.get("labels") === "1" && SLIDE.labels.length > 0);
  showGrid(asked.get("grid") === "1");
  if (asked.get("tile")) choose(tileAt(...asked.get("tile").split("_").map(Number)));
  if (![x, y, zoom].every(Number.isFinite)) return;
  viewer.viewport.zoomTo(item().imageToViewportZoom(zoom), null, true);
  viewer.viewport.panTo(item().imageToViewportCoordinates(x, y), true);
}

// --- the scale bar ----------------------------------------------------------------------------

function drawScale() {
  const mpp = SLIDE.mpp[0];
  const unitsPerScreenPx = (mpp || 1) / screenPerPx();
  const most = 160 * unitsPerScreenPx;
  const power = 10 ** Math.floor(Math.log10(most));
  const length = [5, 2, 1].map((step) => step * power).find((one) => one <= most);
  const micro = length >= 1000 ? `${length / 1000} mm` : `${Number(length.toPrecision(3))} µm`;
  byId("scale-text").textContent = mpp ? micro : `${Number(length.toPrecision(3))} px of the slide`;
  byId("scale-bar").style.width = `${length / unitsPerScreenPx}px`;
}

// --- the grid of tiles ------------------------------------------------------------------------

const overlay = document.createElement("canvas");
overlay.id = "overlay";
viewer.canvas.appendChild(overlay);
const tiles = new Map(SLIDE.tiles.map((tile) => [`${tile[0]}_${tile[1]}`, tile]));
const tileAt = (col, row) => tiles.get(`${col}_${row}`);
const pressed = (id) => byId(id).getAttribute("aria-pressed") === "true";
const gridShown = () => pressed("grid");
let chosen = null;

const box = (tile) => [...SLIDE.columns[tile[0]], ...SLIDE.rows[tile[1]]]; // x, width, y, height

function drawGrid() {
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
  for (const tile of gridShown() ? SLIDE.tiles : chosen ? [chosen] : []) {
    const [x, w, y, h] = box(tile);
    const left = corner.x + x * scale, top = corner.y + y * scale;
    if (left > width || top > height || left + w * scale < 0 || top + h * scale < 0) continue;
    const [kind, tint] = SLIDE.kinds[tile[2]];
    const label = SLIDE.labels[tile[7]];
    if (gridShown() && kind === "kept" && label && pressed("labels")) {
      pen.fillStyle = `rgba(${label[1].join(",")},0.4)`;
      pen.fillRect(left, top, w * scale, h * scale);
    }
    if (gridShown() && kind !== "kept") {
      pen.fillStyle = `rgba(${tint.join(",")},0.55)`;
      pen.fillRect(left, top, w * scale, h * scale);
    }
    if (w * scale >= 4) {
      pen.strokeStyle = tile === chosen ? "#0b57d0" : "rgba(0,0,0,0.55)";
      pen.lineWidth = tile === chosen ? 3 : 1;
      pen.strokeRect(left + 0.5, top + 0.5, w * scale - 1, h * scale - 1);
    }
  }
}

function showGrid(shown) {
  byId("grid").setAttribute("aria-pressed", String(shown));
  byId("legend").hidden = !shown;
}

// Kept tiles are tinted by their label, with the grid, on request.
function showLabels(shown) {
  byId("labels").setAttribute("aria-pressed", String(shown));
  if (shown) showGrid(true);
  fillLegend();
}

function fillLegend() {
  byId("legend").replaceChildren();
  const add = (count, text, background) => {
    if (!count) return;
    const line = document.createElement("li");
    const patch = document.createElement("i");
    patch.style.background = background;
    line.append(patch, `${count.toLocaleString("en")} ${text}`);
    byId("legend").append(line);
  };
  for (const [number, [kind, tint]] of SLIDE.kinds.entries()) {
    add(SLIDE.counts[number], kind, kind === "kept" ? "transparent" : `rgba(${tint.join(",")},0.8)`);
    if (kind !== "kept" || !pressed("labels")) continue;
    for (const [name, color, count] of SLIDE.labels) add(count, `kept: ${name}`, `rgba(${color.join(",")},0.8)`);
  }
}

// --- one tile ---------------------------------------------------------------------------------

function choose(tile) {
  chosen = tile || null;
  const panel = byId("tile");
  panel.hidden = !chosen;
  panel.replaceChildren();
  if (chosen) {
    const [col, row, kind, tissue, focus, pen, file, label] = chosen;
    const [x, width, y, height] = box(chosen);
    const add = (name, text, to) => {
      const made = document.createElement(name);
      made.textContent = text;
      to.append(made);
      return made;
    };
    add("h2", `Tile ${col}_${row}`, panel);
    const list = add("dl", "", panel);
    const reason = SLIDE.kinds[kind][0];
    const facts = [["fate", reason === "kept" ? "kept" : `dropped: ${reason}`], ["place", `${x}, ${y} (level-0 px)`],
      ["size", `${width} x ${height} px`], ["tissue", tissue], ["focus", focus], ["pen", pen],
      ["label", label === undefined ? null : SLIDE.labels[label][0]]];
    for (const [name, value] of facts) {
      if (value === null) continue;
      add("dt", name, list);
      add("dd", String(value), list);
    }
    // one inside a shard has no address of its own
    if (file.includes("#")) {
      add("p", file, panel);
    } else if (file) {
      const link = add("a", file, panel);
      link.href = file.split("/").map(encodeURIComponent).join("/");
      link.target = "_blank";
      link.rel = "noopener";
    }
  }
  if (item()) drawGrid();
}

// A place lies in the last tile that begins before it: where tiles overlap, either would do.
function find(image) {
  const within = (spans, at) => {
    const found = Object.entries(spans).filter(([, [start, length]]) => start <= at && at < start + length);
    return found.length ? Number(found[found.length - 1][0]) : null;
  };
  return tileAt(within(SLIDE.columns, image.x), within(SLIDE.rows, image.y));
}

// --- events -----------------------------------------------------------------------------------

viewer.addHandler("canvas-click", (event) => {
  if (event.quick) choose(find(item().viewerElementToImageCoordinates(event.position)));
  if (event.quick) remember();
});
viewer.addHandler("open", () => {
  byId("labels").hidden = !SLIDE.labels.length;
  fillLegend();
  byId("damage").hidden = !SLIDE.error;
  byId("damage").textContent = SLIDE.error;
  goTo(location.hash);
  drawScale();
  drawGrid();
  document.body.dataset.ready = "true";
});
viewer.addHandler("update-viewport", () => { drawScale(); drawGrid(); });
viewer.addHandler("animation-finish", remember);
window.addEventListener("hashchange", () => { goTo(location.hash); drawGrid(); });

byId("zoom-in").addEventListener("click", () => viewer.viewport.zoomBy(2));
byId("zoom-out").addEventListener("click", () => viewer.viewport.zoomBy(0.5));
byId("home").addEventListener("click", () => viewer.viewport.goHome());
byId("full-screen").addEventListener("click", () => {
  if (document.fullscreenElement) document.exitFullscreen();
  else document.documentElement.requestFullscreen();
});
byId("labels").addEventListener("click", () => { showLabels(!pressed("labels")); drawGrid(); remember(); });
byId("grid").addEventListener("click", () => { showGrid(!gridShown()); drawGrid(); remember(); });
byId("go").addEventListener("submit", (event) => {
  event.preventDefault();
  const tile = tileAt(...byId("address").value.trim().split(/[_, ]+/).map(Number));
  byId("address").setAttribute("aria-invalid", String(!tile));
  choose(tile);
  if (!tile) {
    byId("tile").textContent = "There is no such tile in tiles.tsv.";
    byId("tile").hidden = false;
    return;
  }
  const [x, width, y, height] = box(tile);
  viewer.viewport.fitBounds(item().imageToViewportRectangle(x - width / 2, y - height / 2, 2 * width, 2 * height));
  remember();
});
