"""Checkpoints that cannot be half-written and hold nothing but tensors, numbers and words."""

import os
from pathlib import Path
from typing import Any

import torch

from mien.errors import WeightsError


def save(content: dict[str, Any], path: Path) -> None:
    """Write a checkpoint; a kill at any moment leaves the old file or the new one, never a part."""
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        torch.save(content, file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def load(path: Path) -> dict[str, Any]:
    """Read a checkpoint onto the CPU without executing anything in it; WeightsError when that cannot be."""
    if not path.is_file():
        raise WeightsError(f"no checkpoint {path}", "a run folder written by `mien train`")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        reason = str(error).splitlines()[0].split(". ")[0] if str(error) else type(error).__name__
        raise WeightsError(
            f"{path} is not a readable checkpoint: {reason}", do="train again, or take another run"
        ) from None
    if not isinstance(content, dict):
        raise WeightsError(f"{path} holds a {type(content).__name__}", "a checkpoint written by `mien train`")
    return content
