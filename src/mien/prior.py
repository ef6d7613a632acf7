"""The prior: how common each expression is taken to be among the images that are read.

    prior = chosen("uniform", card)          # or "natural", or {"happiness": 0.5, "neutral": 0.5, ...}
    probs = prior.applied(probs)             # float32 (N, K)

Weights learn how common each expression is in their training images.  Where neutral faces are common, a doubtful face
is called neutral.  That is right for photographs as they are found, and wrong for posed or balanced images.  Bayes'
rule exchanges one prior for another without new training:

    log p'(k) = (log p(k) + strength * (log wanted(k) - log training(k))) / temperature + constant

(Saerens, Latinne and Decaestecker, *Adjusting the outputs of a classifier to new a priori probabilities*, Neural
Computation 2002).  Strength and temperature are fitted on validation images and stand in the card.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from mien.errors import UsageError
from mien.labels import EXPRESSIONS, canonical

NATURAL, UNIFORM = "natural", "uniform"

Wanted = str | Mapping[str, float]
"""`natural`, `uniform`, or a fraction for every expression that the weights predict, under any name of it."""

EVERY = f"{NATURAL}, {UNIFORM} or fractions for every expression, such as neutral=.4,happiness=.3,..."
"""What a prior can be, in messages."""

TOLERANCE = 1e-3
"""How far from one the fractions of a prior may sum."""

TINY = 1e-30
"""Added to probabilities before their logarithm is taken."""


class Adjustment(BaseModel):
    """What a card holds on bringing the probabilities of its file to another prior.

    Attributes:
        training: the fraction of each label among the training images.
        strength: the exponent of the quotient of the two priors.
        temperature: what the logarithms are divided by under any prior but the natural one.
        threshold: the minimum confidence of `abstain="auto"` under those priors, or None where none was fitted.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    training: dict[str, float]
    strength: float = Field(ge=0, le=4)
    temperature: float = Field(gt=0)
    threshold: float | None = Field(None, ge=0, le=1)

    @model_validator(mode="after")
    def _fractions(self) -> "Adjustment":
        if not all(value > 0 for value in self.training.values()) or abs(sum(self.training.values()) - 1) > TOLERANCE:
            raise ValueError("the fractions of training must be above 0 and sum to one")
        return self


@dataclass(frozen=True, eq=False)
class Prior:
    """A prior over the expressions of some weights, ready to be applied.

    Attributes:
        name: "natural", "uniform", or the fractions in words.
        shift: float64 (K,), what is added to log probabilities; None for the natural prior.
        temperature: what they are then divided by.
    """

    name: str = NATURAL
    shift: NDArray[np.float64] | None = None
    temperature: float = 1.0

    def applied(self, probs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return probabilities, float32 (N, K), under this prior; unchanged to the bit under the natural one."""
        if self.shift is None:
            return probs
        logits = (np.log(probs.astype(np.float64) + TINY) + self.shift) / self.temperature
        exponentials = np.exp(logits - logits.max(1, keepdims=True))
        adjusted: NDArray[np.float32] = (exponentials / exponentials.sum(1, keepdims=True)).astype(np.float32)
        return adjusted


def chosen(wanted: Wanted, labels: Sequence[str], adjustment: Adjustment | None, weights: str) -> Prior:
    """Return a prior over the labels of weights; UsageError where it cannot be one, or the card has no adjustment.

    `weights` is their name in messages.
    """
    if not isinstance(wanted, str | Mapping):
        raise UsageError(f"`prior` {wanted!r}", EVERY)
    wanted = parse(wanted) if isinstance(wanted, str) else _canonical(wanted.items())
    if wanted == NATURAL:
        return Prior()
    fractions = _fractions(wanted, labels, weights)
    if adjustment is None or set(adjustment.training) != set(labels):
        raise UsageError(
            f"the weights {weights!r} carry no adjustment for `prior` {named(wanted)}",
            NATURAL,
            "files of 0.1.0 have the natural prior only; export them again",
        )
    training = np.array([adjustment.training[label] for label in labels])
    shift = adjustment.strength * (np.log(fractions) - np.log(training))
    return Prior(named(wanted), shift, adjustment.temperature)


def named(wanted: Wanted) -> str:
    """Return a prior in words, as `parse` reads it.

    >>> named({"neutral": 0.25, "happiness": 0.75})
    'neutral=0.25,happiness=0.75'
    """
    return wanted if isinstance(wanted, str) else ",".join(f"{label}={value:g}" for label, value in wanted.items())


def parse(text: str) -> Wanted:
    """Return the prior that words name, in any case and with spaces; UsageError for words that name none.

    >>> parse("neutral=.25, Happy=.75")
    {'neutral': 0.25, 'happiness': 0.75}
    """
    if (name := text.strip().lower()) in (NATURAL, UNIFORM):
        return name
    pairs: list[tuple[str, float]] = []
    for word in text.split(","):
        label, sign, value = (part.strip() for part in word.partition("="))
        if not sign:
            raise UsageError(f"`prior` {text!r}", EVERY)
        try:
            pairs.append((label, float(value)))
        except ValueError:
            raise UsageError(f"`prior`: {label}={value}", "a fraction above 0 and below 1") from None
    return _canonical(pairs)


def _canonical(pairs: Iterable[tuple[str, float]]) -> dict[str, float]:
    """Return fractions by the vocabulary's names of expressions; names that it does not have stay."""
    fractions: dict[str, float] = {}
    for word, value in pairs:
        label = canonical(word) or word
        if label in fractions:
            raise UsageError(f"`prior`: {label} is given twice", "every expression once")
        fractions[label] = value
    return fractions


def _fractions(wanted: Wanted, labels: Sequence[str], weights: str) -> NDArray[np.float64]:
    """Return the fractions, float64 (K,), in the order of the labels."""
    if wanted == UNIFORM:
        return np.full(len(labels), 1 / len(labels))
    if isinstance(wanted, str):
        raise UsageError(f"`prior` {wanted!r}", EVERY)
    if unknown := [label for label in wanted if label not in labels]:
        what = "which the weights do not predict" if unknown[0] in EXPRESSIONS else "which is not an expression"
        raise UsageError(f"`prior`: {unknown[0]}, {what}", f"{', '.join(labels)} (weights {weights!r})")
    if missing := [label for label in labels if label not in wanted]:
        raise UsageError(f"`prior`: no fraction for {', '.join(missing)}", "one for every expression")
    if wrong := [label for label, value in wanted.items() if not _is_fraction(value)]:
        raise UsageError(f"`prior`: {wrong[0]}={wanted[wrong[0]]}", "a fraction above 0 and below 1")
    total = sum(wanted.values())
    if abs(total - 1) > TOLERANCE:
        raise UsageError(f"`prior`: fractions that sum to {total:g}", "fractions that sum to one")
    return np.array([wanted[label] for label in labels]) / total


def _is_fraction(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value) and 0 < value < 1
