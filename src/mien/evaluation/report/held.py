"""What the report reads from files beside a result, with its types: a file of other content is refused in one line."""

from typing import Annotated, Any

from pydantic import Field

from mien.reading.shape import Facts

Ends = Annotated[list[float | None], Field(min_length=2, max_length=2)]


class Scored(Facts):
    """Accuracy on so many images."""

    n: int | None = None
    accuracy: float | None
    accuracy_interval: Ends | None = None


class Severity(Scored):
    """A corruption's accuracy at one of its severities."""

    severity: int
    accuracy: float


class Corruption(Facts):
    """A row of stress.json."""

    name: str
    family: str
    error: float
    relative: float | None = None
    severities: Annotated[list[Severity], Field(min_length=1)]


class Attack(Scored):
    """An attack of stress.json."""

    name: str
    epsilon: float
    n: int
    queries: float | None = None


class Ranked(Facts):
    """How much accuracy a corruption costs."""

    name: str
    drop: float


class About(Facts):
    """What a measurement is about."""

    weights: str | None = None
    weights_sha256: str | None = None
    table: str | None = None
    dataset: str | None = None
    split: str | None = None
    answers: str | None = None


class Clean(Scored):
    """The images as they are."""

    accuracy: float


class Stress(About):
    """stress.json."""

    clean: Clean
    corruptions: list[Corruption]
    ranking: list[Ranked]
    mce: float | None = None
    baseline: str | None = None
    attacks: list[Attack] | None = None


class Rates(Facts):
    """Error rates of a group in one expression."""

    n: int
    fpr: float | None
    fnr: float | None
    fpr_interval: Ends | None = None
    fnr_interval: Ends | None = None


class Group(Scored):
    """A group of fairness.json."""

    group: str
    n: int
    enough: bool
    ece: float | None = None
    ece_interval: Ends | None = None
    per_class: dict[str, Rates] | None = None


class Test(Facts):
    """A test between groups."""

    what: str
    p: float | None
    p_holm: float | None = None


class Column(Facts):
    """A column of groups of fairness.json."""

    column: str
    groups: list[Group]
    tests: list[Test] | None = None
    left_out: int | None = None
    conclusion: str | None = None
    worst_group: str | None = None
    gap: float | None = None
    gap_interval: Ends | None = None
    equalised_odds_gap: float | None = None


class Fairness(About):
    """fairness.json."""

    n: int
    min_group: int
    columns: list[Column]
    left_out: int | None = None


class Environment(Facts):
    """env.json, as far as the report shows it."""

    seconds: float | None = None
    commit: str | None = None
    device: str | None = None
    threads: int | None = None
    versions: dict[str, str | None] | None = None


class Recipe(Facts):
    """A recipe, as far as the report shows it."""

    name: str | None = None
    seed: int | None = None
    select: str | None = None
    epochs: int | None = None
    steps: int | None = None


class Val(Facts):
    """The figures on val, as far as the report shows them."""

    n: int | None = None
    accuracy: float | None = None


class Beside(Facts):
    """What is gathered about a result."""

    recipe: Recipe | None = None
    environment: Environment | None = None
    val: Val | None = None


class Kept(Facts):
    """The JSON file of a committed result."""

    recipe: dict[str, Any] | None = None
    environment: dict[str, Any] | None = None
    figures: dict[str, dict[str, Any] | None] | None = None


KINDS: dict[str, Any] = {"stress": Stress, "fairness": Fairness}
"""What a measurement's file holds, by its kind."""
