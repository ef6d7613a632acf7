"""Fetch what the page of `mien serve` runs networks with in a browser, onnxruntime-web: `make page`.

    python3 conversion/page.py             into src/mien/serving/page/vendor, checked against conversion/PAGE_SHA256SUMS
    python3 conversion/page.py --record    and write the sums again, after a change of the version

Three files of its 139 MB are needed; each gets a .gz for the server beside it.  The licence and the third-party notices
come along.  Without npm, pip or a registry nothing is made, one line says so, and the exit code is 0: only the page's
private mode needs the files.
"""

import gzip
import sys
import tempfile
from pathlib import Path

from environment import HERE, ROOT, environment
from packages import ONNXRUNTIME_WEB, Unavailable, notices, npm
from placing import place

FOLDER = ROOT / "src/mien/serving/page/vendor"
FILES = ("ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm", "ort.wasm.min.mjs")


def main() -> None:
    """Fetch, check, and only then put the files in place."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            contents = npm(ONNXRUNTIME_WEB, FILES) | notices(environment())
        except Unavailable as why:
            print(f"page: not made, so the page has no private mode; all else works ({why})", file=sys.stderr)
            return
        made = [Path(folder, name) for name in sorted(contents)]
        for file in made:
            file.write_bytes(contents[file.name])
        packed = [Path(folder, f"{name}.gz") for name in FILES]  # not summed: other versions of zlib pack otherwise
        for file in packed:
            file.write_bytes(gzip.compress(contents[file.stem], mtime=0))
        place(made, HERE / "PAGE_SHA256SUMS", FOLDER, packed)


if __name__ == "__main__":
    main()
