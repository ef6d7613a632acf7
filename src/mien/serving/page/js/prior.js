// The prior: how common each expression is taken to be (mien.prior, which has the rule and its source).

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
  if (abstain === null || abstain === undefined) return 0;
  if (abstain !== "auto") return abstain;
  return prior === "natural" ? card.threshold : card.prior.threshold;
}
