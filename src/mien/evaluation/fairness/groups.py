"""Group columns of a table, joined to the samples of a result: who is in which image.

The table has a row per image, a column that names it, and columns of group names.  Ids are joined as they are; where
no row has one of them, by the ends of their paths.  A column of many numbers is not a group: cut it into ranges first.
Names that differ only in capitals are one group.  Notes report that, folders that differ, and how many images have no
group.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.errors import DataError, UsageError
from mien.evaluation.ids import join_rows, other_folder
from mien.evaluation.predictions.columns import IDS
from mien.evaluation.predictions.table import read_table

MAX_NUMBERS = 20
"""Different numbers in a column up to which they may be codes of groups."""

MAX_WORDS = 100
"""Different words in a column up to which they may be names of groups."""

UNKNOWN = {"", "nan", "null", "n/a", "na", "unknown", "?"}
"""How tables write that a group is not known."""

Columns = dict[str, NDArray[np.str_]]


def read_groups(
    path: Path, ids: NDArray[np.str_], id_column: str | None = None, by: Sequence[str] = ()
) -> tuple[Columns, list[str]]:
    """Return the group columns of a table, one word per id and "" where it is not known, and notes on what was done.

    `by` names columns, or several joined with `+` for the groups where they meet; none means every column that can
    hold groups.  Raises DataError for a table, and UsageError for names, that cannot be used.
    """
    if not len(ids):
        raise DataError("a result without images", "at least one")
    rows = read_table(path)
    if not len(next(iter(rows.values()), [])):
        raise DataError(f"{path} has no rows", "a row per image")
    key = id_column_of(path, list(rows), id_column)
    notes = [] if id_column else [f"{path}: images from column {key}"]
    named = [cell.strip() for cell in rows[key]]
    place = join_rows(path, key, named, ids)
    if other := other_folder(named, ids, place):
        notes.append(f"{path}: rows are matched by the ends of paths, the folders before them differ: {other}")
    if lost := int((place < 0).sum()):
        first = ", ".join(ids[place < 0][:3].tolist())
        notes.append(f"{path}: no row for {lost:,} of {len(ids):,} images ({first}{', ...' if lost > 3 else ''})")
    names = list(by) or _usable(path, [name for name in rows if name != key], rows, notes)
    columns = {name: _column(path, name, rows, notes) for name in names}
    for name, words in columns.items():
        notes += _unknown(f"{path}: column {name}", rows.get(name), words, place)
    return {name: np.where(place < 0, "", words[place]) for name, words in columns.items()}, list(dict.fromkeys(notes))


def id_column_of(path: Path, head: Sequence[str], given: str | None) -> str:
    if given is not None:
        if given not in head:
            raise UsageError(f"`id` {given}", f"a column of {path}: {', '.join(head)}")
        return given
    plain = {name.strip().lower(): name for name in reversed(head)}
    column = next((plain[word] for word in IDS.split() if word in plain), None)
    if column is None:
        raise DataError(f"{path} has columns {', '.join(head)}", "one that names the image", "name it with `id`")
    return column


def _usable(path: Path, names: Sequence[str], rows: dict[str, list[str]], notes: list[str]) -> list[str]:
    usable = []
    for name in names:
        if why := _no_groups(_clean(rows[name])):
            notes.append(f"{path}: column {name} is left out, it holds {why}")
        else:
            usable.append(name)
    if not usable:
        raise DataError(f"{path} has no column of groups", "columns of a few words each", "see `by`")
    return usable


def _unknown(what: str, cells: Sequence[str] | None, words: NDArray[np.str_], place: NDArray[np.int64]) -> list[str]:
    """Return how many images have a row without a group, and what the cells of a single column hold instead."""
    own = place[place >= 0]
    lost = own[words[own] == ""]
    if not len(lost):
        return []
    held = Counter(cells[row].strip().lower() for row in lost) if cells else {}
    how = ", ".join(f"{n:,} {repr(cell) if cell else 'empty'}" for cell, n in sorted(held.items()))
    return [f"{what}: {len(lost):,} of {len(own):,} images without a group{f' ({how})' if how else ''}"]


def _one_spelling(what: str, words: NDArray[np.str_], notes: list[str]) -> NDArray[np.str_]:
    """Return words with one spelling, the most frequent, where they differ only in capitals or spaces; adds a note."""
    spellings: dict[str, list[str]] = {}
    for word, _ in Counter(words.tolist()).most_common():
        spellings.setdefault(" ".join(word.casefold().split()), []).append(word)
    for first, *others in spellings.values():
        if others:
            spelt = " and ".join(map(repr, sorted((first, *others))))
            notes.append(f"{what}: {spelt} are taken for one group, {first!r}")
            words = np.where(np.isin(words, others), first, words)
    return words


def _column(path: Path, name: str, rows: dict[str, list[str]], notes: list[str]) -> NDArray[np.str_]:
    """Return a column's words, or those of several joined with `+`; UsageError for one that holds no groups."""
    parts = [name] if name in rows else name.split("+")
    columns = []
    for part in parts:
        if part not in rows:
            raise UsageError(f"`by` {name}", f"columns of {path}: {', '.join(rows)}")
        words = _clean(rows[part])
        if why := _no_groups(words):
            raise UsageError(f"`by` {part}: the column holds {why}", "names of groups", "cut it into ranges first")
        columns.append(_one_spelling(f"{path}: column {part}", words, notes))
    known = np.all([words != "" for words in columns], axis=0)
    joined = [", ".join(words) for words in zip(*(column.tolist() for column in columns), strict=True)]
    return np.where(known, np.array(joined, np.str_), "")


def _clean(cells: Sequence[str]) -> NDArray[np.str_]:
    return np.array(["" if cell.strip().lower() in UNKNOWN else cell.strip() for cell in cells], np.str_)


def _no_groups(words: NDArray[np.str_]) -> str:
    """Return what a column holds instead of groups; empty when it may hold some."""
    values = np.unique(words[words != ""])
    if not len(values):
        return "nothing"
    if len(values) > MAX_NUMBERS and all(map(_is_number, values.tolist())):
        return f"{len(values):,} different numbers"
    return f"{len(values):,} different words" if len(values) > MAX_WORDS else ""


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
