"""What the report shows of a run's files beside its results; a file of other content is refused in one line."""

from typing import Any

from mien.card import Card
from mien.evaluation.records import Fraction, Shown


class Environment(Shown):
    """env.json, as far as the report shows it."""

    seconds: float | None = None
    commit: str | None = None
    device: str | None = None
    threads: int | None = None
    versions: dict[str, str | None] | None = None


class Recipe(Shown):
    """A recipe, as far as the report shows it apart from its full text."""

    name: str | None = None
    seed: int | None = None
    select: str | None = None
    select_prior: str | None = None
    epochs: int | None = None
    steps: int | None = None


class Val(Shown):
    """Scores on val, as far as the report shows them."""

    n: int | None = None
    accuracy: Fraction | None = None


class RunFacts(Shown):
    """What is known of a result from the files beside it; `full_recipe` is the recipe as its file has it."""

    recipe: Recipe | None = None
    environment: Environment | None = None
    val: Val | None = None
    full_recipe: dict[str, Any] | None = None
    card: Card | None = None


class CommittedRow(Shown):
    """The JSON file of a committed result."""

    recipe: dict[str, Any] | None = None
    environment: dict[str, Any] | None = None
    figures: dict[str, dict[str, Any] | None] | None = None
