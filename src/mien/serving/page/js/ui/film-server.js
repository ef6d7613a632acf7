// A video read on the server: the file is sent, its rows come as they are read.  The browser plays it where it can; where it
// cannot, the rows and the timelines are shown without an image.
import { Film } from "./film.js";
import { refused } from "./page-error.js";

const ASK_MS = 400; // between two questions how far it is

export class ServerFilm extends Film {
  #server;
  #options;
  #rate;
  #progress = 0;
  #finished = false;
  #sending = true; // until the job exists
  #unseen = false; // the browser cannot play it
  #at = 0; // where it is, unseen

  constructor(video, file, rate, server, options) {
    super(video, file, rate);
    this.#server = server;
    this.#options = options;
    this.#rate = rate;
  }

  async open() {
    this.#unseen = await super.open().then(() => false, () => true);
  }

  get unseen() {
    return this.#unseen;
  }

  get finished() {
    return this.#finished;
  }

  get sending() {
    return this.#sending;
  }

  get progress() {
    return this.#progress;
  }

  get end() {
    return this.#unseen ? (this.frames.at(-1)?.seconds ?? 1) : super.end;
  }

  get at() {
    return this.#unseen ? this.#at : super.at;
  }

  get paused() {
    return this.#finished ? this.#unseen || super.paused : false;
  }

  // It is read in one go; only playing can be paused.
  pause() {
    if (this.#finished) super.pause();
  }

  resume() {
    if (this.#finished && !this.#unseen) super.resume();
  }

  async go(seconds) {
    if (this.#unseen) this.#at = seconds;
    else await super.go(seconds);
  }

  async run() {
    this.pause(); // where what a try before had read is played
    this.frames.length = this.events.length = this.#progress = 0;
    this.#finished = false;
    try {
      await this.#all();
    } finally {
      this.#sending = false;
      this.#finished = true; // also where it failed: what was read can be played
    }
    if (!this.closed) this.dispatchEvent(new Event("finished"));
  }

  async #all() {
    this.#sending = true;
    const job = await this.#server.video(this.file, { ...this.#options, max_fps: this.#rate });
    this.#sending = false;
    this.dispatchEvent(new Event("sent"));
    try {
      for (let state = "queued"; state !== "done" && !this.closed; ) state = await this.#ask(job);
    } finally {
      this.#server.forget(job);
    }
  }

  // Take the rows that are new; returns the state of the job.
  async #ask(job) {
    await new Promise((later) => setTimeout(later, ASK_MS));
    const { state, progress, frames, events, error } = await this.#server.job(job, this.name);
    this.#progress = progress;
    while (this.frames.length < frames && !this.closed) {
      const rows = await this.#server.job(job, this.name, "rows", this.frames.length);
      for (const row of rows.filter((one) => one.error === null)) this.took({ ...row, source: this.name });
    }
    if (this.events.length < events) {
      const rows = await this.#server.job(job, this.name, "events", this.events.length);
      this.events.push(...rows.map((one) => ({ ...one, source: this.name })));
    }
    if (state === "failed") throw refused(this.name, error);
    if (!this.#unseen && this.frames.length) await this.go(this.frames.at(-1).seconds);
    return state;
  }
}
