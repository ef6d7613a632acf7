// The events of a video or camera as a table; the peak of each leads there.
import { colour } from "./colours.js";
import { make } from "./elements.js";
import { cells, moment } from "./rows.js";
import { clock, expressionName, number, percent, probability, t } from "./words.js";

const LISTED = 200;
const COLUMNS = ["face", "expression", "onset", "peak", "offset", "confidence"];

// Tells "seek" with seconds.
export class EventList extends EventTarget {
  #box = document.getElementById("events");
  #note = document.getElementById("events-note");
  #table = document.getElementById("event-table");
  #rules;
  #shown = 0;

  // `rules()` answers with what makes an event, from the card of the weights.
  constructor(rules) {
    super();
    this.#rules = rules;
  }

  clear() {
    this.#shown = 0;
    this.#box.hidden = true;
    this.#table.replaceChildren();
  }

  // Show the events of a video or camera; those that are shown already stay.
  show({ events, live, finished, ended }) {
    this.#box.hidden = !events.length && !finished && !ended;
    if (this.#box.hidden) return;
    if (!this.#shown) this.#begin(events.length);
    const listed = events.slice(0, LISTED);
    this.#table.hidden = !listed.length;
    this.#table.tBodies[0].append(...listed.slice(this.#shown).map((event) => this.#row(event, live)));
    if (listed.length !== this.#shown || !listed.length) this.#say(events.length);
    this.#shown = listed.length;
  }

  #begin() {
    const head = make("thead", {}, make("tr", {}, ...cells("th", COLUMNS.map((name) => t(`event.${name}`)))));
    this.#table.replaceChildren(head, make("tbody"));
  }

  #row({ track_id: face, expression, onset, peak, offset, confidence }, live) {
    const dot = make("span", { className: "dot", ariaHidden: "true" });
    dot.style.setProperty("--c", colour(expression));
    const at = moment(peak, live ? null : () => this.dispatchEvent(new CustomEvent("seek", { detail: peak })));
    const name = make("span", {}, dot, expressionName(expression));
    return make("tr", {}, ...cells("td", [`#${face}`, name, clock(onset, 1), at, clock(offset, 1), probability(confidence)]));
  }

  async #say(count) {
    const { low, high, shortest } = await this.#rules();
    const rule = t(count ? "events.rule" : "events.none", { low: percent(low), high: percent(high), seconds: number(shortest, 1) });
    this.#note.textContent = count > LISTED ? `${rule} ${t("events.listed", { n: LISTED })}` : rule;
  }
}
