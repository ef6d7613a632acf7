// A face as `mien predict --format json` writes it; what private mode does not compute is null.

import { rounded } from "./numbers.js";

/** Return the row of the face with this number, from its box clipped to the image, its window, score and probabilities. */
export function row(number, { box, window, score, probs }, card, prior, least) {
  const top = probs.indexOf(Math.max(...probs));
  const [valence, arousal] = affect(probs, card);
  const [x1, y1, x2] = window;
  return {
    face: number,
    ...card.browser.face, // every key, null
    box: Array.from(box, (value) => rounded(value, 2)),
    crop: [x1, y1, x2 - x1].map((value) => rounded(Math.fround(value), 2)),
    score: rounded(score, 4),
    expression: card.labels[top],
    confidence: rounded(probs[top], 6),
    abstained: probs[top] < least,
    reliability: prior === "natural" ? (card.browser.reliability[card.labels[top]]?.level ?? null) : null,
    probs: Object.fromEntries(card.labels.map((label, k) => [label, rounded(probs[k], 6)])),
    valence_estimate: valence,
    arousal_estimate: arousal,
  };
}

/** Return the expected valence and arousal (mien.affect), or nulls for labels without a position. */
function affect(probs, { labels, browser: { positions } }) {
  if (!positions) return [null, null];
  return [0, 1].map((axis) => rounded(labels.reduce((sum, label, k) => sum + probs[k] * positions[label][axis], 0), 4));
}
