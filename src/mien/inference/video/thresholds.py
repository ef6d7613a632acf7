"""Which probabilities, for how long, make an event of a video: `--event-high`, `--event-low`, `--event-min`."""

import math
from dataclasses import dataclass

from mien.errors import UsageError
from mien.html.page import percent


@dataclass(frozen=True)
class Thresholds:
    """What makes a stretch an event.

    Attributes:
        high: the probability that its peak reaches; over one half, so that two expressions cannot reach it at once.
        low: the probability that it keeps; below one half by more than noise: there the expression lost its majority.
        shortest: minimum duration in seconds; a shorter one is a micro-expression (Matsumoto & Hwang 2011), or noise.
    """

    high: float = 0.6
    low: float = 0.4
    shortest: float = 0.5

    def __post_init__(self) -> None:
        """Raise UsageError for impossible thresholds."""
        for option, value in (("`event_high`", self.high), ("`event_low`", self.low)):
            if not 0 <= value <= 1:
                raise UsageError(f"{option} {value:g}", "a probability from 0 to 1")
        if self.low > self.high:
            raise UsageError(f"`event_low` {self.low:g}", f"at most `event_high` {self.high:g}")
        if not (math.isfinite(self.shortest) and self.shortest >= 0):
            raise UsageError(f"`event_min` {self.shortest:g}", "seconds, 0 or more")

    def __str__(self) -> str:
        at = f"reaches {percent(self.high)}, stays at {percent(self.low)} or more"
        return f"{at} and lasts {self.shortest:g} s or longer"

    def met(self, peak: float, seconds: float) -> bool:
        """Whether a stretch with this peak probability and duration is an event."""
        return peak >= self.high and seconds >= self.shortest

    def too_short(self, peak: float, seconds: float) -> bool:
        """Whether a stretch is a burst: too short, but otherwise an event."""
        return peak >= self.high and seconds < self.shortest


USUAL = Thresholds()
