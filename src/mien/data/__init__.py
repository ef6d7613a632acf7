"""Data sets as `Samples`, read once into a cache of uint8 arrays and opened from there as a memory map.

    from mien.data import load
    train = load("ferplus", "path/to/data", "train", labels="distribution")

Every reader takes `(root, split, **options)`, only reads under `root`, and raises DataError for files that are not in
the expected format.  To add a data set, write one file and add one line to `READERS` in registry.py.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mien.data.registry import READERS, SPLITS, Reader, data_root, read, read_options
from mien.data.samples import Samples
from mien.data.synthetic import synthetic
from mien.errors import DataError

__all__ = ["DATASETS", "SPLITS", "Samples", "data_root", "load", "load_splits", "read_options"]

DATASETS: dict[str, Reader] = {**READERS, "synthetic": synthetic}
"""Reader by name."""


def load(name: str, root: Path | str | None, split: str, **options: Any) -> Samples:
    """Return one split of a data set.

    Every data set takes the option `generated` for its training split: a file of images to add, see generated.py.
    `root` is the folder or file that holds it, a folder with a subfolder `fer2013`, or None for the one that
    MIEN_DATA names.  Raises DataError for an unknown name, split or option, and for files that cannot be read.
    """
    return read(DATASETS, name, root, split, options)


def load_splits(
    name: str, root: Path | str | None, options: Mapping[str, Any], required: Collection[str] = ()
) -> tuple[dict[str, Samples], dict[str, str]]:
    """Return every split of a data set that can be read, and why each of the others cannot.

    A split that is an earlier one under another name, as where the data has no splits, is not read twice.  Raises
    DataError where a `required` split cannot be read, or none at all.
    """
    splits: dict[str, Samples] = {}
    missing: dict[str, str] = {}
    for split in SPLITS:
        try:
            samples = load(name, root, split, **options)
            if same := next((one for one in splits if np.array_equal(splits[one].ids, samples.ids)), None):
                missing[split] = f"it is {same} again: {samples.about.partition('; ')[0] or 'the data has no splits'}"
            else:
                splits[split] = samples
        except DataError as error:
            missing[split] = str(error)
            if split in required or len(missing) == len(SPLITS):
                raise
    return splits, missing
