// A video read on this device: frame after frame at a rate, by seeking, so that two readings give the same rows.
import { Film } from "./film.js";
import { Turns } from "./turns.js";

export class DeviceFilm extends Film {
  #read;
  #rate;
  #next = 0;
  #turns = new Turns();

  // `read(bitmap, seconds)` answers with a prediction; `rate` is frames a second.
  constructor(video, file, rate, read) {
    super(video, file, rate);
    this.#read = read;
    this.#rate = rate;
  }

  get finished() {
    return this.end > 0 && this.#next >= Math.max(1, Math.ceil(this.end * this.#rate - 1e-6));
  }

  async run() {
    while (!this.finished && !this.closed) {
      await this.unpaused();
      if (!this.closed) await this.#one();
    }
    if (!this.closed) this.dispatchEvent(new Event("finished"));
  }

  async step() {
    if (this.finished) return super.step();
    this.pause();
    await this.#one();
  }

  #one() {
    return this.#turns.take(() => this.#take());
  }

  async #take() {
    if (this.finished) return;
    const { visit } = this;
    const seconds = this.#next / this.#rate;
    const frame = await this.#frame(seconds).catch((error) => {
      if (visit === this.visit) throw error;
    });
    if (!visit || visit !== this.visit) return frame?.close(); // of whatever is on the stage now
    const prediction = await this.#read(frame, Number(seconds.toFixed(6)));
    if (this.closed) return;
    this.#next += 1;
    this.took(prediction);
  }

  async #frame(seconds) {
    await this.go(seconds);
    return grab(this.video);
  }
}

// The first frame can be there a moment later than the browser says.
async function grab(video, tries = 40) {
  try {
    return await createImageBitmap(video);
  } catch (error) {
    if (!tries) throw error;
    await new Promise((later) => setTimeout(later, 50));
    return grab(video, tries - 1);
  }
}
