"""Checks the shipped weights against a table of sha256 in their folder, in the format of `sha256sum --check`.

A file that was altered or cut since its release is refused when it is loaded by name.  `benchmarks/ship.py`
writes the table whenever it changes a file; `python benchmarks/ship.py --sums` writes it alone.
"""

import hashlib
from pathlib import Path

from mien.errors import WeightsError
from mien.reading.digest import sha256_of

TABLE = "SHA256SUMS"


def check(path: Path, content: bytes) -> None:
    """Raise WeightsError when bytes differ from the table in the folder of `path`."""
    known = sums(path.parent)
    if path.name not in known:
        raise WeightsError(
            f"{path} is not in {TABLE}", "weights that ship with mien", "give a file of your own by path"
        )
    if (digest := hashlib.sha256(content).hexdigest()) != known[path.name]:
        got = f"{path} was altered or cut: its sha256 is {digest[:16]}..."
        raise WeightsError(got, f"{known[path.name][:16]}..., as released", "install mien again")


def sums(folder: Path) -> dict[str, str]:
    """Return the sha256 by file name from the table in a folder; empty without a table."""
    try:
        lines = (folder / TABLE).read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):
        return {}
    pairs = (line.split() for line in lines)
    return {pair[1]: pair[0] for pair in pairs if len(pair) == 2}


def record(folder: Path) -> None:
    """Write the table of all weights in a folder."""
    files = sorted(folder.glob("*.onnx"))
    lines = (f"{sha256_of(file)}  {file.name}\n" for file in files)
    (folder / TABLE).write_text("".join(lines), encoding="ascii")
