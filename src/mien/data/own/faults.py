"""Rows that cannot be used: refused together in one line that names the first ones, or left out and counted."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from mien.errors import DataError
from mien.html.page import count

NAMED = 3
"""How many of the rows are named."""


class Fault(NamedTuple):
    """A row that cannot be used: where it is written, such as `line 7`, and what is wrong with it."""

    place: str
    reason: str


def refuse(origin: Path, faults: Sequence[Fault], total: int) -> None:
    """Raise the DataError that names the first faults, where there are any."""
    if not faults:
        return
    first = "; ".join(f"{fault.place}: {fault.reason}" for fault in faults[:NAMED])
    more = f"; {len(faults) - NAMED:,} more" if len(faults) > NAMED else ""
    raise DataError(
        f"{origin}: {len(faults):,} of {count(total, 'row')} cannot be used ({first}{more})",
        do="correct them, or the option skip_bad=true leaves them out and counts them",
    )


def counted(faults: Sequence[Fault]) -> str:
    """Return how many rows were left out and why the first was, "" for none.

    >>> counted([Fault("line 7", "no file a.png")])
    '1 row left out (line 7: no file a.png)'
    """
    if not faults:
        return ""
    more = ", ..." if len(faults) > 1 else ""
    return f"{count(len(faults), 'row')} left out ({faults[0].place}: {faults[0].reason}{more})"
