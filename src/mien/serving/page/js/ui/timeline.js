// A timeline per face: a band per expression, stacked; neutral lies on top, so that what is expressed grows from the ground
// (inference/output/timeline_svg.py).  Click or drag to go there.
import { colour } from "./colours.js";
import { make } from "./elements.js";
import { Moments } from "./moments.js";
import { clock, expressionName, number, percent, t } from "./words.js";

const HIGH = 84;
const DRAWN = 8; // faces with a timeline, those on screen longest

export class Timeline extends EventTarget {
  #box = document.getElementById("timeline");
  #list = document.getElementById("tracks");
  #key = document.getElementById("key");
  #rows = new Map(); // by track
  #tracks = new Map(); // by id: samples {seconds, probs}, and what was summed up
  #moments = new Moments();
  #span = [0, 1];
  #gap = 0.5;

  constructor() {
    super();
    this.#moments.addEventListener("seek", ({ detail }) => this.dispatchEvent(new CustomEvent("seek", { detail })));
  }

  clear() {
    this.#moments.clear();
    this.#tracks.clear();
    this.#rows.clear();
    this.#list.replaceChildren();
    this.#box.hidden = true;
  }

  // Seconds between two frames beyond which a face counts as away.
  set gap(seconds) {
    this.#gap = seconds;
  }

  add({ seconds, faces }) {
    for (const { track_id: id, probs, expression } of faces) {
      const track = this.#tracks.get(id) ?? { samples: [], last: seconds, seen: 0, count: 0, tops: new Map() };
      this.#tracks.set(id, track);
      if (seconds - track.last <= this.#gap) track.seen += seconds - track.last;
      Object.assign(track, { last: seconds, count: track.count + 1 });
      track.tops.set(expression, (track.tops.get(expression) ?? 0) + 1);
      track.samples.push({ seconds, probs });
    }
  }

  // Draw a film's span, with a mark where it is; what was before the span is forgotten, but for the sums.
  draw({ span, at, live, finished, ended }) {
    const [start, end] = span;
    this.#span = span;
    for (const { samples } of this.#tracks.values()) while (samples[0]?.seconds < start - 1) samples.shift();
    const seen = [...this.#tracks].filter(([, { samples }]) => samples.length);
    this.#box.hidden = seen.length === 0;
    const longest = seen.sort((a, b) => b[1].count - a[1].count).slice(0, DRAWN);
    const shown = new Map(longest.sort((a, b) => a[0] - b[0]));
    for (const [id, row] of this.#rows) if (!shown.has(id)) this.#remove(id, row);
    for (const [id, track] of shown) this.#draw(id, track, at);
    this.#legend(seen);
    this.#moments.draw([...shown], span, live, finished || ended);
  }

  #remove(track, row) {
    row.item.remove();
    this.#rows.delete(track);
  }

  #draw(id, track, now) {
    const row = this.#rows.get(id) ?? this.#row(id);
    const density = devicePixelRatio || 1;
    const wide = row.canvas.clientWidth;
    Object.assign(row.canvas, { width: Math.round(wide * density), height: Math.round(HIGH * density) });
    const context = row.canvas.getContext("2d");
    context.scale(density, density);
    const x = (seconds) => ((seconds - this.#span[0]) / (this.#span[1] - this.#span[0])) * wide;
    for (const run of runs(track.samples, this.#gap)) bands(context, run, x, this.#gap);
    const ink = getComputedStyle(row.canvas).color;
    if (now !== null) Object.assign(context, { fillStyle: ink }).fillRect(x(now) - 0.75, 0, 1.5, HIGH);
    const text = summary(track);
    if (row.summary.textContent === text) return;
    row.summary.textContent = text;
    row.canvas.ariaLabel = t("timeline.label", { n: id, summary: text });
  }

  #row(track) {
    const words = make("span");
    const canvas = make("canvas", { role: "img" });
    const item = make("div", { className: "one-track" }, make("h3", {}, t("timeline.face", { n: `#${track}` }), words), canvas);
    canvas.addEventListener("pointerdown", (event) => this.#seek(event, canvas));
    canvas.addEventListener("pointermove", (event) => event.buttons && this.#seek(event, canvas));
    const after = [...this.#rows].find(([other]) => other > track);
    this.#list.insertBefore(item, after?.[1].item ?? null);
    const row = { item, canvas, summary: words };
    this.#rows.set(track, row);
    return row;
  }

  #seek(event, canvas) {
    const [start, end] = this.#span;
    const at = start + (event.offsetX / canvas.clientWidth) * (end - start);
    this.dispatchEvent(new CustomEvent("seek", { detail: Math.min(Math.max(at, start), end) }));
  }

  #legend(seen) {
    if (!seen.length) return;
    const names = Object.keys(seen[0][1].samples[0].probs).map((label) => {
      const dot = make("span", { className: "dot", ariaHidden: "true" });
      dot.style.setProperty("--c", colour(label));
      return make("span", {}, dot, expressionName(label));
    });
    this.#key.replaceChildren(...names, make("span", { textContent: t("timeline.height") }));
  }
}

// The stretches in which a face was there.
export function runs(samples, gap) {
  const stretches = [];
  for (const sample of samples) {
    const last = stretches.at(-1);
    if (last && sample.seconds - last.at(-1).seconds <= gap) last.push(sample);
    else stretches.push([sample]);
  }
  return stretches;
}

function bands(context, run, x, gap) {
  const labels = Object.keys(run[0].probs);
  const order = [...labels.filter((label) => label !== "neutral"), ...labels.filter((label) => label === "neutral")];
  const half = Math.min(gap / 4, 0.1);
  const points = [{ ...run[0], seconds: run[0].seconds - half }, ...run, { ...run.at(-1), seconds: run.at(-1).seconds + half }];
  let below = points.map(() => 0);
  for (const label of order) {
    const above = points.map((point, k) => below[k] + point.probs[label]);
    context.beginPath();
    points.forEach((point, k) => context.lineTo(x(point.seconds), HIGH * (1 - above[k])));
    points.toReversed().forEach((point, k) => context.lineTo(x(point.seconds), HIGH * (1 - below[points.length - 1 - k])));
    context.closePath();
    Object.assign(context, { fillStyle: colour(label), globalAlpha: label === "neutral" ? 0.45 : 1 }).fill();
    below = above;
  }
  context.globalAlpha = 1;
}

// How long a face was seen, and which expression was on top for longest.
function summary({ seen, count, tops }) {
  const [label, most] = [...tops].reduce((best, one) => (one[1] > best[1] ? one : best));
  return t("timeline.summary", { seconds: number(seen, 1), expression: expressionName(label), fraction: percent(most / count) });
}

// The label of a position, such as "0:01.2 of 0:12.0".
export function position(key, at, end) {
  return t(key, { at: clock(at, 1), end: clock(end, 1) });
}
