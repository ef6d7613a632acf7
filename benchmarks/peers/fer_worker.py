"""fer's side of the benchmarks, in its own environment (`make peers`): the process that bench/interleave.py asks.

    fer_worker.py faces tflite|keras CROPS.bin THREADS      its classifier on crops
    fer_worker.py images FOLDER THREADS                   its own path through videos and photos, Haar and tflite

Crops: the face rectangle is the whole crop and the offsets are 0, since its default widens every box by 10 px, which
costs 16 points of accuracy on crops.  A batch is one image with the crops side by side and a rectangle each, the
only way in which its keras path sees several faces at once; its tflite path loops over them.  Its interpreter is given
THREADS threads, which it does not ask for itself; 0 leaves its default.

Videos, of which it reads the first `most` frames, and photos are read at its defaults (Haar cascade, 10 px, tflite).
`video` with `extras` false reads without its annotated images, zip and mp4; with true it is analyze() as called by
default.  FOLDER takes what it writes.
"""

import functools
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator

import cv2
import numpy as np
import tensorflow as tf
from fer.classes import Video
from fer.fer import FER

ORDER = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
SIZE = 48


def faces(kind: str, file: str) -> dict[str, Callable]:
    """Return the requests about the classifier alone."""
    crops = np.fromfile(file, np.uint8).reshape(-1, SIZE, SIZE)
    detector = FER(offsets=(0, 0), use_tflite=kind == "tflite")

    def read(part: np.ndarray) -> list:
        row = np.repeat(part.transpose(1, 0, 2).reshape(SIZE, -1)[..., None], 3, axis=2)
        return detector.detect_emotions(row, face_rectangles=[(SIZE * k, 0, SIZE, SIZE) for k in range(len(part))])

    def timed(batch: int, seconds: float) -> dict:
        def batches() -> Iterator[int]:
            while True:
                for start in range(0, len(crops) - batch + 1, batch):
                    read(crops[start : start + batch])
                    yield batch

        return during(batches(), seconds)

    def predict() -> dict:
        result = [face["emotions"] for start in range(0, len(crops), 64) for face in read(crops[start : start + 64])]
        return {"order": ORDER, "probs": [[face[name] for name in ORDER] for face in result]}

    return {"time": timed, "predict": predict}


def images(folder: str) -> dict[str, Callable]:
    """Return the requests about videos and photos."""
    detector = FER()
    os.chdir(folder)  # it writes data.csv where it runs

    def video(path: str, most: int, extras: bool = False) -> dict:
        shutil.rmtree("output", ignore_errors=True)
        outputs = ("save_frames", "save_video", "annotate_frames", "zip_images")
        with Meter() as meter:
            rows = Video(path, outdir="output").analyze(detector, max_results=most, **dict.fromkeys(outputs, extras))
        faces = sum(key.startswith("box") for row in rows for key in row)
        return {"frames": most, "faces": faces, **meter.took}

    def photos(paths: list[str]) -> dict:
        with Meter() as meter:
            detected = [detector.detect_emotions(cv2.imread(path)) for path in paths]
        return {"frames": len(detected), "faces": sum(map(len, detected)), **meter.took}

    return {"video": video, "folder": photos}


class Meter:
    """Seconds of processor time and of the clock that a block takes."""

    def __enter__(self) -> "Meter":
        self._cpu, self._wall = time.process_time(), time.perf_counter()
        return self

    def __exit__(self, *error: object) -> None:
        self.took = {"cpu": time.process_time() - self._cpu, "wall": time.perf_counter() - self._wall}


def during(work: Iterator[int], seconds: float) -> dict:
    """Do pieces of work, after one to warm up, until `seconds` of processor time are used; return how many faces."""
    next(work)
    done = 0
    with Meter() as meter:
        began = time.process_time()
        while time.process_time() - began < seconds:
            done += next(work)
    return {"faces": done, **meter.took}


def main(what: str, *words: str) -> None:
    """Serve requests until stdin ends."""
    *rest, threads = words
    if int(threads):
        tf.lite.Interpreter = functools.partial(tf.lite.Interpreter, num_threads=int(threads))
    known = {"faces": faces, "images": images}[what](*rest)
    for line in sys.stdin:
        request = json.loads(line)
        result = known[request.pop("do")](**request)
        print("result " + json.dumps(result), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
