"""Put files where the package looks for them, once all of them have the sha256 that is committed."""

import hashlib
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path


def place(made: Sequence[Path], sums_file: Path, folder: Path, unsummed: Sequence[Path] = ()) -> None:
    """Copy files into a folder, the table of their sums last: that is what make takes for the whole.

    With --record on the command line the table is written again; files that differ from it end the process.
    """
    sums = "".join(f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in made)
    if "--record" in sys.argv[1:]:
        sums_file.write_text(sums, encoding="utf-8")
    if sums != sums_file.read_text(encoding="utf-8"):
        sys.exit(f"not the files of {sums_file.name}, but\n{sums}")
    folder.mkdir(exist_ok=True)
    for file in (*made, *unsummed):
        shutil.copyfile(file, folder / file.name)
    shutil.copyfile(sums_file, folder / "SHA256SUMS")
