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

// What the server says of a file, whose name it may begin with.
export function refused(name, message) {
  const rest = message.startsWith(name) ? message.slice(name.length).replace(/^[:\s]+/, "") : message;
  return new PageError("server_refused", { name, message: rest });
}

// What went wrong, in the language of the moment.
export function explained(error) {
  const known = has(`error.${error.code}`);
  const values = known ? error.values : { message: error.values?.message || error.message || String(error) };
  return t(known ? `error.${error.code}` : "error.unexpected", values);
}

export function asPageError(error) {
  return error instanceof PageError ? error : new PageError("unexpected", { message: error?.message ?? String(error) });
}
