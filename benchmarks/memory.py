"""Memory of `mien predict` over an hour of 720p video: the resident set a minute in, and at the end.

    python benchmarks/memory.py [--minutes 60] [--out] [--json FILE]

The hour is made on the fly: ten seconds with a face are encoded once and their packets written again and again with
later times.  Rows go to a CSV file; `--out` writes the annotated video and the report as well.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import skimage.data

RATE, SECONDS = 30, 10
ALLOWED = 50.0  # MB


def encode(path: Path, width: int = 1280, height: int = 720) -> None:
    """Write ten seconds in which a face sways over a photograph."""
    side = height // 2
    face = cv2.resize(skimage.data.astronaut()[:320, 60:380], (side, side), interpolation=cv2.INTER_AREA)
    room = cv2.resize(skimage.data.coffee(), (width, height))
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=RATE, options={"preset": "ultrafast", "bf": "0"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for k in range(RATE * SECONDS):
            x = round((width - side) * (0.5 + 0.4 * np.sin(2 * np.pi * k / RATE / SECONDS)))
            image = room.copy()
            image[side // 2 : side // 2 + side, x : x + side] = face
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = k, Fraction(1, RATE)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))


def repeat(short: Path, path: Path, times: int) -> None:
    """Write a video's packets `times` times over, each time later."""
    with av.open(str(path), "w") as target:
        stream = None
        for turn in range(times):
            with av.open(str(short)) as source:
                stream = stream or target.add_stream_from_template(source.streams.video[0])
                later = round(turn * SECONDS / source.streams.video[0].time_base)
                for packet in source.demux(source.streams.video[0]):
                    if packet.dts is None:
                        continue
                    packet.pts, packet.dts = packet.pts + later, packet.dts + later
                    packet.stream = stream
                    target.mux(packet)


def resident(process: "subprocess.Popen[bytes]") -> float:
    """Return a process's resident set in MB."""
    for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def lines(path: Path) -> int:
    """Return how many rows a growing file holds."""
    with path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))


def watch(video: Path, rows: Path, out: Path | None) -> tuple[float, float, float]:
    """Read the video; return MB once a minute of it is in the rows, the most after that, and frames per second."""
    words = [sys.executable, "-m", "mien.cli", "predict", str(video), "--format", "csv"]
    words += ["--out", str(out)] if out else []
    began, early, most = time.monotonic(), 0.0, 0.0
    with rows.open("wb") as file:
        process = subprocess.Popen(words, stdout=file, stderr=subprocess.DEVNULL)
        while process.poll() is None:
            now = resident(process)
            if early:
                most = max(most, now)
            elif lines(rows) > 60 * RATE:
                early = now
            time.sleep(0.5)
    if process.returncode:
        raise SystemExit(f"mien predict ended with {process.returncode}")
    return early, most, (lines(rows) - 1) / (time.monotonic() - began)


def main() -> None:
    """Print the figures and, on request, write them as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--out", action="store_true")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        short, long, rows = (Path(folder) / name for name in ("short.mp4", "long.mp4", "rows.csv"))
        encode(short)
        repeat(short, long, given.minutes * 60 // SECONDS)
        early, most, rate = watch(long, rows, Path(folder) / "out" if given.out else None)
    figures = {"minutes": given.minutes, "out": given.out, "mb_after_one_minute": early, "mb_most_after": most}
    print(f"{given.minutes} minutes of 720p: {early:.0f} MB after one, at most {most:.0f} MB later", end="")
    print(f" (+{most - early:.0f}, allowed {ALLOWED:.0f}), {rate:.0f} frames/s")
    if given.json:
        given.json.write_text(json.dumps(figures | {"frames_per_second": rate}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
