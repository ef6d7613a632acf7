// The camera: the newest frame is read, then the next newest; frames in between are dropped, never queued.
import { PageError } from "./page-error.js";
import { Turns } from "./turns.js";

const KEPT = 20_000; // frames in the downloads
const HIDDEN_MS = 1000; // between two frames where the page is in the background, which draws none
const CODES = {
  NotAllowedError: "camera_denied", SecurityError: "camera_denied", NotFoundError: "camera_absent",
  OverconstrainedError: "camera_absent", NotReadableError: "camera_busy", AbortError: "camera_busy",
};

export class Camera extends EventTarget {
  frames = [];
  events = [];
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
  #given = () => {}; // ends the wait for a frame
  #lost = false;
  #start = null; // of its time
  #turns = new Turns();
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
    const stream = await navigator.mediaDevices.getUserMedia(wanted).catch((error) => {
      throw CODES[error.name] ? new PageError(CODES[error.name]) : error;
    });
    if (this.ended) return release(stream); // left before it was allowed
    this.#stream = stream;
    this.#stream.getVideoTracks()[0].addEventListener("ended", () => {
      this.#lost = true; // unplugged, or taken away by the browser
      this.leave();
    });
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
    this.#start ??= performance.now();
    for (let fresh = this.#fresh(); await fresh; ) {
      if (this.#paused && this.#stream) await new Promise((wake) => (this.#wake = wake));
      fresh = this.#fresh(); // of a frame that comes meanwhile
      if (this.#stream) await this.#one();
    }
    if (this.#lost) throw new PageError("camera_absent");
  }

  pause() {
    this.#paused = true;
    this.#video.pause();
  }

  resume() {
    this.#paused = false;
    this.#times = [];
    this.#video.play();
    this.#wake();
  }

  // Read one frame and stay paused.
  async step() {
    this.pause();
    await this.#video.play();
    await new Promise((done) => this.#video.requestVideoFrameCallback(done));
    this.#video.pause();
    await this.#one();
  }

  // Let the camera go; the rows stay.
  leave() {
    this.ended = true;
    if (!this.#stream) return;
    release(this.#stream);
    this.#stream = null;
    this.#video.srcObject = null;
    this.#wake();
    this.#given(false);
    this.dispatchEvent(new Event("finished"));
  }

  close() {
    this.leave();
  }

  // Answers with true once there is a frame that was not read, with false once the camera was let go.
  #fresh() {
    if (!this.#stream) return false;
    return new Promise((done) => {
      this.#given = done;
      this.#video.requestVideoFrameCallback(() => done(true));
      setTimeout(() => document.hidden && done(true), HIDDEN_MS);
    });
  }

  #one() {
    return this.#turns.take(() => this.#take());
  }

  async #take() {
    const seconds = (performance.now() - this.#start) / 1000;
    const frame = await createImageBitmap(this.#video).catch((error) => {
      if (this.#stream) throw error; // else it was let go meanwhile
    });
    const prediction = frame && (await this.#read(frame, seconds));
    if (!prediction || !this.#stream) return;
    this.frames.push(prediction);
    if (this.frames.length > KEPT) this.frames.shift();
    this.#times = [...this.#times.slice(-20), performance.now()];
    this.dispatchEvent(new CustomEvent("frame", { detail: prediction }));
  }
}

function release(stream) {
  for (const track of stream.getTracks()) track.stop();
}
