// Serve requests about crops with @vladmandic/face-api's expression network; see crops.mjs.
//
//     node benchmarks/peers/face_api.mjs CROPS.bin THREADS

import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { serve, start, tf } from './crops.mjs';

const require = createRequire(import.meta.url);
const ORDER = ['angry', 'disgusted', 'fearful', 'happy', 'sad', 'surprised', 'neutral'];
const [, , crops, threads] = process.argv;

await start(Number(threads));
const home = dirname(dirname(require.resolve('@vladmandic/face-api/dist/face-api.node-wasm.js')));
const faceapi = require('@vladmandic/face-api/dist/face-api.node-wasm.js');
const net = faceapi.nets.faceExpressionNet;
await net.loadFromDisk(join(home, 'model'));
await serve(crops, ORDER, async (x) => {
  const colours = tf.tidy(() => tf.unstack(tf.tile(x, [1, 1, 1, 3])));
  const found = await net.predictExpressions(colours);
  tf.dispose(colours);
  return (Array.isArray(found) ? found : [found]).map((face) => ORDER.map((name) => face[name]));
});
