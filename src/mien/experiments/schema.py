"""Rows and sweeps as their files hold them; a file with other types is refused in one line."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ConfigDict, Field

from mien.reading.shape import Facts


class Data(Facts):
    """The data of a row."""

    model_config = ConfigDict(extra="allow")

    name: str
    limit: int | None = None


class Trained(Facts):
    """The recipe of a row: what tables show of it by name, and the rest as it is, to tell recipes apart."""

    model_config = ConfigDict(extra="allow")

    name: str
    seed: int
    data: Data
    epochs: int | None = None
    steps: int | None = None


class Published(Facts):
    """A published score, a fraction."""

    metric: str
    split: str
    source: str
    note: str | None
    value: float


class Machine(Facts):
    """Where a row was measured, as far as tables show it."""

    device: str | None = None
    threads: int = 0
    seconds: float = 0.0


class Regression(Facts):
    """Some of the scores of valence or arousal."""

    ccc: float | None = None


class ClassScores(Facts):
    """Scores of an expression, fractions; None where they are undefined."""

    precision: float | None
    recall: float | None
    f1: float | None
    support: int


class SubsetScores(Facts):
    """Some of the scores on some images, fractions; None where they are unknown."""

    n: int | None = None
    accuracy: float | None = None
    accuracy_interval: list[float | None] | None = None
    macro_f1: float | None = None
    ece: float | None = None


class RowScores(SubsetScores):
    """Some of the scores on a split; clean: without near-duplicates of training images.

    group_level: of the groups of expressions; mixed: recovery of images in which people saw two; None in older rows.
    valence, arousal: where the data and the network have them.
    """

    n: int
    accuracy: float | None
    clean: SubsetScores
    dataset: str = ""
    group_level: SubsetScores | None = None
    mixed: dict[str, float | None] | None = None
    valence: Regression | None = None
    arousal: Regression | None = None
    macro_precision: float | None = None
    balanced_accuracy: float | None = None
    per_class: dict[str, ClassScores] = Field(default_factory=dict)
    labels: list[str] = Field(default_factory=list)
    confusion: list[list[int]] = Field(default_factory=list)


class Shortened(Facts):
    """How a budget shortened a recipe: `epochs` of `of`, `steps` of `of_steps`, for so many minutes."""

    epochs: int | None = None
    of: int | None = None
    steps: int | None = None
    of_steps: int | None = None
    seconds_per_step: float | None = None
    seconds_per_val: float | None = None
    minutes: float = 0.0
    digest: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON holds of it."""
        return self.model_dump(exclude_unset=True)


class Row(Facts):
    """One recipe and seed: what was published and, once it is measured, what we measured, by split."""

    name: str
    recipe: Trained
    environment: Machine
    published: list[Published]
    figures: dict[str, RowScores]
    shortened: Shortened | None = None
    needs: str | None = None
    file: str | None = None
    digest: str | None = None


class NamedRow(Row):
    """A row whose name is safe in the names of its figures."""

    name: str = Field(pattern=r"^[\w.-]{1,120}$")


@dataclass(frozen=True)
class RowFile:
    """A row, and all of the JSON that it was read from."""

    row: Row
    content: Mapping[str, Any]


class Spread(Facts):
    """Mean and standard deviation over the runs of a cell; None where too few ended."""

    mean: float | None
    std: float | None


class SweepCell(Facts):
    """One setting of a sweep: its values as written, and each measure over its seeds."""

    values: list[str]
    diverged: int = 0
    val_accuracy: Spread
    val_macro_f1: Spread
    val_nll: Spread
    epoch: Spread
    loss_least: Spread
    loss_epoch: Spread
    val_nll_least: Spread
    val_nll_epoch: Spread

    def spread(self, measure: str) -> Spread:
        """Return a measure by its key."""
        spread: Spread = getattr(self, measure)
        return spread


class SweepRun(Facts):
    """One run of a sweep; its measures are None where it diverged."""

    values: list[str]
    seed: int
    val_accuracy: float | None = None
    val_macro_f1: float | None = None
    val_nll: float | None = None
    epoch: float | None = None
    loss_least: float | None = None
    loss_epoch: float | None = None
    val_nll_least: float | None = None
    val_nll_epoch: float | None = None

    def measure(self, name: str) -> float | None:
        """Return a measure by its key."""
        value: float | None = getattr(self, name)
        return value


class Sweep(Facts):
    """The content of sweep.json: the swept keys, a cell per setting, and every run."""

    title: str
    recipe: str
    keys: list[str]
    fixed: list[str]
    seeds: int
    cells: list[SweepCell]
    runs: list[SweepRun]
    folder: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return what sweep.json holds, and `folder` where it is known."""
        return self.model_dump(exclude={"folder"} if self.folder is None else None)
