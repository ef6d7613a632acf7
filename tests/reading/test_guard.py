"""FIFOs and devices in place of files: refused at once, where a reader would wait or read without end."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

READERS = {
    "arrays": "from mien.reading.arrays import read; read(path, 'arrays')",
    "mapped": "from mien.reading.arrays import mapped; mapped(path, 'an array')",
    "parquet": "from mien.reading.tables import read_parquet; read_parquet(path, 'a table')",
    "yunet": "from mien.inference.detectors.yunet import YuNet; YuNet(path)",
    "haar": "from mien.inference.detectors.haar import Haar; Haar(path)",
}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs FIFOs")
@pytest.mark.parametrize("reader", READERS)
def test_fifos_are_refused(reader: str, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    code = f"import sys, pathlib; path = pathlib.Path(sys.argv[1]); {READERS[reader]}"
    ended = subprocess.run([sys.executable, "-c", code, str(fifo)], capture_output=True, text=True, timeout=30)
    assert "is not a regular file" in ended.stderr.splitlines()[-1]
