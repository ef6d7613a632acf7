"""Reliability: how well weights predict each expression, in one word, as their card measured it.

    reliabilities(card)          # {"neutral": Reliability("good", f1=0.88, n=1182, where="ferplus test"), ...}

An expression is `good` where its F1 is at least 0.75, `fair` from 0.5, and `weak` below.  F1 is that of test where the
card has it, else of val, under the natural prior: it depends on how common expressions are, so it says nothing of
another prior.  It holds for images like those, and the less surely the fewer of them show the expression (`n`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from mien.card import Card
from mien.html.page import percent

LEVELS = (("good", 0.75), ("fair", 0.5), ("weak", 0.0))
"""Each word with the lowest F1 that it stands for."""

WEAK = LEVELS[-1][0]

MARK = "*"
"""What a weak expression has behind it in tables of predictions."""

RULE = f"{WEAK}: F1 below {percent(LEVELS[-2][1])}"
"""The rule, for the foot of tables of scores."""


@dataclass(frozen=True)
class Reliability:
    """What a card says about one expression.

    Attributes:
        level: `good`, `fair` or `weak`.
        f1: the F1 in [0, 1]; n: how many images were labelled so.
        where: the data set and split.
    """

    level: str
    f1: float
    n: int
    where: str


def reliabilities(card: Card) -> dict[str, Reliability]:
    """Return the reliability of each expression that a card measured; empty for cards without figures per expression.

    >>> reliabilities(Card(name="mine", labels=("fear", "anger")))
    {}
    """
    split = next((name for name in ("test", "val") if (card.metrics.get(name) or {}).get("per_class")), None)
    if split is None:
        return {}
    scores = card.metrics[split]
    where = f"{scores.get('dataset') or ''} {split}".strip()
    return {
        label: Reliability(level(row["f1"]), row["f1"], row["support"], where)
        for label, row in scores["per_class"].items()
        if label in card.labels and row["f1"] is not None and row["support"]
    }


def level(f1: float) -> str:
    """Return the word for an F1.

    >>> level(0.75), level(0.5), level(0.4999)
    ('good', 'fair', 'weak')
    """
    return next(word for word, lowest in LEVELS if f1 >= lowest)


def is_weak(scores: Mapping[str, float | int | None]) -> bool:
    """Return whether an expression with these scores, `f1` and `support`, is weak.

    >>> is_weak({"f1": 0.4, "support": 20}), is_weak({"f1": None, "support": 0})
    (True, False)
    """
    return bool(scores["support"]) and level(scores["f1"] or 0.0) == WEAK


def weak(known: Mapping[str, Reliability]) -> str:
    """Return the weak expressions with their F1 in words; empty where there are none.

    >>> weak({"fear": Reliability("weak", 0.114, 16, "our test"), "anger": Reliability("fair", 0.6, 99, "our test")})
    'fear (F1 11 % on 16 images of our test)'
    """
    listed = {label: one for label, one in known.items() if one.level == WEAK}
    return ", ".join(
        f"{label} (F1 {percent(one.f1)} on {one.n:,} images of {one.where})" for label, one in listed.items()
    )
