// Reads on the server, where the reader of the page chose it: the same calls as on the device (device.js).
import { PageError } from "./page-error.js";
import { Stream } from "./stream.js";

const QUALITY = 0.92; // of the JPEG of a frame
const BUSY = 429;

export class ServerReader {
  #token = null;
  #asking = null;
  #stream = new Stream();
  #ask;

  // `ask()` asks for the token; null where it was not given.
  constructor(ask) {
    this.#ask = ask;
  }

  async image(file, options) {
    const [prediction] = await this.#predict(file, file.name, options);
    if (prediction.error) throw new PageError("server_refused", { name: file.name, message: prediction.error });
    const shown = await createImageBitmap(file, { colorSpaceConversion: "none" }).catch(() => null);
    return { prediction, shown };
  }

  // A prediction of a frame of the camera, with the server's tracks.
  async frame(bitmap, { name, seconds, live, ...options }) {
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    canvas.getContext("2d").drawImage(bitmap, 0, 0);
    bitmap.close();
    const content = await canvas.convertToBlob({ type: "image/jpeg", quality: QUALITY });
    return { ...(await this.#streamed(content, given(options))), source: name, frame: null, seconds };
  }

  // Send a video; returns its job.
  async video(file, options) {
    const request = { method: "POST", body: form("video", file, file.name, given(options)) };
    return (await (await this.#fetch("/v1/video", request, file.name)).json()).job;
  }

  async job(job) {
    return (await this.#fetch(`/v1/video/${job}`)).json();
  }

  async rows(job, from) {
    return (await this.#fetch(`/v1/video/${job}/rows?from=${from}`)).json();
  }

  async forget(job) {
    await this.#fetch(`/v1/video/${job}`, { method: "DELETE" }).catch(() => null);
  }

  // What the server has: {server: {measures, ...}}.
  async facts() {
    return (await this.#fetch("/v1/weights")).json();
  }

  async #predict(content, name, options) {
    const request = { method: "POST", body: form("images", content, name, given(options)) };
    return (await this.#fetch("/v1/predict", request, name)).json();
  }

  async #streamed(content, options) {
    try {
      return await this.#stream.read(content, { ...options, token: this.#token ?? "" });
    } catch (error) {
      if (error.code !== "unauthorized") throw error;
      await this.#askToken();
      return this.#streamed(content, options);
    }
  }

  async #fetch(address, request = {}, name = "") {
    const headers = this.#token ? { Authorization: `Bearer ${this.#token}` } : {};
    const answer = await fetch(address, { ...request, headers }).catch(() => {
      throw new PageError("server_down");
    });
    if (answer.status === 401) return this.#again(address, request, name);
    if (!answer.ok) throw await refusal(answer, name);
    return answer;
  }

  async #again(address, request, name) {
    await this.#askToken();
    return this.#fetch(address, request, name);
  }

  // Ask once for all requests that wait for it.
  async #askToken() {
    this.#asking ??= this.#ask().finally(() => (this.#asking = null));
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

async function refusal(answer, name) {
  const { error } = await answer.json().catch(() => ({ error: {} }));
  if (answer.status === BUSY) return new PageError("too_many", { seconds: answer.headers.get("Retry-After") ?? "1" });
  return new PageError("server_refused", { name, message: error?.message ?? String(answer.status) });
}
