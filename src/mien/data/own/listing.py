"""Listing: the rows of a data set as its files write them, before any image is decoded."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.data.own.faults import Fault
from mien.data.own.images import Images


@dataclass(frozen=True, eq=False)
class Listing:
    """N rows, an image each.

    Attributes:
        origin: the folder or file, as messages name it.
        images: where the pixels are; ids: str (N,); places: N words for where a row is written, such as `line 7`.
        keys: str (N,), the ids without numbers of rows, "" where an id is one; None where no id has one.
        words: N words for labels, or None where `votes` holds float32 (N, V), counts or fractions by the V `choices`.
        splits: N words for splits, "" where there is none.
        names: the words that numbers stand for, where the file says it; codes: whose numbers they are, likewise.
        group: str (N,), or None; weight: float32 (N,), or None; box: float32 (N, 4) x1 y1 x2 y2 in pixels, NaN where
            there is none, or None.
        regression: float32 (N, 2) valence and arousal, or None; units: float32 (N, A) by `unit_names`, or None.
        group_from, weight_from: where these are from, in words, as far as a table says it.
        faults: rows of the files that are not among the N.
        notes: what to report about reading the files.
    """

    origin: Path
    images: Images
    ids: NDArray[np.str_]
    places: Sequence[str]
    words: Sequence[str] | None = None
    votes: NDArray[np.float32] | None = None
    choices: tuple[str, ...] = ()
    keys: NDArray[np.str_] | None = None
    splits: Sequence[str] = ()
    names: tuple[str, ...] = ()
    codes: str | None = None
    group: NDArray[np.str_] | None = None
    weight: NDArray[np.float32] | None = None
    box: NDArray[np.float32] | None = None
    regression: NDArray[np.float32] | None = None
    units: NDArray[np.float32] | None = None
    unit_names: tuple[str, ...] = ()
    group_from: str = ""
    weight_from: str = ""
    faults: tuple[Fault, ...] = field(default=())
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: NDArray[np.intp]) -> "Listing":
        """Return some of the rows, in that order; `faults` and `notes` stay."""
        changes: dict[str, Any] = {"images": self.images.take(rows)}
        for name in ("ids", "keys", "votes", "group", "weight", "box", "regression", "units"):
            changes[name] = None if (value := getattr(self, name)) is None else value[rows]
        for name in ("places", "words", "splits"):
            changes[name] = [value[k] for k in rows] if (value := getattr(self, name)) else value
        assert changes.keys() <= {each.name for each in fields(self)}
        return replace(self, **changes)
