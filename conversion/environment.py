"""The environment of the converter, .venv-convert: made once, and again when what is pinned changes."""

import subprocess
import sys
import venv
from pathlib import Path

from packages import Unavailable, pip, reason

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
ENVIRONMENT = ROOT / ".venv-convert"
PINNED = (ROOT / "constraints.txt", HERE / "requirements.txt")


def environment() -> Path:
    """Return its Python; Unavailable when its packages cannot be had."""
    python = ENVIRONMENT / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    ready = ENVIRONMENT / "ready"
    wanted = "".join(file.read_text(encoding="utf-8") for file in PINNED)
    if python.exists() and ready.is_file() and ready.read_text(encoding="utf-8") == wanted:
        return python
    venv.create(ENVIRONMENT, with_pip=True, clear=True)  # also what an interrupted run left
    try:
        pip(python, "install", "--only-binary", ":all:", "-c", str(PINNED[0]), "-r", str(PINNED[1]))
    except subprocess.CalledProcessError as error:
        raise Unavailable(reason(error)) from None
    ready.write_text(wanted, encoding="utf-8")
    return python
