"""Where the data lies and which reader takes it: what every use of a data set has in common.

`READERS` are the data sets that are files.  It lies apart from `mien.data.DATASETS`, which adds those made from others:
the search for near-duplicates and the synthetic faces read these, and are themselves read by `mien.data`.
"""

import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mien.data.affectnet import affectnet
from mien.data.ckplus import ckplus
from mien.data.fer2013 import fer2013
from mien.data.fer2013.ferplus import ferplus
from mien.data.folder import folder
from mien.data.generated import with_generated
from mien.data.names import check_known
from mien.data.rafdb import rafdb
from mien.data.samples import Samples
from mien.data.table import table
from mien.errors import DataError

Reader = Callable[..., Samples]

SPLITS = ("train", "val", "test")
"""Training, PublicTest and PrivateTest in FER2013's words."""

OWN: dict[str, Reader] = {"folder": folder, "table": table}
"""Readers of one's own images; they take the options of `mien.data.own.options`."""

READERS: dict[str, Reader] = {
    "fer2013": fer2013,
    "ferplus": ferplus,
    "affectnet": affectnet,
    "ckplus": ckplus,
    "rafdb": rafdb,
    **OWN,
}
"""Reader of files by the name of the data set."""


def read(
    readers: Mapping[str, Reader], name: str, root: Path | str | None, split: str, options: Mapping[str, Any]
) -> Samples:
    """Return one split of one of these data sets; see `mien.data.load`."""
    check_known("data set", name, readers)
    check_known("split", split, SPLITS)
    accepted = inspect.signature(readers[name]).parameters
    if not any(
        parameter.kind is parameter.VAR_KEYWORD for parameter in accepted.values()
    ):  # else it checks them itself
        for option in options:
            check_known(f"option of {name}", option, [*list(accepted)[2:], "generated"])
    own = {option: value for option, value in options.items() if option != "generated"}
    samples = readers[name](data_root(root), split, **own)
    generated = options.get("generated")
    return samples if generated is None else with_generated(samples, generated)


def data_root(root: Path | str | None) -> Path:
    """Return where the data is: `root`, or what MIEN_DATA names; DataError when neither is given."""
    given = root or os.environ.get("MIEN_DATA")
    if not given:
        raise DataError("no data folder given", "`root` or the environment variable MIEN_DATA")
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
