"""Photos per second through a folder of 2,000 photographs: mien beside fer.

    python benchmarks/folder.py [--quick]      -> results/bench/folder.json

200 different JPEGs of 1280 x 960 with one to four faces (bench/fixtures.py), each ten times in the folder; models
loaded, files in the page cache.  mien reads the folder with `Pipeline().predict([folder])`; fer's
`detect_emotions(cv2.imread(path))` in a loop reads each of the 200 once, since it takes one photo after the other.
"""

import shutil
import tempfile
from pathlib import Path
from typing import Any

from bench import fixtures, interleave
from bench.environment import alone, facts, keep

PHOTOS, TIMES = 200, 10


def rate(report: dict[str, Any]) -> dict[str, float]:
    """Return photos per second, CPU ms per photo, faces detected per photo and the number of photos."""
    count = report["frames"]
    return {
        "photos_per_second": count / report["wall"],
        "cpu_ms": report["cpu"] / count * 1e3,
        "faces_found": report["faces"] / count,
        "photos": count,
    }


def fill(folder: Path, count: int) -> list[Path]:
    """Write the photos and copies of them; return the different ones."""
    paths = fixtures.photos(folder, count)
    for path in paths:
        for k in range(1, TIMES):
            shutil.copyfile(path, path.with_name(f"{path.stem}-{k}.jpg"))  # links are one file, read once
    return paths


def main(quick: bool) -> None:
    """Measure and keep."""
    rows = []
    with tempfile.TemporaryDirectory() as scratch, interleave.progress("folder", 3) as step:
        step("making photos")
        folder = Path(scratch) / "photos"
        paths = [str(path) for path in fill(folder, 6 if quick else PHOTOS)]
        systems = {
            "mien": (interleave.mien("images"), [str(folder)]),
            "fer": (interleave.fer("images", scratch), paths),
        }
        for name, (worker, given) in systems.items():
            step(name)
            if worker is None:
                continue
            with worker:
                worker.ask(do="folder", paths=paths[:4])
                rows.append({"system": name, **rate(worker.ask(do="folder", paths=given))})
    keep("folder", {**facts(quick), "rows": rows})


if __name__ == "__main__":
    alone(main, __doc__)
