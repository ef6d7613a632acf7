"""How much of what the machine can do the shipped weights use, and where the rest of the time goes.

    python benchmarks/ceiling.py [--quick]      -> results/bench/ceiling.json

Operations are counted from each graph (bench/flops.py) and divided by the least time of batches of 64.  Two ceilings:
numpy's float32 matrix product, which is what a float graph could reach at most, and onnxruntime's own product of uint8
with int8 matrices.  The shipped graphs compute in int8, where a core does up to four times as many operations as in
float32, so a fraction of the float32 ceiling may exceed 1; the fraction of the int8 one says how good the kernels are.
Where the time goes: onnxruntime's profile by kind of node, and the video path's stages each measured alone, as CPU
time, with what the whole path spends on top of their sum.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

from bench import fixtures, flops, interleave
from bench.environment import alone, facts, keep
from bench.interleave import Worker

from mien.inference.classify import locate, names

THREADS = (1, 2)
CASES = (("720p", 1), ("1080p", 10))


def probe(*words: str, threads: int | None, seconds: float) -> dict[str, Any]:
    """Return what one measurement in a process of its own says."""
    given = [*words, str(threads)] if threads else list(words)
    with Worker([sys.executable, interleave.HERE / "bench" / "workers.py", *given], threads) as worker:
        return worker.ask(seconds=seconds)


def compute(seconds: float) -> list[dict[str, Any]]:
    """Return a row per shipped weights and number of threads: what they reach of either ceiling."""
    rows = []
    with interleave.progress("ceiling", len(THREADS) * (len(names()) + 1)) as step:
        for threads in THREADS:
            step("matrix products")
            peak = probe("gemm", threads=threads, seconds=seconds)
            for name in names():
                step(name)
                report = probe("graph", name, threads=threads, seconds=seconds)
                operations = flops.count(locate(name))
                reached = operations / report["seconds_per_face"] / 1e9
                row = {"system": name, "threads": threads, "mflop_per_face": operations / 1e6, "gflops": reached}
                row |= {f"peak_{kind}": value for kind, value in peak.items()}
                row |= {f"share_{kind}": reached / value for kind, value in peak.items()}
                rows.append({**row, "nodes": report["shares"]})
    return rows


def stages(frames: int) -> list[dict[str, Any]]:
    """Return, for two clips, CPU ms per frame by stage of the video path."""
    rows = []
    with tempfile.TemporaryDirectory() as folder, interleave.progress("stages", len(CASES)) as step:
        for size, faces in CASES:
            step(f"{size}, faces: {faces}")
            path = Path(folder) / f"{size}.mp4"
            fixtures.clip(path, size, frames, faces)
            report = probe("video", str(path), threads=None, seconds=0)
            calls = report["calls_per_frame"]
            each = {stage: ms * calls[stage] for stage, ms in report["cpu_ms_per_call"].items()}
            each["rest"] = report["cpu_ms_per_frame"] - sum(each.values())
            per = {"cpu_ms_per_frame": report["cpu_ms_per_frame"], "detections_per_frame": calls["detect"]}
            rows.append({"size": size, "faces": faces, **per, "stages": each})
    return rows


def main(quick: bool) -> None:
    """Measure and keep."""
    seconds, frames = (0.1, 20) if quick else (2.0, 150)
    keep("ceiling", {**facts(quick), "weights": compute(seconds), "video": stages(frames)})


if __name__ == "__main__":
    alone(main, __doc__)
