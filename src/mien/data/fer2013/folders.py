"""The Kaggle folder layout: {train,test}/{angry,...,surprise}/*.jpg or *.png.

Its `test` folder holds PublicTest and PrivateTest together.  Where the file names say which (Training_1.jpg,
PublicTest_2.jpg, PrivateTest_3.jpg), the splits are FER2013's own; otherwise only `train` is known.
The row order of the original is lost, so the FERPlus votes cannot be joined.
"""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from mien.data.fer2013.parquet import decode
from mien.data.fer2013.raw import LABELS, SIDE, SPLIT_OF, UNKNOWN_SPLIT, Images
from mien.data.files import unreadable
from mien.errors import DataError
from mien.labels import canonical

FOLDERS = {"train": SPLIT_OF["Training"], "test": UNKNOWN_SPLIT}
"""Split of an image by its folder, where its name does not say."""

SUFFIXES = (".jpg", ".jpeg", ".png")


def image_files(root: Path) -> dict[str, Path]:
    """Return the image files of the layout by their path below `root`, sorted, without opening them."""
    folders = [path for name in FOLDERS if (root / name).is_dir() for path in sorted((root / name).iterdir())]
    folders = [folder for folder in folders if not folder.name.startswith(".")]
    return {
        f"{folder.parent.name}/{folder.name}/{path.name}": path
        for folder in folders
        if folder.is_dir()
        for path in sorted(folder.iterdir(), key=lambda path: path.name)
        if path.name.lower().endswith(SUFFIXES) and not path.name.startswith(".")  # macOS leaves ._1.png beside 1.png
    }


def read_folders(root: Path, advance: Callable[[int], None] = lambda _: None) -> Images:
    """Return the images of a folder layout; `advance` counts files; DataError names the file or folder."""
    files = list(image_files(root).values())
    if not files:
        raise DataError(f"no images in {root}", "train/ and test/ with a folder of jpg or png per expression")
    images = np.empty((len(files), SIDE, SIDE, 1), np.uint8)
    for row, path in enumerate(files):
        try:
            images[row, :, :, 0] = decode(path.read_bytes(), str(path))
        except OSError as error:
            raise unreadable(path, error) from None
        advance(1)
    label = np.array([_label(path.parent) for path in files], np.int8)
    split = np.array([_split(path) for path in files], np.int8)
    return Images(images, label, split, np.array(_ids(files), np.str_))


def _label(folder: Path) -> int:
    label = canonical(folder.name)
    if label not in LABELS:
        raise DataError(f"folder {folder} is not named after an expression of FER2013", "one of " + ", ".join(LABELS))
    return LABELS.index(label)


def _split(path: Path) -> int:
    prefix = path.name.split("_")[0].lower()
    codes = {usage.lower(): code for usage, code in SPLIT_OF.items()}
    return codes.get(prefix, FOLDERS[path.parents[1].name])


def _ids(files: list[Path]) -> list[str]:
    """File stems, preceded by their folders where a stem occurs twice."""
    seen = Counter(path.stem for path in files)
    return [path.stem if seen[path.stem] == 1 else "/".join((*path.parts[-3:-1], path.stem)) for path in files]
