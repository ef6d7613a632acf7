"""What is read from the files of rows, with its types: a file of other content is refused in one line."""

from typing import Any

from pydantic import Field

from mien.reading.shape import Facts


class Data(Facts):
    """Which data a row is about."""

    name: str
    limit: int | None = None


class Trained(Facts):
    """The recipe of a row, as far as it is shown."""

    name: str
    seed: int
    data: Data


class Published(Facts):
    """A published figure."""

    metric: str
    split: str
    source: str
    note: str | None
    value: float


class Machine(Facts):
    """Where a row was measured, as far as it is shown; the table says what a row with figures lacks of it."""

    device: str = ""
    threads: int = 0
    seconds: float = 0.0


class Figures(Facts):
    """A row's figures on a split, as far as they are shown."""

    n: int
    accuracy: float | None
    accuracy_interval: list[float | None] | None = None
    macro_f1: float | None = None
    ece: float | None = None
    clean: dict[str, Any]


class Measured(Facts):
    """A row's file; its name is part of those of figures."""

    name: str = Field(pattern=r"^[\w.-]{1,120}$")
    recipe: Trained
    environment: Machine
    published: list[Published]
    figures: dict[str, Figures]
    shortened: dict[str, Any] | None = None
    needs: str | None = None
    file: str | None = None
