// Reads faces inside the browser; nothing leaves the machine.
//
//   const reader = await BrowserReader.open();
//   const prediction = await reader.read(imageData, { weights: "ferplus-nano", source: "a.jpg", detector: 320 });

import { Failure } from "./failure.js";

const CLOSED = "the reader was closed";

export class BrowserReader {
  /** Return a reader with the runtime and the detector; Failure where the browser or the server lacks something. */
  static async open() {
    const reader = new BrowserReader();
    try {
      await reader.ask({ kind: "open" });
    } catch (error) {
      reader.close();
      throw error;
    }
    return reader;
  }

  constructor() {
    this.waiting = new Map();
    this.count = 0;
    this.ms = null;
    this.worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
    this.worker.addEventListener("message", ({ data }) => this.settle(data));
    this.worker.addEventListener("error", ({ message }) => this.fail(message, message ? "unexpected" : "not_loaded"));
  }

  /**
   * Return the prediction of an image, as `mien predict --format json` writes it; `faces` are left to right.
   *
   * image: ImageData, ImageBitmap or VideoFrame.  It is given away: its buffer is empty afterwards.
   * options: weights: a shipped name; source, frame, seconds: what the prediction says of itself; detector: long side at
   * which faces are looked for (640; 320 for a camera); prior: "natural" or "uniform"; abstain: least confidence, "auto"
   * or null.
   */
  async read(image, { source = "image 1", frame = null, seconds = null, note = null, ...options } = {}) {
    const sent = image.data ? { width: image.width, height: image.height, data: image.data } : image;
    const reply = await this.ask({ kind: "read", image: sent, ...options }, [image.data?.buffer ?? image]);
    const { width, height, faces } = reply;
    this.ms = reply.ms; // how long the worker took
    return { source, frame, seconds, width, height, error: null, note, rotated: null, faces };
  }

  /** End the worker; what still waits fails. */
  close() {
    this.worker?.terminate();
    this.worker = null;
    this.fail(CLOSED);
  }

  ask(message, transfer = []) {
    if (!this.worker) return Promise.reject(new Failure("unexpected", CLOSED));
    const id = ++this.count;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ id, ...message }, transfer);
    });
  }

  settle({ id, error, ...reply }) {
    const { resolve, reject } = this.waiting.get(id) ?? {};
    if (!this.waiting.delete(id)) return; // it has failed already
    if (error) reject(new Failure(error.code, error.message));
    else resolve(reply);
  }

  // A worker that cannot be loaded fails without a message.
  fail(message, code = "unexpected") {
    for (const { reject } of this.waiting.values()) reject(new Failure(code, message));
    this.waiting.clear();
  }
}
