// The prior: how common each expression is taken to be (mien.prior, which has the rule and its source).

import { Failure } from "./failure.js";

const PRIORS = ["natural", "uniform"];

/** Throw Failure `bad_request` for a prior that is none, or that the card has no adjustment for. */
export function checkPrior(name, card) {
  if (!PRIORS.includes(name)) throw new Failure("bad_request", `\`prior\` ${name}: expected ${PRIORS.join(" or ")}`);
  if (name !== "natural" && !card.prior) throw new Failure("bad_request", `${card.name} has the natural prior only`);
}

/** Return probs under a prior, Float32Array (K,); unchanged under "natural". */
export function underPrior(probs, name, card) {
  if (name === "natural") return probs;
  const { training, strength, temperature } = card.prior;
  const wanted = Math.log(1 / card.labels.length);
  const logits = card.labels.map(
    (label, k) => (Math.log(probs[k] + card.browser.tiny) + strength * (wanted - Math.log(training[label]))) / temperature,
  );
  const highest = Math.max(...logits);
  const powers = logits.map((value) => Math.exp(value - highest));
  const sum = powers.reduce((a, b) => a + b);
  return Float32Array.from(powers, (power) => power / sum);
}

/** Return the least confidence of `abstain`: a number, "auto" (the card's, under this prior) or null. */
export function minConfidence(abstain, prior, card) {
  const auto = prior === "natural" ? card.threshold : card.prior.threshold;
  const least = abstain === "auto" ? auto : (abstain ?? 0);
  if (typeof least === "number" && least >= 0 && least <= 1) return least; // NaN is not
  throw new Failure("bad_request", "`abstain` must be a number from 0 to 1, or auto where the card has a threshold");
}
