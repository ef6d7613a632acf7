// Reads on the server, where the reader of the page chose it: the same calls as on the device (device.js).
import { PageError, refused } from "./page-error.js";
import { Stream } from "./stream.js";

const QUALITY = 0.92; // of the JPEG of a frame
const KEEP_SECONDS = 150; // a job, without a question: browsers let a page in the background ask once a minute
const TOO_MANY = 429;
const BUSY = [TOO_MANY, 503];
const TRIES = 5; // after the first, while it is busy
const [FIRST_PAUSE, MAX_PAUSE] = [0.25, 30]; // seconds (connection.py)

export class ServerReader {
  #token = null;
  #asking = null;
  #waits = new Set(); // what ends each wait for a busy server
  #jobs = new Set(); // videos that are read
  #stream = new Stream();
  #ask;

  // `ask(refused)` asks for the token, again where one was refused; null where it was not given.
  constructor(ask) {
    this.#ask = ask;
  }

  async image(file, options) {
    const [prediction] = await this.#predict(file, file.name, options);
    const shown = await createImageBitmap(file, { colorSpaceConversion: "none" }).catch(() => null);
    return { prediction, shown };
  }

  // A prediction of a frame of the camera, with the server's tracks.
  async frame(bitmap, { name, seconds, live, ...options }) {
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    canvas.getContext("2d").drawImage(bitmap, 0, 0);
    bitmap.close();
    const content = await canvas.convertToBlob({ type: "image/jpeg", quality: QUALITY });
    return { ...(await this.#streamed(content, given(options), name)), source: name, frame: null, seconds };
  }

  // Send a video; returns its job.
  async video(file, options) {
    const request = { method: "POST", body: form("video", file, file.name, { ...given(options), keep: KEEP_SECONDS }) };
    const { job } = await (await this.#fetch("/v1/video", request, file.name)).json();
    this.#jobs.add(job);
    return job;
  }

  // What is known of a job: "" how far it is; "rows", "events": those from the given one on.
  async job(job, name, what = "", from = 0) {
    return (await this.#fetch(`/v1/video/${job}${what && `/${what}?from=${from}`}`, {}, name)).json();
  }

  // Also when the page goes away.
  async forget(job) {
    this.#jobs.delete(job);
    await this.#fetch(`/v1/video/${job}`, { method: "DELETE", keepalive: true }).catch(() => null);
  }

  leave() {
    for (const job of this.#jobs) this.forget(job);
  }

  // What the server has: {server: {measures, ...}}.
  async facts() {
    return (await this.#fetch("/v1/weights")).json();
  }

  // Wait no longer for a server that is busy.
  giveUp() {
    for (const end of this.#waits) end(false);
  }

  async #predict(content, name, options) {
    const request = { method: "POST", body: form("images", content, name, given(options)) };
    return (await this.#fetch("/v1/predict", request, name)).json();
  }

  async #streamed(content, options, name) {
    const sent = this.#token;
    try {
      return await this.#stream.read(content, { ...options, token: sent ?? "" }, name);
    } catch (error) {
      if (error.code !== "unauthorized") throw error;
      await this.#askToken(sent);
      return this.#streamed(content, options, name);
    }
  }

  async #fetch(address, request = {}, name = location.host, tried = 0) {
    const sent = this.#token;
    const headers = sent ? { Authorization: `Bearer ${sent}` } : {};
    const answer = await fetch(address, { ...request, headers }).catch(() => {
      throw new PageError("server_down");
    });
    if (answer.status === 401) {
      await this.#askToken(sent);
      return this.#fetch(address, request, name, tried);
    }
    const again = BUSY.includes(answer.status) && tried < TRIES && (await this.#waited(pause(answer, tried)));
    if (again) return this.#fetch(address, request, name, tried + 1);
    if (!answer.ok) throw await refusal(answer, name);
    return answer;
  }

  // Answers with true after some seconds, with false where it was given up.
  #waited(seconds) {
    return new Promise((done) => {
      const end = (waited) => (this.#waits.delete(end), done(waited));
      this.#waits.add(end);
      setTimeout(end, 1000 * seconds, true);
    });
  }

  // Ask once for all requests that wait for it; `sent` is the token that was refused, null where there was none.
  async #askToken(sent) {
    if (this.#token && this.#token !== sent) return; // another request has asked meanwhile
    this.#asking ??= this.#ask(Boolean(sent)).finally(() => (this.#asking = null));
    this.#token = await this.#asking;
    if (!this.#token) throw new PageError("unauthorized");
  }
}

// The options of the interface that were chosen.
function given({ weights, prior, abstain, measures, max_fps }) {
  const all = { weights, prior, abstain, measures: measures || null, max_fps };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null && value !== undefined));
}

function form(field, content, name, options) {
  const parts = new FormData();
  for (const [option, value] of Object.entries(options)) parts.append(option, String(value));
  parts.append(field, content, name);
  return parts;
}

// Seconds until the next try: what the server asks for, and longer each time.
function pause(answer, tried) {
  const asked = Number(answer.headers.get("Retry-After")) || 0;
  return Math.min(Math.max(asked, FIRST_PAUSE * 2 ** tried), MAX_PAUSE);
}

async function refusal(answer, name) {
  const { error } = await answer.json().catch(() => ({}));
  if (answer.status === TOO_MANY) return new PageError("too_many", { seconds: answer.headers.get("Retry-After") ?? "1" });
  return refused(name, error ?? { message: String(answer.status) });
}
