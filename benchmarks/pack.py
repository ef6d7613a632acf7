"""Pack splits of FER2013 into a folder of plain arrays, to train on a machine without pyarrow, Pillow and the file.

    python benchmarks/pack.py path/to/data packed train val
    mien train mien/ferplus --root packed

A split that is left out (such as test) cannot be read there at all; `mien train` reads test only with --test.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mien.data.cache import Entry, write_entry
from mien.data.fer2013.ferplus import all_votes
from mien.data.fer2013.layouts import find, images
from mien.data.fer2013.raw import USAGES
from mien.data.fer2013.votes import vote_files
from mien.errors import DataError


def pack(root: Path | str, out: Path | str, splits: Sequence[str] = tuple(USAGES.values())) -> Path:
    """Write the images, labels and votes (if any) of `splits` into a new folder and return it.

    DataError when the data cannot be read or the folder exists or cannot be written.
    """
    layout = find(Path(root))
    entry = images(layout)
    names = [*USAGES.values(), "unknown"]
    split = np.repeat(names, np.diff(entry.arrays["bounds"]))
    kept = np.isin(split, splits)
    arrays = {name: entry.arrays[name][kept] for name in ("images", "label", "ids")}
    arrays["row"] = np.arange(kept.sum(), dtype=np.int32)
    arrays["bounds"] = np.cumsum([0, *(np.count_nonzero(split[kept] == name) for name in names)])
    files = vote_files(layout.folder)
    if files and layout.kind in ("csv", "parquet"):
        arrays["votes"] = all_votes(entry, files)[kept]
    out = Path(out)
    try:
        out.mkdir(parents=True)
        write_entry(out, Entry(arrays, {name: entry.facts[name] for name in splits}))
    except OSError as error:
        raise DataError(f"cannot write {out} ({error.strerror})", "a new folder") from None
    return out


if __name__ == "__main__":
    source, target, *chosen = sys.argv[1:]
    print(pack(source, target, chosen or tuple(USAGES.values())))
