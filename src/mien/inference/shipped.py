"""What the weights that ship are: a table of sha256 beside them, in the format of `sha256sum --check`.

A file that was altered or cut since it was released is refused when it is asked for by its name.  `benchmarks/ship.py`
writes the table whenever it changes a file; `python benchmarks/ship.py --sums` writes it alone.
"""

import hashlib
from pathlib import Path

from mien.errors import WeightsError
from mien.reading.digest import sha256_of

TABLE = "SHA256SUMS"


def check(path: Path, content: bytes) -> None:
    """Refuse bytes that are not those that the table beside `path` names; WeightsError."""
    known = sums(path.parent)
    if path.name not in known:
        raise WeightsError(
            f"{path} is not in {TABLE}", "weights that ship with mien", "give a file of your own by path"
        )
    if (found := hashlib.sha256(content).hexdigest()) != known[path.name]:
        got = f"{path} was altered or cut: its sha256 is {found[:16]}..."
        raise WeightsError(got, f"{known[path.name][:16]}..., as released", "install mien again")


def sums(folder: Path) -> dict[str, str]:
    """Return the sha256 by file name that the table in a folder holds, none where there is no table."""
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
