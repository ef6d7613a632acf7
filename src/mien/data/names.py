"""Names that a user gives, checked against those that there are."""

from collections.abc import Collection
from difflib import get_close_matches

from mien.errors import DataError


def check_known(what: str, name: str, known: Collection[str]) -> None:
    """Raise a DataError that names the nearest known name, unless `name` is one of them."""
    if name in known:
        return
    near = get_close_matches(name, known, 1)
    raise DataError(
        f"unknown {what} {name!r}",
        "one of " + ", ".join(known) if known else "none",
        f"did you mean {near[0]}?" if near else "",
    )
