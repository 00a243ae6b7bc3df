// --- heat maps: numbers of tiles in colours, and where they are highest --------------------------

const scoreNames = document.body.dataset.scores.split(" ").filter(Boolean);
const CALLED = { tissue: "tissue", focus: "sharpness", pen: "pen marks" };
const scoreOf = (heat) => (heat.startsWith("score-") ? heat.slice(6) : null);
const heats = [...Object.keys(SLIDE.measures).map((name) => [name, CALLED[name]]), ...scoreNames.map((name) => [`score-${name}`, name])];

// What the colours of a heat map reach from and to; null: not loaded.
function endsOf(heat) {
  const score = scoreOf(heat);
  if (!score) return SLIDE.measures[heat];
  return scores[score] ? scores[score].scale || [scores[score].min, scores[score].max] : null;
}

// Whether other slides have the same number in the same colour.
function aboutScale(heat) {
  const score = scores[scoreOf(heat)];
  if (score?.slides > 1) return `Same colours on all ${score.slides.toLocaleString("en")} slides. Here ${readable(score.min)} to ${readable(score.max)}.`;
  return score || heat === "focus" ? "The colours are of this slide alone." : "";
}

function valueOf(heat, one, index) {
  const score = scoreOf(heat);
  const values = score ? scores[score]?.values : one.measures[heat];
  return values ? values[score ? one.begin + index : index] : NaN;
}

function heatColour(share) {
  const at = Math.min(1, Math.max(0, share)) * (SLIDE.heatColours.length - 1);
  const low = Math.min(Math.floor(at), SLIDE.heatColours.length - 2);
  return SLIDE.heatColours[low].map((band, n) => Math.round(band + (at - low) * (SLIDE.heatColours[low + 1][n] - band)));
}

function colourOf(value) {
  const ends = endsOf(state.heat);
  if (!ends || Number.isNaN(value)) return null;
  return heatColour(ends[1] > ends[0] ? (value - ends[0]) / (ends[1] - ends[0]) : 0.5);
}

const readable = (value) => Number(value.toPrecision(4)).toString();
const SHARES = ["tissue", "pen"]; // of a tile's px
const worded = (heat, value) => (SHARES.includes(heat) ? `${Number((100 * value).toPrecision(3))} %` : readable(value));

function showHeat() {
  byId("heat-of").hidden = !state.heat;
  const ends = state.heat && endsOf(state.heat);
  byId("heat-low").textContent = ends ? worded(state.heat, ends[0]) : "";
  byId("heat-high").textContent = ends ? worded(state.heat, ends[1]) : "";
  byId("heat-about").textContent = ends ? aboutScale(state.heat) : "";
  const { peak, slides: count } = scores[scoreOf(state.heat)] || {};
  byId("of-all").hidden = !(peak && count > 1);
  if (peak) Object.assign(byId("peak"), { textContent: `highest of all ${count.toLocaleString("en")} slides`, title: `${readable(peak[3])}, ${peak[1]}` });
}

// --- the highest and the lowest numbers of kept tiles, one after another ------------------------

let rank = 0; // of the tile gone to last, from the highest (> 0) or the lowest (< 0)

async function goToNext(step) {
  await loadFor(0, Infinity);
  const found = [];
  eachTile(0, Infinity, 0, Infinity, (one, index, col, row) => {
    const value = valueOf(state.heat, one, index);
    if (SLIDE.kinds[one.kinds[index]][0] === "kept" && !Number.isNaN(value)) found.push([value, col, row]);
  });
  if (!found.length) { note("No kept tile has such a number."); return; }
  found.sort((a, b) => step * (b[0] - a[0]));
  rank = rank * step > 0 && rank * step < found.length ? rank + step : step;
  const place = Math.abs(rank);
  const [value, col, row] = found[place - 1];
  const which = step > 0 ? "highest" : "lowest", called = heats.find(([heat]) => heat === state.heat)[1];
  foldOnPhone();
  note(`${place === 1 ? "" : `${place}. `}${which} ${called} of ${found.length.toLocaleString("en")} kept tiles: ${worded(state.heat, value)}`);
  await visit(col, row);
}

// The highest of all slides may lie on another one, which the report knows the viewer of.
async function goToPeak() {
  const [id, slide, tile, value] = scores[scoreOf(state.heat)].peak;
  if (id === document.body.dataset.id) {
    foldOnPhone();
    note(`highest of all slides: ${readable(value)}`);
    await visit(...addressOf(tile));
  } else {
    const known = await otherSlides();
    const found = known && known.find(([one]) => one === id);
    if (found) location.href = `${document.body.dataset.root}${found[1]}#${new URLSearchParams({ tile, heat: state.heat })}`;
    else if (known) note(`It is ${readable(value)}, tile ${tile} of ${slide}, which has no viewer in the report.`);
  }
}

// There the panel would hide the tile that one goes to.
function foldOnPhone() {
  if (isPhone()) byId("legend").open = false;
}
