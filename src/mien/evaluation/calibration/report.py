"""What a calibration reports, as values: everything fitted on one result, every score measured on another."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from mien.evaluation.calibration.conformal import SetScores
from mien.evaluation.calibration.selective import ThresholdScores
from mien.html.markup import Html
from mien.printable import printable_in


@dataclass(frozen=True)
class Source:
    """Which result: its data set, its split and how many images."""

    dataset: str | None
    split: str | None
    n: int

    def __str__(self) -> str:
        return f"{' '.join(filter(None, (self.dataset, self.split))) or 'a result'} ({self.n:,})"


@dataclass(frozen=True)
class CalibrationReport:
    """What was fitted on one result and how it scores on another.

    Attributes:
        weights: name of the weights or the table; groups: subjects or clips that the intervals are by, or None;
            groups_in_both: how many of them are in the first result, too, None where that is not known.
        temperature, temperatures: of the logits, and one per expression.
        calibration: accuracy, ece, nll and brier of the probabilities `as_is` and with each kind of temperature.
        abstention: scores at the threshold that reaches 90 % accuracy on the first result; None where none does.
        coverage: what the conformal sets aim at; conformal: how sets of each kind score.
    """

    weights: str | None
    fitted_on: Source
    measured_on: Source
    groups: int | None
    groups_in_both: int | None
    temperature: float
    temperatures: Mapping[str, float]
    calibration: Mapping[str, Mapping[str, float]]
    abstention: ThresholdScores | None
    coverage: float
    conformal: Mapping[str, SetScores]

    def to_dict(self) -> dict[str, Any]:
        """Return the report as `mien calibrate --json` prints it."""
        return asdict(self)

    def __str__(self) -> str:
        from mien.evaluation.calibration.text import to_text

        return to_text(printable_in(self))

    def _repr_html_(self) -> Html:
        from mien.evaluation.calibration.text import to_html

        return to_html(self)
