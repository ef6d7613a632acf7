// Why the browser could not decode an image file, by its first bytes: a code of strings `error.CODE`.
const HEAD = 512; // bytes
const KNOWN = /^(?:\xff\xd8\xff|\x89PNG|GIF8|BM|RIFF[^]{4}WEBP)/; // browsers decode these
const NO_PIXELS = /^(?:%PDF|PK\x03\x04|\x1f\x8b)/; // documents and archives
const PORTABLE = /^P[1-7]\s/; // begins as text, but the server reads it

/** Return `empty`, `corrupted`, `no_pixels`, or `undecodable` for what the server may be able to read. */
export async function undecoded(file) {
  if (!file.size) return "empty";
  const bytes = new Uint8Array(await file.slice(0, HEAD).arrayBuffer());
  const head = String.fromCharCode(...bytes);
  if (KNOWN.test(head)) return "corrupted";
  return NO_PIXELS.test(head) || (isText(bytes) && !PORTABLE.test(head)) ? "no_pixels" : "undecodable";
}

function isText(bytes) {
  try {
    return !/[\0-\x08\x0e-\x1f]/.test(new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true }));
  } catch {
    return false;
  }
}
