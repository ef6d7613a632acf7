"""How cost grows with the number of images: loading, near-duplicates, an epoch of training, evaluation, predict.

    python benchmarks/growth.py [--most 1000000] [STAGE ...]     -> results/growth.json; then benchmarks/scale.py --page

Inputs are generated: smooth random fields, 48 x 48 and grey, one in twenty a near-duplicate of another; `predict` reads
copies of a photograph in a package (Grace Hopper, JPEG 512 x 600, one face, matplotlib).  Every stage at every size is
a process of its own.  `cpu` is its processor's seconds, less in need of a quiet machine than the clock's; `mib` is how
much its own memory (RssAnon: no memory maps of files) grew beyond what it had before the stage.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from bench.environment import facts, load

from mien.data.samples import Samples

ROOT = Path(__file__).parents[1]
KEPT = ROOT / "results" / "growth.json"
SIZES = (100, 1_000, 10_000, 100_000, 1_000_000)
ALONE = ["epochs=1", "data.auxiliary=null", "loss.auxiliary=0", "distill=null", "refine=null", "optim.warmup=0"]
SIDE, WAVES, AT_ONCE = 48, 12, 5_000


def fields(path: Path, number: int) -> None:
    """Write uint8 (number, 48, 48, 1) as .npy, a part at a time."""
    rng, waves = np.random.default_rng(0), np.arange(WAVES)
    basis = np.cos(np.pi * (np.arange(SIDE)[:, None] + 0.5) * waves / SIDE).astype(np.float32)
    strength = 1 / (1 + waves[:, None] ** 2 + waves[None] ** 2) ** 0.75
    strength[0, 0] = 0
    out = np.lib.format.open_memmap(path, "w+", np.uint8, (number, SIDE, SIDE, 1))
    for start in range(0, number, AT_ONCE):
        count = min(AT_ONCE, number - start)
        image = basis @ (rng.standard_normal((count, WAVES, WAVES)) * strength).astype(np.float32) @ basis.T
        image = 128 + 40 * image / image.std(axis=(1, 2), keepdims=True) + 3 * rng.standard_normal(image.shape)
        near = rng.integers(0, count, count // 20)
        image[near] = image[rng.integers(0, count, len(near))] * 0.8 + 20
        out[start : start + count, ..., 0] = image.clip(0, 255)


def samples(path: Path, split: str) -> Samples:
    """Return the images as a data set with random labels."""
    from mien.data.fer2013.raw import LABELS
    from mien.data.samples import one_hot

    images = np.load(path, mmap_mode="r")
    images = images if split == "train" else images[:500]
    target = one_hot(np.random.default_rng(1).integers(0, len(LABELS), len(images)), len(LABELS))
    ids = np.array([f"{split}{k}" for k in range(len(images))])
    return Samples(images, target, LABELS, ids, name="fer2013", split=split, fingerprint=split)


def csv(path: Path, number: int) -> None:
    """Write a Kaggle csv of random images, 500 different ones again and again; the last tenths are val and test."""
    rng = np.random.default_rng(0)
    rows = [" ".join(map(str, rng.integers(0, 256, SIDE * SIDE).tolist())) for _ in range(500)]
    usages = ["Training"] * 8 + ["PublicTest", "PrivateTest"]
    with path.open("w") as file:
        file.write("emotion,pixels,Usage\n")
        for k in range(number):
            file.write(f"{k % 7},{rows[k % 500]},{usages[10 * k // number]}\n")


Stage = Callable[[Path], Callable[[], object]]
"""From the input's path, what is measured."""


def loading(path: Path) -> Callable[[], object]:
    """Read the csv for the first time, into the cache."""
    from mien.data import load as read

    return lambda: read("fer2013", path.parent, "train")


def duplicates(path: Path) -> Callable[[], object]:
    """Group all near-duplicates."""
    from mien.data.duplicates import groups

    images = np.load(path, mmap_mode="r")
    return lambda: groups([images])


def epoch(path: Path) -> Callable[[], object]:
    """Train the network of mien/fer2013-nano for an epoch, and score 500 images of val."""
    from mien import data
    from mien.training import recipe as recipes
    from mien.training.prepared import prepare
    from mien.training.train import train

    data.DATASETS["fer2013"] = lambda root, split: samples(path, split)
    recipe = recipes.load("mien/fer2013-nano", ALONE)
    prepared = prepare(recipe, path.parent, "cpu")
    (run := path.parent / "run").mkdir()
    return lambda: train(recipe, path.parent, run, device="cpu", prepared=prepared)


def evaluation(path: Path) -> Callable[[], object]:
    """Predict with ferplus-nano and score, intervals too."""
    from mien.evaluation.evaluate import measure
    from mien.evaluation.result import Provenance
    from mien.evaluation.scores import score
    from mien.evaluation.training_duplicates import Search
    from mien.inference.classify import Classifier

    classifier, known = Classifier("ferplus-nano"), samples(path, "train")
    return lambda: score(measure(classifier, known, Provenance(), Search(None, reason="generated")))


def photos(path: Path, number: int) -> None:
    """Write copies of a photograph."""
    import matplotlib

    path.mkdir()
    photo = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    for k in range(number):
        shutil.copy(photo, path / f"IMG_{k:06}.jpg")


def predict(path: Path) -> Callable[[], object]:
    """Read all photos as `mien predict` does; what it imports is there before."""
    from mien.cli import main
    from mien.inference.pipeline import Pipeline

    Pipeline()
    sys.argv = ["mien", "predict", str(path), "--out", str(path.parent / "out"), "--format", "parquet"]

    def read() -> None:
        try:
            main()
        except SystemExit as ended:
            if ended.code:
                raise

    return read


STAGES: dict[str, tuple[Stage, Callable[[Path, int], None], str]] = {
    "loading": (loading, csv, "fer2013.csv"),
    "loading, kept": (loading, csv, "fer2013.csv"),
    "near-duplicates": (duplicates, fields, "images.npy"),
    "epoch": (epoch, fields, "images.npy"),
    "evaluation": (evaluation, fields, "images.npy"),
    "predict": (predict, photos, "photos"),
}
"""What is measured, how its input is made, and the input's name."""


SPANS = {"predict": (100, 10_000)}
"""The smallest and the largest size of a stage that does not go from 1,000 to `--most`."""


def own_memory() -> int:
    """Return the bytes of this process that are no file's."""
    status = Path("/proc/self/status").read_text("ascii")
    return next(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("RssAnon"))


@contextmanager
def watched() -> Iterator[list[int]]:
    """Yield a list whose last value is the most memory until then."""
    most, ended = [own_memory()], threading.Event()

    def watch() -> None:
        while not ended.wait(0.02):
            most.append(max(most.pop(), own_memory()))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield most
    finally:
        ended.set()
        thread.join()


def one(stage: str, path: Path) -> dict[str, float]:
    """Measure a stage in this process."""
    work, before = STAGES[stage][0](path), own_memory()
    began, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    with watched() as most:
        work()
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
    return {"cpu": round(cpu, 3), "wall": round(time.perf_counter() - began, 3), "mib": (most[0] - before) >> 20}


def measured(stage: str, number: int, folder: Path) -> dict[str, Any]:
    """Measure a stage in a process of its own, on an input that is made where it is not there."""
    _, make, name = STAGES[stage]
    path = folder / f"{number}" / name
    path.parent.mkdir(exist_ok=True)
    if not path.exists():
        make(path, number)
    words = [sys.executable, __file__, "--one", str(path), stage]
    environment = {**os.environ, "MIEN_CACHE": str(path.parent / "cache")}
    shown = subprocess.run(words, env=environment, check=True, capture_output=True, text=True).stdout
    return {"stage": stage, "images": number, **json.loads(shown.splitlines()[-1]), "load": load()}


def keep(row: dict[str, Any]) -> None:
    """Put a row in the place of that of the same stage and size."""
    rows = json.loads(KEPT.read_text())["rows"] if KEPT.exists() else []
    others = (one for one in rows if (one["stage"], one["images"]) != (row["stage"], row["images"]))
    rows = sorted([*others, row], key=lambda one: ([*STAGES].index(one["stage"]), one["images"]))
    KEPT.write_text(json.dumps({"facts": facts(False), "rows": rows}, indent=1) + "\n")


def main() -> None:
    """Measure, and keep what was measured beside what was before."""
    parser = argparse.ArgumentParser()
    parser.add_argument("stages", nargs="*", default=[*STAGES])
    parser.add_argument("--most", type=int, default=SIZES[-1])
    parser.add_argument("--one", type=Path)
    chosen = parser.parse_args()
    if chosen.one:
        print(json.dumps(one(chosen.stages[0], chosen.one)))
        return
    for number in (size for size in SIZES if size <= chosen.most):
        with tempfile.TemporaryDirectory() as name:
            for stage in chosen.stages:
                least, most = SPANS.get(stage, (1_000, number))
                if least <= number <= most:
                    keep(measured(stage, number, Path(name)))


if __name__ == "__main__":
    main()
