"""How long the Kaggle csv takes: mien's reader against pandas with a split per row, in one process on one thread.

    python benchmarks/csv_parse.py path/to/fer2013.csv      prints one JSON document, best of three each

Seconds are of processor time, which other work on the machine disturbs less than the clock's; all readers use one
thread, so they are the clock's on an idle machine.  All must give the same pixels.  `split` is how most code reads
this file (read_csv, then the numbers of each row from its split text); `fromstring` is the quickest that pandas and
numpy offer.  Needs pandas.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from mien.data.fer2013.kaggle_csv import read_csv

TIMES = 3


def with_mien(path: Path) -> np.ndarray:
    return read_csv(path).images.reshape(-1, 48 * 48)


def with_split(path: Path) -> np.ndarray:
    return np.stack([np.array(text.split(), dtype=np.uint8) for text in pd.read_csv(path)["pixels"]])


def with_fromstring(path: Path) -> np.ndarray:
    return np.stack([np.fromstring(text, dtype=np.uint8, sep=" ") for text in pd.read_csv(path)["pixels"]])


def best(read: Callable[[Path], np.ndarray], path: Path) -> tuple[float, np.ndarray]:
    """Return the least seconds of `TIMES` readings, and the pixels."""
    seconds = []
    for _ in range(TIMES):
        start = time.process_time()
        pixels = read(path)
        seconds.append(time.process_time() - start)
    return min(seconds), pixels


def main(path: Path) -> None:
    mien, pixels = best(with_mien, path)
    report = {
        "file": path.name,
        "megabytes": round(path.stat().st_size / 1e6, 1),
        "rows": len(pixels),
        "mien": round(mien, 3),
    }
    for name, read in (("split", with_split), ("fromstring", with_fromstring)):
        seconds, same = best(read, path)
        assert np.array_equal(pixels, same), f"{name} reads other pixels"
        report |= {f"pandas_{name}": round(seconds, 3), f"ratio_{name}": round(seconds / mien, 2)}
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
