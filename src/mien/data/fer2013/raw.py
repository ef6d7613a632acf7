"""The content of a FER2013 file as arrays, before it is cached, and the words of its columns."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.errors import DataError
from mien.labels import ORDERS, ordered

SIDE = 48
"""Width and height of every FER2013 image, in pixels."""

LABELS = ordered(ORDERS["fer2013"])
"""The seven expressions of FER2013 in vocabulary order."""

USAGES = {"Training": "train", "PublicTest": "val", "PrivateTest": "test"}
"""Split by its name in the files."""

SPLIT_OF = {usage: code for code, usage in enumerate(USAGES)}
UNKNOWN_SPLIT = len(SPLIT_OF)
"""Split code of an image that may be PublicTest or PrivateTest."""

LABEL_OF = [LABELS.index(label) for label in ORDERS["fer2013"]]
"""Index into `LABELS` by the files' code 0-6."""


@dataclass(frozen=True, eq=False)
class Images:
    """The images of a FER2013 file in its own order.

    Attributes:
        images: uint8 (N, 48, 48, 1); label: int8 (N,) index into `LABELS`; split: int8 (N,) position in `USAGES`, or
        `UNKNOWN_SPLIT`; ids: str (N,), the row as five digits or the file stem.
    """

    images: NDArray[np.uint8]
    label: NDArray[np.int8]
    split: NDArray[np.int8]
    ids: NDArray[np.str_]


def row_ids(count: int) -> NDArray[np.str_]:
    """Return the rows 0..count-1 as five digits, the ids of files that keep FER2013's order.

    >>> row_ids(2).tolist()
    ['00000', '00001']
    """
    return np.array([f"{row:05d}" for row in range(count)], dtype=np.str_)


def label_code(text: Any, where: str) -> int:
    """Return the index into `LABELS` of a file's code; DataError names `where` unless the code is 0-6."""
    word = str(text)
    if len(word) != 1 or word not in "0123456":
        raise DataError(f"{where}: emotion {word[:40]!r}", "a label from 0 (anger) to 6 (neutral)")
    return LABEL_OF[int(word)]


def split_code(text: Any, where: str) -> int:
    """Return the position in `USAGES` of a file's word; DataError names `where` when it is none of them."""
    if text not in SPLIT_OF:
        raise DataError(f"{where}: usage {str(text)[:40]!r}", "Training, PublicTest or PrivateTest")
    return SPLIT_OF[text]


def visible(paths: Iterable[Path]) -> list[Path]:
    """Return paths sorted, without hidden ones: macOS leaves `._1.jpg` beside `1.jpg`.

    >>> [path.name for path in visible([Path("b.jpg"), Path("._a.jpg"), Path("a.jpg")])]
    ['a.jpg', 'b.jpg']
    """
    return sorted(path for path in paths if not path.name.startswith("."))
