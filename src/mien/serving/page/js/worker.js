// Private mode, in a thread of its own: detect -> align -> classify, as mien.inference.pipeline.
//
// {id, kind: "open"} -> {id}: the runtime and the detector.
// {id, kind: "load", weights} -> {id, card}: weights by shipped name; they stay for the reads that follow.
// {id, kind: "read", image, detector, prior, abstain} -> {id, width, height, faces, ms}.
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
const weights = { card: null, session: null };
let detector = null;

const KINDS = {
  async open() {
    await Promise.all([ort, yunet]);
    return {};
  },

  async load({ weights: name }) {
    const address = `/weights/${encodeURIComponent(name)}`;
    const [card, session] = await Promise.all([
      fetched(`${address}.json`, "json", "weights_not_found"),
      opened(ort, `${address}.onnx`, "weights_not_found"),
    ]);
    detector ??= new Detector(await ort, await yunet, card.browser.detector);
    await weights.session?.release();
    Object.assign(weights, { card, session });
    return { card };
  },

  async read({ image, detector: longSide, prior = "natural", abstain = null }) {
    const start = performance.now();
    const { card, session } = weights;
    if (!card) throw new Failure("not_loaded", "no weights are loaded");
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
