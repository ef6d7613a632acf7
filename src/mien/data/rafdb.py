"""RAF-DB, the basic part: faces found by web search, seven expressions by about 40 raters each (CVPR 2017).

As published, in the root or in a folder rafdb/, RAF-DB/ or basic/:

    EmoLabel/list_patition_label.txt                    train_00001.jpg 5 ...      (the name is spelled so)
    Image/aligned/train_00001_aligned.jpg ...           100 x 100, RGB

The authors have no validation set: val is a tenth of train, drawn by label with a fixed seed.
"""

from pathlib import Path
from typing import Any

import numpy as np

from mien.data.faces import below
from mien.data.own.faults import Fault
from mien.data.own.images import ImageFiles
from mien.data.own.listing import Listing
from mien.data.own.options import Options
from mien.data.own.samples import read
from mien.data.samples import Samples
from mien.errors import DataError
from mien.reading.guard import MIB, content, parsing

LABELS, IMAGES = "EmoLabel/list_patition_label.txt", "Image/aligned"
VAL_FRACTION = 0.1


def rafdb(root: Path, split: str, *, skip_bad: Any = False) -> Samples:
    """Return a split of RAF-DB: RGB faces of 100 pixels, targets one-hot.

    `skip_bad` leaves out images that are missing, and counts them.  DataError when the list or images are missing or
    malformed.
    """
    options = Options.of("rafdb", {"val": VAL_FRACTION, "size": 100, "channels": 3, "skip_bad": skip_bad})
    return read("rafdb", listing(find(root)), split, options)


def find(root: Path) -> Path:
    """Return the folder with the list and the images, `root` or a folder in it; DataError when there is none."""
    names = ("rafdb", "RAF-DB", "basic", "rafdb/basic", "RAF-DB/basic")
    folder = below(root, names, lambda folder: (folder / LABELS).is_file())
    if folder is None:
        wanted = f"{LABELS} and {IMAGES}/, there or in rafdb/"
        raise DataError(f"no RAF-DB in {root}", wanted, "check `root` or MIEN_DATA")
    return folder


def listing(folder: Path) -> Listing:
    """Return the rows of the list, with the split that their names begin with."""
    path, rows, faults = folder / LABELS, [], []
    text = content(path, "the list that comes with RAF-DB", 16 * MIB)
    with parsing(path, "text"):
        lines = text.decode("utf-8-sig").splitlines()
    for number, line in enumerate(lines, 1):
        name, _, code = line.strip().partition(" ")
        stem, _, kind = name.rpartition(".")
        split = stem.partition("_")[0]
        image = folder / IMAGES / f"{stem}_aligned.{kind}"
        place = f"{path.name} line {number}"
        if split not in ("train", "test") or code.strip() not in tuple("1234567") or Path(name).name != name:
            if line.strip():
                faults.append(Fault(place, f"{line.strip()[:40]!r}, not such as train_00001.jpg 5"))
        elif not image.is_file():
            faults.append(Fault(place, f"no file {IMAGES}/{image.name}"))
        else:
            rows.append((place, name, split, code.strip(), image))
    places, names, splits, codes, images = (list(part) for part in zip(*rows, strict=True)) if rows else ([],) * 5
    return Listing(
        origin=folder,
        images=ImageFiles(images),
        ids=np.array(names, np.str_),
        places=places,
        words=codes,
        splits=splits,
        codes="rafdb",
        faults=tuple(faults),
    )
