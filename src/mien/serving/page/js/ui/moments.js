// The timelines as a table: the averages of each stretch of time, for whoever reads rather than looks.
import { make } from "./elements.js";
import { cells, moment } from "./rows.js";
import { expressionName, number, probability, t } from "./words.js";

const STEPS = [0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600]; // seconds
const MAX_STEPS = 40; // rows of a face

// Tells "seek" with seconds.
export class Moments extends EventTarget {
  #box = document.getElementById("moments");
  #table = document.getElementById("moment-table");
  #newest = () => {};
  #drawn = "";

  constructor() {
    super();
    this.#box.addEventListener("toggle", () => this.#newest());
  }

  clear() {
    this.#drawn = "";
    this.#table.replaceChildren();
  }

  // Show faces, [id, {samples}], from `start` to `end` seconds; again only where a stretch was added.  The newest stretch
  // waits for its last frame: for the next stretch, or until all is `whole`.
  draw(faces, [start, end], live, whole) {
    this.#newest = () => this.draw(faces, [start, end], live, whole);
    if (!this.#box.open) return;
    const step = STEPS.find((seconds) => (end - start) / seconds <= MAX_STEPS) ?? STEPS.at(-1);
    const all = averaged(faces, step);
    const rows = whole ? all : all.filter(({ seconds }) => seconds < all.at(-1).seconds);
    const drawn = [step, rows.length, rows.at(-1)?.seconds, rows[0]?.seconds].join();
    if (drawn === this.#drawn || !rows.length) return;
    this.#drawn = drawn;
    const labels = Object.keys(rows[0].probs);
    const names = [t("moment.time"), t("event.face"), t("event.expression"), ...labels.map(expressionName)];
    this.#table.replaceChildren(
      make("caption", { textContent: t("moments.step", { seconds: number(step, step < 1 ? 1 : 0) }) }),
      make("thead", {}, make("tr", {}, ...cells("th", names))),
      make("tbody", {}, ...rows.map((row) => this.#row(row, live))),
    );
  }

  #row({ seconds, face, probs }, live) {
    const [top] = Object.entries(probs).reduce((best, one) => (one[1] > best[1] ? one : best));
    const time = moment(seconds, live ? null : () => this.dispatchEvent(new CustomEvent("seek", { detail: seconds })));
    return make("tr", {}, ...cells("td", [time, `#${face}`, expressionName(top), ...Object.values(probs).map(probability)]));
  }
}

// The average probabilities of each face in each stretch of `step` seconds: {seconds, face, probs}, in the order of time.
export function averaged(faces, step) {
  const rows = faces.flatMap(([face, { samples }]) => {
    const stretches = Map.groupBy(samples, ({ seconds }) => Math.floor(seconds / step + 1e-9));
    return [...stretches].map(([k, some]) => ({ seconds: k * step, face, probs: mean(some.map(({ probs }) => probs)) }));
  });
  return rows.sort((a, b) => a.seconds - b.seconds || a.face - b.face);
}

function mean(rows) {
  const of = (label) => rows.reduce((sum, probs) => sum + probs[label], 0) / rows.length;
  return Object.fromEntries(Object.keys(rows[0]).map((label) => [label, of(label)]));
}
