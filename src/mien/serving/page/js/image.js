// Files as the pixels that Python reads: upright by EXIF, colours as stored, over white.

import { Failure } from "./failure.js";

const MAX_PIXELS = 25_000_000; // as the server takes (serving/decoding.py)
const AS_STORED = { imageOrientation: "from-image", colorSpaceConversion: "none" };

/** Return the ImageData of a Blob or File; Failure `unreadable` or `too_large`. */
export async function decode(blob) {
  const bitmap = await createImageBitmap(blob, AS_STORED).catch(() => null);
  if (!bitmap) throw new Failure("unreadable", "this browser cannot decode the file as an image");
  const { width, height } = bitmap;
  try {
    if (width * height > MAX_PIXELS) throw new Failure("too_large", `${width} x ${height} pixels`);
    const context = new OffscreenCanvas(width, height).getContext("2d", { alpha: false, willReadFrequently: true });
    context.fillStyle = "white";
    context.fillRect(0, 0, width, height);
    context.drawImage(bitmap, 0, 0);
    return context.getImageData(0, 0, width, height);
  } finally {
    bitmap.close();
  }
}
