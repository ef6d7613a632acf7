"""AffectNet: faces found by web search, eight expressions with valence and arousal (arXiv 1708.03985).

The manually annotated part as published: training.csv and validation.csv beside Manually_Annotated_Images/, or in
a subfolder affectnet/.  Faces are cut along the box of the table and kept at 224 pixels (43 GB for all 287,651; the
recipe's data.size makes them smaller where they are used).  None, Uncertain and No-Face are left out.  The later
release with arrays, train_set/ and val_set/, is read as well (affectnet_arrays.py).

The authors' test set is not public.  So test is their validation set, 500 images per class, opened once as everywhere.
Val is a tenth of training.csv, at most 4,000 images, drawn with a fixed seed.  The crops stay in the cache as long as
the tables are unchanged: the images themselves are too many to be checked each time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.data import affectnet_arrays
from mien.data.cache import Entry, cached_in_steps
from mien.data.faces import below, crop_all, photo
from mien.data.own import samples as own
from mien.data.own.options import Options
from mien.data.samples import Samples, digest, one_hot
from mien.errors import DataError
from mien.html.page import count
from mien.labels import ORDERS, ordered
from mien.reading.tables import csv_lines

SIZE = 224
LABELS = ordered(ORDERS["affectnet"])
TABLES = {"train": "training.csv", "val": "training.csv", "test": "validation.csv"}
IMAGES = "Manually_Annotated_Images"
COLUMNS = (
    "subDirectory_filePath", "face_x", "face_y", "face_width", "face_height", "facial_landmarks", "expression",
    "valence", "arousal",
)  # fmt: skip
LEFT_OUT = range(8, 11)
"""None, Uncertain, No-Face."""

NO_VALUE = -2.0
"""Value of valence and arousal where there is none."""

VAL_FRACTION, MAX_VAL, SEED = 0.1, 4000, 0


@dataclass(frozen=True)
class Line:
    """A face of a table: its image, box in pixels (x, y, width, height), expression code, valence and arousal."""

    image: str
    box: tuple[float, ...]
    expression: int
    valence_arousal: tuple[float, float]


def affectnet(root: Path, split: str, *, skip_missing: bool = False) -> Samples:
    """Return a split of AffectNet: RGB faces of 224 pixels as a memory map, targets one-hot, valence and arousal.

    With `skip_missing`, lines whose image is missing are left out, and `about` reports how many.  DataError when tables
    or images are missing or malformed.
    """
    if (arrays := affectnet_arrays.find(root)) is not None:
        listed = affectnet_arrays.listing(arrays)
        part = min(VAL_FRACTION, MAX_VAL / max(1, list(listed.splits).count("train")))
        settings = {"size": SIZE, "channels": 3, "val": part, "skip_bad": skip_missing}
        return own.read("affectnet", listed, split, Options.of("affectnet", settings))
    folder = find(root)
    table = folder / TABLES[split]
    key = f"affectnet-{SIZE}-{table.stem}{'-present' * skip_missing}"
    entry = cached_in_steps(key, {table.name: table}, lambda steps: build(folder, table, steps, skip_missing))
    missing = entry.facts.get("missing", 0)
    bound = entry.facts["val"]
    rows = slice(bound, None) if split == "train" else slice(0, bound) if split == "val" else slice(None)
    target = one_hot(entry.arrays["label"][rows], len(LABELS))
    regression = np.asarray(entry.arrays["regression"][rows])
    return Samples(
        images=entry.images[rows],
        target=target,
        labels=LABELS,
        ids=np.asarray(entry.arrays["ids"][rows]),
        regression=regression,
        name="affectnet",
        split=split,
        fingerprint=digest("affectnet", split, entry.facts["images"], target, regression),
        about=f"{count(missing, 'missing image')} of {table.name} left out" if missing else "",
    )


def find(root: Path) -> Path:
    """Return the folder with the tables and the images, `root` or a folder in it; DataError when there is none."""
    folder = below(root, ("affectnet", "AffectNet"), lambda folder: (folder / IMAGES).is_dir())
    folder = folder or affectnet_arrays.find(root)
    if folder is None:
        wanted = f"{IMAGES}/ beside training.csv and validation.csv, or train_set/ and val_set/, there or in affectnet/"
        raise DataError(f"no AffectNet in {root}", wanted, "check `root` or MIEN_DATA")
    return folder


def build(folder: Path, table: Path, steps: Path, skip_missing: bool = False) -> Entry:
    """Crop all faces of a table into shards in `steps`, val first, so that each split is one slice of the arrays."""
    lines = [line for line in read(table) if line.expression not in LEFT_OUT]
    if not lines:
        raise DataError(f"{table} has no face with an expression", "lines with expression 0 to 7")
    bound = 0
    if table.name == TABLES["train"]:
        bound = min(MAX_VAL, int(len(lines) * VAL_FRACTION))
        order = np.random.default_rng(SEED).permutation(len(lines))
        lines = [lines[row] for row in (*order[:bound], *sorted(order[bound:]))]
    total = len(lines)
    if skip_missing:  # after the draw, so that missing images do not change the splits
        exists = [(folder / IMAGES / line.image).is_file() for line in lines]
        bound, lines = sum(exists[:bound]), [line for line, present in zip(lines, exists, strict=True) if present]
        if not lines:
            raise DataError(f"{folder / IMAGES} has none of the images of {table.name}", do="check `root`")
    ids = np.array([line.image for line in lines], np.str_)
    if len(set(ids.tolist())) < len(ids):
        raise DataError(f"{table} lists an image twice", "a line per image")
    title, key = f"AffectNet {table.stem}", digest(ids)  # images may be added before a build is resumed
    images = crop_all(steps, title, len(lines), SIZE, 3, lambda row: face(folder, lines[row]), key)
    code = np.array([line.expression for line in lines])
    label = np.array([LABELS.index(name) for name in ORDERS["affectnet"]], np.int8)[code]
    regression = np.array([line.valence_arousal for line in lines], np.float32)
    arrays = {"label": label, "regression": regression, "ids": ids}
    facts = {"val": bound, "images": digest(images, ids), "missing": total - len(lines)}
    return Entry(arrays, facts, images)


def face(folder: Path, line: Line) -> NDArray[np.uint8]:
    """Return the square around a face's box, with the same centre and area, uint8 (SIZE, SIZE, 3)."""
    from mien.inference.align import Framing, crop

    x, y, width, height = line.box
    box = np.array([x, y, x + width, y + height], np.float32)
    return crop(photo(folder / IMAGES / line.image), box, Framing(1.0), SIZE, 3)


def read(table: Path) -> Iterator[Line]:
    """Yield the lines of a table, with or without a header; DataError names the file, the line and the column."""
    columns = list(range(len(COLUMNS)))
    for number, cells in csv_lines(table, "the CSV file that comes with AffectNet"):
        if number == 1 and COLUMNS[0] in cells:
            columns = _columns(table, cells)
        else:
            yield _line(cells, columns, f"{table} line {number}")


def _columns(table: Path, header: list[str]) -> list[int]:
    if missing := [name for name in COLUMNS if name not in header]:
        raise DataError(f"{table} has no column {', '.join(missing)}", f"the columns {', '.join(COLUMNS)}")
    return [header.index(name) for name in COLUMNS]


def _line(cells: list[str], columns: list[int], where: str) -> Line:
    if len(cells) <= max(columns):
        raise DataError(f"{where}: {len(cells)} cells", f"{len(COLUMNS)}: {', '.join(COLUMNS)}")
    named = {name: cells[k] for name, k in zip(COLUMNS, columns, strict=True)}
    expression = _number(named, "expression", where)
    if expression not in range(11):
        raise DataError(f"{where}: expression {named['expression']!r}", "a code from 0 (neutral) to 10 (no face)")
    if expression in LEFT_OUT:  # these often have no box
        return Line(named[COLUMNS[0]], (), int(expression), (NO_VALUE, NO_VALUE))
    box = tuple(_number(named, name, where) for name in COLUMNS[1:5])
    if min(box[2:]) <= 0:
        raise DataError(f"{where}: a face of {box[2]:g} x {box[3]:g} pixels", "face_width and face_height above 0")
    valence, arousal = (_affect(named, name, where) for name in ("valence", "arousal"))
    return Line(named[COLUMNS[0]], box, int(expression), (valence, arousal))


def _affect(named: dict[str, str], name: str, where: str) -> float:
    value = _number(named, name, where)
    if value == NO_VALUE:
        return float("nan")
    if not -1 <= value <= 1:
        raise DataError(f"{where}: {name} {named[name]!r}", "a number from -1 to 1, or -2 for none")
    return value


def _number(named: dict[str, str], name: str, where: str) -> float:
    try:
        value = float(named[name])
    except ValueError:
        value = float("nan")
    if not np.isfinite(value):
        raise DataError(f"{where}: {name} {named[name][:40]!r}", "a number")
    return value
