// Serve requests about crops with @vladmandic/human's emotion model; see crops.mjs.
//
//     node benchmarks/peers/human.mjs CROPS.bin THREADS
//
// Its detect() wants to find the face itself, so the graph is loaded directly and the crop prepared as the package's
// own source does for a grey model: scaled to the graph's size, from [0, 1] to [-1, 1].

import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fromFile, serve, start, tf } from './crops.mjs';

const require = createRequire(import.meta.url);
const ORDER = ['angry', 'disgust', 'fear', 'happy', 'sad', 'surprise', 'neutral'];
const [, , crops, threads] = process.argv;

await start(Number(threads));
const home = dirname(dirname(require.resolve('@vladmandic/human')));
const model = await tf.loadGraphModel(fromFile(join(home, 'models', 'emotion.json')));
const size = model.inputs[0].shape[2];
await serve(crops, ORDER, async (x) => {
  const probs = tf.tidy(() => model.execute(tf.image.resizeBilinear(x, [size, size]).div(255).sub(0.5).mul(2)));
  const rows = await probs.array();
  probs.dispose();
  return rows;
});
