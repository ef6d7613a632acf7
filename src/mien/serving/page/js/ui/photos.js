// The images of a visit: read one after another, the one on screen first.  Only that one keeps its pixels.
import { asPageError, detailed, explained } from "./page-error.js";

const TILE = 136; // pixels
const AS_READ = { imageOrientation: "from-image", colorSpaceConversion: "none" };

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
    const added = files.map((file) => ({ file, name: file.name, state: "waiting", prediction: null, error: null, thumb: null, shown: null }));
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
    this.#release(this.#preferred);
    this.#preferred = null;
    this.items = [];
  }

  // Put an image first, with the pixels that it shows where the browser can decode it.
  async prefer(item) {
    this.#release(this.#preferred);
    this.#preferred = item;
    if (item?.state !== "read" || item.shown || !item.thumb) return;
    item.shown = await createImageBitmap(item.file, AS_READ).catch(() => null);
    if (item !== this.#preferred) this.#release(item);
  }

  // What was read, and an error for what could not be, as `mien predict` has it.
  get predictions() {
    const done = this.items.filter(({ state }) => state === "read" || state === "failed");
    return done.map((item) => (item.state === "read" ? item.prediction : unread(item)));
  }

  get someRead() {
    return this.items.some(({ state }) => state === "read");
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
    const thumb = outcome.shown ? await small(outcome.shown).catch(() => null) : null;
    if (round !== this.#round) return outcome.shown?.close();
    this.#release(item);
    Object.assign(item, outcome, { thumb });
    if (item !== this.#preferred) this.#release(item);
    this.#tell(item);
  }

  #release(item) {
    item?.shown?.close();
    if (item) item.shown = null;
  }

  #tell(item) {
    this.dispatchEvent(new CustomEvent("item", { detail: item }));
  }
}

function unread({ name, error }) {
  const none = { frame: null, seconds: null, width: null, height: null };
  const reason = [explained(error), detailed(error)].filter(Boolean).join(" ");
  return { source: name, ...none, error: reason, note: null, rotated: null, faces: [] };
}

// The middle of an image, for its tile.
function small(image) {
  const side = Math.min(image.width, image.height);
  const [x, y] = [Math.floor((image.width - side) / 2), Math.floor((image.height - side) / 2)];
  return createImageBitmap(image, x, y, side, side, { resizeWidth: TILE, resizeHeight: TILE, resizeQuality: "medium" });
}
