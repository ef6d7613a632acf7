"""Cases of a test of which one runs always, and the others in the slow suite."""

from collections.abc import Iterable
from typing import Any

import pytest


def some(cases: Iterable[Any], first: Any = None) -> list[Any]:
    """Return cases of which `first`, or the first one, is not slow."""
    known = list(cases)
    first = known[0] if first is None else first
    return [case if case == first else pytest.param(case, marks=pytest.mark.slow) for case in known]
