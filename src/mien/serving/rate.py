"""How many requests a client may send: a bucket of tokens per address, filled at a steady rate."""

import time
from collections import OrderedDict
from collections.abc import Callable
from math import ceil

MAX_CLIENTS = 10_000  # remembered; those not seen for longest are forgotten


class Rate:
    """Counts requests by client."""

    def __init__(self, per_second: float, now: Callable[[], float] = time.monotonic) -> None:
        """Take the rate, which is also the burst; 0 means any number."""
        self._rate, self._burst, self._now = per_second, max(1.0, per_second), now
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, client: str) -> int:
        """Count a request and return 0, or return the seconds until the next one is accepted."""
        if not self._rate:
            return 0
        now = self._now()
        left, last = self._left.pop(client, (self._burst, now))
        left = min(self._burst, left + (now - last) * self._rate)
        accepted = left >= 1
        self._left[client] = left - accepted, now
        if len(self._left) > MAX_CLIENTS:
            self._left.popitem(last=False)
        return 0 if accepted else ceil((1 - left) / self._rate)
