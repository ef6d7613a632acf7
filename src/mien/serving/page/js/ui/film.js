// A video read on this device: frame after frame at a rate, by seeking, so that two readings give the same rows.
// While it is read, pause and step stop and go on; once read it plays, with the nearest frame's faces.
import { PageError } from "./page-error.js";

const FAR = 1e7; // seconds; beyond the end of every video
const PATIENCE = 10_000; // ms for one seek

export class Film extends EventTarget {
  frames = [];
  live = false;
  ended = false;
  name;
  #video;
  #read;
  #rate;
  #next = 0;
  #paused = false;
  #closed = false;
  #wake = () => {};
  #address = null;
  #end = 0; // seconds
  #left = 0; // where it was left, likewise

  // `read(bitmap, seconds)` answers with a prediction; `rate` is frames a second.
  constructor(video, file, rate, read) {
    super();
    this.#video = video;
    this.#read = read;
    this.#rate = rate;
    this.name = file.name;
    this.#address = URL.createObjectURL(file);
  }

  // Load it into the video element, at the moment where it was left.
  async open() {
    const video = this.#video;
    const ready = event(video, "loadeddata");
    video.srcObject = null;
    video.src = this.#address;
    await ready.catch(() => this.#refuse());
    if (!video.videoWidth) this.#refuse();
    if (!Number.isFinite(video.duration)) await this.#measure();
    this.#end = video.duration;
    await this.#go(this.#left);
  }

  // Make room for another one.
  leave() {
    this.pause();
    this.#left = this.at;
  }

  get paused() {
    return this.finished ? this.#video.paused : this.#paused;
  }

  get finished() {
    return this.#next >= this.count;
  }

  get count() {
    return Math.max(1, Math.ceil(this.end * this.#rate - 1e-6));
  }

  get end() {
    return this.#end;
  }

  get at() {
    return this.#video.currentTime;
  }

  get span() {
    return [0, this.end];
  }

  get gap() {
    return 2.5 / this.#rate;
  }

  async run() {
    while (!this.finished && !this.#closed) {
      if (this.#paused) await new Promise((wake) => (this.#wake = wake));
      if (!this.#closed && !this.#paused) await this.#one();
    }
    if (!this.#closed) this.dispatchEvent(new Event("finished"));
  }

  pause() {
    this.#paused = true;
    if (this.finished) this.#video.pause();
  }

  resume() {
    this.#paused = false;
    if (!this.finished) return this.#wake();
    if (this.#video.ended || this.at >= this.end - 0.05) this.#video.currentTime = 0;
    this.#video.play();
    this.#follow();
  }

  // The next frame: read while some are left, else shown.
  async step() {
    this.pause();
    if (!this.finished) return this.#one();
    const later = this.frames.find((frame) => frame.seconds > this.at + 1e-3) ?? this.frames[0];
    await this.seek(later.seconds);
  }

  // Show a moment.  While it is being read this waits for a pause.
  async seek(seconds) {
    if (!this.finished && !this.#paused) return;
    await this.#go(seconds);
    this.#show();
  }

  // The prediction nearest to what is on screen, null where none is near.
  get shown() {
    const nearest = this.frames.reduce((best, one) => (!best || away(one, this.at) < away(best, this.at) ? one : best), null);
    return nearest && away(nearest, this.at) <= this.gap ? nearest : null;
  }

  close() {
    this.#closed = true;
    this.#video.pause();
    this.#video.removeAttribute("src");
    this.#video.load();
    URL.revokeObjectURL(this.#address);
    this.#wake();
  }

  async #one() {
    const seconds = this.#next / this.#rate;
    await this.#go(seconds);
    const prediction = await this.#read(await grab(this.#video), Number(seconds.toFixed(6)));
    if (this.#closed || !prediction) return;
    this.#next += 1;
    this.frames.push(prediction);
    this.dispatchEvent(new CustomEvent("frame", { detail: prediction }));
  }

  async #go(seconds) {
    if (Math.abs(this.at - seconds) < 1e-4) return;
    const there = event(this.#video, "seeked");
    this.#video.currentTime = Math.min(seconds, this.end);
    await there.catch(() => this.#refuse());
  }

  #follow() {
    if (this.#closed) return;
    this.#show();
    if (!this.#video.paused) this.#video.requestVideoFrameCallback(() => this.#follow());
  }

  #show() {
    this.dispatchEvent(new CustomEvent("shown", { detail: this.shown }));
  }

  // Recordings of browsers do not say how long they are until their end was seen.
  async #measure() {
    const known = event(this.#video, "durationchange");
    this.#video.currentTime = FAR;
    await known.catch(() => this.#refuse());
    await this.#go(0);
  }

  #refuse() {
    throw new PageError("video", { name: this.name });
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

function away(frame, seconds) {
  return Math.abs(frame.seconds - seconds);
}

function event(video, name) {
  return new Promise((done, failed) => {
    const limit = setTimeout(failed, PATIENCE);
    const end = (settle) => () => (clearTimeout(limit), settle());
    video.addEventListener(name, end(done), { once: true });
    video.addEventListener("error", end(failed), { once: true });
  });
}
