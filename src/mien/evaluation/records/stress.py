"""A stress measurement: stress.json, and what `mien stress --json` prints."""

from typing import Annotated, Any

from pydantic import Field

from mien.evaluation.records import Ends, Fraction, Shown, Source


class CleanScores(Shown):
    """The images as they are, with the 95 % interval of accuracy."""

    accuracy: Fraction
    macro_f1: float | None = None
    ece: float | None = None
    accuracy_interval: Ends


class SeverityScores(Shown):
    """The images at one severity of a corruption."""

    severity: int
    accuracy: Fraction
    macro_f1: float | None = None
    ece: float | None = None


class Corruption(Shown):
    """A corruption: its error is the mean over severities, `relative` that error over the baseline's."""

    name: str
    family: str
    severities: Annotated[list[SeverityScores], Field(min_length=1)]
    error: Fraction
    relative: float | None = None


class AttackScores(Shown):
    """Accuracy on n images before and after an attack that changes pixels by at most `epsilon` of the range.

    `queries` is the number of queries per image, None for an attack with gradients.
    """

    name: str
    epsilon: Fraction
    n: int
    clean_accuracy: Fraction | None = None
    accuracy: Fraction | None
    accuracy_interval: Ends | None = None
    queries: int | float | None = None


class Drop(Shown):
    """How much accuracy a corruption costs, on average over its severities."""

    name: str
    drop: float = Field(ge=-1, le=1)


class StressReport(Source):
    """How accurate weights are on corrupted images and under attack.

    Attributes:
        options: those of the data set's reader; fingerprint: of the split that the images were taken from.
        labels: every expression that the data or the weights know; truth_labels: those that the data knows.
        may_hold_training: why some images may be training images, where that cannot be known.
        n, groups: how many images, and how many subjects or clips they are of (None where not known).
        baseline: the weights that errors are relative to; mce: the mean of the relative errors.
        ranking: corruptions by the accuracy they cost, most first; seconds: how long it took.
    """

    dataset: str
    split: str
    options: dict[str, Any] | None = None
    fingerprint: str | None = None
    labels: list[str] | None = None
    truth_labels: list[str] | None = None
    may_hold_training: str | None = None
    n: int
    groups: int | None = None
    seed: int | None = None
    version: str | None = None
    clean: CleanScores
    baseline: str | None = None
    corruptions: list[Corruption]
    mce: float | None = None
    attacks: list[AttackScores] | None = None
    ranking: list[Drop]
    seconds: float | None = None

    def __repr__(self) -> str:
        named = f"corruptions={len(self.corruptions)}, attacks={len(self.attacks or [])}"
        return f"StressReport({self.weights!r}, n={self.n}, accuracy={self.clean.accuracy}, {named})"

    def to_dict(self) -> dict[str, Any]:
        """Return what `mien stress --json` prints."""
        return self.model_dump(exclude_unset=True)
