"""AffectNet's later release: a folder per split with faces of 224 pixels and their labels as small arrays.

    train_set/images/0.jpg ...         val_set/images/...
    train_set/annotations/0_exp.npy  0_val.npy  0_aro.npy      expression, valence, arousal (0_lnd.npy is not read)

`find` returns where it is; `listing` its rows, as `affectnet` reads them.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from mien.data.own.faults import Fault
from mien.data.own.images import ImageFiles
from mien.data.own.listing import Listing
from mien.errors import DataError, MienError
from mien.reading.arrays import mapped

FOLDERS = {"train": "train_set", "test": "val_set"}
"""The folder of each split; the authors' test set is not public, so that their validation set is test."""

NO_VALUE = -2.0
"""Valence and arousal where there is none."""


def find(root: Path) -> Path | None:
    """Return the folder that holds train_set/ and val_set/, `root` or a folder in it, or None."""
    for folder in (root, root / "affectnet", root / "AffectNet"):
        if all((folder / name / "annotations").is_dir() for name in FOLDERS.values()):
            return folder
    return None


def listing(folder: Path) -> Listing:
    """Return the rows of both splits, by number; images without a readable annotation are faults."""
    rows = [row for split, name in FOLDERS.items() for row in _images(folder / name, split)]
    if not rows:
        raise DataError(f"{folder} has no images in {' or '.join(FOLDERS.values())}", "images/0.jpg and so on")
    with ThreadPoolExecutor(8) as pool:
        read = list(pool.map(lambda row: _annotation(row[1]), rows))
    faults = tuple(
        Fault(_name(folder, path), found) for (_, path), found in zip(rows, read, strict=True) if isinstance(found, str)
    )
    kept = [(split, path, found) for (split, path), found in zip(rows, read, strict=True) if not isinstance(found, str)]
    names = [_name(folder, path) for _, path, _ in kept]
    return Listing(
        origin=folder,
        images=ImageFiles([path for _, path, _ in kept]),
        ids=np.array(names, np.str_),
        places=names,
        words=[str(found[0]) for *_, found in kept],
        splits=[split for split, *_ in kept],
        codes="affectnet",
        regression=np.array([found[1:] for *_, found in kept], np.float32),
        faults=faults,
    )


def _images(folder: Path, split: str) -> Iterator[tuple[str, Path]]:
    paths = [path for path in (folder / "images").glob("*.jpg") if path.stem.isdecimal()]
    yield from ((split, path) for path in sorted(paths, key=lambda path: int(path.stem)))


def _annotation(image: Path) -> tuple[int, float, float] | str:
    """Return the expression's code, valence and arousal of an image (NaN for none), or what is wrong."""
    try:
        code, valence, arousal = (_number(image, kind) for kind in ("exp", "val", "aro"))
    except MienError as error:
        return str(error)
    if code not in range(8):
        return f"expression {code:g}, not a code from 0 (neutral) to 7 (contempt)"
    affect = [float("nan") if value == NO_VALUE else value for value in (valence, arousal)]
    if any(abs(value) > 1 for value in affect):
        return f"valence {valence:g} and arousal {arousal:g}, not from -1 to 1"
    return int(code), affect[0], affect[1]


def _number(image: Path, kind: str) -> float:
    path = image.parent.parent / "annotations" / f"{image.stem}_{kind}.npy"
    values = mapped(path, "an array of one number")
    try:
        (value,) = np.asarray(values).astype(np.float64).ravel()  # also numbers written as text
    except ValueError:
        raise DataError(f"{path} holds no single number") from None
    return float(value)


def _name(folder: Path, path: Path) -> str:
    return path.relative_to(folder).as_posix()
