"""What C libraries and other people's loggers say does not reach the user's terminal; what mien says does."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

CODE = """
import logging, os, sys
from mien.inference.media.native_stderr import silenced
print("before", file=sys.stderr)
with silenced():
    os.write(2, b"from C\\n")
    logging.getLogger("elsewhere").error("logged")
    print("ours", file=sys.stderr)
os.write(2, b"after\\n")
"""


def test_only_our_lines_are_left() -> None:
    ran = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True)
    assert ran.stderr.split() == ["before", "ours", "after"]


def test_without_stderr() -> None:
    code = "from mien.inference.media.native_stderr import silenced\nwith silenced():\n    print('done')"
    ran = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, preexec_fn=lambda: os.close(2))
    assert (ran.returncode, ran.stdout) == (0, b"done\n")


def test_damaged_tiffs_leave_one_line_each(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (90, 90, 3), np.uint8)
    kinds = ("tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits", "group4")
    for kind in kinds:
        image = Image.fromarray(pixels)
        path = tmp_path / f"{kind}.tif"
        (image.convert("1") if kind == "group4" else image).save(path, compression=kind)
        data = bytearray(path.read_bytes())
        data[8:60] = b"\x91" * 52  # the beginning of the coded pixels
        path.write_bytes(data)
    (tmp_path / "samples.tif").write_bytes(
        b"II*\0\x08\0\0\0\1\0\x15\1\3\0\1\0\0\0\xff\xff\0\0" + bytes(8)
    )  # Pillow logs that
    ran = subprocess.run([sys.executable, "-m", "mien.cli", "predict", str(tmp_path)], capture_output=True, text=True)
    assert ran.returncode == 2
    assert ran.stderr
    assert [line for line in ran.stderr.splitlines() if not line.startswith("mien: ")] == []
