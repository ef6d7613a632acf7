"""Print when a face in a video shows an expression for half a second or longer.

python examples/video_events.py clip.mp4 result
"""

import csv
import subprocess
import sys
from pathlib import Path


def main(video: str, out: str) -> None:
    """Read the video into the folder `out`, which gets a report as well, and print its events."""
    subprocess.run(
        [sys.executable, "-m", "mien", "predict", video, "--out", out], check=True, stdout=subprocess.DEVNULL
    )
    with (Path(out) / "events.csv").open(encoding="utf-8", newline="") as file:
        for event in csv.DictReader(file):
            print("  ".join(f"{name} {value}" for name, value in event.items()))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python examples/video_events.py VIDEO OUT")
    main(*sys.argv[1:])
