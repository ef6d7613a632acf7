// What the page knows of weights: /weights/NAME.json, the card with what Python worked out for browsers.
import { PageError } from "./page-error.js";
import { expressionName, number, percent, probability, splitName, t } from "./words.js";

const known = new Map();

export async function about(weights) {
  if (!known.has(weights)) {
    const answer = await fetch(`/weights/${weights}.json`).catch(() => null);
    if (!answer?.ok) throw new PageError("weights_not_found", { weights });
    const card = await answer.json();
    known.set(weights, { card, labels: card.labels, reliability: reliabilityOf(card) });
  }
  return known.get(weights);
}

// By label: level, f1, n, where; null for cards without figures per expression.
function reliabilityOf({ browser }) {
  const { reliability } = browser;
  return Object.keys(reliability).length ? reliability : null;
}

export function threshold(card, prior) {
  return (prior === "natural" ? card.threshold : card.prior?.threshold) ?? null;
}

// Labels that the weights predict poorly; under another prior than the natural one nothing was measured.
export function weak({ reliability }, prior) {
  const rows = prior === "natural" ? Object.entries(reliability ?? {}) : [];
  return new Set(rows.filter(([, { level }]) => level === "weak").map(([label]) => label));
}

export function described({ card }) {
  const [where, scores] = measured(card);
  return scores ? t("weights.more", { n: card.labels.length, accuracy: percent(scores.accuracy, 1), where }) : "";
}

// What a probability means, in two sentences; `confidence` is one on the page to speak of.
export function trust({ card, reliability }, prior, confidence) {
  const [where, scores] = measured(card);
  if (prior !== "natural") return { confidence: t("trust.uniform"), weak: "" };
  const hundred = { p: probability(confidence), n: number(Math.min(Math.round(100 * confidence), 99)) };
  const values = { ...hundred, where, ece: percent(scores?.ece, 1) };
  const list = [...weak({ reliability }, prior)].map((label) => t("weak.one", { expression: expressionName(label), f1: percent(reliability[label].f1) }));
  const of = list.length ? { list: list.join(t("list")), where: splitName(Object.values(reliability)[0].where) } : {};
  return { confidence: scores?.ece ? t("trust", values) : "", weak: list.length ? t("trust.weak", of) : "" };
}

function measured({ metrics }) {
  const split = ["test", "val"].find((name) => metrics[name]?.accuracy !== undefined);
  return split ? [splitName(`${metrics[split].dataset ?? ""} ${split}`.trim()), metrics[split]] : ["", null];
}
