// Crops in, probabilities out: the weights and their card.

import { Failure } from "./failure.js";

const TOLERANCE = 0.01;

/** Return the probabilities of crops, bytes (size, size, channels) each: a Float32Array (K,) per crop. */
export async function classify(ort, session, card, crops) {
  if (!crops.length) return [];
  const area = card.size * card.size * card.channels;
  const bytes = new Uint8Array(crops.length * area);
  crops.forEach((crop, k) => bytes.set(crop, k * area));
  const dims = [crops.length, card.size, card.size, card.channels];
  const outputs = await session.run({ crops: new ort.Tensor("uint8", bytes, dims) }, ["probs"]);
  const { data } = outputs.probs;
  const count = card.labels.length;
  return crops.map((_, k) => checked(data.slice(k * count, (k + 1) * count)));
}

/** Return probabilities; Failure `bad_output` for numbers that are none. */
export function checked(probs) {
  const sum = probs.reduce((a, b) => a + b, 0);
  const good = probs.every((value) => value >= -TOLERANCE) && Math.abs(sum - 1) <= TOLERANCE; // NaN is neither
  if (!good) throw new Failure("bad_output", `the weights give no probabilities: ${probs.slice(0, 4).join(", ")}`);
  return probs;
}
