"""The whole speed benchmark, its table, its figures and which promises it keeps.

    MIEN_DATA=path/to/data python benchmarks/run.py [--quick] [PART...]        (make bench)

Parts: faces, video, recorded, photos, measures, folder, cold, serve, browser, ceiling; all when none is named, about 20
minutes on two idle cores; recorded needs a recording of a face (MIEN_CLIP=face.mp4).  Each is a script of its own and
keeps results/bench/PART.json; what was not run again is taken from there.
--quick shows in two minutes that everything runs, and keeps its meaningless figures in build/bench.
"""

import argparse

import browser
import ceiling
import cold
import faces
import figure
import folder
import measures
import photos
import recorded
import serve
import video
from bench import environment
from bench.page import page
from bench.targets import bars

PARTS = {
    "faces": faces.main,
    "video": video.main,
    "recorded": recorded.main,
    "photos": photos.main,
    "measures": measures.main,
    "folder": folder.main,
    "cold": cold.main,
    "browser": browser.main,
    "ceiling": ceiling.main,
    "serve": serve.main,
}


def main(quick: bool, parts: list[str]) -> None:
    """Run parts, then write and print what all of them say."""
    for part in parts or PARTS:
        PARTS[part](quick)
    report = environment.kept(quick)
    home = environment.folder(quick)
    images = [path.relative_to(home.parent).as_posix() for path in figure.draw(report, quick)]
    path = home.parent / "BENCH.md"
    path.write_text(page(report, images), encoding="utf-8")
    for bar in bars(report):
        print(bar)
    print(path)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="only show that it runs; the figures mean nothing")
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], metavar="PART", help=", ".join(PARTS))
    given = parser.parse_args()
    main(given.quick, given.parts)
