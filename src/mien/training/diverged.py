"""A run that diverged: its loss, its weights or what they give on val are no numbers any more.

Such a run stops at the epoch where that shows.  The epoch is neither selected nor kept, nothing is exported, and
env.json says so: whoever resumes the run is told at once, and a sweep or a reproduction goes on with the next.
"""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mien.errors import DivergedError
from mien.training.runlog import read_environment, read_json, write_json

DO = "train again with a lower optim.lr, or with precision=float32"


@contextmanager
def recorded(run: Path, epoch: int) -> Iterator[None]:
    """Record in `run/env.json` that the run diverged where this block raises DivergedError, and name the epoch."""
    try:
        yield
    except DivergedError as error:
        told = f"{error} at epoch {epoch}"
        write_json({**read_json(run / "env.json"), "diverged": told}, run / "env.json")
        raise DivergedError(f"diverged: {told}", do=DO) from None


def refuse(run: Path) -> None:
    """Refuse to resume a run that is recorded as diverged: the same seed would do the same; DivergedError."""
    facts = read_environment(run) if (run / "env.json").is_file() else {}
    if told := facts.get("diverged"):
        raise DivergedError(f"{run} diverged: {told}", do=DO)


def finite(what: str, value: float) -> float:
    """Return a number that is one; DivergedError otherwise.

    >>> finite("loss", float("nan"))
    Traceback (most recent call last):
    mien.errors.DivergedError: loss not finite
    """
    if not math.isfinite(value):
        raise DivergedError(f"{what} not finite")
    return value


def finite_all(what: str, values: Tensor) -> Tensor:
    """Return a tensor of numbers that are some; DivergedError otherwise."""
    if not bool(torch.isfinite(values).all()):
        raise DivergedError(f"{what} not finite")
    return values


def finite_weights(weights: Mapping[str, Any], where: str = "", do: str = "") -> None:
    """Refuse weights, or the averages that normalisation keeps, that are no numbers; DivergedError.

    An infinite variance gives finite logits, the same for every image, so the logits alone do not tell.
    """
    floats = (value for value in weights.values() if isinstance(value, Tensor) and value.is_floating_point())
    if not all(bool(torch.isfinite(value).all()) for value in floats):
        raise DivergedError(f"weights{where} not finite", do=do)
