"""Groups of images: subjects or clips.  An image whose group is unknown is a group of its own."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

UNKNOWN = ("", "nan", "none", "null", "na", "n/a", "unknown")
"""How readers and tables write a group that is not known, in small letters."""


def known(group: ArrayLike) -> list[str]:
    """Return the names of groups that occur and are known, sorted.

    >>> known(["s2", "", "nan", "s1", "s2"])
    ['s1', 's2']
    """
    return [name for name in np.unique(np.asarray(group).astype(np.str_)).tolist() if not _unknown(name)]


def numbered(group: ArrayLike) -> NDArray[np.intp]:
    """Return each image's group as a number from 0, int (N,); images of unknown groups have one each.

    >>> numbered(["b", "", "a", "b", ""]).tolist()
    [1, 2, 0, 1, 3]
    """
    names, code = np.unique(np.asarray(group), return_inverse=True)
    alone = np.flatnonzero(np.isin(code, [k for k, name in enumerate(names) if _unknown(name)]))
    code[alone] = len(names) + np.arange(len(alone))
    return np.asarray(np.unique(code, return_inverse=True)[1], np.intp)


def named(group: ArrayLike, names: ArrayLike) -> NDArray[np.str_]:
    """Return each image's group by name, str (N,); an image of an unknown group is one under its own name.

    >>> named(["b", "", "a"], ["1.png", "2.png", "3.png"]).tolist()
    ['b', 'image 2.png', 'a']
    """
    pairs = zip(np.asarray(group).astype(np.str_).tolist(), np.asarray(names).tolist(), strict=True)
    return np.array([f"image {name}" if _unknown(one) else one for one, name in pairs], np.str_)


def _unknown(name: object) -> bool:
    return str(name).strip().lower() in UNKNOWN
