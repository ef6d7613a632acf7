// An error that the page explains: a code of strings `error.CODE`, the values in its text, and what can be done.
import { has, t } from "./words.js";

export class PageError extends Error {
  constructor(code, values = {}) {
    super(code);
    this.code = code;
    this.values = values;
  }
}

// What only the server can help with, so that the page offers it.
const HELPED_BY_SERVER = new Set(["undecodable", "too_large", "video", "vendor_missing", "no_wasm", "out_of_memory"]);

export function helpedByServer(error) {
  return HELPED_BY_SERVER.has(error.code);
}

// An error of the server about a file or a camera: by its code in the page's words, with the server's own, which may begin
// with the name, as the detail.
export function refused(name, { code, message = "" }) {
  const detail = message.startsWith(name) ? message.slice(name.length).replace(/^[:\s]+/, "") : message;
  return new PageError(has(`error.server.${code}`) ? `server.${code}` : "server_refused", { name, detail });
}

// What went wrong, in the language of the moment.
export function explained(error) {
  const known = has(`error.${error.code}`);
  const values = known ? error.values : { message: error.values?.message || error.message || String(error) };
  return t(known ? `error.${error.code}` : "error.unexpected", values);
}

// What there is to add in English: the words of the server.
export function detailed(error) {
  return error.values?.detail ?? "";
}

export function asPageError(error) {
  return error instanceof PageError ? error : new PageError("unexpected", { message: error?.message ?? String(error) });
}
