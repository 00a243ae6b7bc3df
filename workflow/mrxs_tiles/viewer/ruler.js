// --- the ruler: from a place to a place, µm -----------------------------------------------------

const ruler = { on: false, from: null, to: null, ended: false };

function measureFrom(on) {
  Object.assign(ruler, { on, from: null, to: null, ended: false });
  byId("ruler").setAttribute("aria-pressed", String(on));
  viewer.canvas.style.cursor = on ? "crosshair" : "";
  note(on ? "Ruler: click where it begins and where it ends; or press Enter for the middle of the view." : "");
  drawLayers();
}

// Begin or end it at a place of the slide, level-0 px.
function setRuler(place) {
  if (!ruler.from || ruler.ended) Object.assign(ruler, { from: place, to: place, ended: false });
  else Object.assign(ruler, { to: place, ended: true });
  if (ruler.ended) note(`Length: ${rulerText()}`);
  drawLayers();
}

function rulerText() {
  const [across, down] = [ruler.to.x - ruler.from.x, ruler.to.y - ruler.from.y];
  const [mppX, mppY] = SLIDE.mpp;
  if (!mppX || !mppY) return `${Math.round(Math.hypot(across, down)).toLocaleString("en")} px of the slide`;
  return micrometres(Math.hypot(across * mppX, down * mppY));
}

const micrometres = (length) => (length >= 1000 ? `${Number((length / 1000).toPrecision(4))} mm` : `${Number(length.toPrecision(4))} µm`);

function drawRuler(pen, corner, scale) {
  if (!ruler.on || !ruler.from) return;
  const [begin, end] = [ruler.from, ruler.to].map((one) => [corner.x + one.x * scale, corner.y + one.y * scale]);
  for (const [colour, width] of [["#fff", 5], ["#0b57d0", 2]]) {
    pen.strokeStyle = colour;
    pen.lineWidth = width;
    pen.beginPath();
    pen.moveTo(...begin);
    pen.lineTo(...end);
    pen.stroke();
  }
  const text = rulerText();
  pen.font = "14px system-ui, sans-serif";
  const wide = pen.measureText(text).width;
  pen.fillStyle = "#fff";
  pen.fillRect(end[0] + 8, end[1] - 26, wide + 8, 20);
  pen.fillStyle = "#1b1f24";
  pen.fillText(text, end[0] + 12, end[1] - 11);
}

