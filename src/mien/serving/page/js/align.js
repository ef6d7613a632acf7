// From a detector's box to the crop for the weights, as mien.inference.align.

import { clamp, roundHalfEven } from "./numbers.js";
import { shrink } from "./resize.js";

/** Return the window x1 y1 x2 y2 to cut for a box; it may reach beyond the image. */
export function frame([x1, y1, x2, y2], { scale, right, down }) {
  const side = scale * Math.sqrt(Math.max(x2 - x1, 1) * Math.max(y2 - y1, 1));
  const x = (x1 + x2) / 2 + right * side;
  const y = (y1 + y2) / 2 + down * side;
  return [x - side / 2, y - side / 2, x + side / 2, y + side / 2];
}

/** Return a box clipped to an image, or null where nothing of it lies in there. */
export function clipped(box, { width, height }) {
  const inside = box.map((value, k) => clamp(value, 0, k % 2 ? height : width));
  return inside[2] > inside[0] && inside[3] > inside[1] ? inside : null;
}

/** Return the crop of a window: bytes (size, size, channels), grey for one channel, RGB for three. */
export function crop(image, [x1, y1, x2, y2], size, channels) {
  const step = (x2 - x1) / size;
  if (step > 1) {
    const patch = cut(image, roundHalfEven(x1), roundHalfEven(y1), roundHalfEven(x2), roundHalfEven(y2), channels);
    return shrink(patch.data, patch.width, patch.height, channels, size, size);
  }
  const left = Math.floor(x1) - 1;
  const top = Math.floor(y1) - 1;
  const patch = cut(image, left, top, Math.ceil(x2) + 1, Math.ceil(y2) + 1, channels);
  const middle = (step - 1) / 2;
  return sample(patch, step, x1 - left + middle, y1 - top + middle, size, channels);
}

/** Return whole pixels of an image; those beyond it repeat its edge. */
function cut({ width, height, data }, x1, y1, x2, y2, channels) {
  const [across, along] = [x2 - x1, y2 - y1];
  const columns = Int32Array.from({ length: across }, (_, k) => 4 * clamp(x1 + k, 0, width - 1));
  const out = new Uint8ClampedArray(across * along * channels);
  for (let y = 0, to = 0; y < along; y++) {
    const row = 4 * width * clamp(y1 + y, 0, height - 1);
    for (let x = 0; x < across; x++) {
      const at = row + columns[x];
      if (channels === 1) {
        out[to++] = (9798 * data[at] + 19235 * data[at + 1] + 3735 * data[at + 2] + 16384) >> 15; // OpenCV's grey
      } else {
        for (let c = 0; c < 3; c++) out[to++] = data[at + c];
      }
    }
  }
  return { width: across, height: along, data: out };
}

/** Sample a patch every `step` pixels from (x, y), bilinear between 32nds of a pixel, as OpenCV's warpAffine. */
function sample({ width, height, data }, step, x, y, size, channels) {
  const [columns, rows] = positions(Math.fround(step), Math.fround(x), Math.fround(y), size);
  const out = new Uint8ClampedArray(size * size * channels);
  let to = 0;
  for (const { whole: top, part: below } of rows) {
    const [first, second] = [top, top + 1].map((row) => clamp(row, 0, height - 1) * width);
    for (const { whole: left, part: after } of columns) {
      const [near, far] = [left, left + 1].map((column) => clamp(column, 0, width - 1));
      for (let c = 0; c < channels; c++) {
        const at = (row, column) => data[(row + column) * channels + c];
        const upper = at(first, near) * (32 - after) + at(first, far) * after;
        const lower = at(second, near) * (32 - after) + at(second, far) * after;
        out[to++] = (upper * (32 - below) + lower * below + 512) >> 10;
      }
    }
  }
  return out;
}

/** Return where columns and rows are sampled; OpenCV rounds the two in different places. */
function positions(step, x, y, size) {
  const at = (fixed) => ({ whole: (fixed + 16) >> 10, part: ((fixed + 16) >> 5) & 31 });
  const all = Array.from({ length: size }, (_, k) => k);
  const columns = all.map((k) => at(roundHalfEven(1024 * x) + roundHalfEven(1024 * step * k)));
  return [columns, all.map((k) => at(roundHalfEven(1024 * (step * k + y))))];
}
