// Private mode, in a thread of its own: detect -> align -> classify, as mien.inference.pipeline.
//
// {id, kind: "open"} -> {id}: the runtime and the detector.
// {id, kind: "read", weights, image, detector, prior, abstain} -> {id, width, height, faces, ms}: with the weights of a
// shipped name, which every read gives, so that reads with different ones cannot mix.
// Every reply may be {id, error: {code, message}} instead.  Messages are worked off one after the other.

import { clipped, crop, frame } from "./align.js";
import { classify } from "./classify.js";
import { Detector } from "./detect.js";
import { row } from "./face.js";
import { Failure, fetched } from "./failure.js";
import { pixels } from "./pixels.js";
import { checkPrior, minConfidence, underPrior } from "./prior.js";
import { failure, opened, runtime } from "./runtime.js";

const ort = runtime();
const yunet = opened(ort, "/weights/yunet.onnx", "missing_vendor");
[ort, yunet].forEach((promise) => promise.catch(() => {})); // reported to whoever asks
const held = new Map(); // by name: card and session
const MAX_HELD = 2; // weights: those of images and those of the camera
let detector = null;

const KINDS = {
  async open() {
    await Promise.all([ort, yunet]);
    return {};
  },

  async read({ weights, image, detector: longSide, prior = "natural", abstain = null }) {
    const { card, session } = await loaded(weights);
    const start = performance.now();
    checkPrior(prior, card);
    const least = minConfidence(abstain, prior, card);
    const seen = pixels(image);
    const faces = inside(await detector.detect(seen, longSide), seen, card);
    const crops = faces.map((face) => crop(seen, face.window, card.size, card.channels));
    const probs = await classify(await ort, session, card, crops);
    const rows = faces.map((face, k) => ({ ...face, probs: underPrior(probs[k], prior, card) }));
    return {
      width: seen.width,
      height: seen.height,
      faces: rows.map((face, k) => row(k + 1, face, card, prior, least)),
      ms: performance.now() - start,
    };
  },
};

/** Return weights by name; those used last are at hand. */
async function loaded(name) {
  const known = held.get(name) ?? (await opening(name));
  held.delete(name);
  held.set(name, known); // the last one now
  const [oldest] = held.keys();
  if (held.size > MAX_HELD) {
    await held.get(oldest).session.release();
    held.delete(oldest);
  }
  return known;
}

async function opening(name) {
  const address = `/weights/${encodeURIComponent(name)}`;
  const [card, session] = await Promise.all([
    fetched(`${address}.json`, "json", "weights_not_found"),
    opened(ort, `${address}.onnx`, "weights_not_found"),
  ]);
  detector ??= new Detector(await ort, await yunet, card.browser.detector);
  return { card, session };
}

/** Return the faces that lie in an image, with the window to cut: of the whole box, which may reach beyond it. */
function inside(faces, image, card) {
  return faces
    .map(({ box, score }) => ({ box: clipped(box, image), window: frame(box, card.browser.framing), score }))
    .filter((face) => face.box);
}

async function reply({ data }) {
  try {
    if (!KINDS[data.kind]) throw new Failure("bad_request", `no message is called ${data.kind}`);
    postMessage({ id: data.id, ...(await KINDS[data.kind](data)) });
  } catch (error) {
    const { code, message } = failure(error, "unexpected");
    postMessage({ id: data.id, error: { code, message } });
  }
}

let last = Promise.resolve();
addEventListener("message", (event) => {
  last = last.then(() => reply(event));
});
