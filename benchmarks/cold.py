"""Cold start: from starting the process to the first printed prediction of one photo, files in the page cache.

    python benchmarks/cold.py [--quick]      -> results/bench/cold.json

mien by its command and by its API, fer by its API as its documentation shows it.  `wall` ends when the prediction
arrives; `cpu` is the whole process's, its end included.  Runs alternate; the first of each is not counted.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

import skimage
from bench import interleave
from bench.environment import alone, facts, keep

PHOTO = str(Path(skimage.__file__).parent / "data" / "astronaut.png")
API = """
from mien import Pipeline
for prediction in Pipeline().predict([{photo!r}]):
    print(prediction.faces[0].expression, flush=True)
"""
FER = """
import cv2
from fer.fer import FER
print(FER().detect_emotions(cv2.imread({photo!r}))[0]["emotions"], flush=True)
"""
SYSTEMS = {
    "mien predict --format json": [sys.executable, "-m", "mien.cli", "predict", PHOTO, "--format", "json"],
    "mien API": [sys.executable, "-c", API.format(photo=PHOTO)],
    "fer API": [str(interleave.FER), "-c", FER.format(photo=PHOTO)],
}
SIGN = b"happ"  # every output names happiness


def start(words: list[str]) -> dict[str, float]:
    """Return the seconds of one start: the clock's to the first prediction, the processor's to the end."""
    quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    began = time.perf_counter()
    process = subprocess.Popen(words, env=quiet, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout
    heard = b""
    while SIGN not in heard:
        part = os.read(process.stdout.fileno(), 65536)
        if not part:
            raise SystemExit(f"{' '.join(words[:3])} ended without a prediction")
        heard += part
    wall = time.perf_counter() - began
    while os.read(process.stdout.fileno(), 65536):
        pass
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return {"wall": wall, "cpu": used.ru_utime + used.ru_stime}


def main(quick: bool) -> None:
    """Measure and keep."""
    systems = dict(SYSTEMS)
    if not interleave.FER.is_file():
        interleave.absent("fer")
        del systems["fer API"]
    rounds = 2 if quick else 8
    seen: dict[str, list[dict[str, float]]] = {name: [] for name in systems}
    with interleave.progress("cold start", rounds * len(systems)) as step:
        for _ in range(rounds):
            for name, words in systems.items():
                step(name)
                seen[name].append(start(words))
    rows = [{"system": name, **interleave.median(output[1:])} for name, output in seen.items()]
    keep("cold", {**facts(quick), "rounds": rounds - 1, "rows": rows})


if __name__ == "__main__":
    alone(main, __doc__)
