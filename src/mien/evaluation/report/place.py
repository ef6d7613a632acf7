"""Check where `mien report` may write a page: over no file but a page that mien wrote, and never over its inputs."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mien.errors import OutputError
from mien.outputs.files import cannot_write
from mien.outputs.lock import locked

GENERATED = b'<meta name="generator" content="mien">'
"""In the head of every page that mien writes (html/page.py)."""


@contextmanager
def alone(path: Path, inputs: Sequence[Path]) -> Iterator[None]:
    """Lock the folder of a page; OutputError for a page that is an input or that mien did not write."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(f"`out`: {path}", error, "choose a folder or a file.html") from None
    with locked(path.parent):
        if path.is_dir():
            raise OutputError(f"`out`: {path} is a folder", "a file.html")
        if os.path.lexists(path):
            if any(given.exists() and given.samefile(path) for given in inputs if path.exists()):
                raise OutputError(f"`out`: {path} is an input", "another file.html")
            if path.is_symlink() or GENERATED not in path.read_bytes()[:2000]:
                raise OutputError(f"`out`: {path} was not written by mien", "another file.html, or remove that file")
        yield
