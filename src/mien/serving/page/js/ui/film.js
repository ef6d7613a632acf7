// A video on the stage: it plays with the faces of the nearest frame that was read.  Two kinds read it: on this device
// (film-device.js) and on the server (film-server.js).
import { PageError } from "./page-error.js";

const FAR = 1e7; // seconds; beyond the end of every video
const PATIENCE = 10_000; // ms for one seek

export class Film extends EventTarget {
  frames = []; // predictions, in order
  events = []; // rows of events.csv
  live = false;
  ended = false;
  name;
  file;
  video;
  gap; // seconds between two frames beyond which nothing is known
  #closed = false;
  #paused = false;
  #wake = () => {};
  #address;
  #end = 0; // seconds
  #left = 0; // where it was left, likewise
  #visit = null; // to the stage, a new object each; null while another one is there

  // `rate` is frames a second to read.
  constructor(video, file, rate) {
    super();
    Object.assign(this, { video, file, name: file.name, gap: 2.5 / rate });
    this.#address = URL.createObjectURL(file);
  }

  // Load it into the video element, at the moment where it was left.
  async open() {
    const { video } = this;
    this.#visit = {};
    const ready = event(video, "loadeddata");
    video.srcObject = null;
    video.src = this.#address;
    await ready.catch(() => this.refuse());
    if (!video.videoWidth) this.refuse();
    if (!Number.isFinite(video.duration)) await this.#measure();
    this.#end = video.duration;
    await this.go(this.#left);
  }

  // Make room for another one.
  leave() {
    this.pause();
    if (this.#visit) this.#left = this.at;
    this.#visit = null;
  }

  get visit() {
    return this.#visit;
  }

  get closed() {
    return this.#closed;
  }

  get paused() {
    return this.finished ? this.video.paused : this.#paused;
  }

  get end() {
    return this.#end;
  }

  get at() {
    return this.video.currentTime;
  }

  get span() {
    return [0, this.end];
  }

  pause() {
    this.#paused = true;
    if (this.finished) this.video.pause();
  }

  resume() {
    this.#paused = false;
    if (!this.finished) return this.#wake();
    if (this.video.ended || this.at >= this.end - 0.05) this.video.currentTime = 0;
    this.video.play();
    this.#follow();
  }

  // Wait while it is paused.
  async unpaused() {
    if (this.#paused && !this.#closed) await new Promise((wake) => (this.#wake = wake));
  }

  // Show the next frame that was read.
  async step() {
    this.pause();
    const later = this.frames.find((frame) => frame.seconds > this.at + 1e-3) ?? this.frames[0];
    if (later) await this.seek(later.seconds);
  }

  // Show a moment.  While it is being read this waits for a pause.
  async seek(seconds) {
    if (!this.finished && !this.#paused) return;
    await this.go(seconds);
    this.#show();
  }

  // The prediction nearest to what is on screen, null where none is near.
  get shown() {
    const nearest = this.frames.reduce((best, one) => (!best || away(one, this.at) < away(best, this.at) ? one : best), null);
    return nearest && away(nearest, this.at) <= this.gap ? nearest : null;
  }

  close() {
    this.#closed = true;
    if (this.#visit) this.#unload();
    URL.revokeObjectURL(this.#address);
    this.#wake();
  }

  // Take a frame that was read.
  took(prediction) {
    this.frames.push(prediction);
    this.dispatchEvent(new CustomEvent("frame", { detail: prediction }));
  }

  async go(seconds) {
    if (!this.#visit || Math.abs(this.at - seconds) < 1e-4) return;
    const there = event(this.video, "seeked");
    this.video.currentTime = Math.min(seconds, this.end);
    await there.catch(() => this.refuse());
  }

  refuse() {
    throw new PageError(this.file.size ? "video" : "empty", { name: this.name });
  }

  #unload() {
    this.#visit = null;
    this.video.pause();
    this.video.removeAttribute("src");
    this.video.load();
  }

  #follow() {
    if (!this.#visit) return;
    this.#show();
    if (!this.video.paused) this.video.requestVideoFrameCallback(() => this.#follow());
  }

  #show() {
    this.dispatchEvent(new CustomEvent("shown", { detail: this.shown }));
  }

  // Recordings of browsers do not say how long they are until their end was seen.
  async #measure() {
    const known = event(this.video, "durationchange");
    this.video.currentTime = FAR;
    await known.catch(() => this.refuse());
    await this.go(0);
  }
}

function away(frame, seconds) {
  return Math.abs(frame.seconds - seconds);
}

function event(video, name) {
  return new Promise((done, failed) => {
    const waiting = new AbortController(); // takes both listeners away
    const end = (settle) => () => (clearTimeout(limit), waiting.abort(), settle());
    const limit = setTimeout(end(failed), PATIENCE);
    video.addEventListener(name, end(done), { signal: waiting.signal });
    video.addEventListener("error", end(failed), { signal: waiting.signal });
  });
}
