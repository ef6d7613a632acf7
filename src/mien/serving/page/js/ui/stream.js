// Frames to the server and faces back, over one socket (/v1/stream), one frame at a time.
import { PageError, refused } from "./page-error.js";

const REST_MS = 20_000;
const TOO_MANY = 1013;

export class Stream {
  #socket = null;
  #key = null;
  #name = "";
  #sent = 0;
  #settle = null; // {take, failed} of what is waited for
  #rest = null; // closes the socket when no frame comes any more

  // The row of a frame, a Blob, of the camera with this name; `options` open the stream, and open it again when they change.
  // The token is the first message: an address, or the name of a protocol, would end in the logs of proxies.
  async read(content, options, name) {
    this.#name = name;
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
    this.#settle?.failed(this.#error(code, reason));
  }
  // The reason that the server gives is a code, perhaps with words behind it.
  #error(status, reason) {
    if (status === TOO_MANY) return new PageError("too_many", { seconds: "5" });
    if (reason === "token") return new PageError("unauthorized");
    const [code] = reason.split(":");
    return reason ? refused(this.#name, { code, message: reason.slice(code.length).replace(/^: /, "") }) : new PageError("server_down");
  }
}
