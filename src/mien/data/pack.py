"""Pack splits into a folder of plain arrays, to train where there is neither pyarrow nor Pillow nor the original file.

    python -c "from mien.data.pack import pack; pack('path/to/data', 'packed', ('train', 'val'))"
    mien train mien/ferplus --root packed

Whatever is left out (say, test) cannot be reached there at all; `mien train` does not ask for test by itself.
"""

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
    """Write the images, labels and (where there are some) votes of `splits` into a new folder and return it."""
    layout = find(Path(root))
    entry = images(layout)
    split = np.repeat([*USAGES.values(), "untold"], np.diff(entry.arrays["bounds"]))
    kept = np.isin(split, splits)
    arrays = {name: entry.arrays[name][kept] for name in ("images", "label", "ids")}
    arrays["row"] = np.arange(kept.sum(), dtype=np.int32)
    sizes = [np.count_nonzero(split[kept] == name) for name in (*USAGES.values(), "untold")]
    arrays["bounds"] = np.cumsum([0, *sizes])
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
