// What the JavaScript peers share: the crops, the wasm backend, and the results for the requests of bench/interleave.py.
//
//     {"do": "time", "batch": 8, "seconds": 0.4}  ->  result {"faces", "cpu", "wall"}
//     {"do": "predict"}                            ->  result {"order", "probs"}

import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';

const require = createRequire(import.meta.url);
export const tf = require('@tensorflow/tfjs');
const wasm = require('@tensorflow/tfjs-backend-wasm');

const SIZE = 48;
const BATCH = 64;

/** Make wasm the backend; the wasm files lie beside the package's entry.  In Node it has one thread, whatever is asked. */
export async function start(threads) {
  wasm.setWasmPaths(`${dirname(require.resolve('@tensorflow/tfjs-backend-wasm'))}/`);
  wasm.setThreadsCount(threads);
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
 * Serve requests about crops (uint8, N x 48 x 48) until stdin ends; `read` takes a float tensor in 0..255, n x 48 x 48
 * x 1, and gives rows of probabilities in the given order.
 */
export async function serve(cropsFile, order, read) {
  const bytes = readFileSync(cropsFile);
  const count = bytes.length / (SIZE * SIZE);
  const one = async (from, n) => {
    const part = Float32Array.from(bytes.subarray(from * SIZE * SIZE, (from + n) * SIZE * SIZE));
    const x = tf.tensor4d(part, [n, SIZE, SIZE, 1]);
    const rows = await read(x);
    x.dispose();
    return rows;
  };
  const all = async () => {
    const probs = [];
    for (let k = 0; k < count; k += BATCH) probs.push(...(await one(k, Math.min(BATCH, count - k))));
    return { order, probs };
  };
  for await (const line of createInterface({ input: process.stdin })) {
    const what = JSON.parse(line);
    const result = what.do === 'time' ? await timed(one, count, what) : await all();
    process.stdout.write(`result ${JSON.stringify(result)}\n`);
  }
}

/** Read batches, after one to warm up, until `seconds` of processor time are used. */
async function timed(one, count, { batch, seconds }) {
  const cpu = () => (({ user, system }) => (user + system) / 1e6)(process.cpuUsage());
  await one(0, batch);
  const [began, clock] = [cpu(), performance.now()];
  let faces = 0;
  for (; cpu() - began < seconds; faces += batch) await one(faces % (count - batch + 1), batch);
  return { faces, cpu: cpu() - began, wall: (performance.now() - clock) / 1e3 };
}
