"""Archives of arrays that are cut, huge, encrypted, executable or not what they say."""

import io
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mien.errors import DataError
from mien.reading import arrays


def npy(array: np.ndarray, **changed: bytes) -> bytes:
    """Return an array as a .npy file, with words of its header replaced by others of the same length."""
    stream = io.BytesIO()
    np.save(stream, array)
    content = stream.getvalue()
    for old, new in zip(changed["old"].split(b"|"), changed["new"].split(b"|"), strict=True) if changed else ():
        assert old in content
        content = content.replace(old, new.ljust(len(old)))
    return content


def archive(*members: tuple[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as file:
        for name, content in members:
            file.writestr(name, content)
    return stream.getvalue()


def flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :]


def marked(content: bytes, at: int, value: int) -> bytes:
    """Return an archive of one member with a 16-bit field set in both of its headers; `at` as in the local one."""
    central = content.index(b"PK\x01\x02") + at + 2
    out = bytearray(content)
    out[at : at + 2] = out[central : central + 2] = struct.pack("<H", value)
    return bytes(out)


PLAIN = archive(("a.npy", npy(np.arange(9.0))))
NOISE = archive(("a.npy", npy(np.random.default_rng(0).integers(0, 256, 5000, np.uint8))))
OBJECTS = io.BytesIO()
np.savez(OBJECTS, a=np.array([{"x": 1}], dtype=object))

WRONG: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "no archive": lambda: b"not a zip",
    "a pickle": lambda: pickle.dumps({"a": 1}),
    "cut": lambda: PLAIN[:-40],
    "zlib.error": lambda: flipped(NOISE, 60),
    "a checksum": lambda: flipped(archive(("a.npy", npy(np.arange(99))), compression=zipfile.ZIP_STORED), 300),
    "NotImplementedError, a compression nobody knows": lambda: marked(PLAIN, 8, 77),
    "RuntimeError, encrypted": lambda: marked(PLAIN, 6, 1),
    "MemoryError, a shape of exabytes": lambda: archive(
        ("a.npy", npy(np.arange(9.0), old=b"(9,), }", new=b"(9" + b"0" * 3 + b",)}"))
    ),
    "RecursionError, a nested header": lambda: archive(
        ("a.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", 9000) + b"(" * 8999 + b"\n")
    ),
    "objects": OBJECTS.getvalue,
    "records": lambda: archive(("a.npy", npy(np.zeros(2, [("x", "i4")])))),
    "no .npy inside": lambda: archive(("a.npy", b"words")),
    "the same name twice": lambda: archive(("a.npy", npy(np.arange(2))), ("a.npy", npy(np.arange(3)))),
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("kind", WRONG)
def test_what_is_wrong_becomes_one_line(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    path.write_bytes(WRONG[kind]())
    with pytest.raises(DataError, match=r"a\.npz is not a result \(.+\); expected arrays") as caught:
        arrays.read(path, "arrays", says="is not a result")
    assert len(str(caught.value).splitlines()) == 1


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    path.write_bytes(archive(("a.npy", npy(np.zeros(2_000_000, np.uint8)))))
    assert path.stat().st_size < 10_000
    with pytest.raises(DataError, match="2,000,128 bytes, of at most 1,000,000"):
        arrays.read(path, "arrays", max_bytes=1_000_000)


def test_what_numpy_writes_is_read(tmp_path: Path) -> None:
    written = {
        "floats": np.random.default_rng(0).random((3, 2), np.float32),
        "turned": np.asfortranarray(np.arange(6, dtype=np.int16).reshape(2, 3)),
        "words": np.array(["a", "bcd"]),
        "one": np.array("{}"),
        "none": np.zeros((0, 8), np.uint8),
        "flags": np.array([True, False]),
    }
    np.savez_compressed(tmp_path / "a.npz", **written)
    arrays_read = arrays.read(tmp_path / "a.npz", "arrays")
    assert arrays_read.keys() == written.keys()
    for name, array in written.items():
        assert arrays_read[name].dtype == array.dtype
        assert np.array_equal(arrays_read[name], array)
    with pytest.raises(DataError, match="no file"):
        arrays.read(tmp_path / "b.npz", "arrays")


def test_a_map_of_what_is_no_array(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.arange(4))
    assert arrays.mapped(path, "an array").tolist() == [0, 1, 2, 3]
    for content in (b"", PLAIN, path.read_bytes()[:-8], b"\x93NUMPY\x01\x00\x04\x00(((("):
        path.write_bytes(content)
        with pytest.raises(DataError, match="cannot be read"):
            arrays.mapped(path, "an array")
