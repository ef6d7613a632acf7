// Frames to the server and faces back, over one socket (/v1/stream), one frame at a time.
import { PageError } from "./page-error.js";

const REST_MS = 20_000;
const CODES = { 1013: "too_many", 1008: "unauthorized" };

export class Stream {
  #socket = null;
  #key = null;
  #sent = 0;
  #settle = null; // {take, failed} of what is waited for
  #rest = null; // closes the socket when no frame comes any more

  // The row of a frame, a Blob; `options` open the stream, and open it again when they change.
  async read(content, options) {
    const key = JSON.stringify(options);
    if (key !== this.#key || this.#socket?.readyState !== WebSocket.OPEN) await this.#open(options);
    this.#key = key;
    clearTimeout(this.#rest);
    this.#rest = setTimeout(() => this.close(), REST_MS);
    const index = this.#sent++;
    const row = this.#next((message) => message.frame >= index);
    this.#socket.send(content);
    return row;
  }

  close() {
    this.#socket?.close();
    this.#socket = null;
    this.#settle?.failed(new PageError("server_down")); // what is still waited for comes no more
  }

  async #open(options) {
    this.close();
    const socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}/v1/stream`);
    Object.assign(socket, { onopen: () => socket.send(JSON.stringify(options)), onclose: (event) => this.#closed(event) });
    socket.onmessage = ({ data }) => this.#settle?.take(JSON.parse(data));
    this.#socket = socket;
    this.#sent = 0;
    await this.#next((message) => message.ready);
  }

  // The first message that is waited for.
  #next(wanted) {
    return new Promise((done, failed) => {
      this.#settle = { failed, take: (message) => wanted(message) && done(message) };
    });
  }

  #closed({ code, reason, target }) {
    if (target !== this.#socket) return;
    const known = code === 1008 && reason !== "token" ? "server_refused" : (CODES[code] ?? "server_down");
    this.#settle?.failed(new PageError(known, { name: "", message: reason, seconds: "5" }));
  }
}
