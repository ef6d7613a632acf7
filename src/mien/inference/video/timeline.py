"""The expressions of a video's faces over time, in few enough numbers for a page.

The time of a video is divided into at most BINS equal bins.  When it outgrows them, the bins are joined in pairs of
double width.  So ten seconds have a resolution of a twentieth of a second and two hours of half a minute, in the same
memory.  A bin holds the mean of the frames that begin in it, or the one that lasts into it.  Brief expressions that a
mean would hide are events, which have their own times.
"""

from math import inf

import numpy as np
from numpy.typing import NDArray

BINS = 240
FINEST = 0.05  # seconds; about a frame
ROUNDING = 1e-6  # seconds


class Timeline:
    """The mean predictions for each face of one video, over bins of equal width that begin with its first frame."""

    def __init__(self) -> None:
        self.start, self.end = inf, 0.0
        self.width = FINEST
        self._tracks: dict[int, dict[int, NDArray[np.float64]]] = {}
        self._last: dict[int, tuple[float, float, NDArray[np.float64]]] = {}  # when a frame began and ended; its values

    def reach(self, seconds: float) -> None:
        """Take note of a frame's time, whatever is in it."""
        self.start, self.end = min(self.start, seconds), max(self.end, seconds)

    def add(self, track: int, seconds: float, values: NDArray[np.float64], lasts: float) -> None:
        """Take what a face shows from `seconds` on, for `lasts` seconds."""
        self.reach(seconds)
        place = self._place(seconds)
        row = np.append(values, 1.0)
        bins = self._tracks.setdefault(track, {})
        began, ended, shown = self._last.get(track, (seconds, seconds, row))
        for between in range(self._place(began) + 1, self._place(min(ended, seconds))):
            bins[between] = shown.copy()
        self._last[track] = seconds, seconds + lasts + ROUNDING, row.copy()
        bins[place] = bins[place] + row if place in bins else row

    def drop(self, track: int) -> None:
        """Forget a face."""
        self._tracks.pop(track, None)
        self._last.pop(track, None)

    def means(self, track: int) -> NDArray[np.float64]:
        """Return the means of a face, (bins, values); NaN where it was not seen."""
        count = self._place(self.end) + 1
        bins = self._tracks.get(track, {})
        size = len(next(iter(bins.values()))) - 1 if bins else 0
        table = np.full((count, size), np.nan)
        for place, row in bins.items():
            table[place] = row[:-1] / row[-1]
        return table

    def _place(self, seconds: float) -> int:
        while (place := int(max(0.0, seconds - self.start) / self.width)) >= BINS:
            self.width *= 2
            self._tracks = {track: _joined(bins) for track, bins in self._tracks.items()}
        return place


def _joined(bins: dict[int, NDArray[np.float64]]) -> dict[int, NDArray[np.float64]]:
    wider: dict[int, NDArray[np.float64]] = {}
    for place, row in bins.items():
        wider[place // 2] = wider[place // 2] + row if place // 2 in wider else row
    return wider
