"""Training on images from disk beside the same images in memory, and under a cap of 4 GB.

    python benchmarks/streaming.py [--images 50000] [--repeats 3] [--networks resnet18,small]
        -> results/scale_training.json, key "streaming"

The images are drawn noise, 224 pixels, RGB: 50,000 fill 7.5 GB.  Memory, disk, and disk of which nothing is in the
system's cache (dropped before each turn, `cold`) take turns in one process, at the loop's own steps on random rows;
each row that is read is compared with its digest, as in a first epoch.  `small` is a network of a few milliseconds an
image, where reading counts most; `none` reads and augments alone.  First a process of its own, whose whole
address space the system caps at 4 GiB (RLIMIT_AS), trains for `--steps` and decides by itself for the disk.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from bench.environment import facts, load

from mien.data import shards
from mien.data.shards import StoredImages

ROOT = Path(__file__).parents[1]
KEPT = ROOT / "results" / "scale_training.json"
SIDE, CLASSES, VAL, CAP = 224, 8, 256, 4 << 30
COMMON = ["data={name: affectnet, hold: HOLD}", "ema=0.0", "views={flip: false}"]
NETWORKS = {
    "resnet18": ("papers/resnet18", ["batch=16"]),
    "small": ("papers/cnn2", ["data.auxiliary=null", "batch=64", "augment={flip: 0.5, crop: 48}"]),
}
WORDS = {"memory": "in memory", "disk": "from disk", "cold": "from disk, cold"}

CAPPED = """
import json, resource, sys, time
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[3]),) * 2)
sys.path.insert(0, sys.argv[4])
from pathlib import Path
import streaming
print(json.dumps(streaming.some_steps(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[5]))))
"""


def draw(folder: Path, count: int) -> StoredImages:
    """Write images of noise, each another; those of an earlier call stay."""
    folder.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(0).integers(0, 256, 2 * SIDE * SIDE * 3, dtype=np.uint8)

    def block(rows: range) -> Iterator[np.ndarray]:
        for row in rows:
            start = row * 7919 % (SIDE * SIDE * 3)
            yield (noise[start : start + SIDE * SIDE * 3] + np.uint8(row % 251)).reshape(SIDE, SIDE, 3)

    return shards.write(folder, f"drawing {count:,} images", count, (SIDE, SIDE, 3), 256, block)


def split(images: StoredImages, name: str, recipe: Any) -> Any:
    """Return the images as a split, with classes by turns."""
    import torch

    from mien.data.affectnet import LABELS
    from mien.data.samples import Samples, one_hot
    from mien.training import batches

    index = np.arange(len(images)) % CLASSES
    ids = np.array([f"{name}{k}" for k in range(len(images))])
    samples = Samples(images, one_hot(index, CLASSES), LABELS, ids, name="drawn", split=name, fingerprint=name)
    return batches.split(recipe, None, name, torch.device("cpu"), samples)


def recipe_of(network: str, hold: str, *more: str) -> Any:
    """Return a network's recipe."""
    from mien.training import recipe as recipes

    name, words = NETWORKS[network]
    return recipes.load(name, [*(word.replace("HOLD", hold) for word in COMMON), *words, *more])


def some_steps(folder: Path, count: int, steps: int) -> dict[str, Any]:
    """Train for some steps on random rows, the images where mien decides; returns seconds and the largest memory."""
    import torch

    from mien.training.network import build
    from mien.training.prepared import Prepared
    from mien.training.train import train

    recipe = recipe_of("small", "auto", f"steps={steps}")
    begun, before = time.perf_counter(), time.process_time()
    train_, val = split(draw(folder / "train", count), "train", recipe), split(draw(folder / "val", VAL), "val", recipe)
    with tempfile.TemporaryDirectory() as run:
        train(recipe, None, Path(run), prepared=Prepared(train_, val, build(recipe, train_, torch.device("cpu"))))
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":" in line)
    peak = {name: int(status[name].split()[0]) / 1024 for name in ("VmHWM", "RssAnon", "RssFile", "VmPeak", "VmData")}
    held = "memory" if isinstance(train_.images, torch.Tensor) else "disk"
    spent = {"wall": time.perf_counter() - begun, "cpu": time.process_time() - before}
    return {
        "images": count,
        "rows": steps * recipe.batch,
        "held": held,
        **spent,
        **{f"{name}_mib": round(mib) for name, mib in peak.items()},
    }


def capped(folder: Path, count: int, cap: int, steps: int) -> dict[str, Any]:
    """Do as `some_steps` in a process whose address space is capped."""
    words = [sys.executable, "-c", CAPPED, str(folder), str(count), str(cap), str(Path(__file__).parent), str(steps)]
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
    row: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return row | {"cap_mib": cap >> 20, "load": load()}


def forget(images: StoredImages) -> None:
    """Drop the files from the system's cache."""
    for part in images.parts:
        descriptor = os.open(part.path, os.O_RDONLY)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def turn(network: str, data: Any, val: Any, steps: int, seed: int) -> dict[str, float]:
    """Take steps of the loop on random rows; return images a second by the clock and by the processor."""
    import torch

    from mien.training import train as loop
    from mien.training.network import build
    from mien.training.optim import ExponentialMovingAverage, optimizer
    from mien.training.progress import Progress

    recipe = recipe_of(network if network in NETWORKS else "small", "auto", f"steps={steps}", f"seed={seed}")
    count = steps * recipe.batch
    if network == "none":
        from mien.training.batches import fetched, gather

        order = torch.randperm(len(data.images), generator=torch.Generator().manual_seed(seed))[:count].split(
            recipe.batch
        )
        begun, before, generator = time.perf_counter(), time.process_time(), torch.Generator().manual_seed(seed)
        for index, seen in zip(order, fetched(data, order), strict=True):
            gather(data, index, recipe.augment, generator, attention=False, seen=seen)
    else:
        model = build(recipe, data, torch.device("cpu"))
        state = loop.State(model, ExponentialMovingAverage(model, recipe.ema), optimizer(model, recipe.optim))
        plan, precision = loop.Plan.of(recipe, data), loop.choose_precision(recipe.precision, torch.device("cpu"))
        begun, before = time.perf_counter(), time.process_time()
        with Progress(network, steps, 0) as progress:
            loop._epoch(plan, data, val, state, precision, progress, loop.ALONE)
    return {"wall": count / (time.perf_counter() - begun), "cpu": count / (time.process_time() - before)}


def rates(folder: Path, count: int, networks: list[str], repeats: int) -> dict[str, Any]:
    """Return images a second of each network and each place of the images, medians over turns."""
    from mien.training.train import keep_memory

    keep_memory()
    places = {hold: recipe_of("small", hold) for hold in ("memory", "disk")}
    stored = draw(folder / "train", count)
    val = split(draw(folder / "val", VAL), "val", places["memory"])
    data = {"memory": split(stored, "train", places["memory"])}
    rows: dict[str, Any] = {}
    for network in networks:
        steps = {"resnet18": 6, "small": 8, "none": 12}[network]
        turns: dict[str, list[dict[str, float]]] = {place: [] for place in WORDS}
        for repeat in range(repeats + 1):
            for place in WORDS:
                if place != "memory":
                    fresh = draw(folder / "train", count)  # none of its rows compared with its digest yet
                    data[place] = split(fresh, "train", places["disk"])
                    if place == "cold":
                        forget(fresh)
                found = turn(network, data[place], val, steps, repeat)
                turns[place] += [found] if repeat else []  # the first turn warms up
        rows[network] = {
            place: {key: round(statistics.median(one[key] for one in found), 2) for key in ("wall", "cpu")}
            for place, found in turns.items()
        } | {"load": load(), "turns": repeats}
        for key in ("wall", "cpu"):
            pairs = zip(turns["memory"], turns["disk"], turns["cold"], strict=True)
            ratios = [(disk[key] / memory[key], cold[key] / memory[key]) for memory, disk, cold in pairs]
            for place, values in zip(("disk", "cold"), zip(*ratios, strict=True), strict=True):
                rows[network][place][f"of_memory_{key}"] = round(statistics.median(values), 3)
        print(network, json.dumps(rows[network]), flush=True)
    return rows


def main() -> None:
    """Measure, and keep what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=50_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--steps", type=int, default=782, help="of 64 rows under the cap, 0 for none; 782 are an epoch")
    parser.add_argument("--networks", default="none,small,resnet18")
    parser.add_argument("--folder", type=Path, help="where the images are, or are drawn")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = chosen.folder or Path(name)
        draw(folder / "train", chosen.images)
        kept = json.loads(KEPT.read_text()) if KEPT.exists() else {}
        found = kept.setdefault("streaming", {}) | {"facts": facts(False), "images": chosen.images}
        if chosen.steps:
            found["capped"] = capped(folder, chosen.images, CAP, chosen.steps)
            print(json.dumps(found["capped"]), flush=True)
        networks = chosen.networks.split(",")
        found["rates"] = found.get("rates", {}) | rates(folder, chosen.images, networks, chosen.repeats)
    KEPT.write_text(json.dumps(kept | {"streaming": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
