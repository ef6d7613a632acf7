"""Frames per second through recordings of real people, beside decoding them to RGB and nothing else.

    MIEN_CLIP=face.mp4 python benchmarks/recorded.py [--quick]      -> results/bench/recorded.json

The clips of video.py are drawn: their background stands still.  Here a recording of one face is repeated to ten seconds
at 640 x 360 and 1280 x 720; for three faces its middle third stands three times beside itself, each begun elsewhere.
Counted: from opening the file to the last prediction in memory (for decoding: the last frame as RGB), models loaded and
one clip read before, every frame.  Decoding is PyAV's, with its threads.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import cycle, islice
from pathlib import Path

import av
import cv2
import numpy as np
from bench import fixtures, interleave
from bench.environment import alone, facts, keep, load
from video import rate

SIZES, FACES = ("360p", "720p"), (1, 3)
FRAMES = 10 * fixtures.RATE


def recording(source: str) -> list[np.ndarray]:
    """Return the frames of a recording, uint8 RGB (H, W, 3)."""
    with av.open(source) as clip:
        return [frame.to_ndarray(format="rgb24") for frame in islice(clip.decode(video=0), FRAMES)]


def shown(images: list[np.ndarray], size: str, faces: int) -> Iterator[np.ndarray]:
    """Yield the recording at a size, with its face in so many places."""
    width, height = fixtures.SIZES[size]
    part = images[0].shape[1] // faces
    left = (images[0].shape[1] - part) // 2
    for k in range(len(images)):
        others = [images[(k + j * len(images) // faces) % len(images)] for j in range(faces)]
        beside = np.hstack([image[:, left : left + part] for image in others])
        yield cv2.resize(beside, (width, height), interpolation=cv2.INTER_CUBIC)


def main(quick: bool) -> None:
    """Measure and keep; without a recording there is nothing to measure."""
    source, before = os.environ.get("MIEN_CLIP"), load()
    if not source:
        print("recorded: left out, MIEN_CLIP names no recording of a face")
        return
    count, rounds = (10, 1) if quick else (FRAMES, 3)
    cases = [(size, faces) for faces in FACES for size in SIZES]
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        paths, images = {case: Path(folder) / "{}-{}.mp4".format(*case) for case in cases}, recording(source)
        for case, path in paths.items():
            fixtures.write(path, fixtures.SIZES[case[0]], islice(cycle(shown(images, *case)), count))
        workers = {"decoding": interleave.mien("decoding"), "mien": interleave.mien("images")}
        started = {name: stack.enter_context(worker) for name, worker in workers.items()}
        for worker in started.values():
            worker.ask(do="video", path=str(paths["360p", 1]))
        seen = {(name, *case): [] for case in cases for name in started}
        with interleave.progress("recorded", rounds * len(seen)) as step:
            for _ in range(rounds):
                for (name, *case), reports in seen.items():
                    step("{}, faces: {}, {}".format(*case, name))
                    reports.append(rate(started[name].ask(do="video", path=str(paths[tuple(case)]))))
    rows = [
        {"system": name, "size": size, "faces": faces, **interleave.median(reports)}
        for (name, size, faces), reports in seen.items()
    ]
    about = {"frames": count, "rounds": rounds, "load": [before, load()]}
    keep("recorded", {**facts(quick), **about, "rows": rows})


if __name__ == "__main__":
    alone(main, __doc__)
