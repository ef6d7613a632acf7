"""Arrays from `.npz` and `.npy` files: plain numbers and text, of the size that the file really has."""

import math
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from mien.reading.guard import check_regular, parsing

MAX_BYTES = 2 << 30
"""Of all arrays of a file together."""
MAX_ARRAYS = 256
"""In one file."""
KINDS = "biufUS"
"""Accepted kinds of numpy types: no objects, which would be executed, no records, no times."""


def read(
    path: Path, wanted: str, *, says: str = "cannot be read", max_bytes: int = MAX_BYTES, do: str = ""
) -> dict[str, NDArray[Any]]:
    """Return the arrays of a `.npz` by name, at most `max_bytes` bytes together; DataError names the file, then `says`.

    Each is of one of KINDS.  Objects are refused, and arrays whose declared size differs from that of their bytes.
    """
    with parsing(path, wanted, do=do, says=says), _quiet():
        if not path.is_dir():  # a folder: `says` explains more
            check_regular(path, wanted, do=do)
        if path.is_file() and not zipfile.is_zipfile(path):
            raise ValueError("not an .npz archive")
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            names = [member.filename for member in members]
            if len(names) > MAX_ARRAYS or len(set(names)) < len(names):
                raise ValueError(f"{len(names)} arrays, {len(set(names))} different names")
            total = sum(member.file_size for member in members)
            if total > max_bytes:
                raise ValueError(f"its arrays declare {total:,} bytes, of at most {max_bytes:,}")
            return {member.filename.removesuffix(".npy"): _member(archive, member) for member in members}


def mapped(path: Path, wanted: str, do: str = "") -> NDArray[Any]:
    """Return the array of a `.npy` file as a read-only memory map; DataError names the file."""
    with parsing(path, wanted, do=do), _quiet():
        check_regular(path, wanted, do=do)
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        if not isinstance(array, np.ndarray):  # an archive called .npy
            raise ValueError("not an .npy file")
        return array


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    with archive.open(member) as file:
        shape, dtype = _header(file)
    if dtype.kind not in KINDS:
        raise ValueError(f"{member.filename} holds {dtype}; only plain numbers and text are read")
    declared = math.prod(shape) * dtype.itemsize
    if not 0 <= member.file_size - declared <= 65_536 + 16:  # the rest is the header
        raise ValueError(f"{member.filename} declares {shape} of {dtype} in {member.file_size:,} bytes")
    with archive.open(member) as file:
        array: NDArray[Any] = npy.read_array(file, allow_pickle=False)
    return array


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = npy.read_magic(file)
    read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read_header(file)
    if any(side < 0 for side in shape):
        raise ValueError(f"a shape of {shape}")
    return shape, dtype


@contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():  # about old headers
        warnings.simplefilter("ignore")
        yield
