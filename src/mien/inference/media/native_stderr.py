"""Silences messages that C libraries (libtiff, libpng, FFmpeg) write to stderr.

They write to file descriptor 2.  A command owns its process, so it points the descriptor at /dev/null while it runs,
and gives the original to Python's sys.stderr, which carries mien's own lines.
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
    """Silence native libraries until the block ends; for mien's own command, not inside another program.

    Python libraries log instead; a null handler keeps logging from printing to stderr.
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
    if sys.stderr is None:  # there is no stderr
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
