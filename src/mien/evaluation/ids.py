"""Images by their ids: as they are, else by the ends of their paths, as tables name files from where they were written.

`rows_of` is for what must be certain: two paths with different folders are two images.  `join_rows` is for what people
note beside images, often from another computer: it takes the ends that match most, and `other_folder` reports that.
"""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from mien.errors import DataError

UNKNOWN = -1
"""An image without a row."""

SEVERAL = -3
"""A name that several images end in."""


def keys(id: str) -> list[str]:
    """Return what an id can stand for: itself, then the ends of its path without suffix.

    >>> keys("data/test/PrivateTest_7.jpg")
    ['data/test/PrivateTest_7.jpg', 'PrivateTest_7', 'test/PrivateTest_7', 'data/test/PrivateTest_7']
    """
    path = PurePosixPath(id.replace("\\", "/"))
    parts = (*(part for part in path.parts[:-1] if part != "/"), path.stem)
    return [id, *("/".join(parts[-k:]) for k in range(1, len(parts) + 1))]


def rows_of(ids: Sequence[str], wanted: Sequence[str]) -> list[int]:
    """Return the row in `wanted` of each id, UNKNOWN where there is none and SEVERAL for the end of several."""
    by_id = {id: row for row, id in enumerate(wanted)}
    exact = [by_id.get(id, UNKNOWN) for id in ids]
    if any(row >= 0 for row in exact):  # else an end that matches by chance would be scored with them
        return exact
    ends: dict[str, int] = {}
    wholes: dict[str, int] = {}
    for row, id in enumerate(wanted):
        for key in (own := keys(id)[1:]):
            ends[key] = SEVERAL if key in ends else row
        wholes[own[-1]] = SEVERAL if own[-1] in wholes else row
    wholes |= by_id
    return [_row(keys(id), ends, wholes) for id in ids]


def _row(key: Sequence[str], ends: dict[str, int], wholes: dict[str, int]) -> int:
    """Return the row for the keys of an id: by its longest end that is known, unless the folders before it differ."""
    id, *parts, whole = key
    for own in (id, whole):
        if own in wholes or own in ends:
            return wholes.get(own, ends.get(own, UNKNOWN))
    longest = next((end for end in reversed(parts) if end in wholes or end in ends), "")
    return wholes.get(longest, UNKNOWN)


def join_rows(path: Path, key: str, named: list[str], ids: NDArray[np.str_]) -> NDArray[np.int64]:
    """Return the row of each id, -1 where the table has none; where no id is known, by the ends that match most."""
    mine, theirs = [keys(one) for one in ids.tolist()], [keys(one) for one in named]
    best = np.full(len(ids), -1)
    for depth in range(max(map(len, (*mine, *theirs)))):
        rows: dict[str, int] = {}
        twice = ""
        for row, words in enumerate(theirs):
            word = words[min(depth, len(words) - 1)]
            twice = word if word in rows else twice
            rows[word] = row
        matched = np.array([rows.get(words[min(depth, len(words) - 1)], -1) for words in mine])
        if depth == 0 and twice:
            raise DataError(f"{path}: two rows name {twice!r}", "a row per image")
        once = len(np.unique(matched[matched >= 0])) == (matched >= 0).sum()
        if once and not twice and (matched >= 0).sum() > (best >= 0).sum():
            best = matched
        if depth == 0 and (best >= 0).any():  # else an end that matches by chance would be taken with them
            break
    if not (best >= 0).any():
        raise DataError(
            f"{path}: none of the images is in the result, the first is {named[0]!r}",
            f"ids such as {str(ids[0])!r} in column {key}",
            "`id` takes them from another column",
        )
    return best


def other_folder(named: Sequence[str], ids: NDArray[np.str_], place: NDArray[np.int64]) -> str:
    """Return an image and its row where neither path is the end of the other, in words; empty where there are none."""
    for id, row in zip(ids.tolist(), place.tolist(), strict=True):
        mine, theirs = (f"/{keys(one)[-1]}" for one in (id, named[row]))
        if row >= 0 and id != named[row] and not (mine.endswith(theirs) or theirs.endswith(mine)):
            return f"{id!r} with {named[row]!r}"
    return ""
