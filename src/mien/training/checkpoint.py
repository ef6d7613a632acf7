"""Checkpoints: written whole or not at all, and limited to tensors, numbers and strings."""

import os
import warnings
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import Field, field_validator

from mien.errors import WeightsError
from mien.outputs import beside
from mien.reading.guard import reason
from mien.reading.shape import Facts, fits


class Best(Facts):
    """What `best.pt` holds: the averaged weights of the selected epoch, and what they are weights for."""

    average: dict[str, Any]
    epoch: int = Field(ge=0)
    labels: list[str] = Field(min_length=2)
    aux_labels: list[str]
    size: int = Field(ge=1, le=4096)
    channels: int = Field(ge=1, le=3)
    learnt: str
    threads: int = Field(ge=1, le=1024)
    precision: Literal["float32", "bfloat16"]


class Last(Best):
    """What `last.pt` holds: all that a run carries from one epoch to the next."""

    model: dict[str, Any]
    optimizer: dict[str, Any] | None
    step: int = Field(ge=0)
    seconds: float = Field(ge=0)
    best: float | None
    history: list[dict[str, float]]

    @field_validator("history")
    @classmethod
    def _one_table(cls, rows: list[dict[str, float]]) -> list[dict[str, float]]:
        keys = {frozenset(row) for row in rows}
        if len(keys) > 1 or any({"epoch", "step", "loss", "val_nll"} - of for of in keys):
            raise ValueError("an epoch's row lacks a figure that others have")
        return rows


class Drawing(Facts):
    """What the `last.pt` of a generator holds beside its parts."""

    step: int = Field(ge=0)
    seconds: float = Field(ge=0)
    history: list[Annotated[dict[str, float], Field(min_length=4)]]
    identity: dict[str, Any]
    model: dict[str, Any]
    optimizer: dict[str, Any]


def save(content: dict[str, Any], path: Path) -> None:
    """Write a checkpoint; a kill or a full disk leaves the old file or the new one, never a part."""
    whole = BytesIO()
    torch.save(content, whole)  # first into memory: torch's writer turns what the disk refuses into errors of its own
    with beside(path) as scratch, scratch.open("wb") as file:
        file.write(whole.getbuffer())
        file.flush()
        os.fsync(file.fileno())


def load(path: Path, kind: type[Facts] = Facts) -> dict[str, Any]:
    """Read a checkpoint onto the CPU without executing anything in it; WeightsError when that cannot be.

    `kind` is what it must hold: Best, Last or Drawing.
    """
    if not path.is_file():
        raise WeightsError(f"no checkpoint {path}", "a run folder written by `mien train`")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of old formats, which the next line refuses or reads
            content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        fits(kind, content)
    except Exception as error:  # torch's reader and its unpickler raise what they like
        told = reason(error).split(". ")[0]
        raise WeightsError(
            f"{path} is not a readable checkpoint: {told}", do="train again, or take another run"
        ) from None
    return content
