"""Accuracy, CPU ms per face and MB of the shipped weights, beside fer's default path in the same run.

    python benchmarks/weights.py [--json FILE]        (make bench)

One thread, batches of 64, crops in memory, sessions warm, CPU time (not wall time) of the process; rounds of every
system take turns and the median counts, so that a busy machine touches all alike.  Only the ratios mean anything on
another machine.  fer runs in its own environment (`make peers`); without it the table says so.  Accuracies are the
cards' test scores; fer's is measured here on the same PrivateTest crops when MIEN_DATA is set.
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import onnxruntime

from mien.data import load
from mien.errors import DataError
from mien.evaluation.metrics import accuracy
from mien.inference.classify import Classifier, locate, names
from mien.labels import canonical, columns

HERE = Path(__file__).parent
FER = HERE.parent / ".venv-fer" / "bin" / "python"
BATCH, ROUNDS = 64, 7


def session(name: str) -> onnxruntime.InferenceSession:
    """Return the weights on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(locate(name), options, providers=["CPUExecutionProvider"])


def cpu_ms(run: onnxruntime.InferenceSession, crops: np.ndarray, passes: int) -> float:
    """Return CPU milliseconds per face over some passes."""
    began = time.process_time()
    for _ in range(passes):
        run.run(None, {"crops": crops})
    return (time.process_time() - began) / passes / len(crops) * 1e3


def rounds(crops: np.ndarray, peer: "subprocess.Popen[str] | None") -> dict[str, float]:
    """Return the median CPU ms per face of every system; in each round every one has its turn."""
    sessions = {name: session(name) for name in names()}
    for run in sessions.values():
        cpu_ms(run, crops, 2)
    seen: list[dict[str, float]] = []
    for _ in range(ROUNDS):
        seen.append({name: cpu_ms(run, crops, 4) for name, run in sessions.items()})
        if peer:
            seen[-1]["fer"] = float(ask(peer))
    return {name: statistics.median(row[name] for row in seen) for name in seen[0]}


def ask(peer: "subprocess.Popen[str]") -> str:
    """Let the peer do one pass and return its answer."""
    assert peer.stdin is not None
    peer.stdin.write("go\n")
    peer.stdin.flush()
    return answer(peer)


def answer(peer: "subprocess.Popen[str]") -> str:
    """Return the next line that the peer prints; its libraries print others."""
    assert peer.stdout is not None
    for line in peer.stdout:
        if line.strip() == "ready" or line.replace(".", "").strip().isdigit():
            return line.strip()
    raise SystemExit("fer ended without an answer; see `make peers`")


def start(crops: np.ndarray, folder: str) -> "subprocess.Popen[str] | None":
    """Start fer on one thread and wait until it has read every crop; None when it is not installed."""
    if not FER.is_file():
        return None
    np.save(Path(folder) / "crops.npy", crops[..., 0])
    words = [FER, HERE / "peers" / "fer_tflite.py", f"{folder}/crops.npy", f"{folder}/out.npz"]
    one = dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1")
    environment = {**os.environ, **one, "TF_CPP_MIN_LOG_LEVEL": "3"}
    pipe = subprocess.PIPE
    peer = subprocess.Popen(words, env=environment, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True)
    answer(peer)
    return peer


def measure(faces: np.ndarray) -> tuple[dict[str, float], Any]:
    """Return the medians by system and, where fer is there, its probabilities with their order."""
    with tempfile.TemporaryDirectory() as folder:
        peer = start(faces, folder)
        times = rounds(faces[:BATCH], peer)
        if peer is None:
            return times, None
        peer.communicate()
        with np.load(f"{folder}/out.npz") as done:
            return times, (done["probs"], [str(canonical(word)) for word in done["order"].tolist()])


def main() -> None:
    """Print the table and, on request, write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    out = parser.parse_args().json
    try:
        test = load("fer2013", None, "test")
        faces = np.ascontiguousarray(test.images)
    except DataError as error:
        print(f"no FER2013 ({error}): timing random crops, fer's accuracy is left out")
        test, faces = None, np.random.default_rng(0).integers(0, 256, (512, 48, 48, 1), np.uint8)
    times, other = measure(faces)
    reference = times.pop("fer", None)
    rows: list[dict[str, Any]] = []
    for name, ms in times.items():
        scores = Classifier(name).card.metrics.get("test", {})
        known = {"accuracy": scores.get("accuracy"), "interval": scores.get("accuracy_interval")}
        known |= {"n": scores.get("n"), "clean": scores.get("clean")}
        size = {"ms_per_face": ms, "megabytes": locate(name).stat().st_size / 1e6}
        rows.append({"system": f"mien {name}", "data": scores.get("dataset"), **known, **size})
    if reference is None:
        print("fer is not installed here: `make peers` creates its environment (about 2 GB)")
    else:
        right = None if test is None else accuracy(other[0][:, columns(other[1], test.labels)], test.target)
        row = {"system": "fer (tflite)", "data": "fer2013", "accuracy": right, "ms_per_face": reference}
        rows.append({**row, "megabytes": None})
    for row in rows:
        row["ratio"] = row["ms_per_face"] / reference if reference else None
        shown = [f"{row[k]:{f}}" if row[k] is not None else "-" for k, f in
                 (("accuracy", ".4f"), ("ms_per_face", ".3f"), ("ratio", ".2f"), ("megabytes", ".2f"))]  # fmt: skip
        print(f"{row['system']:22s} {row['data'] or '-':8s} accuracy {shown[0]}  CPU ms/face {shown[1]}", end="")
        print(f"  x fer {shown[2]}  MB {shown[3]}")
    if out:
        facts = {"batch": BATCH, "threads": 1, "versions": {"onnxruntime": onnxruntime.__version__}, "rows": rows}
        out.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
