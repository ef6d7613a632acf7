// Any image that the page sends as {width, height, data}: bytes RGBA.

let canvas = null;

/** Return pixels of ImageData or the like as they are; an ImageBitmap or a VideoFrame is drawn, then closed. */
export function pixels(image) {
  if (image.data) return image;
  const [width, height] = [image.displayWidth ?? image.width, image.displayHeight ?? image.height];
  if (canvas?.width !== width || canvas.height !== height) {
    canvas = new OffscreenCanvas(width, height);
    canvas.context = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
  }
  canvas.context.drawImage(image, 0, 0, width, height);
  image.close();
  return canvas.context.getImageData(0, 0, width, height);
}
