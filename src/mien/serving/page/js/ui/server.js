// Reads on the server, where the reader of the page chose it: the same calls as on the device (device.js).
import { PageError } from "./page-error.js";

const QUALITY = 0.92; // of the JPEG of a frame
const BUSY = 429;

export class ServerReader {
  #token = null;
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

  async frame(bitmap, { name, seconds, live, ...options }) {
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    canvas.getContext("2d").drawImage(bitmap, 0, 0);
    bitmap.close();
    const content = await canvas.convertToBlob({ type: "image/jpeg", quality: QUALITY });
    const [prediction] = await this.#predict(content, name, options);
    return { ...prediction, source: name, seconds };
  }

  // What the server has: {server: {measures, ...}}.
  async facts() {
    return (await this.#fetch("/v1/weights")).json();
  }

  async #predict(content, name, { weights, prior, abstain, measures }) {
    const form = new FormData();
    form.append("images", content, name);
    const options = { weights, prior, ...(abstain === null ? {} : { abstain }), ...(measures ? { measures } : {}) };
    for (const [option, value] of Object.entries(options)) form.append(option, String(value));
    return (await this.#fetch("/v1/predict", { method: "POST", body: form }, name)).json();
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
    this.#token = await this.#ask();
    if (!this.#token) throw new PageError("unauthorized");
    return this.#fetch(address, request, name);
  }
}

async function refusal(answer, name) {
  const { error } = await answer.json().catch(() => ({ error: {} }));
  if (answer.status === BUSY) return new PageError("too_many", { seconds: answer.headers.get("Retry-After") ?? "1" });
  return new PageError("server_refused", { name, message: error?.message ?? String(answer.status) });
}
