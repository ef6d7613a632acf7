"""Gated data sets, which are sent out on request: where to request them, and whether they are under a folder.

missing("affectnet", root)      # None, or where to request it and what was expected under root
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from mien.data import data_root
from mien.data.affectnet import find as find_affectnet
from mien.data.ckplus import find as find_ckplus
from mien.data.rafdb import find as find_rafdb
from mien.errors import DataError


class Gated(NamedTuple):
    """A gated data set: where to request it, and what finds its folder (DataError where it is missing)."""

    source: str
    find: Callable[[Path], Path]


class Missing(NamedTuple):
    """A gated data set that is not here: where to request it, and what was expected."""

    source: str
    reason: str


GATED: dict[str, Gated] = {
    "affectnet": Gated("ask at mohammadmahoor.com/affectnet", find_affectnet),
    "rafdb": Gated("ask at www.whdeng.cn/raf/model1.html", find_rafdb),
    "ckplus": Gated("ask at www.jeffcohn.net/resources", find_ckplus),
}
"""The data sets by name."""


def missing(name: str, root: Path | str | None) -> Missing | None:
    """Return why a gated data set cannot be used, None where it is under `root` or is not gated."""
    if name not in GATED:
        return None
    try:
        GATED[name].find(data_root(root))
    except DataError as error:
        return Missing(GATED[name].source, str(error))
    return None
