"""A run that diverged: its loss, its weights or its outputs on val are no longer finite.

The run stops at that epoch, which is neither selected nor kept, and nothing is exported.  env.json records it, so that
resuming the run fails at once.  A sweep or a reproduction continues with its next run.
"""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mien.errors import DivergedError
from mien.training.runlog import read_environment, write_environment

DO = "train again with a lower optim.lr, or with precision=float32"


@contextmanager
def recorded(run: Path, epoch: int, first: bool = True) -> Iterator[None]:
    """Record a DivergedError of this block, with its epoch, in `run/env.json`, in the `first` process of the run."""
    try:
        yield
    except DivergedError as error:
        message = f"{error} at epoch {epoch}"
        if first:
            write_environment(read_environment(run).model_copy(update={"diverged": message}), run)
        stopped = DivergedError(f"diverged: {message}", do=DO)
        stopped.shared = True  # all processes have the same loss and weights
        raise stopped from None


def refuse(run: Path) -> None:
    """Refuse to resume a run that diverged, because its seed would diverge again; DivergedError."""
    if (run / "env.json").is_file() and (message := read_environment(run).diverged):
        raise DivergedError(f"{run} diverged: {message}", do=DO)


def finite(what: str, value: float) -> float:
    """Return the value if it is finite; DivergedError otherwise.

    >>> finite("loss", float("nan"))
    Traceback (most recent call last):
    mien.errors.DivergedError: loss not finite
    """
    if not math.isfinite(value):
        raise DivergedError(f"{what} not finite")
    return value


def finite_all(what: str, values: Tensor) -> Tensor:
    """Return the tensor if all its values are finite; DivergedError otherwise."""
    if not bool(torch.isfinite(values).all()):
        raise DivergedError(f"{what} not finite")
    return values


def finite_weights(weights: Mapping[str, Any], where: str = "", do: str = "") -> None:
    """Refuse weights or batch-norm statistics that are not finite; DivergedError.

    An infinite variance gives finite logits, the same for every image, so checking the logits is not enough.
    """
    floats = (value for value in weights.values() if isinstance(value, Tensor) and value.is_floating_point())
    if not all(bool(torch.isfinite(value).all()) for value in floats):
        raise DivergedError(f"weights{where} not finite", do=do)
