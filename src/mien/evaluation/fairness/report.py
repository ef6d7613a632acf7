"""What a fairness audit reports, as values: for every column its groups, its tests and a conclusion in words."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from mien.evaluation.statistics.intervals import Ends
from mien.evaluation.text import span
from mien.html.markup import Html
from mien.printable import printable_in

Rate = float | None


@dataclass(frozen=True)
class ErrorRates:
    """Error rates of a group in one expression, with 95 % intervals; None below the minimum number of images.

    `n` is how many images of the group have that label.
    """

    n: int
    fpr: Rate
    fpr_interval: Ends | None
    fnr: Rate
    fnr_interval: Ends | None


@dataclass(frozen=True)
class GroupScores:
    """Scores of one group of people, with 95 % intervals; None where the group is too small (not `enough`)."""

    group: str
    n: int
    enough: bool
    accuracy: Rate
    accuracy_interval: Ends | None
    ece: Rate
    ece_interval: Ends | None
    per_class: Mapping[str, ErrorRates]


@dataclass(frozen=True)
class GroupTest:
    """A test of whether the groups differ in `what`, with its p value before and after Holm's correction."""

    what: str
    p: float
    p_holm: float


@dataclass(frozen=True)
class Gap:
    """The difference in accuracy between the best and the worst group, with its 95 % interval."""

    worst_group: str
    best_group: str
    gap: float
    gap_interval: Ends

    def __str__(self) -> str:
        points = f"{100 * self.gap:.1f} points below {self.best_group}"
        return f"{self.worst_group} is {points} (95 %: {span(self.gap_interval, 1)})"


@dataclass(frozen=True)
class ColumnAudit:
    """The audit of one column of groups.

    Attributes:
        groups: scores by group; tests: of accuracy, then of the error rates of every expression.
        gap: between the extremes of accuracy; None unless two groups are large enough.
        by: how many subjects or clips the intervals are by, None where those are unknown.
        equalised_odds_gap: the largest difference between groups in any error rate; equalised_odds_chance: what it
            stays below in 95 % of draws where groups are alike, None where that cannot be drawn.
        left_out: how many images are in no group.
        conclusion: what follows, in words.
    """

    column: str
    groups: tuple[GroupScores, ...]
    tests: tuple[GroupTest, ...]
    gap: Gap | None
    by: int | None
    equalised_odds_gap: Rate
    equalised_odds_chance: Rate
    left_out: int
    conclusion: str

    def to_dict(self) -> dict[str, Any]:
        """Return the audit as `mien fairness --json` prints it under `columns`."""
        gap = asdict(self.gap) if self.gap else dict.fromkeys(field.name for field in fields(Gap))
        audit = asdict(self)
        return (
            {key: audit[key] for key in ("column", "groups", "tests")}
            | gap
            | {
                key: audit[key]
                for key in ("by", "equalised_odds_gap", "equalised_odds_chance", "left_out", "conclusion")
            }
        )


@dataclass(frozen=True)
class FairnessReport:
    """The audit of a result by columns of groups.

    Attributes:
        source: the weights, the data and a digest of the predictions that it is about.
        min_group: fewest images from which anything is concluded; n: images in all; left_out: those in no group.
    """

    source: Mapping[str, Any]
    columns: tuple[ColumnAudit, ...]
    min_group: int
    n: int
    left_out: int

    def to_dict(self) -> dict[str, Any]:
        """Return the audit as `mien fairness --json` prints it."""
        return {
            **self.source,
            "columns": [column.to_dict() for column in self.columns],
            "min_group": self.min_group,
            "n": self.n,
            "left_out": self.left_out,
        }

    def __str__(self) -> str:
        from mien.evaluation.fairness.text import to_text

        return to_text(printable_in(self))

    def _repr_html_(self) -> Html:
        from mien.evaluation.fairness.text import to_html

        return to_html(self)
