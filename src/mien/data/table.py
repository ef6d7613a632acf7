"""Table: your own images, named in a CSV, TSV or JSON Lines file, or in Parquet as Hugging Face writes it.

    labels.csv        image,label,split,subject            a row per image; paths start at the table's folder
    train.csv test.csv, data/train-00000-of-00002.parquet  the splits by the files' names
    faces.parquet     image (bytes, or {bytes, path}), label (words, or numbers that its metadata explains)

A row may also have a box of the face (`x1 y1 x2 y2` or `face_x face_y face_width face_height`, in pixels of the image
as seen), votes (`happiness`, `sadness`, ...) instead of a label, a group (subject or clip), weight, valence, arousal
and action units (`au12`).  own/columns.py has the names that are found; the option `columns` gives others.  Ids are the
column `id`, else the path of the image, else the row.  See mien.data.own.options for what the options do.
"""

import os
import posixpath
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mien.data.own.columns import Columns, find
from mien.data.own.faults import Fault
from mien.data.own.images import ImageFiles, Images, NumberImages, ParquetImages
from mien.data.own.listing import Listing
from mien.data.own.options import Options
from mien.data.own.samples import read
from mien.data.own.splits import split_of
from mien.data.samples import Samples
from mien.errors import DataError
from mien.reading.records import Records, read_records
from mien.reading.tables import number

SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
WANTED = "a table with a row per image: CSV, TSV, JSON Lines or Parquet"
LARGEST = 1e6
"""Of numbers in a table: pixels of a box, counts of votes, weights."""

PRESENT = 2
"""From which of five levels on an action unit is there, as `mien evaluate --units` counts it."""


def table(root: Path, split: str, **options: Any) -> Samples:
    """Return a split of the images in a table; targets one-hot, or fractions of votes.

    DataError for tables without images or labels, and for rows that cannot be used, which it names.
    """
    given = Options.of("table", options)
    return read("table", listing(root, given), split, given)


def listing(root: Path, options: Options) -> Listing:
    """Return the rows of a table, or of the tables that hold one split each."""
    paths = tables(root)
    parts = [_part(path, options) for path in paths]
    if len(parts) == 1:
        return _present(_by_id(replace(parts[0], origin=paths[0])))
    named = [(path, part, _split_in(path)) for path, part in zip(paths, parts, strict=True)]
    return _present(_by_id(_joined(root, [replace(part, splits=[split] * len(part)) for _, part, split in named])))


def _by_id(listing: Listing) -> Listing:
    """Return the rows by their ids, so that a table may be sorted, unless an id has the number of its row in it."""
    numbered = listing.keys is not None and not np.array_equal(listing.keys, listing.ids)
    return listing if numbered else listing.take(np.argsort(listing.ids))


def _present(listing: Listing) -> Listing:
    """Return a listing whose units are 0 or 1 where they were levels: where any of them is above 1."""
    units = listing.units
    if units is None or not (units > 1).any():
        return listing
    there = np.where(np.isnan(units), units, units >= PRESENT).astype(np.float32)
    note = f"action units are levels from 0 to 5: there from level {PRESENT} on"
    return replace(listing, units=there, notes=(*listing.notes, note))


def tables(root: Path) -> list[Path]:
    """Return the table that `root` is or holds, or those of its splits; DataError where it is unclear which."""
    if not os.path.lexists(root):
        raise DataError(f"{root} does not exist", WANTED, "check `root`")
    there = candidates(root)
    if not there:
        raise DataError(f"no table in {root}", WANTED, "the data set folder reads class folders")
    named = all(_split_in(path) for path in there) and len({path.suffix.lower() for path in there}) == 1
    if len(there) > 1 and not named:
        listed = ", ".join(path.name for path in there[:5])
        got = f"{there[0].parent} has several tables: {listed}"
        raise DataError(got, "one, or one per split", "give one as `root`")
    return there


def candidates(root: Path) -> list[Path]:
    """Return the file that `root` is, or the tables in that folder, else those in its folder `data`; none is empty."""
    if root.is_file():
        return [root]
    for folder in (root, root / "data"):
        found = sorted(p for p in folder.glob("*") if p.suffix.lower() in SUFFIXES and not p.name.startswith("."))
        if found:
            return found
    return []


def _split_in(path: Path) -> str:
    """Return the split that a file is named after, as in train.csv or test-00000-of-00001.parquet; "" for none."""
    return split_of(re.split(r"[-_.]", path.stem)[0]) or ""


class _Rows(NamedTuple):
    """A table's cells, which of its columns are what, and faults found on the way, by row."""

    path: Path
    records: Records
    columns: Columns
    faults: dict[int, str]

    def texts(self, what: str) -> list[str]:
        return [cell.strip() for cell in self.records.columns[self.columns.of[what]]]

    def numbers(self, name: str, low: float = -LARGEST, high: float = LARGEST, *, blank: bool = True) -> NDArray[Any]:
        """Return a column as float32 (N,), NaN where a cell is empty; other cells become faults."""
        values = np.full(len(self.records), np.nan, np.float32)
        for k, cell in enumerate(self.records.columns[name]):
            if blank and cell.strip().lower() in ("", "nan", "na", "none", "null"):
                continue
            value = number(cell)
            if not low <= value <= high:
                self.faults.setdefault(k, f"{name} {cell[:30]!r}, not a number from {low:g} to {high:g}")
            else:
                values[k] = value
        return values


def _part(path: Path, options: Options) -> Listing:
    """Return the rows of one file."""
    records = read_records(path, WANTED)
    own = tuple(options.labels)
    rows = _Rows(path, records, find(path, list(records.columns), options.columns, own), {})
    found, n = rows.columns, len(records)
    images, names = _images(rows, options)
    ids = _ids(rows, names)
    listing = Listing(
        origin=path,
        images=images,
        ids=ids,
        keys=None if "id" in found.of else np.array(names, np.str_),
        places=[f"{path.name} {records.unit} {line}" for line in records.lines],
        words=rows.texts("label") if "label" in found.of else None,
        votes=_votes(rows) if found.votes else None,
        choices=tuple(found.votes),
        splits=_splits(rows),
        names=records.names.get(found.of.get("label", ""), ()),
        codes="fer2013" if "pixels" in found.of and "image" not in found.of else None,
        group=np.array(rows.texts("group"), np.str_) if "group" in found.of else None,
        weight=_weight(rows),
        group_from=_column_of(found, "group"),
        weight_from=_column_of(found, "weight"),
        box=_box(rows),
        regression=_affect(rows),
        units=np.stack([rows.numbers(name, 0, 5) for name in found.units.values()], 1) if found.units else None,
        unit_names=tuple(found.units),
    )
    _repeated(rows, ids)
    for k, word in enumerate(listing.words or ()):
        if not word:
            rows.faults.setdefault(k, "no label is given")
    faults = [Fault(f"{path.name} {records.unit} {line}", why) for line, why in records.faults]
    faults += [Fault(listing.places[k], why) for k, why in sorted(rows.faults.items())]
    good = np.array([k for k in range(n) if k not in rows.faults], np.intp)
    return replace(listing.take(good), faults=tuple(faults))


def _images(rows: _Rows, options: Options) -> tuple[Images, list[str]]:
    """Return the images of all rows and their names, "" for one without."""
    found, records = rows.columns.of, rows.records
    if "image" not in found:
        numbers = NumberImages(rows.path, records.columns[found["pixels"]], np.arange(len(records)))
        return numbers, [""] * len(records)
    if found["image"] in records.binary:
        inside = ParquetImages([rows.path], found["image"], np.arange(len(records)))
        return inside, list(records.columns[found["image"]])
    base = rows.path.parent / Path(options.images or "").expanduser()
    names = [cell.replace("\\", "/") for cell in rows.texts("image")]
    paths = [_below(base, name) for name in names]
    for k, (name, path) in enumerate(zip(names, paths, strict=True)):
        if path is None:
            rows.faults.setdefault(k, f"image {name!r} lies outside {base}; the option images=/ allows any place")
        elif not os.path.isfile(path):  # noqa: PTH113 - Path's own raises for a name that is too long
            rows.faults.setdefault(k, f"no file {name}" if name else "no image is named")
    return ImageFiles([path or base for path in paths]), [_spelled(base, name) for name in names]


def _below(base: Path, name: str) -> Path | None:
    """Return the path of an image below the base folder, None where it would leave it."""
    pure = PurePosixPath(name)
    if pure.is_absolute():
        return Path(name) if Path(name).is_relative_to(base.absolute()) and ".." not in pure.parts else None
    depth = 0
    for part in pure.parts:
        depth += -1 if part == ".." else 1
        if depth < 0:
            return None
    return base / name if "\0" not in name else None


def _spelled(base: Path, name: str) -> str:
    """Return the one spelling of an image's path that is its id: without `.` and empty parts, from the base folder on.

    >>> _spelled(Path("/faces"), "./imgs//A.jpg"), _spelled(Path("/faces"), "/faces/imgs/A.jpg")
    ('imgs/A.jpg', 'imgs/A.jpg')
    """
    if not name:
        return ""
    path, top = PurePosixPath(posixpath.normpath(name)), base.absolute()
    inside = path.is_absolute() and top != Path(top.anchor) and path.is_relative_to(top)
    return str(path.relative_to(top) if inside else path)


def _ids(rows: _Rows, named: Sequence[str]) -> NDArray[np.str_]:
    """Return the ids of all rows; a name that means several images or faces is followed by its line."""
    if "id" in rows.columns.of:
        return np.array(rows.texts("id"), np.str_)
    found, names = rows.columns, [name or f"{k:05d}" for k, name in enumerate(named)]
    if found.of.get("image") in rows.records.binary or found.corners or found.sizes or "box" in found.of:
        counts = Counter(names)
        lines = rows.records.lines
        names = [f"{name}#{lines[k]}" if counts[name] > 1 else name for k, name in enumerate(names)]
    return np.array(names, np.str_)


def _repeated(rows: _Rows, ids: NDArray[np.str_]) -> None:
    """Find rows whose id an earlier row has."""
    first: dict[str, int] = {}
    for k, name in enumerate(ids.tolist()):
        if (earlier := first.setdefault(name, k)) != k:
            line = rows.records.lines[earlier]
            rows.faults.setdefault(k, f"{name!r} again, as in {rows.records.unit} {line}")


def _splits(rows: _Rows) -> list[str]:
    return rows.texts("split") if "split" in rows.columns.of else []


def _votes(rows: _Rows) -> NDArray[np.float32]:
    columns = [rows.numbers(name, 0, 10_000) for name in rows.columns.votes.values()]
    votes: NDArray[np.float32] = np.nan_to_num(np.stack(columns, 1))
    return votes


def _column_of(found: Columns, what: str) -> str:
    return f"column {found.of[what]}" if what in found.of else ""


def _weight(rows: _Rows) -> NDArray[np.float32] | None:
    name = rows.columns.of.get("weight")
    if name is None:
        return None
    weight: NDArray[np.float32] = np.nan_to_num(rows.numbers(name, 0, 1000), nan=1.0).astype(np.float32)
    if len(weight) and not weight.any():
        raise DataError(f"{rows.path}: every {name} is 0", "a weight above 0", "leave the column out")
    return weight


def _affect(rows: _Rows) -> NDArray[np.float32] | None:
    """Return valence and arousal, float32 (N, 2), NaN where there is none; -2 is none, as AffectNet writes it."""
    if not {"valence", "arousal"} & set(rows.columns.of):
        return None
    both = np.full((len(rows.records), 2), np.nan, np.float32)
    for k, what in enumerate(("valence", "arousal")):
        if name := rows.columns.of.get(what):
            values = rows.numbers(name)
            for row in np.flatnonzero((np.abs(values) > 1) & (values != -2)).tolist():
                rows.faults.setdefault(row, f"{name} {values[row]:g}, not a number from -1 to 1")
            both[:, k] = np.where(values == -2, np.nan, values)
    return both


def _box(rows: _Rows) -> NDArray[np.float32] | None:
    """Return boxes x1 y1 x2 y2, float32 (N, 4), NaN where a row has none; None for a table without."""
    found = rows.columns
    if "box" in found.of:
        cells = [re.findall(r"[-+0-9.eE]+", cell) for cell in rows.texts("box")]
        box = np.full((len(cells), 4), np.nan, np.float32)
        for k, words in enumerate(cells):
            numbers = [number(word) for word in words]
            if len(numbers) == 4 and np.isfinite(numbers).all():
                box[k] = numbers
            elif words:
                rows.faults.setdefault(k, f"box {' '.join(words)[:40]!r}, not x1 y1 x2 y2")
    elif four := found.corners or found.sizes:
        box = np.stack([rows.numbers(name) for name in four], 1)
        box[:, 2:] += box[:, :2] if found.sizes else 0
    else:
        return None
    missing = np.isnan(box).sum(1)
    for row in np.flatnonzero((missing > 0) & (missing < 4)).tolist():
        rows.faults.setdefault(row, "a box with a number missing")
    for row in np.flatnonzero((box[:, 2] <= box[:, 0]) | (box[:, 3] <= box[:, 1])).tolist():
        rows.faults.setdefault(row, f"the box {' '.join(f'{value:g}' for value in box[row])} has no area")
    return box


def _joined(root: Path, parts: Sequence[Listing]) -> Listing:
    """Return the rows of several files one after another; what one of them lacks is unknown there, and weighs 1."""

    def together(name: str, missing: Any = np.nan) -> Any:
        values = [getattr(part, name) for part in parts]
        if not (there := [value for value in values if value is not None]):
            return None

        def blank(part: Listing) -> Any:
            return np.full((len(part), *there[0].shape[1:]), missing, there[0].dtype)

        return np.concatenate([blank(p) if value is None else value for p, value in zip(parts, values, strict=True)])

    first = parts[0]
    _refuse_shared(parts)
    if any(part.names != first.names or part.codes != first.codes for part in parts):
        raise DataError(f"{root}: numbers of labels mean something else in one file", "the same class names in each")
    if any(
        (part.words is None) != (first.words is None)
        or part.choices != first.choices
        or part.unit_names != first.unit_names
        for part in parts
    ):
        raise DataError(f"{root}: tables with different columns", "the same columns in each")
    return replace(
        first,
        origin=root,
        images=_all_images([part.images for part in parts]),
        places=[place for part in parts for place in part.places],
        words=None if first.words is None else [word for part in parts for word in part.words or ()],
        splits=[word for part in parts for word in part.splits],
        faults=tuple(fault for part in parts for fault in part.faults),
        group=together("group", ""),
        weight=together("weight", 1),
        **{name: together(name) for name in ("ids", "keys", "votes", "box", "regression", "units")},
    )


def _refuse_shared(parts: Sequence[Listing]) -> None:
    """Refuse files that two tables name, unless boxes tell several faces in one apart."""
    seen: dict[str, Path] = {}
    for part in parts:
        if not isinstance(part.images, ImageFiles) or part.box is not None:
            continue
        for path in {os.path.abspath(path) for path in part.images.paths}:  # noqa: PTH100 - Path keeps `..`
            if (other := seen.setdefault(path, part.origin)) != part.origin:
                got = f"{part.origin}: {path} is in {other.name}, too"
                raise DataError(got, "every image in one split", "leave it out of one")


def _all_images(parts: Sequence[Images]) -> Images:
    if all(isinstance(part, ImageFiles) for part in parts):
        return ImageFiles([path for part in parts if isinstance(part, ImageFiles) for path in part.paths])
    if all(isinstance(part, ParquetImages) for part in parts):
        inside = [part for part in parts if isinstance(part, ParquetImages)]
        starts = np.cumsum([0, *(len(part.everything) for part in inside)])
        rows = np.concatenate([part.rows + start for part, start in zip(inside, starts, strict=False)])
        return ParquetImages([path for part in inside for path in part.paths], inside[0].column, rows)
    raise DataError("tables that hold images in different ways", "one way")
