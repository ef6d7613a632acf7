"""Checkpoints: written whole or not at all, and limited to tensors, numbers and strings."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import Field, field_validator

from mien.errors import WeightsError
from mien.outputs import staged
from mien.reading.guard import short_reason
from mien.reading.shape import Facts, Shape, fits

AGAIN = "train again, or take another run"

Row = dict[str, int | float]
"""An epoch of a run: `epoch`, `step`, `loss`, `train_accuracy`, `seconds` and `val_<metric>`."""


class Weights(Facts):
    """Averaged weights, and the shape of the network that they belong to."""

    average: dict[str, Any]
    labels: list[str] = Field(min_length=2)
    aux_labels: list[str]
    size: int = Field(ge=1, le=4096)
    channels: int = Field(ge=1, le=3)
    action_units: list[str] = Field(default_factory=list)


class Best(Weights):
    """The content of `best.pt`: the averaged weights of the selected epoch, and how they were trained.

    Checkpoints of earlier versions lack the digest of the run's recipe.yaml and the fingerprint of val.
    """

    epoch: int = Field(ge=0)
    training_digest: str = Field(alias="learnt")  # the key that checkpoints have had from the first
    threads: int = Field(ge=1, le=1024)
    processes: int = Field(1, ge=1)
    precision: Literal["float32", "bfloat16"]
    select_prior: Literal["natural", "uniform", "none"] | None = None
    recipe_digest: str | None = None
    val_fingerprint: str | None = None


class Last(Best):
    """The content of `last.pt`: everything that a run carries from one epoch to the next."""

    model: dict[str, Any]
    optimizer: dict[str, Any] | None
    step: int = Field(ge=0)
    seconds: float = Field(ge=0)
    best: float | None
    history: list[Row]

    @field_validator("history")
    @classmethod
    def _one_table(cls, rows: list[Row]) -> list[Row]:
        keys = {frozenset(row) for row in rows}
        if len(keys) > 1 or any({"epoch", "step", "loss", "val_nll"} - of for of in keys):
            raise ValueError("an epoch lacks a column that others have")
        return rows


class Drawing(Facts):
    """The content of a generator's `last.pt`."""

    step: int = Field(ge=0)
    seconds: float = Field(ge=0)
    history: list[Annotated[Row, Field(min_length=4)]]
    identity: dict[str, Any]
    model: dict[str, Any]
    optimizer: dict[str, Any]


def save(content: dict[str, Any], path: Path) -> None:
    """Write a checkpoint; a kill or a full disk leaves the old file or the new one."""
    whole = BytesIO()
    torch.save(content, whole)  # first into memory: torch's writer hides the system's errors
    with staged(path) as scratch, scratch.open("wb") as file:
        file.write(whole.getbuffer())
        file.flush()
        os.fsync(file.fileno())


def load(path: Path, kind: type[Shape]) -> Shape:
    """Read a checkpoint onto the CPU: Best, Last or Drawing; WeightsError when it cannot be read or is another kind."""
    held = content(path)
    with _readable(path):
        return fits(kind, held)


def content(path: Path, do: str = AGAIN) -> dict[str, Any]:
    """Return the mapping that a checkpoint holds, on the CPU; nothing in it is executed.

    WeightsError says what to `do` about one that cannot be read.
    """
    if not path.is_file():
        raise WeightsError(f"no checkpoint {path}", "a run folder written by `mien train`")
    with _readable(path, do), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of old formats, which it then reads or refuses
        held: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        fits(Facts, held)
        return held


@contextmanager
def _readable(path: Path, do: str = AGAIN) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # torch's reader and its unpickler raise anything
        got = f"{path} is not a readable checkpoint: {short_reason(error).split('. ')[0]}"
        raise WeightsError(got, do=do) from None
