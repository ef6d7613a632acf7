"""What the report reads from files beside a result, with its types: a file of other content is refused in one line."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field

from mien.reading.shape import Facts

Share = Annotated[float, Field(ge=0, le=1)]
Ends = Annotated[list[Annotated[float, Field(ge=-1, le=1)] | None], Field(min_length=2, max_length=2)]


class Shown(Facts):
    """Figures that are put into text and charts, so finite ones."""

    model_config = ConfigDict(allow_inf_nan=False)


class Scored(Shown):
    """Accuracy on so many images."""

    n: int | None = None
    accuracy: Share | None
    accuracy_interval: Ends | None = None


class Severity(Scored):
    """A corruption's accuracy at one of its severities."""

    severity: int
    accuracy: Share


class Corruption(Shown):
    """A row of stress.json."""

    name: str
    family: str
    error: Share
    relative: float | None = None
    severities: Annotated[list[Severity], Field(min_length=1)]


class Attack(Scored):
    """An attack of stress.json."""

    name: str
    epsilon: Share
    n: int
    queries: float | None = None


class Ranked(Shown):
    """How much accuracy a corruption costs."""

    name: str
    drop: float = Field(ge=-1, le=1)


class About(Shown):
    """What a measurement is about."""

    weights: str | None = None
    weights_sha256: str | None = None
    table: str | None = None
    dataset: str | None = None
    split: str | None = None
    answers: str | None = None


class Clean(Scored):
    """The images as they are."""

    accuracy: Share
    accuracy_interval: Ends


class Stress(About):
    """stress.json."""

    n: int
    dataset: str
    split: str
    clean: Clean
    corruptions: list[Corruption]
    ranking: list[Ranked]
    mce: float | None = None
    baseline: str | None = None
    attacks: list[Attack] | None = None


class Rates(Shown):
    """Error rates of a group in one expression."""

    n: int
    fpr: Share | None
    fnr: Share | None
    fpr_interval: Ends | None = None
    fnr_interval: Ends | None = None


class Group(Scored):
    """A group of fairness.json."""

    group: str
    n: int
    enough: bool
    ece: Share | None = None
    ece_interval: Ends | None = None
    per_class: dict[str, Rates] | None = None


class Test(Shown):
    """A test between groups."""

    what: str
    p: Share | None
    p_holm: float | None = None


class Column(Shown):
    """A column of groups of fairness.json."""

    column: str
    groups: list[Group]
    tests: list[Test] | None = None
    left_out: int | None = None
    conclusion: str | None = None
    worst_group: str | None = None
    gap: Share | None = None
    gap_interval: Ends | None = None
    equalised_odds_gap: Share | None = None


class Fairness(About):
    """fairness.json."""

    n: int
    min_group: int
    columns: list[Column]
    left_out: int | None = None


class Environment(Shown):
    """env.json, as far as the report shows it."""

    seconds: float | None = None
    commit: str | None = None
    device: str | None = None
    threads: int | None = None
    versions: dict[str, str | None] | None = None


class Recipe(Shown):
    """A recipe, as far as the report shows it."""

    name: str | None = None
    seed: int | None = None
    select: str | None = None
    epochs: int | None = None
    steps: int | None = None


class Val(Shown):
    """The figures on val, as far as the report shows them."""

    n: int | None = None
    accuracy: Share | None = None


class Beside(Shown):
    """What is gathered about a result."""

    recipe: Recipe | None = None
    environment: Environment | None = None
    val: Val | None = None


class Kept(Shown):
    """The JSON file of a committed result."""

    recipe: dict[str, Any] | None = None
    environment: dict[str, Any] | None = None
    figures: dict[str, dict[str, Any] | None] | None = None


KINDS: dict[str, Any] = {"stress": Stress, "fairness": Fairness}
"""What a measurement's file holds, by its kind."""
