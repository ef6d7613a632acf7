// YuNet as mien.inference.detectors.yunet runs it through OpenCV: fit, pad, run, decode, and one box per face.
//
// An image is {width, height, data}: bytes RGBA.  A detected face is {box: Float32Array x1 y1 x2 y2, score}, in pixels
// of the image, left to right; the box may reach beyond it.

import { Failure } from "./failure.js";
import { roundHalfEven } from "./numbers.js";
import { enlarge, shrink } from "./resize.js";

const RGBA = 4;

/** Return the size for detection of an image (inference/detectors/scaling.py). */
export function fittedSize(width, height, { long_side, small_side, max_enlargement }) {
  const longest = Math.max(width, height);
  const factor = Math.min(long_side / longest, Math.max(1, Math.min(max_enlargement, small_side / longest)));
  if (factor === 1) return { width, height, factor };
  const side = (length) => Math.max(1, roundHalfEven(length * factor));
  return { width: side(width), height: side(height), factor };
}

/** Return an image at the size for detection, bytes RGBA. */
export function fit(image, size) {
  const resize = size.factor < 1 ? shrink : enlarge;
  const { width, height, data } = image;
  return size.factor === 1 ? data : resize(data, width, height, RGBA, size.width, size.height);
}

/** Finds faces; keeps its buffers from call to call. */
export class Detector {
  constructor(ort, session, limits) {
    Object.assign(this, { ort, session, limits });
    this.input = new Float32Array(0);
  }

  /** Return the faces in an image, the detector looking at it with this long side. */
  async detect(image, longSide) {
    const limits = { ...this.limits, long_side: longSide ?? this.limits.long_side };
    if (!(limits.long_side >= limits.min_side)) throw new Failure("bad_request", `\`detector\` ${longSide}`);
    const size = fittedSize(image.width, image.height, limits);
    const tensor = this.planes(fit(image, size), size);
    const outputs = await this.session.run({ input: tensor });
    const found = oneEach(candidates(outputs, tensor.dims[3], tensor.dims[2], limits), limits);
    Object.values(outputs).forEach((output) => output.dispose());
    const ratio = [Math.fround(image.width / size.width), Math.fround(image.height / size.height)];
    return found.map((face) => inImage(face, ratio)).sort((a, b) => a.box[0] - b.box[0]);
  }

  /** Return bytes RGBA as the network's input: float planes B, G, R, black beyond the image. */
  planes(pixels, { width, height }) {
    const [across, along] = [width, height].map((side) => padded(side, this.limits));
    const area = across * along;
    if (this.input.length !== 3 * area || this.across !== across) {
      this.input = new Float32Array(3 * area);
      this.across = across;
    } else if (this.width !== width || this.height !== height) {
      this.input.fill(0);
    }
    Object.assign(this, { width, height });
    const input = this.input;
    for (let y = 0, from = 0; y < height; y++) {
      for (let to = y * across; to < y * across + width; to++, from += RGBA) {
        input[to] = pixels[from + 2];
        input[to + area] = pixels[from + 1];
        input[to + 2 * area] = pixels[from];
      }
    }
    return new this.ort.Tensor("float32", input, [1, 3, along, across]);
  }
}

function padded(side, { min_side, strides }) {
  const multiple = Math.max(...strides);
  return Math.ceil(Math.max(side, min_side) / multiple) * multiple;
}

/** Return what scores at least `min_score` in an input of this size: {x, y, width, height, score} by stride and cell. */
export function candidates(outputs, width, height, { strides, min_score }) {
  const found = [];
  const least = Math.fround(min_score);
  for (const stride of strides) {
    const [cls, obj, boxes] = ["cls", "obj", "bbox"].map((name) => outputs[`${name}_${stride}`].data);
    const across = width / stride;
    const cells = across * (height / stride);
    for (let cell = 0; cell < cells; cell++) {
      const score = Math.fround(Math.sqrt(unit(cls[cell]) * unit(obj[cell])));
      if (!(score >= least)) continue; // NaN is not a face
      found.push({ score, ...decoded(boxes, cell, across, stride) });
    }
  }
  return found;
}

const unit = (value) => Math.min(Math.max(value, 0), 1);

function decoded(boxes, cell, across, stride) {
  const [dx, dy, w, h] = boxes.subarray(4 * cell, 4 * cell + 4);
  const [width, height] = [Math.exp(w) * stride, Math.exp(h) * stride];
  const x = ((cell % across) + dx) * stride - width / 2;
  const y = (Math.floor(cell / across) + dy) * stride - height / 2;
  return { x: Math.fround(x), y: Math.fround(y), width: Math.fround(width), height: Math.fround(height) };
}

/** Keep the highest score where boxes overlap, as OpenCV does: in whole pixels, and never for a single box. */
export function oneEach(found, { min_score, overlap, max_candidates }) {
  if (found.length <= 1) return found;
  const ranked = found.filter((face) => face.score > Math.fround(min_score)).sort((a, b) => b.score - a.score);
  const kept = [];
  for (const face of ranked.slice(0, max_candidates)) {
    if (kept.every((other) => overlapping(other, face) <= overlap)) kept.push(face);
  }
  return kept;
}

function overlapping(one, other) {
  const [a, b] = [one, other].map(({ x, y, width, height }) => [x, y, width, height].map(Math.trunc));
  const side = (k) => Math.max(0, Math.min(a[k] + a[k + 2], b[k] + b[k + 2]) - Math.max(a[k], b[k]));
  const shared = side(0) * side(1);
  const both = a[2] * a[3] + b[2] * b[3];
  return both > 0 ? shared / (both - shared) : 1;
}

function inImage({ x, y, width, height, score }, [across, along]) {
  const box = Float32Array.of(x * across, y * along, Math.fround(x + width) * across, Math.fround(y + height) * along);
  return { box, score: unit(score) };
}
