"""Frames per second and CPU ms per frame through whole videos: mien beside fer, both at their defaults.

    python benchmarks/video.py [--quick]      -> results/bench/video.json

Counted for both: from opening the file to the last prediction in memory, models loaded and one clip read before, every
requested frame. fer reads the first 40 of a clip's 150 frames: it looks at each for itself, at the same rate. mien:
`Pipeline().predict([clip])`, every prediction turned into the row that it prints. fer: `Video(clip).analyze(FER())`,
with its rows and the data.csv that it always writes; the annotated images, the zip of them and the mp4 that it makes by
default are switched off, so that both only read. One clip is read with those too, which is what its users get who
change nothing. Clips are made here (bench/fixtures.py). The faces detected are reported: a system that misses some has
less to do, and a cascade also finds faces where there are none.
"""

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench import fixtures, interleave
from bench.environment import alone, facts, keep

FACES = (1, 3, 10)
FRAMES, FEWER = 150, 40
WHOLE = ("720p", 1)  # the clip that fer also reads with everything that it does by default


def rate(report: dict[str, Any]) -> dict[str, float]:
    """Return frames per second, CPU ms per frame and faces detected per frame."""
    frames = report["frames"]
    return {
        "frames_per_second": frames / report["wall"],
        "cpu_ms": report["cpu"] / frames * 1e3,
        "faces_found": report["faces"] / frames,
    }


def main(quick: bool) -> None:
    """Measure and keep."""
    frames, most, rounds = (10, 3, 1) if quick else (FRAMES, FEWER, 3)
    cases = [(size, faces) for size in fixtures.SIZES for faces in FACES]
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        paths = {case: Path(folder) / "{}-{}.mp4".format(*case) for case in cases}
        with interleave.progress("video, clips", len(cases)) as step:
            for (size, faces), path in paths.items():
                step(path.stem)
                fixtures.clip(path, size, frames, faces)
        workers = {"mien": interleave.mien("images"), "fer": interleave.fer("images", folder)}
        started = {name: stack.enter_context(worker) for name, worker in workers.items() if worker}
        ways: dict[str, dict[str, int | bool]] = {"mien": {}, "fer": {"most": most}}
        for name, worker in started.items():
            worker.ask(do="video", path=str(paths["360p", 1]), **ways[name])
        runs = [(name, size, faces, ways[name]) for size, faces in cases for name in started]
        runs += [("fer with its outputs", *WHOLE, {**ways["fer"], "extras": True})] if "fer" in started else []
        seen: dict[tuple[str, str, int], list[dict[str, float]]] = {run[:3]: [] for run in runs}
        with interleave.progress("video", rounds * len(runs)) as step:
            for _ in range(rounds):
                for name, size, faces, way in runs:
                    step(f"{size}, faces: {faces}, {name}")
                    report = started[name.split()[0]].ask(do="video", path=str(paths[size, faces]), **way)
                    seen[name, size, faces].append(rate(report))
    rows = [
        {"system": name, "size": size, "faces": faces, **interleave.median(report)}
        for (name, size, faces), report in seen.items()
    ]
    keep("video", {**facts(quick), "frames": frames, "rounds": rounds, "rows": rows})


if __name__ == "__main__":
    alone(main, __doc__)
