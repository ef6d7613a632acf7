// Any image that the page sends as {width, height, data}: bytes RGBA.

import { Failure } from "./failure.js";

let canvas = null;

/** Return pixels of ImageData or the like as they are; an ImageBitmap or a VideoFrame is drawn, then closed. */
export function pixels(image) {
  if (image.data) return whole(image);
  const [width, height] = [image.displayWidth ?? image.width, image.displayHeight ?? image.height];
  if (canvas?.width !== width || canvas.height !== height) {
    canvas = new OffscreenCanvas(width, height);
    canvas.context = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
  }
  canvas.context.drawImage(image, 0, 0, width, height);
  image.close();
  return canvas.context.getImageData(0, 0, width, height);
}

function whole(image) {
  const { width, height, data } = image;
  if (width > 0 && height > 0 && data.length === 4 * width * height) return image;
  throw new Failure("bad_request", `${data.length} bytes for ${width} x ${height} pixels; expected 4 a pixel, RGBA`);
}
