// Draws faces over an image: a box each, and a card with its expression and the top three bars, as inference/output/draw.py
// does it.  If the full cards do not all fit, every face gets a heading only.
import { colour, faceColour, ink } from "./colours.js";
import { expressionName, probability } from "./words.js";

const TOP = 3;
const DARK = "#16191f";
const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif';

// `size` is [width, height] in the units of the context; `scale` takes pixels of the image to them.
export function annotate(context, size, faces, { scale = 1, mirrored = false, chosen = null } = {}) {
  const placed = faces.map((face) => ({ face, box: placeBox(face.box, size, scale, mirrored) }));
  for (const one of placed) outline(context, size, one, chosen);
  for (const { card, place } of layout(context, size, placed)) paint(context, card, place);
}

function placeBox([x1, y1, x2, y2], [width], scale, mirrored) {
  const [left, right] = mirrored ? [width - x2 * scale, width - x1 * scale] : [x1 * scale, x2 * scale];
  return [left, y1 * scale, right, y2 * scale];
}

function outline(context, size, { face, box }, chosen) {
  const [x1, y1, x2, y2] = box;
  const side = Math.min(x2 - x1, y2 - y1);
  if (side < 2) return;
  const width = Math.max(1.5, Math.min(Math.min(...size) / 260 + 1, side / 12 + 1)) * (numbered(face) === chosen ? 1.8 : 1);
  for (const [stroke, wide] of [[DARK, width * 1.7], [faceColour(face), width]]) {
    context.beginPath();
    context.roundRect(x1, y1, x2 - x1, y2 - y1, side / 14);
    Object.assign(context, { strokeStyle: stroke, lineWidth: wide });
    context.stroke();
  }
}

// What tells faces apart: the track in a video, else the number in the image.
export function numbered(face) {
  return face.track_id ?? face.face;
}

function layout(context, size, placed) {
  const full = attempt(context, size, placed, true);
  return full.hidden === 0 ? full.cards : attempt(context, size, placed, false).cards;
}

// Place all cards, those of larger faces first, and return them with how much they hide.
function attempt(context, size, placed, bars) {
  const cards = [];
  let hidden = 0;
  for (const one of [...placed].sort((a, b) => area(b.box) - area(a.box))) {
    const font = fontSize(one.box, size, bars);
    const card = measured(context, one.face, font, bars);
    if (card.width > size[0] || card.height > size[1]) {
      hidden = Infinity; // an image too small for words gets the box alone
      continue;
    }
    const others = [...placed.filter((other) => other !== one).map((other) => other.box), ...cards.map((each) => each.place)];
    const costs = places(card, one.box, size, font / 4, bars).map((place) => [cost(place, one.box, others), place]);
    const [least, place] = costs.reduce((best, each) => (each[0] < best[0] ? each : best));
    cards.push({ card, place });
    hidden += least;
  }
  return { cards, hidden };
}

// A fraction of the face, but legible when the whole image fits a screen.
function fontSize(box, size, bars) {
  const least = Math.max(11, Math.min(...size) / (bars ? 52 : 75));
  const most = Math.max(12, Math.min(...size) / 26);
  return Math.min(Math.max((box[2] - box[0]) * 0.13, least), most);
}

function measured(context, face, font, bars) {
  const heading = `${face.track_id ? `#${face.track_id} ` : ""}${expressionName(face.expression)}${face.abstained ? "?" : ""} ${probability(face.confidence)}`;
  const rows = bars ? topExpressions(face) : [];
  const small = font * 0.86;
  const [pad, line] = [font * 0.45, font * 1.45];
  context.font = `600 ${font}px ${FONT}`;
  const wide = context.measureText(heading).width;
  context.font = `${small}px ${FONT}`;
  const names = Math.max(0, ...rows.map((row) => context.measureText(row.name).width)) + 0.7 * small;
  const figures = context.measureText(">99 %").width + 0.6 * small;
  const width = Math.max(wide, rows.length ? names + 3.6 * small + figures : 0) + 2 * pad;
  const height = line + (rows.length ? rows.length * small * 1.45 + pad : 0);
  return { face, heading, rows, font, small, pad, line, names, figures, width, height };
}

function topExpressions(face) {
  const ranked = Object.entries(face.probs ?? {}).sort((a, b) => b[1] - a[1]).slice(0, TOP);
  return ranked.map(([label, p]) => ({ name: expressionName(label), p, tone: face.abstained ? "#bec4cb" : colour(label) }));
}

function paint(context, card, [x, y]) {
  const ground = faceColour(card.face);
  const radius = card.font * 0.28;
  fill(context, [x, y, card.width, card.height], radius, `${DARK}d9`);
  fill(context, [x, y, card.width, card.line], card.rows.length ? [radius, radius, 0, 0] : radius, ground);
  context.textBaseline = "middle";
  write(context, card.heading, x + card.pad, y + card.line / 2, `600 ${card.font}px ${FONT}`, ink(ground));
  card.rows.forEach((row, k) => bar(context, card, row, x + card.pad, y + card.line + card.pad / 2 + (k + 0.5) * card.small * 1.45));
}

function bar(context, card, row, x, y) {
  const font = `${card.small}px ${FONT}`;
  const left = x + card.names;
  const right = x + card.width - 2 * card.pad;
  const half = card.small * 0.18;
  const track = right - card.figures - left;
  write(context, row.name, x, y, font, "#ffffff");
  context.textAlign = "right";
  write(context, probability(row.p), right, y, font, "#ffffff");
  context.textAlign = "left";
  fill(context, [left, y - half, track, 2 * half], half, "#545a63");
  if (row.p >= 0.005) fill(context, [left, y - half, Math.max(track * row.p, 2 * half), 2 * half], half, row.tone);
}

function fill(context, [x, y, width, height], radius, style) {
  context.beginPath();
  context.roundRect(x, y, width, height, radius);
  context.fillStyle = style;
  context.fill();
}

function write(context, text, x, y, font, style) {
  Object.assign(context, { font, fillStyle: style });
  context.fillText(text, x, y);
}

// Where a card may go, best first: beside (full cards), below or above, over the face.
function places({ width: w, height: h }, [x1, y1, x2, y2], [wide, high], gap, bars) {
  const beside = [x2 + gap, x1 - gap - w].flatMap((x) => [[x, y1], [x, y2 - h]]);
  const ends = bars ? [y2 + gap, y1 - gap - h] : [y1 - gap - h, y2 + gap]; // hair matters more than the collar
  const stacked = [x1, (x1 + x2 - w) / 2, x2 - w].flatMap((x) => ends.map((y) => [x, y]));
  const over = [x1, x2 - w].flatMap((x) => [[x, y2 - h], [x, y1]]);
  const order = bars ? [...beside, ...stacked, ...over] : [...stacked, ...over];
  return order.map(([x, y]) => [clip(x, w, wide), clip(y, h, high)]).map(([x, y]) => [x, y, x + w, y + h]);
}

function clip(start, length, limit) {
  return Math.max(0, Math.min(start, limit - length));
}

// How much a card hides; other faces and cards count double.
function cost(place, box, others) {
  return shared(place, box) + others.reduce((sum, other) => sum + 2 * shared(place, other), 0);
}

function shared(a, b) {
  return Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0])) * Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]));
}

function area(box) {
  return (box[2] - box[0]) * (box[3] - box[1]);
}
