"""Data sets as `Samples`, read once into a cache of uint8 arrays and opened from there as a memory map.

    from mien.data import load
    train = load("ferplus", "path/to/data", "train", labels="distribution")

Every reader takes `(root, split, **options)`, only reads under `root`, and raises DataError for anything that is not
what it claims to be.  Adding a data set: one file, one line in `DATASETS`.
"""

import inspect
import os
from collections.abc import Callable, Collection, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from mien.data.affectnet import affectnet
from mien.data.ckplus import ckplus
from mien.data.fer2013 import fer2013
from mien.data.fer2013.ferplus import ferplus
from mien.data.samples import Samples
from mien.data.synthetic import synthetic
from mien.data.synthetic.generated import with_generated
from mien.errors import DataError

__all__ = ["DATASETS", "SPLITS", "Samples", "data_root", "load", "read_options"]

SPLITS = ("train", "val", "test")
"""Training, PublicTest and PrivateTest in FER2013's words."""

DATASETS: dict[str, Callable[..., Samples]] = {
    "fer2013": fer2013,
    "ferplus": ferplus,
    "synthetic": synthetic,
    "affectnet": affectnet,
    "ckplus": ckplus,
}
"""Reader by name."""


def load(name: str, root: Path | str | None, split: str, **options: Any) -> Samples:
    """Return one split of a data set.

    Every data set takes the option `generated` for its training split: a file of images to add, see `generated`.
    `root` is the folder or file that holds it, a folder with a subfolder `fer2013`, or None for the one that
    MIEN_DATA names.  Raises DataError for an unknown name, split or option, and for files that cannot be read.
    """
    _known("data set", name, DATASETS)
    _known("split", split, SPLITS)
    accepted = [*list(inspect.signature(DATASETS[name]).parameters)[2:], "generated"]
    for option in options:
        _known(f"option of {name}", option, accepted)
    more = options.pop("generated", None)
    samples = DATASETS[name](data_root(root), split, **options)
    return samples if more is None else with_generated(samples, more)


def data_root(root: Path | str | None) -> Path:
    """Return where the data is: `root`, or what MIEN_DATA names; DataError when neither is given."""
    given = root or os.environ.get("MIEN_DATA")
    if not given:
        raise DataError("no data folder given", "--root DIR or the environment variable MIEN_DATA")
    return Path(given).expanduser()


def read_options(pairs: Sequence[str]) -> dict[str, str]:
    """Return a command line's `key=value` words as the options of `load`; DataError for a word without `=`.

    >>> read_options(["labels=distribution"])
    {'labels': 'distribution'}
    """
    for pair in pairs:
        if "=" not in pair:
            raise DataError(f"option {pair!r}", "key=value, such as labels=distribution")
    return dict(pair.split("=", 1) for pair in pairs)


def _known(what: str, name: str, known: Collection[str]) -> None:
    if name in known:
        return
    near = get_close_matches(name, known, 1)
    raise DataError(
        f"unknown {what} {name!r}",
        "one of " + ", ".join(known) if known else "none",
        f"did you mean {near[0]}?" if near else "",
    )
