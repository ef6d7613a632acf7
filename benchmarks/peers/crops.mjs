// What the JavaScript peers share: the crops, the wasm backend on one thread, and the table of answers.

import { createRequire } from 'node:module';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

const require = createRequire(import.meta.url);
export const tf = require('@tensorflow/tfjs');
const wasm = require('@tensorflow/tfjs-backend-wasm');

const SIZE = 48;
const BATCH = 64;

/** Make wasm, on one thread, the backend; the wasm files lie beside the package's entry. */
export async function start() {
  wasm.setWasmPaths(`${dirname(require.resolve('@tensorflow/tfjs-backend-wasm'))}/`);
  wasm.setThreadsCount(1);
  await tf.setBackend('wasm');
  await tf.ready();
}

/** A loader that reads a model's json and its weights from files. */
export function fromFile(path) {
  const model = JSON.parse(readFileSync(path));
  const [group] = model.weightsManifest;
  const parts = group.paths.map((part) => readFileSync(`${dirname(path)}/${part}`));
  const bytes = Buffer.concat(parts);
  const weightData = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
  return { load: async () => ({ modelTopology: model.modelTopology, weightSpecs: group.weights, weightData }) };
}

/**
 * Read crops (uint8, N x 48 x 48), answer them in batches with `read` (float tensor in 0..255, n x 48 x 48 x 1 -> rows
 * of probabilities), and write OUT: {probs, order}.
 */
export async function answer(cropsFile, outFile, order, read) {
  const bytes = readFileSync(cropsFile);
  const count = bytes.length / (SIZE * SIZE);
  const crops = (from, n) =>
    tf.tensor4d(Float32Array.from(bytes.subarray(from * SIZE * SIZE, (from + n) * SIZE * SIZE)), [n, SIZE, SIZE, 1]);
  const one = async (from, n) => {
    const x = crops(from, n);
    const rows = await read(x);
    x.dispose();
    return rows;
  };
  const probs = [];
  for (let k = 0; k < count; k += BATCH) probs.push(...(await one(k, Math.min(BATCH, count - k))));
  writeFileSync(outFile, JSON.stringify({ probs, order }));
}
