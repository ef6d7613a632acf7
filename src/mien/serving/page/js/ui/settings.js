// What the reader of the page chose.  Kept in the browser, but for the mode: every visit begins on the device.
export const WEIGHTS = ["ferplus", "ferplus-nano", "fer2013", "fer2013-nano"]; // those that ship; a test holds it true
export const AUTOMATIC = "auto";
export const LIMITS = [0.5, 0.7, 0.9];
export const RATES = [2, 5, 10, 25];
const KEY = "mien";
const USUAL = {
  mode: "device", weights: AUTOMATIC, prior: "natural", abstain: "never", measures: false, rate: 5,
  language: null, theme: "auto", noticed: false,
};

export class Settings extends EventTarget {
  #values = { ...USUAL, ...kept(), mode: USUAL.mode };

  get(name) {
    return this.#values[name];
  }

  set(name, value) {
    if (this.#values[name] === value) return;
    this.#values[name] = value;
    keep(this.#values);
    this.dispatchEvent(new CustomEvent("change", { detail: name }));
  }

  // The weights for a kind of source: the small ones keep up with a camera.
  weightsFor(kind) {
    const chosen = this.get("weights");
    return chosen !== AUTOMATIC ? chosen : kind === "camera" ? "ferplus-nano" : "ferplus";
  }

  // The option of a reader: null, "auto" or a number.
  get abstain() {
    const chosen = this.get("abstain");
    return chosen === "never" ? null : chosen === "auto" ? chosen : Number(chosen);
  }
}

function kept() {
  try {
    const values = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    return Object.fromEntries(Object.entries(values).filter(([name]) => name in USUAL));
  } catch {
    return {}; // no storage, or not ours
  }
}

function keep(values) {
  try {
    localStorage.setItem(KEY, JSON.stringify(values));
  } catch {
    // a browser that keeps nothing: the choice holds for this visit
  }
}
