"""Landmarks and blendshapes of every measured face in one NPZ file: `mien predict --measures --landmarks FILE.npz`.

    held = np.load("faces.npz")
    held["mesh"]            # float32 (faces, 478, 3), pixels of the image as seen, and depth
    held["blendshapes"]     # float32 (faces, 52), named by held["names"]

docs/columns.md lists the arrays.  Faces wait in a temporary file beside it, so that an hour of video needs no more
memory than a minute; the NPZ is written at the end, also after Ctrl-C.  A killed run leaves none, nor does one that
could read nothing: a typo replaces no results.
"""

import os
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib.format import write_array, write_array_header_1_0
from numpy.typing import NDArray

from mien.errors import OutputError, UsageError
from mien.inference.prediction import Prediction
from mien.outputs import cannot_write, staged
from mien.printable import writable

SUFFIX = ".npz"
SHAPES = {"mesh": (478, 3), "blendshapes": (52,)}
CHUNK = 1 << 20  # bytes copied at a time
NONE = -1  # frame and track id of an image


def check(path: Path, measures: bool, force: bool) -> None:
    """Raise an error without `measures`, for a name that is no .npz, and for one that is taken, unless `force`."""
    if not measures:
        raise UsageError("`landmarks` without `measures`", "`measures` as well")
    if path.suffix.lower() != SUFFIX:
        raise UsageError(f"`landmarks` {path}", f"a file that ends in {SUFFIX}")
    if path.is_dir() or (os.path.lexists(path) and not force):
        raise OutputError(f"{path} is already there", "a new file", "give another name, or `force`")


@contextmanager
def landmarks(path: Path, names: Sequence[str], force: bool = False) -> Iterator[Callable[[Prediction], None]]:
    """Yield what takes predictions, and write those faces that have a mesh into an NPZ file at the end.

    Without a prediction that could be read no file is written.  `names` are those of the blendshapes.
    OutputError when the file cannot be written.
    """
    sources: dict[str, int] = {}
    rows: list[tuple[int, int, float, int, int]] = []
    read = False
    with ExitStack() as stack:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            held = {name: stack.enter_context(tempfile.TemporaryFile(dir=path.parent)) for name in SHAPES}
        except OSError as error:
            raise cannot_write(path, error) from None

        def write(prediction: Prediction) -> None:
            nonlocal read
            read = read or prediction.error is None
            for number, face in enumerate(prediction.faces, 1):
                if face.mesh is None or face.blendshapes is None:
                    continue
                _put(path, held["mesh"], face.mesh)
                _put(path, held["blendshapes"], face.blendshapes)
                source = sources.setdefault(writable(prediction.source), len(sources))
                frame = NONE if prediction.frame is None else prediction.frame
                seconds = np.nan if prediction.seconds is None else prediction.seconds
                rows.append((source, frame, seconds, number, NONE if face.track_id is None else face.track_id))

        try:
            yield write
        finally:
            if read:
                _pack(path, force, held, _arrays(rows, sources, names))


def _put(path: Path, file: IO[bytes], values: NDArray[np.float32]) -> None:
    try:
        file.write(np.ascontiguousarray(values, "<f4").tobytes())
    except OSError as error:
        raise cannot_write(path, error) from None


def _arrays(rows: Sequence[tuple[Any, ...]], sources: dict[str, int], names: Sequence[str]) -> dict[str, NDArray[Any]]:
    kinds = {"source": "<i4", "frame": "<i8", "seconds": "<f8", "face": "<i4", "track_id": "<i8"}
    columns = zip(*rows, strict=True) if rows else ((),) * len(kinds)
    arrays = {name: np.array(column, kind) for (name, kind), column in zip(kinds.items(), columns, strict=True)}
    return arrays | {"sources": np.array(list(sources), np.str_), "names": np.array(names, np.str_)}


def _pack(path: Path, force: bool, held: Mapping[str, IO[bytes]], arrays: dict[str, NDArray[Any]]) -> None:
    """Write the NPZ: arrays as they are, and those in temporary files a piece at a time."""
    with staged(path, force) as scratch, zipfile.ZipFile(scratch, "w", allowZip64=True) as file:
        for name, array in arrays.items():
            with file.open(f"{name}.npy", "w") as member:
                write_array(member, array, allow_pickle=False)
        for name, raw in held.items():
            with file.open(f"{name}.npy", "w", force_zip64=True) as member:
                shape = (len(arrays["face"]), *SHAPES[name])
                write_array_header_1_0(member, {"descr": "<f4", "fortran_order": False, "shape": shape})
                raw.seek(0)
                rest = 4 * prod(shape)  # without half a face that found no room
                while rest > 0:
                    rest -= member.write(raw.read(min(rest, CHUNK)))
