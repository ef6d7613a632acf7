"""mien's side of the benchmarks: the process that bench/interleave.py asks.

    worker.py faces NAME CROPS.bin THREADS     shipped weights on crops: {"do": "time", "batch": 8, "seconds": 0.4}
    worker.py images THREADS                 the whole pipeline: {"do": "video", "path": ...}, {"do": "folder", ...}
    worker.py measures THREADS               the same with measures
    worker.py decoding THREADS               no pipeline: videos to RGB

THREADS caps onnxruntime's threads; 0 leaves what mien chooses.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from mien.inference.onnx import onnxruntime

Result = dict[str, Any]


def faces(name: str, file: str) -> dict[str, Callable[..., Result]]:
    """Return the requests about the classifier alone."""
    from mien.inference.classify import Classifier

    crops = np.fromfile(file, np.uint8).reshape(-1, 48, 48, 1)
    classifier = Classifier(name)

    def timed(batch: int, seconds: float) -> Result:
        def batches() -> Iterator[int]:
            while True:
                for start in range(0, len(crops) - batch + 1, batch):
                    classifier(crops[start : start + batch])
                    yield batch

        return during(batches(), seconds)

    return {"time": timed, "predict": lambda: predict(classifier, crops)}


def predict(classifier: Any, crops: np.ndarray) -> Result:
    """Return the probabilities of every crop and the labels of their columns."""
    return {"order": classifier.card.labels, "probs": classifier(crops).tolist()}


def images(measures: bool = False) -> dict[str, Callable[..., Result]]:
    """Return the requests about the pipeline as users get it."""
    from mien import Pipeline

    pipeline = Pipeline(measures=measures)
    return {
        "video": lambda path: counted(lambda: pipeline.predict([path])),
        "folder": lambda paths: counted(lambda: pipeline.predict(paths)),
    }


def decoding() -> dict[str, Callable[..., Result]]:
    """Return the request that decodes a video to RGB, in as many threads as FFmpeg chooses."""
    import av

    def video(path: str) -> Result:
        cpu, wall = time.process_time(), time.perf_counter()
        with av.open(path) as file:
            stream = file.streams.video[0]
            stream.thread_type = "AUTO"
            count = sum(frame.to_ndarray(format="rgb24").ndim == 3 for frame in file.decode(stream))
        return {
            "frames": count,
            "faces": 0,
            "cpu": time.process_time() - cpu,
            "wall": time.perf_counter() - wall,
        }

    return {"video": video}


def counted(predict: Callable[[], Any]) -> Result:
    """Read everything and return how many frames or images and faces there were, and what it took."""
    cpu, wall = time.process_time(), time.perf_counter()
    rows = [prediction.to_dict() for prediction in predict()]
    took = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
    return {"frames": len(rows), "faces": sum(len(row["faces"]) for row in rows), **took}


def during(work: Iterator[int], seconds: float) -> Result:
    """Do pieces of work, after one to warm up, until `seconds` of processor time are used; return how many faces."""
    next(work)
    cpu, wall, faces = time.process_time(), time.perf_counter(), 0
    while time.process_time() - cpu < seconds:
        faces += next(work)
    return {"faces": faces, "cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}


def cap(threads: int) -> None:
    """Let every onnxruntime session made from now on have this many threads, whatever its maker asks for."""
    field = onnxruntime.SessionOptions.intra_op_num_threads

    class Capped(onnxruntime.SessionOptions):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            field.__set__(self, threads)

        intra_op_num_threads = property(field.__get__, lambda self, wanted: None)

    onnxruntime.SessionOptions = Capped


def serve(known: dict[str, Callable[..., Result]]) -> None:
    """Serve requests until stdin ends."""
    for line in sys.stdin:
        request = json.loads(line)
        result = known[request.pop("do")](**request)
        print("result " + json.dumps(result), flush=True)


def main(what: str, *words: str) -> None:
    """Serve requests as the module says."""
    *rest, threads = words
    if int(threads):
        cap(int(threads))
    serve(
        {"faces": faces, "images": images, "measures": lambda: images(measures=True), "decoding": decoding}[what](*rest)
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
