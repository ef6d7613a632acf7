"""What measures cost in video: mien with and without them beside MediaPipe's face landmarker.

    python benchmarks/measures.py [--quick]      -> results/bench/measures.json
    MIEN_CLIP=face.mp4 python ...                   a recording of one face too

Counted: from opening the file to the last prediction in memory, models loaded and one clip read before, every frame.
mien: `Pipeline(measures=True).predict([clip])`, every prediction turned into the row that it prints, and the same
without measures; the difference is what measures cost.  MediaPipe: its mode for videos, one face, tracked, with
blendshapes and the matrix of the pose; it names no expression.  Clips of 1280x720: a photographed face that drifts
(bench/fixtures.py), and the recording, enlarged or shrunk and repeated.
"""

import os
import tempfile
from contextlib import ExitStack
from itertools import cycle, islice
from pathlib import Path

import av
import cv2
from bench import fixtures, interleave
from bench.environment import alone, facts, keep, load
from video import rate

SIZE, FRAMES = "720p", 150
MEDIAPIPE = "0.10.21"  # as `make peers` installs it
PART = 0.7  # of the height: MediaPipe's detector overlooks a face as small as those of the other clips
DRIFTING, RECORDED = "a photographed face that drifts", "a recording"


def recorded(source: str, path: Path, frames: int) -> None:
    """Write a recording, repeated and brought to the size, as H.264."""
    width, height = fixtures.SIZES[SIZE]
    with av.open(source) as clip:
        images = [
            cv2.resize(frame.to_ndarray(format="rgb24"), (width, height), interpolation=cv2.INTER_CUBIC)
            for frame in islice(clip.decode(video=0), frames)
        ]
    fixtures.write(path, (width, height), islice(cycle(images), frames))


def main(quick: bool) -> None:
    """Measure and keep."""
    frames, rounds = (10, 1) if quick else (FRAMES, 5)
    before = load()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        paths = {DRIFTING: Path(folder) / "drifting.mp4"}
        size = fixtures.SIZES[SIZE]
        fixtures.write(paths[DRIFTING], size, fixtures.moving(*size, frames, 1, PART))
        if source := os.environ.get("MIEN_CLIP"):
            paths[RECORDED] = Path(folder) / "recorded.mp4"
            recorded(source, paths[RECORDED], frames)
        workers = {
            "mien": interleave.mien("images"),
            "mien with measures": interleave.mien("measures"),
            "MediaPipe": interleave.mediapipe(folder),
        }
        started = {name: stack.enter_context(worker) for name, worker in workers.items() if worker}
        for worker in started.values():
            worker.ask(do="video", path=str(paths[DRIFTING]))
        seen = {(name, clip): [] for clip in paths for name in started}
        with interleave.progress("measures", rounds * len(seen)) as step:
            for _ in range(rounds):
                for (name, clip), reports in seen.items():
                    step(f"{name}, {clip}")
                    reports.append(rate(started[name].ask(do="video", path=str(paths[clip]))))
    rows = {key: {"system": key[0], "clip": key[1], **interleave.median(reports)} for key, reports in seen.items()}
    for clip in paths:
        with_measures, without = (rows[name, clip] for name in ("mien with measures", "mien"))
        extra = with_measures["cpu_ms"] - without["cpu_ms"]
        with_measures["measures_cpu_ms"] = extra / with_measures["faces_found"]
    about = {"frames": frames, "rounds": rounds, "mediapipe": MEDIAPIPE, "load": [before, load()]}
    keep("measures", {**facts(quick), **about, "rows": list(rows.values())})


if __name__ == "__main__":
    alone(main, __doc__)
