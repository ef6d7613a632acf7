// The list of faces: portrait, expression, a bar per expression, measures where there are any.
import { colour, faceColour } from "./colours.js";
import { make } from "./elements.js";
import { numbered } from "./overlay.js";
import { pose } from "./pose.js";
import { expressionName, facesCounted, has, number, percent, probability, splitName, t } from "./words.js";

export const LISTED = 12; // a crowd is drawn, not listed
const SEEN = 0.3; // of a movement
const OPEN = 4; // faces with all their bars; of more, each shows its first ones until it is chosen
const FIRST = 3;

// Tells "face" with the number of the one that was chosen, null where none is.
export class FaceList extends EventTarget {
  #list = document.getElementById("faces");
  #note = document.getElementById("faces-note");
  #rows = new Map(); // by number, so that bars move instead of jumping
  #chosen = null;

  clear() {
    this.#rows.clear();
    this.#list.replaceChildren();
    this.#note.textContent = "";
  }

  // Before the first image: how well the weights predict each expression.
  introduce(weights, { labels, reliability }) {
    this.clear();
    this.#note.textContent = t("faces.empty");
    if (!reliability) return;
    const bars = labels.filter((label) => reliability[label]).flatMap((label) => {
      const { name, bar, figure, inner } = newBar(label);
      const { level, f1 } = reliability[label];
      name.textContent = expressionName(label);
      figure.textContent = percent(f1);
      inner.style.setProperty("--p", f1.toFixed(4));
      if (level === "weak") name.append(" ", make("span", { className: "tag", textContent: t("weak") }));
      return [name, bar, figure];
    });
    const known = t("faces.known", { weights, where: splitName(Object.values(reliability)[0].where) });
    this.#list.append(make("li", {}, make("p", { className: "soft", textContent: known }), make("dl", { className: "bars" }, ...bars)));
  }

  wait(name) {
    this.clear();
    this.#note.textContent = t("faces.waiting", { name });
  }

  // `weak` has the labels that the weights predict poorly; `portrait` draws a face into a canvas.
  show(prediction, weak, portrait) {
    const faces = prediction.faces.slice(0, LISTED);
    if (!this.#rows.size) this.#list.replaceChildren();
    const numbers = new Set(faces.map(numbered));
    for (const [key, row] of this.#rows) if (!numbers.has(key)) this.#drop(key, row);
    faces.forEach((face, place) => this.#show(face, place, weak, portrait));
    this.#list.classList.toggle("many", faces.length > OPEN);
    const all = prediction.faces.length;
    const more = all > LISTED ? t("faces.listed", { n: LISTED }) : "";
    this.#note.textContent = all === 1 ? "" : `${facesCounted(all)}${more}`;
  }

  choose(wanted) {
    this.#chosen = wanted;
    for (const [key, row] of this.#rows) mark(row, key === wanted);
    this.#rows.get(wanted)?.item.scrollIntoView({ block: "nearest" });
  }

  #row(face, key) {
    const row = newRow(face);
    row.head.addEventListener("click", () => {
      this.dispatchEvent(new CustomEvent("face", { detail: key === this.#chosen ? null : key }));
    });
    this.#rows.set(key, row);
    return row;
  }

  #drop(key, row) {
    row.item.remove();
    this.#rows.delete(key);
  }

  #show(face, place, weak, portrait) {
    const key = numbered(face);
    const row = this.#rows.get(key) ?? this.#row(face, key);
    if (this.#list.children[place] !== row.item) this.#list.insertBefore(row.item, this.#list.children[place] ?? null);
    mark(row, key === this.#chosen);
    portrait(face, row.portrait);
    row.head.replaceChildren(...heading(face));
    const first = Object.entries(face.probs).sort((one, other) => other[1] - one[1]).slice(0, FIRST).map(([label]) => label);
    for (const [label, bar] of row.bars) fillBar(bar, label, face, weak, first.includes(label));
    row.left.replaceChildren(...(face.measures ? [pose(face.measures, t("head.pose", degrees(face.measures)))] : []));
    row.measures.replaceChildren(...measured(face));
  }
}

function newRow(face) {
  const portrait = make("canvas", { width: 128, height: 128, ariaHidden: "true" });
  const head = make("button", { type: "button", className: "head" });
  const bars = new Map(Object.keys(face.probs).map((label) => [label, newBar(label)]));
  const list = make("dl", { className: "bars" }, ...[...bars.values()].flatMap(({ name, bar, figure }) => [name, bar, figure]));
  const [left, measures] = [make("div"), make("div")];
  const item = make("li", { className: "face" }, make("div", {}, portrait, left), make("div", {}, make("h3", {}, head), list, measures));
  return { item, portrait, head, bars, left, measures };
}

function newBar(label) {
  const inner = make("i");
  inner.style.setProperty("--c", colour(label));
  return { name: make("dt"), bar: make("dd", { className: "bar", ariaHidden: "true" }, inner), figure: make("dd", { className: "num" }), inner };
}

function mark({ item, head }, chosen) {
  item.classList.toggle("chosen", chosen);
  head.ariaPressed = String(chosen);
}

function fillBar({ name, bar, figure, inner }, label, face, weak, first) {
  name.textContent = expressionName(label) + (weak.has(label) ? "*" : "");
  figure.textContent = probability(face.probs[label]);
  inner.style.setProperty("--p", face.probs[label].toFixed(4));
  for (const element of [name, figure]) element.classList.toggle("top-one", label === face.expression);
  for (const element of [name, bar, figure]) element.classList.toggle("low", !first);
}

function heading(face) {
  const dot = make("span", { className: "dot", ariaHidden: "true" });
  dot.style.setProperty("--c", faceColour(face));
  const name = expressionName(face.expression);
  const who = face.track_id ? `#${face.track_id} ` : "";
  const words = face.abstained ? t("not_sure.perhaps", { expression: name }) : name;
  const tags = face.reliability === "weak" && !face.abstained ? [make("span", { className: "tag", textContent: t("weak") })] : [];
  return [make("span", {}, dot, `${who}${words}`), make("span", { className: "num", textContent: probability(face.confidence) }), ...tags];
}

function measured(face) {
  const at = face.measures;
  if (!at) return face.measures_reason ? [make("p", { className: "soft", textContent: t("measures.failed", { reason: t(`reason.${face.measures_reason}`) }) })] : [];
  const eyes = { right: percent(at.eye_openness_right), left: percent(at.eye_openness_left) };
  const known = [
    ["head", t("head.value", degrees(at))],
    ["eyes", t("eyes.value", eyes)],
    ["mouth", percent(at.mouth_openness)],
    ["distance", t("distance.value", { cm: number(at.distance_cm) })],
    ["movements", movements(face.action_units ?? {})],
  ].filter(([, text]) => text);
  const facts = known.flatMap(([key, text]) => [make("dt", { textContent: t(key) }), make("dd", { textContent: text })]);
  return [make("dl", { className: "facts" }, ...facts)];
}

function degrees({ yaw, pitch, roll }) {
  return { yaw: number(yaw), pitch: number(pitch), roll: number(roll) };
}

// The movements that are graded good and that are seen, the strongest first; all of them are in the files.
function movements(units) {
  const good = Object.entries(units).filter(([name, value]) => has(`movement.${name}`) && value >= SEEN);
  return good.sort((a, b) => b[1] - a[1]).map(([name, value]) => `${t(`movement.${name}`)} ${number(value, 2)}`).join(t("list"));
}
