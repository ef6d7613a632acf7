// The camera: the newest frame is read, then the next newest; frames in between are dropped, never queued.
import { PageError } from "./page-error.js";

const KEPT = 20_000; // frames in the downloads
const CODES = {
  NotAllowedError: "camera_denied", SecurityError: "camera_denied", NotFoundError: "camera_absent",
  OverconstrainedError: "camera_absent", NotReadableError: "camera_busy", AbortError: "camera_busy",
};

export class Camera extends EventTarget {
  frames = [];
  live = true;
  gap = 1; // seconds without a face after which it counts as away
  shown = null; // live: what is on screen is the newest frame
  ended = false;
  name;
  #video;
  #read;
  #stream = null;
  #paused = false;
  #wake = () => {};
  #times = [];

  // `read(bitmap, seconds)` answers with a prediction.
  constructor(video, name, read) {
    super();
    this.#video = video;
    this.name = name;
    this.#read = read;
  }

  async open() {
    if (!navigator.mediaDevices?.getUserMedia) throw new PageError("camera_insecure");
    const wanted = { video: { width: { ideal: 640 }, height: { ideal: 480 }, facingMode: "user" }, audio: false };
    try {
      this.#stream = await navigator.mediaDevices.getUserMedia(wanted);
    } catch (error) {
      throw CODES[error.name] ? new PageError(CODES[error.name]) : error;
    }
    this.#video.srcObject = this.#stream;
    await this.#video.play();
  }

  get paused() {
    return this.#paused || this.ended;
  }

  get finished() {
    return false;
  }

  get at() {
    return this.frames.at(-1)?.seconds ?? 0;
  }

  get span() {
    return [Math.max(0, this.at - 30), Math.max(this.at, 30)];
  }

  // Frames a second over the last ones.
  get rate() {
    const [first, last] = [this.#times[0], this.#times.at(-1)];
    return this.#times.length < 3 ? null : ((this.#times.length - 1) * 1000) / (last - first);
  }

  async run() {
    const start = performance.now();
    while (this.#stream) {
      if (this.#paused) await new Promise((wake) => (this.#wake = wake));
      if (!this.#stream) return;
      await this.#one((performance.now() - start) / 1000);
      await new Promise((next) => setTimeout(next)); // the page draws and listens in between
    }
  }

  pause() {
    this.#paused = true;
    this.#times = [];
    this.#video.pause();
  }

  resume() {
    this.#paused = false;
    this.#video.play();
    this.#wake();
  }

  // Read one frame and stay paused.
  async step() {
    this.pause();
    await this.#video.play();
    await new Promise((done) => this.#video.requestVideoFrameCallback(done));
    this.#video.pause();
    await this.#one(this.at + 1 / 30);
  }

  // Let the camera go; the rows stay.
  leave() {
    if (!this.#stream) return;
    this.ended = true;
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = null;
    this.#video.srcObject = null;
    this.#wake();
  }

  close() {
    this.leave();
  }

  async #one(seconds) {
    const prediction = await this.#read(await createImageBitmap(this.#video), seconds);
    if (!prediction || !this.#stream) return;
    this.frames.push(prediction);
    if (this.frames.length > KEPT) this.frames.shift();
    this.#times = [...this.#times.slice(-20), performance.now()];
    this.dispatchEvent(new CustomEvent("frame", { detail: prediction }));
  }
}
