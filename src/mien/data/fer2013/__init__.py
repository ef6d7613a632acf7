"""FER2013: 35,887 grey 48x48 faces with seven labels, collected by web search (Goodfellow et al., arXiv 1307.0414).

Training, PublicTest and PrivateTest are train, val and test, everywhere.  Labels are noisy (raters agree with them in
about two of three images) and one PrivateTest image in twelve has a copy in Training: see the audit.
"""

from pathlib import Path

import numpy as np

from mien.data.cache import Entry
from mien.data.fer2013.layouts import Layout, find, images
from mien.data.fer2013.raw import LABELS, UNKNOWN_SPLIT, USAGES
from mien.data.samples import Samples, digest, one_hot
from mien.errors import DataError


def fer2013(root: Path, split: str) -> Samples:
    """Return a split of FER2013 from any of its layouts, images as a memory map, targets one-hot.

    DataError when the files are malformed, or do not separate PublicTest from PrivateTest.
    """
    layout = find(root)
    entry = images(layout)
    rows = split_rows(layout, entry, split)
    target = one_hot(entry.arrays["label"][rows], len(LABELS))
    return Samples(
        images=entry.arrays["images"][rows],
        target=target,
        labels=LABELS,
        ids=np.asarray(entry.arrays["ids"][rows]),
        name="fer2013",
        split=split,
        fingerprint=digest("fer2013", split, entry.facts[split], target),
    )


def split_rows(layout: Layout, entry: Entry, split: str) -> slice:
    """Return where a split lies in the entry; DataError when it is missing or mixed with another."""
    bounds = entry.arrays["bounds"].tolist()
    place = list(USAGES.values()).index(split)
    usage = list(USAGES)[place]
    if split != "train" and bounds[UNKNOWN_SPLIT + 1] > bounds[UNKNOWN_SPLIT]:
        raise DataError(
            f"the names in {layout.path / 'test'} do not identify the {usage} images",
            "names that begin with PublicTest_ or PrivateTest_, because the Kaggle test/ folder mixes both",
            "use the csv or Parquet layout, or only train",
        )
    if bounds[place] == bounds[place + 1]:
        raise DataError(f"{layout.path} holds no {usage} images", "all three usages", "get the complete data set")
    return slice(bounds[place], bounds[place + 1])
