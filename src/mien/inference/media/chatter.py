"""What C libraries (libtiff, libpng, FFmpeg) write to stderr by themselves, which is not ours to tell, kept from it.

They write to file descriptor 2 itself.  A command owns its process, so there the descriptor leads nowhere while it
runs, and Python's sys.stderr, through which all of our lines go, gets the real one.
"""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STDERR = 2


@contextmanager
def silenced() -> Iterator[None]:
    """Keep what libraries say from stderr until the block ends; for a command's process, not for a program's around us.

    Python's own ones log it; where nobody listens logging would print it.
    """
    nobody = logging.NullHandler()
    logging.getLogger().addHandler(nobody)
    try:
        with _descriptor():
            yield
    finally:
        logging.getLogger().removeHandler(nobody)


@contextmanager
def _descriptor() -> Iterator[None]:
    if sys.stderr is None:  # nobody to keep it from
        yield
        return
    sys.stderr.flush()
    try:
        kept = os.dup(STDERR)
    except OSError:
        yield
        return
    usual = sys.stderr
    if _leads_to(usual, STDERR):
        sys.stderr = open(kept, "w", buffering=1, encoding=usual.encoding, errors=usual.errors, closefd=False)  # noqa: SIM115
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), STDERR)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, STDERR)
        sys.stderr = usual
        os.close(kept)


def _leads_to(stream: object, descriptor: int) -> bool:
    try:
        return bool(stream.fileno() == descriptor)  # type: ignore[attr-defined]
    except (AttributeError, OSError, ValueError):
        return False
