"""A metric: a function of probabilities and targets, and which way is better.

    METRICS["ece_width"].best([0.2, 0.1]) == 1      # the index of the best value

Code that ranks, selects or colours by a metric asks the metric which way is better.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mien.evaluation.metrics.counts import Floats


@dataclass(frozen=True)
class Metric:
    """What is measured, `f(probs (N, K), target (N, K)) -> float`, and whether a higher value is better."""

    measure: Callable[[Floats, Floats], float]
    higher_is_better: bool

    def __post_init__(self) -> None:
        object.__setattr__(self, "__doc__", self.measure.__doc__)  # the class is frozen

    def __call__(self, probs: Floats, target: Floats) -> float:
        return self.measure(probs, target)

    def better(self, value: float, than: float | None) -> bool:
        """Return whether a value beats another; a value that is not finite beats nothing, and any other beats None.

        >>> from mien.evaluation.metrics import METRICS
        >>> METRICS["ece"].better(0.1, than=0.2), METRICS["accuracy"].better(0.1, than=0.2)
        (True, False)
        """
        if not math.isfinite(value):
            return False
        return than is None or (value > than if self.higher_is_better else value < than)

    def best(self, values: Sequence[float]) -> int:
        """Return the index of the best value, the first of several; ValueError where none is finite.

        >>> from mien.evaluation.metrics import METRICS
        >>> METRICS["nll"].best([0.5, float("nan"), 0.4])
        2
        """
        known = [place for place, value in enumerate(values) if math.isfinite(value)]
        return (max if self.higher_is_better else min)(known, key=values.__getitem__)


def higher(measure: Callable[[Floats, Floats], float]) -> Metric:
    """Return a metric that is better when higher."""
    return Metric(measure, higher_is_better=True)


def lower(measure: Callable[[Floats, Floats], float]) -> Metric:
    """Return a metric that is better when lower."""
    return Metric(measure, higher_is_better=False)
