"""DETECTORS: the ways to find faces in an image, one file each.

A detector is made by `DETECTORS[name](file, min_score)` - a file of the user's own or None, and the lowest score in
[0, 1] or None for its own default - and is then called with an image, uint8 RGB (H, W, 3).  It returns the faces it
found with boxes in pixels of that image, left to right; nothing found is an empty list.  Calls from several threads are
safe.  One that can look for known faces in a part of an image also has `near(image, known)`, which returns the faces
around them.  To add one: a file here, a line below, and its entry in every framing of `mien.inference.align.FRAMINGS`.
"""

from collections.abc import Callable, Sequence
from difflib import get_close_matches
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.errors import DetectorError
from mien.face import Face
from mien.inference.detectors.haar import Haar
from mien.inference.detectors.whole import Whole
from mien.inference.detectors.yunet import YuNet

Detector = Callable[[NDArray[np.uint8]], list[Face]]
Near = Callable[[NDArray[np.uint8], Sequence[Face]], list[Face]]

DETECTORS: dict[str, Callable[[Path | None, float | None], Detector]] = {
    "yunet": YuNet,
    "haar": Haar,
    "whole": Whole,
}


def make(name: str, file: Path | None = None, min_score: float | None = None) -> Detector:
    """Return the detector of this name; DetectorError for an unknown name or an unusable file."""
    if name not in DETECTORS:
        close = get_close_matches(name, DETECTORS, n=1)
        hint = f"did you mean {close[0]!r}?" if close else ""
        raise DetectorError(f"no detector is called {name!r}", f"one of {', '.join(DETECTORS)}", hint)
    return DETECTORS[name](file, min_score)


def near(detector: Detector) -> Near | None:
    """Return how a detector looks for known faces in a part of an image, None where it cannot."""
    return getattr(detector, "near", None)
