"""A fairness audit: fairness.json, as far as reports show it."""

from mien.evaluation.records import Ends, Fraction, Shown, Source


class Rates(Shown):
    """Error rates of a group in one expression."""

    n: int
    fpr: Fraction | None
    fnr: Fraction | None
    fpr_interval: Ends | None = None
    fnr_interval: Ends | None = None


class Group(Shown):
    """A group of people: its scores, and whether it has enough images for conclusions."""

    group: str
    n: int
    enough: bool
    accuracy: Fraction | None
    accuracy_interval: Ends | None = None
    ece: Fraction | None = None
    ece_interval: Ends | None = None
    per_class: dict[str, Rates] | None = None


class Test(Shown):
    """A test of a difference between groups."""

    what: str
    p: Fraction | None
    p_holm: float | None = None


class Column(Shown):
    """A column of groups; `by` is the number of subjects or clips that intervals and tests are by."""

    column: str
    groups: list[Group]
    tests: list[Test] | None = None
    by: int | None = None
    left_out: int | None = None
    conclusion: str | None = None
    worst_group: str | None = None
    gap: Fraction | None = None
    gap_interval: Ends | None = None
    equalised_odds_gap: Fraction | None = None
    equalised_odds_chance: Fraction | None = None


class Fairness(Source):
    """An audit by columns of groups; groups of fewer than `min_group` images are shown without conclusions."""

    n: int
    min_group: int
    columns: list[Column]
    left_out: int | None = None
