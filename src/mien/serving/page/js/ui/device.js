// Reads on this device: the in-browser reader (reader.js) behind the same two calls as the server's (server.js).
import { decode } from "../image.js";
import { PageError } from "./page-error.js";
import { BrowserReader } from "../reader.js";
import { undecoded } from "./undecoded.js";

const CAMERA_SIDE = 320; // pixels of the detector's long side: a face before a camera is large
const USUAL_SIDE = 640;
const CODES = { missing_vendor: "vendor_missing" };

export class DeviceReader {
  #opening = null;

  // A prediction of an image file, with the pixels to show.
  async image(file, options) {
    const pixels = await decode(file).catch(async (error) => {
      if (error.code === "unreadable") throw new PageError(await undecoded(file), { name: file.name });
      throw asPageError(error, file.name, "undecodable");
    });
    const shown = await createImageBitmap(pixels);
    return { prediction: await this.#read(pixels, options, USUAL_SIDE, { source: file.name }), shown };
  }

  // A prediction of a frame, which is handed over.
  frame(bitmap, { name, seconds, live, ...options }) {
    return this.#read(bitmap, options, live ? CAMERA_SIDE : USUAL_SIDE, { source: name, seconds });
  }

  async #read(pixels, { weights, prior, abstain }, detector, place) {
    try {
      return await (await this.#opened()).read(pixels, { ...place, weights, detector, prior, abstain });
    } catch (error) {
      throw asPageError(error, place.source, "unexpected", weights);
    }
  }

  // The one reader; where it cannot be opened, the next image tries again.
  #opened() {
    this.#opening ??= BrowserReader.open().catch((error) => {
      this.#opening = null;
      throw error;
    });
    return this.#opening;
  }
}

function asPageError(error, name, otherwise, weights = "") {
  if (error instanceof PageError) return error;
  const code = CODES[error.code] ?? error.code ?? otherwise;
  return new PageError(code, { name, weights, message: error.message });
}
