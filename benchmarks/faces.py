"""Faces per second and CPU ms per face: the shipped weights beside peers, batches of 1, 8 and 64, one and two threads.

    MIEN_DATA=path/to/data python benchmarks/faces.py [--quick]      -> results/bench/faces.json

Crops in memory, models warm, each system in its own process; in every round every system has its turn and the median
counts.  CPU time is that of all threads of the process.  What is timed is what a user calls: mien's Classifier, fer's
detect_emotions with the crops as face rectangles, the JavaScript packages' own networks with their preparation.
Accuracies beside: bench/accuracy.py.
"""

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from bench import accuracy, interleave
from bench.environment import alone, facts, keep
from bench.interleave import Worker
from bench.pareto import Point, beaten, front

from mien.inference.classify import locate, names

BATCHES, THREADS = (1, 8, 64), (1, 2)
PEERS: dict[str, Callable[[Path, int], Worker | None]] = {
    "fer tflite": lambda crops, threads: interleave.fer("faces", "tflite", crops, threads=threads),
    "fer keras": lambda crops, threads: interleave.fer("faces", "keras", crops, threads=threads),
    "human": lambda crops, threads: interleave.node("human", crops, threads=threads),
    "face-api": lambda crops, threads: interleave.node("face_api", crops, threads=threads),
}


def time_all(crops: Path, threads: int, rounds: int, seconds: float) -> list[dict[str, Any]]:
    """Return a row per system and batch, medians over the rounds, in which all take turns."""
    with ExitStack() as stack:
        started = {f"mien {name}": interleave.mien("faces", name, crops, threads=threads) for name in names()}
        started |= {name: worker for name, start in PEERS.items() if (worker := start(crops, threads))}
        workers = {name: stack.enter_context(worker) for name, worker in started.items()}
        cases = [(name, batch) for batch in BATCHES for name in workers]
        seen: dict[tuple[str, int], list[dict[str, float]]] = {case: [] for case in cases}
        with interleave.progress(f"faces, {threads} thread{'s' * (threads > 1)}", rounds * len(cases)) as step:
            for _ in range(rounds):
                for name, batch in cases:
                    step(name)
                    report = workers[name].ask(do="time", batch=batch, seconds=seconds)
                    faces = report["faces"]
                    seen[name, batch].append(
                        {"cpu_ms": report["cpu"] / faces * 1e3, "faces_per_second": faces / report["wall"]}
                    )
    return [
        {"system": name, "threads": threads, "batch": batch, **interleave.median(rows)}
        for (name, batch), rows in seen.items()
    ]


def points(rows: list[dict[str, Any]], scores: dict[str, float], batch: int, threads: int) -> list[Point]:
    """Return cost and accuracy of every system at one batch and number of threads."""
    cost = {row["system"]: row["cpu_ms"] for row in rows if (row["batch"], row["threads"]) == (batch, threads)}
    return [Point(name, ms, scores[name]) for name, ms in cost.items() if name in scores]


def fronts(rows: list[dict[str, Any]], scored: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the front on each data set at each batch and number of threads, and who is beaten by whom."""
    report = []
    for data, parts in scored.items():
        right = {name: figures["accuracy"] for name, figures in parts["full"]["systems"].items()}
        for threads in THREADS:
            for batch in BATCHES:
                known = points(rows, right, batch, threads)
                lost = {name: by for name, by in beaten(known).items() if by}
                ahead = [point.name for point in front(known)]
                report.append({"data": data, "threads": threads, "batch": batch, "front": ahead, "beaten": lost})
    return report


def main(quick: bool) -> None:
    """Measure and keep."""
    scored = accuracy.measure()
    images = accuracy.crops()
    crops = np.random.default_rng(0).integers(0, 256, (256, 48, 48), np.uint8) if images is None else images[:256]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "crops.bin"
        crops.tofile(file)
        rounds, seconds = (1, 0.05) if quick else (5, 0.3)
        rows = [row for threads in THREADS for row in time_all(file, threads, rounds, seconds)]
    sizes = {f"mien {name}": locate(name).stat().st_size / 1e6 for name in names()}
    report = {"rounds": rounds, "rows": rows, "megabytes": sizes, "accuracy": scored, "fronts": fronts(rows, scored)}
    keep("faces", {**facts(quick), **report})


if __name__ == "__main__":
    alone(main, __doc__)
