"""What ceiling.py does in processes of their own, since threads are set when libraries load.

    workers.py gemm THREADS            float32 and int8 matrix products: GFLOP/s, GOP/s
    workers.py graph NAME THREADS      shipped weights: seconds per face, and seconds by kind of node
    workers.py video CLIP              the stages of the video path, each alone: CPU ms per call, calls per frame

Each prints one line `result {...}` for each line on stdin.
"""

import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from mien.inference.onnx import onnxruntime

SIDE = 1024
BATCH = 64
STILLS = 48  # frames kept in memory for the stages after decoding


def best(work: Callable[[], object], seconds: float) -> float:
    """Return the least seconds of the clock that one call takes, called for some time."""
    least, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end or least == float("inf"):
        began = time.perf_counter()
        work()
        least = min(least, time.perf_counter() - began)
    return least


def options(threads: int) -> onnxruntime.SessionOptions:
    """Return options for so many threads, which do not spin while they wait, as mien's own do not."""
    wanted = onnxruntime.SessionOptions()
    wanted.add_session_config_entry("session.intra_op.allow_spinning", "0")
    wanted.intra_op_num_threads, wanted.log_severity_level = threads, 4
    return wanted


def integer_product(threads: int) -> Callable[[], object]:
    """Return what multiplies uint8 by int8 matrices through onnxruntime, into int32."""
    from onnx import TensorProto, helper

    kinds = {"a": TensorProto.UINT8, "b": TensorProto.INT8, "c": TensorProto.INT32}
    a, b, c = (helper.make_tensor_value_info(name, kind, [SIDE, SIDE]) for name, kind in kinds.items())
    graph = helper.make_graph([helper.make_node("MatMulInteger", ["a", "b"], ["c"])], "product", [a, b], [c])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString(), options(threads))
    rng = np.random.default_rng(0)
    matrices = {"a": rng.integers(0, 255, (SIDE, SIDE), np.uint8), "b": rng.integers(-127, 127, (SIDE, SIDE), np.int8)}
    return lambda: session.run(None, matrices)


def gemm(threads: str) -> Callable[..., dict[str, float]]:
    """Return what measures the products; numpy's threads are set by the environment."""
    a, b = (np.random.default_rng(k).random((SIDE, SIDE), np.float32) for k in (0, 1))
    integer = integer_product(int(threads))
    operations = 2 * SIDE**3 / 1e9

    def measure(seconds: float) -> dict[str, float]:
        return {"float32": operations / best(lambda: a @ b, seconds), "int8": operations / best(integer, seconds)}

    return measure


def graph(name: str, threads: str) -> Callable[..., dict[str, Any]]:
    """Return what measures shipped weights at batches of 64."""
    from mien.inference.classify import locate

    crops = np.random.default_rng(0).integers(0, 256, (BATCH, 48, 48, 1), np.uint8)

    def nodes(folder: str) -> Counter[str]:
        wanted = options(int(threads))
        wanted.enable_profiling, wanted.profile_file_prefix = True, f"{folder}/profile"
        session = onnxruntime.InferenceSession(locate(name), wanted)
        for _ in range(6):
            session.run(["probs"], {"crops": crops})
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
        return by_kind(events)

    def measure(seconds: float) -> dict[str, Any]:
        session = onnxruntime.InferenceSession(locate(name), options(int(threads)))
        took = best(lambda: session.run(["probs"], {"crops": crops}), seconds)
        with tempfile.TemporaryDirectory() as folder:
            kinds = nodes(folder)
        total = sum(kinds.values())
        shares = {kind: spent / total for kind, spent in kinds.most_common()}
        return {"seconds_per_face": took / BATCH, "shares": shares}

    return measure


def by_kind(events: list[dict[str, Any]]) -> Counter[str]:
    """Return the microseconds of onnxruntime's profile by kind of node, and what its runs spent outside of nodes."""
    spent: Counter[str] = Counter()
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            spent[event["args"]["op_name"]] += event["dur"]
        elif event["name"] == "model_run":
            spent["between nodes"] += event["dur"]
    spent["between nodes"] = max(0, 2 * spent["between nodes"] - spent.total())
    return spent


def video(clip: str) -> Callable[..., dict[str, Any]]:
    """Return what measures the stages of the video path on a clip."""
    from mien import Pipeline
    from mien.inference.align import crops
    from mien.inference.media.video import frames
    from mien.inference.video.tracking import Tracks

    pipeline = Pipeline()

    def spent(work: Callable[[], object]) -> float:
        began = time.process_time()
        work()
        return time.process_time() - began

    def measure(seconds: float) -> dict[str, Any]:
        predictions = list(pipeline.predict([clip]))
        count = len(predictions)
        stills = [image for _, _, image in islice(frames(clip), STILLS)]
        ms = {"decode to RGB": spent(lambda: [None for _ in frames(clip)]) / count * 1e3}
        detected: list[Any] = []
        ms["detect"] = spent(lambda: detected.extend(pipeline.detect(image) for image in stills)) / len(stills) * 1e3
        card, cut = pipeline.card, []
        boxes = [[face.box for face in faces] for faces in detected]
        ms["crop"] = spent(
            lambda: cut.extend(
                crops(image, part, pipeline.framing, card.size, card.channels)
                for image, part in zip(stills, boxes, strict=True)
            )
        )
        ms["crop"] *= 1e3 / len(stills)
        ms["classify"] = spent(lambda: pipeline.classifier(np.concatenate(cut))) / len(stills) * 1e3
        tracks = Tracks()
        follow = spent(lambda: [tracks.follow(p.faces, p.seconds or 0.0) for p in predictions[: len(stills)]])
        ms["track"] = follow / len(stills) * 1e3
        calls = dict.fromkeys(ms, 1.0) | {"detect": detections(pipeline, clip) / count}
        whole = spent(lambda: [p.to_dict() for p in pipeline.predict([clip])]) / count * 1e3
        return {"frames": count, "cpu_ms_per_call": ms, "calls_per_frame": calls, "cpu_ms_per_frame": whole}

    return measure


def detections(pipeline: Any, clip: str) -> int:
    """Return how many times the pipeline asks its detector about a clip."""
    detect, calls = pipeline.detect, []
    pipeline.detect = lambda image: calls.append(None) or detect(image)
    try:
        for _ in pipeline.predict([clip]):
            pass
    finally:
        pipeline.detect = detect
    return len(calls)


def main(what: str, *words: str) -> None:
    """Serve requests until stdin ends."""
    measure = {"gemm": gemm, "graph": graph, "video": video}[what](*words)
    for line in sys.stdin:
        print("result " + json.dumps(measure(**json.loads(line))), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
