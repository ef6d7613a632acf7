// An error that the page explains: a code of strings `error.CODE`, the values in its text, and what can be done.
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

export function asPageError(error) {
  return error instanceof PageError ? error : new PageError("unexpected", { message: error?.message ?? String(error) });
}
