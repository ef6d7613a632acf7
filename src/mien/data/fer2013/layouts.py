"""The layouts of FER2013: Kaggle csv, Parquet, Kaggle folders, or arrays packed by benchmarks/pack.py."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mien.data.cache import Entry, cached, corrupted, open_entry
from mien.data.fer2013.folders import image_files, read_folders
from mien.data.fer2013.kaggle_csv import read_csv
from mien.data.fer2013.parquet import read_parquet
from mien.data.fer2013.raw import UNKNOWN_SPLIT, USAGES, Images
from mien.data.samples import digest
from mien.errors import DataError
from mien.progress import bar

FILES = {"fer2013.csv": "csv", "icml_face_data.csv": "csv", "fer2013.parquet": "parquet"}
"""Layout by file name, in order of preference."""

READERS: dict[str, Callable[[Path, Callable[[int], None]], Images]] = {
    "csv": read_csv,
    "parquet": read_parquet,
    "folder": read_folders,
}


@dataclass(frozen=True)
class Layout:
    """A kind (csv, parquet, folder or arrays), the file or folder it is about, and the folder that holds it."""

    kind: str
    path: Path
    folder: Path


def find(root: Path) -> Layout:
    """Return the layout under `root`, which may be the file, its folder, or a folder with a subfolder `fer2013`."""
    if root.is_file():
        if (kind := root.suffix.lower().lstrip(".")) not in READERS:
            raise DataError(f"{root} is neither csv nor Parquet", "fer2013.csv, fer2013.parquet or a folder")
        return Layout(kind, root, root.parent)
    if not root.is_dir():
        raise DataError(f"{root} does not exist", "a folder or file with FER2013", "check `root` or MIEN_DATA")
    for folder in (root, root / "fer2013"):
        for name, kind in FILES.items():
            if (folder / name).is_file():
                return Layout(kind, folder / name, folder)
        if (folder / "train").is_dir() or (folder / "test").is_dir():
            return Layout("folder", folder, folder)
        if (folder / "meta.json").is_file():
            return Layout("arrays", folder, folder)
    raise DataError(
        f"no FER2013 in {root}",
        f"{', '.join(FILES)} or folders train/ and test/, there or in fer2013/",
        "check `root` or MIEN_DATA",
    )


def images(layout: Layout) -> Entry:
    """Return the images sorted by split, from the cache.

    Arrays: images uint8 (N, 48, 48, 1), label int8 (N,), ids str (N,), row int32 (N,) in the file, bounds (5,) where
    train, val, test and the images of unknown split begin and end.  Packed arrays may hold votes too.  Facts: a digest
    per split.
    """
    if layout.kind == "arrays":
        entry = open_entry(layout.path)
        if entry is None or "bounds" not in entry.arrays:
            raise DataError(
                f"{layout.path} is not a complete set of arrays",
                "a folder written by benchmarks/pack.py",
                "pack it again",
            )
        if what := corrupted(layout.path):
            raise DataError(f"{layout.path / what} was corrupted since it was packed", do="pack it again")
        return entry
    read = READERS[layout.kind]
    if layout.kind == "folder":
        files = image_files(layout.path)
        total = len(files)
    else:
        files, total = {"": layout.path}, layout.path.stat().st_size

    def build() -> Entry:
        with bar(f"reading {layout.path.name}", total) as advance:
            return by_split(read(layout.path, advance))

    return cached("fer2013", files, build)


def by_split(raw: Images) -> Entry:
    """Return the images sorted by split, keeping the file's order within each, with a digest per split."""
    row = np.argsort(raw.split, kind="stable").astype(np.int32)
    bounds = np.searchsorted(raw.split[row], np.arange(UNKNOWN_SPLIT + 2))
    arrays = {
        "images": raw.images[row],
        "label": raw.label[row],
        "ids": raw.ids[row],
        "row": row,
        "bounds": bounds,
    }
    facts = {
        split: digest(arrays["images"][bounds[k] : bounds[k + 1]], arrays["label"][bounds[k] : bounds[k + 1]])
        for k, split in enumerate(USAGES.values())
    }
    return Entry(arrays, facts)
