"""The SOURCE arguments of a command to the files they mean, one at a time and in order.

A folder is read recursively, sorted, for the known picture and video suffixes; hidden files are left out.  A glob
means what a shell would make of it.  What is named explicitly is always tried.  What cannot be found keeps its place,
with the reason.
"""

import glob
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from stat import S_ISDIR, S_ISREG

from mien.inference import kind, video
from mien.inference.camera import CAMERA
from mien.inference.kind import PICTURES, VIDEOS
from mien.mark import Own

PERHAPS = ".ts"  # a video, or TypeScript: the content decides
ONLY_OWN = "only what mien wrote itself; name the files to read them"
Skipped = Counter[str]
"""How many things of each kind were passed over in folders; a kind reads well after a number: "3 camera raw .cr2"."""

OWN = "of mien's own"
"""The kind of what `mien predict --out` wrote earlier: it is passed over in folders that carry its mark (mark.py)."""
ADDRESS = re.compile(r"\w{2,}:/")  # a single letter is a drive


@dataclass(frozen=True)
class Source:
    """One picture, video or camera to read.

    Attributes:
        name: the argument as given, joined with the path below it for folders; what cannot be encoded is replaced.
        path: the file, or the "camera:0" of a camera.
        below: the path below the argument, or the file's own name: where results about it are written.
        error: one line saying why there is nothing to read, or None.
    """

    name: str
    path: Path
    below: Path
    error: str | None = None

    @property
    def live(self) -> bool:
        """Whether this is a camera."""
        return self.name.startswith(CAMERA)

    @property
    def moving(self) -> bool:
        """Whether this gives frames: a camera, a video or an animated image, as its content says."""
        return self.live or kind.moves(self.path)


def expand(
    arguments: Iterable[str | Path], skip: Path | None = None, skipped: Skipped | None = None
) -> Iterator[Source]:
    """Yield the sources that arguments mean, without the folder `skip` (where results are being written).

    What is passed over in folders is counted in `skipped` by its kind, as it goes.
    """
    skipped = Skipped() if skipped is None else skipped
    for argument in map(str, arguments):
        path = Path(argument)
        if argument.startswith(CAMERA) or _is(S_ISREG, path):
            yield _source(argument, path)
        elif argument and _is(S_ISDIR, path):
            yield from _folder(argument, path, skip, skipped)
        elif glob.has_magic(argument) and (matches := glob.glob(argument, recursive=True)):  # noqa: PTH207 - absolute and relative alike
            yield from _matches(argument, sorted(matches, key=Path), skip, skipped)
        else:
            what = "the pattern matches nothing" if glob.has_magic(argument) else _why(path)
            yield _source(argument, path, f"{argument or repr(argument)}: {what}")


def _matches(argument: str, matches: list[str], skip: Path | None, skipped: Skipped) -> Iterator[Source]:
    """Yield what a pattern matches, but mien's own files below the part of it that is spelled out."""
    own = Own(Path(*takewhile(lambda part: not glob.has_magic(part), Path(argument).parts)))
    data = [match for match in matches if not own(Path(match))]
    skipped[OWN] += len(matches) - len(data)
    if not data:
        yield _source(argument, Path(argument), f"{argument}: {ONLY_OWN}")
    yield from expand(data, skip, skipped)


def _is(kind: Callable[[int], bool], path: Path) -> bool:
    # like Path.is_file and is_dir, but no where the system refuses to look: a name too long, a folder closed to us
    try:
        return kind(path.stat().st_mode)
    except (OSError, ValueError):
        return False


def _why(path: Path) -> str:
    if ADDRESS.match(str(path)):
        return "addresses are not read; download it first"
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return "no such file or folder"
    except OSError as error:
        return error.strerror or str(error)
    return "no such file or folder"  # a device or a socket, or the empty argument


def _source(name: str, path: Path, error: str | None = None, below: Path | None = None) -> Source:
    printable = name.encode("utf-8", "replace").decode("utf-8")
    return Source(printable, path, below or Path(path.name), error and " ".join(error.split()))


def _folder(argument: str, folder: Path, skip: Path | None, skipped: Skipped) -> Iterator[Source]:
    empty, before = True, skipped[OWN]
    for path in _walk(folder, skip, skipped, Own(folder), frozenset()):
        empty = False
        below = path.relative_to(folder)
        name = os.path.join(argument, below)  # noqa: PTH118 - Path would drop a leading "./" of the argument
        unreadable = f"{name}: the folder cannot be read" if _is(S_ISDIR, path) else None
        yield _source(name, path, unreadable, below)
    if empty:
        what = ONLY_OWN if skipped[OWN] > before else "no picture or video in this folder"
        yield _source(argument, folder, f"{argument}: {what}")


def _walk(folder: Path, skip: Path | None, skipped: Skipped, own: Own, above: frozenset[Path]) -> Iterator[Path]:
    """Yield known files below a folder in the order of their paths, and folders that cannot be read."""
    real = folder.resolve()
    if real in above or (skip and real == skip.resolve()):
        return  # a link back up, or our own results
    if not os.access(folder, os.X_OK):  # its names can be listed at best, and nothing behind them
        yield folder
        return
    try:
        paths = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError:
        yield folder
        return
    for path in paths:
        if _is(S_ISDIR, path):
            yield from _walk(path, skip, skipped, own, above | {real})
        elif own(path):
            skipped[OWN] += path.suffix.lower() in PICTURES | VIDEOS  # rows and reports would not be read anyway
        elif path.suffix.lower() in PICTURES | VIDEOS or (path.suffix.lower() == PERHAPS and video.is_video(path)):
            yield path
        else:
            skipped[path.suffix.lower() or "without a suffix"] += 1
