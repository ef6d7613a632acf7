// The images of a visit: read one after another, the one on screen first.
import { asPageError } from "./page-error.js";

export class Photos extends EventTarget {
  items = [];
  #read;
  #running = false;
  #round = 0;
  #preferred = null;

  // `read(file)` answers with {prediction, shown}.
  constructor(read) {
    super();
    this.#read = read;
  }

  add(files) {
    const added = files.map((file) => ({ file, name: file.name, state: "waiting", prediction: null, error: null, shown: null }));
    this.items.push(...added);
    this.#run();
    return added;
  }

  // Read everything again, as after a change of the weights.
  again() {
    this.#round += 1;
    for (const item of this.items) Object.assign(item, { state: "waiting", error: null });
    this.#run();
  }

  retry(item) {
    Object.assign(item, { state: "waiting", error: null });
    this.#run();
  }

  clear() {
    this.#round += 1;
    this.items = [];
  }

  // Put an image first.
  prefer(item) {
    this.#preferred = item;
  }

  get predictions() {
    return this.items.filter(({ state, prediction }) => prediction && state === "read").map(({ prediction }) => prediction);
  }

  async #run() {
    if (this.#running) return;
    this.#running = true;
    for (let item = this.#next(); item; item = this.#next()) await this.#one(item);
    this.#running = false;
  }

  #next() {
    const waiting = this.items.filter(({ state }) => state === "waiting");
    return waiting.find((item) => item === this.#preferred) ?? waiting[0];
  }

  async #one(item) {
    const round = this.#round;
    item.state = "reading";
    this.#tell(item);
    let outcome;
    try {
      outcome = { state: "read", ...(await this.#read(item.file)) };
    } catch (error) {
      outcome = { state: "failed", error: asPageError(error) };
    }
    if (round !== this.#round) return;
    Object.assign(item, outcome);
    this.#tell(item);
  }

  #tell(item) {
    this.dispatchEvent(new CustomEvent("item", { detail: item }));
  }
}
