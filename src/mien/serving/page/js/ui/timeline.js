// A timeline per face: a band per expression, stacked; neutral lies on top, so that what is expressed grows from the ground
// (inference/output/timeline_svg.py).  Click or drag to go there.
import { colour } from "./colours.js";
import { make } from "./elements.js";
import { clock, expressionName, number, percent, t } from "./words.js";

const HIGH = 84;
const DRAWN = 8; // faces with a timeline, those on screen longest

export class Timeline extends EventTarget {
  #box = document.getElementById("timeline");
  #list = document.getElementById("tracks");
  #key = document.getElementById("key");
  #rows = new Map(); // by track
  #tracks = new Map(); // track -> [{seconds, probs}]
  #span = [0, 1];
  #gap = 0.5;

  clear() {
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
    for (const face of faces) {
      const track = this.#tracks.get(face.track_id) ?? [];
      if (track.length && seconds < track.at(-1).seconds) track.splice(track.findIndex((one) => one.seconds >= seconds));
      track.push({ seconds, probs: face.probs });
      this.#tracks.set(face.track_id, track);
    }
  }

  // Draw from `start` to `end` seconds, with a mark at `now`.
  draw(start, end, now) {
    this.#span = [start, end];
    this.#box.hidden = this.#tracks.size === 0;
    const longest = [...this.#tracks].sort((a, b) => b[1].length - a[1].length).slice(0, DRAWN);
    const shown = new Map(longest.sort((a, b) => a[0] - b[0]));
    for (const [track, row] of this.#rows) if (!shown.has(track)) this.#remove(track, row);
    for (const [track, samples] of shown) this.#draw(track, samples, now);
    this.#legend();
  }

  #remove(track, row) {
    row.item.remove();
    this.#rows.delete(track);
  }

  #draw(track, samples, now) {
    const row = this.#rows.get(track) ?? this.#row(track);
    const density = devicePixelRatio || 1;
    const wide = row.canvas.clientWidth;
    Object.assign(row.canvas, { width: Math.round(wide * density), height: Math.round(HIGH * density) });
    const context = row.canvas.getContext("2d");
    context.scale(density, density);
    const x = (seconds) => ((seconds - this.#span[0]) / (this.#span[1] - this.#span[0])) * wide;
    for (const run of runs(samples.filter((one) => one.seconds >= this.#span[0] - 1), this.#gap)) bands(context, run, x, this.#gap);
    const ink = getComputedStyle(row.canvas).color;
    if (now !== null) Object.assign(context, { fillStyle: ink }).fillRect(x(now) - 0.75, 0, 1.5, HIGH);
    const text = summary(samples, this.#gap);
    if (row.summary.textContent === text) return;
    row.summary.textContent = text;
    row.canvas.ariaLabel = t("timeline.label", { n: track, summary: text });
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

  #legend() {
    const first = this.#tracks.values().next().value?.[0];
    if (!first) return;
    const names = Object.keys(first.probs).map((label) => {
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
function summary(samples, gap) {
  const seen = runs(samples, gap).reduce((sum, run) => sum + run.at(-1).seconds - run[0].seconds, 0);
  const tops = new Map();
  for (const { probs } of samples) {
    const top = Object.keys(probs).reduce((best, label) => (probs[label] > probs[best] ? label : best));
    tops.set(top, (tops.get(top) ?? 0) + 1);
  }
  const [label, count] = [...tops].reduce((best, one) => (one[1] > best[1] ? one : best));
  const values = { seconds: number(seen, 1), expression: expressionName(label), fraction: percent(count / samples.length) };
  return t("timeline.summary", values);
}

// The label of a position, such as "0:01.2 of 0:12.0".
export function position(key, at, end) {
  return t(key, { at: clock(at, 1), end: clock(end, 1) });
}
