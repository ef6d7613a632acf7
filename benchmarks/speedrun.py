"""How fast mien trains: the speed run on a GPU, and its loop on the CPU beside a plain PyTorch one.

    python benchmarks/speedrun.py race [--runs 10] [--device cuda] [--eager] [key=value...]   train; test stays closed
    python benchmarks/speedrun.py score DIR        open test once for each run's weights; needs at least ten runs
    python benchmarks/speedrun.py ratio [--threads N] [--recipe NAME] [key=value...]          CPU, images per second
    python benchmarks/speedrun.py minutes [--to 0.68] [--recipe NAME] [key=value...]          CPU, minutes to it on val

The claim of the speed run, which holds when `score` says so: on one GPU, mien's own training loop (training/train.py)
takes S seconds, mean and deviation over at least ten seeds, from nothing to weights that score, in the mean over the
same runs, at least 70.5 % on FER2013's PrivateTest (3,589 images, averaged with their mirror images).
- Trained on: FER2013's Training split, its labels and, for a second head that is thrown away, FERPlus's votes on the
  same images.  From random weights; no other data, no teacher.  The recipe: benchmarks/speedrun.yaml.
- The clock runs from the drawing of the first weights, the images lying on the device as uint8, until the last epoch
  has been scored on val: augmentation, training, averaging and every score on val are inside.  Reading the data and
  starting Python are outside.  What is needed once per process (compiling, choosing kernels; brought about by steps on
  weights that are then thrown away) has a clock of its own, with the compiler's caches off.  It is reported separately
  and added.
- Selected: the epoch, by PublicTest.  The recipe's keys too must be chosen by PublicTest, with `race` alone.
- Test: opened by `score`, when all weights are on disk, once per run; every run of the race counts, none is left out.
- Operations: those of convolutions and matrix products, counted by torch.utils.flop_counter, training and val.  The
  ceilings: 989 TFLOP/s, what NVIDIA's data sheet states for an H200 in dense bfloat16, and a product of two matrices
  of 8192 x 8192 measured in the same process.

`ratio` sets an epoch of mien's loop against one of a loop as it is usually written (bench/loops.py), in processes of
their own that take turns, with equally many threads, both in float32; mien as it comes (bfloat16 where the processor
has it) is a row of its own.  Images per second by the clock, which other work disturbs, and processor time per
image, which it disturbs less.  The plain loop counts with whichever number of workers serves it best.
Results: results/bench/speedrun.json; `race` leaves its own in build/speedrun.
"""

import argparse
import hashlib
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from bench.cpu import PACKAGES, load, minutes, ratio
from bench.environment import RESULTS, facts
from bench.interleave import ROOT
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from mien.evaluation.statistics.intervals import wilson
from mien.training import checkpoint
from mien.training import recipe as recipes
from mien.training.augment import center_crop
from mien.training.batches import Split, gather, split
from mien.training.network import build, check, make, restored
from mien.training.objective import objective
from mien.training.optim import ExponentialMovingAverage, optimizer
from mien.training.progress import Progress
from mien.training.recipe import Recipe
from mien.training.train import Plan, State, _epoch, choose_precision, logits, score

Report = dict[str, Any]
RECIPE = ROOT / "benchmarks" / "speedrun.yaml"
OUT = ROOT / "build" / "speedrun"
GOAL, LEAST = 0.705, 10
STATED = {"H200": 989.0}
"""Dense bfloat16 TFLOP/s by what a device's name contains, as its maker states."""
WARM = 3
"""Steps before the clock starts: compilation, choice of kernels, memory."""


def race(recipe: Recipe, device: str, runs: int, eager: bool, out: Path) -> Report:
    """Train with seeds 0, 1, ... and keep each run's weights and times in a folder; test stays closed."""
    place = torch.device(device)
    check(recipe)
    out.mkdir(parents=True, exist_ok=True)
    os.environ["TORCHINDUCTOR_FORCE_DISABLE_CACHES"] = "1"  # a compilation is a compilation
    torch.backends.cudnn.benchmark = True
    began = time.perf_counter()
    data, val = (split(recipe, None, name, place) for name in ("train", "val"))
    reading = since(began, place)
    precision = choose_precision(recipe.precision, place)
    began = time.perf_counter()
    network = build(recipe, data, place)
    runner: nn.Module = network if eager else torch.compile(network)  # type: ignore[assignment]
    warm(runner, network, recipe, data, val, precision)
    compiling = since(began, place)
    report = {
        **facts(False, PACKAGES), "device": name_of(place), "precision": str(precision).removeprefix("torch."),
        "compiled": not eager, "recipe": recipe.model_dump(mode="json"), "images": len(data.rows),
        "fingerprint": data.fingerprint, "reading_seconds": reading, "warm_seconds": compiling,
        "operations": operations(recipe, data, val), "product_tflops": product(place, precision),
    }  # fmt: skip
    rows = []
    for seed in range(runs):
        row, best = run(recipe.model_copy(update={"seed": seed}), runner, network, data, val, precision)
        path = out / f"{seed}.pt"
        checkpoint.save(best, path)
        rows.append({"seed": seed, **row, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()})
        write({**report, "load": load(), "runs": rows}, out / "race.json")
        print(f"seed {seed}: {row['seconds']:.2f} s, val {row['val']:.4f} (epoch {row['epoch']})", file=sys.stderr)
    return summary(json.loads((out / "race.json").read_text(encoding="utf-8")))


def run(
    recipe: Recipe, runner: nn.Module, network: nn.Module, data: Split, val: Split, precision: torch.dtype
) -> tuple[Report, Report]:
    """Train once from new weights; return seconds, val's score and its epoch, and the weights that val selected."""
    place = data.images.device
    since(0, place)
    began = time.perf_counter()
    state = start(recipe, runner, network, data)
    plan = Plan.of(recipe, data)
    best: Report = {}
    with Progress(f"seed {recipe.seed}", plan.steps, 0) as progress:
        while state.step < plan.steps:
            _epoch(plan, data, val, state, precision, progress)
            scores = score(state.average.model, val, precision, flip=recipe.views.flip, only={"nll", "accuracy"})
            state.epoch += 1
            state.history.append(scores)
            if not best or scores["val_accuracy"] > best["val"]:
                best = {"val": scores["val_accuracy"], "epoch": state.epoch, "average": weights(state.average.model)}
    seconds = since(began, place)
    report = {"seconds": seconds, "val": best["val"], "epoch": best["epoch"], "steps": state.step}
    shape = {"labels": list(data.labels), "aux_labels": list(data.aux_labels), "size": data.side}
    return report, {**best, **shape, "channels": data.images.shape[1]}


def start(recipe: Recipe, runner: nn.Module, network: nn.Module, data: Split) -> State:
    """Return a state with new weights, drawn from the recipe's seed, in the network that is compiled already."""
    torch.manual_seed(recipe.seed)
    fresh = make(recipe, data.labels, data.images.shape[1], data.side, len(data.aux_labels))
    network.load_state_dict(fresh.state_dict())
    return State(runner, ExponentialMovingAverage(network, recipe.ema), optimizer(network, recipe.optim))


def warm(
    runner: nn.Module, network: nn.Module, recipe: Recipe, data: Split, val: Split, precision: torch.dtype
) -> None:
    """Take a few steps and score val once, so that whatever happens once has happened."""
    state = start(recipe, runner, network, data)
    plan = replace(Plan.of(recipe, data), per_epoch=min(WARM, Plan.of(recipe, data).per_epoch))
    with Progress("warm-up", plan.per_epoch, 0) as progress:
        _epoch(plan, data, val, state, precision, progress)
    score(state.average.model, val, precision, flip=recipe.views.flip, only={"nll", "accuracy"})


def weights(model: nn.Module) -> dict[str, Tensor]:
    """Return a copy of a model's weights where they are."""
    return {name: value.clone() for name, value in model.state_dict().items()}


def since(began: float, place: torch.device) -> float:
    """Return the seconds since then, once the device has done all that it was given."""
    if place.type == "cuda":
        torch.cuda.synchronize(place)
    return time.perf_counter() - began


def operations(recipe: Recipe, data: Split, val: Split) -> float:
    """Return the operations of a whole run: convolutions and matrix products of all steps and all scores on val.

    Two per multiplication; forwards, and backwards to the weights and to what is between them.
    """
    cpu = torch.device("cpu")
    network = make(recipe, data.labels, data.images.shape[1], data.side, len(data.aux_labels))
    few = replace(data, **{k: v.to(cpu) for k, v in vars(data).items() if isinstance(v, Tensor)})
    few = replace(few, images=few.images[:2], rows=few.rows[:2])
    plain = recipe.augment.model_copy(update={"mixup": 0.0, "cutmix": 0.0})
    batch = gather(few, torch.arange(2), plain, torch.Generator(), attention=False)
    seen = center_crop(few.images, recipe.augment.crop or data.side).float() / 255
    with FlopCounterMode(display=False) as learning:
        objective(network.train()(batch["x"]), batch, recipe.loss, torch.Generator()).backward()
    with FlopCounterMode(display=False) as reading, torch.no_grad():
        network.eval()(seen)
    plan = Plan.of(recipe, data)
    epochs = -(-plan.steps // plan.per_epoch)
    views = 2 if recipe.views.flip else 1
    taught = learning.get_total_flops() / 2 * plan.steps * min(recipe.batch, len(data.rows))
    return float(taught + reading.get_total_flops() / 2 * epochs * views * len(val.images))


def product(place: torch.device, precision: torch.dtype) -> float:
    """Return the TFLOP/s of a product of two large random matrices, the mean of ten."""
    side = 8192 if place.type == "cuda" else 1024
    left, right = (torch.randn(side, side, device=place).to(precision) for _ in range(2))
    for _ in range(3):
        left @ right
    began = since(0, place) and time.perf_counter()
    for _ in range(10):
        left @ right
    return 10 * 2 * side**3 / since(began, place) / 1e12


def name_of(place: torch.device) -> str:
    """Return what the device calls itself."""
    return torch.cuda.get_device_name(place) if place.type == "cuda" else f"cpu, {torch.get_num_threads()} threads"


def summary(report: Report) -> Report:
    """Return a race with means and deviations over its runs, what it reached of the ceilings, and whether it counts."""
    seconds = [row["seconds"] for row in report["runs"]]
    mean = statistics.mean(seconds)
    reached = report["operations"] / mean / 1e12
    stated = next((peak for name, peak in STATED.items() if name in report["device"]), None)
    figures: Report = {
        "n": len(seconds), "seconds": spread(seconds), "together": mean + report["warm_seconds"],
        "val": spread([row["val"] for row in report["runs"]]), "tflops": reached,
        "share_of_product": reached / report["product_tflops"], "share_stated": stated and reached / stated,
    }  # fmt: skip
    if all("test" in row for row in report["runs"]):
        full, clean = ([row["test"][kind]["accuracy"] for row in report["runs"]] for kind in ("full", "clean"))
        reaching = sum(value >= GOAL for value in full)
        figures |= {"test": spread(full), "clean": spread(clean), "reaching": reaching}
        figures["holds"] = len(seconds) >= LEAST and figures["test"]["mean"] >= GOAL
    return {**report, "summary": figures}


def spread(values: list[float]) -> dict[str, float]:
    """Return mean and standard deviation (n - 1; 0 for a single value).

    >>> spread([1.0, 3.0])
    {'mean': 2.0, 'std': 1.4142135623730951}
    """
    return {"mean": statistics.mean(values), "std": statistics.stdev(values) if len(values) > 1 else 0.0}


def score_race(folder: Path) -> Report:
    """Open test once for the weights of every run of a race that has ended; what was scored is not scored again."""
    report = json.loads((folder / "race.json").read_text(encoding="utf-8"))
    if len(report["runs"]) < LEAST:
        raise SystemExit(f"{folder} holds {len(report['runs'])} runs; test stays closed until there are {LEAST}")
    recipe = recipes.parse(report["recipe"], str(folder))
    kept = [checked(folder / f"{row['seed']}.pt", row["sha256"]) for row in report["runs"]]
    cpu = torch.device("cpu")
    test, clean = split(recipe, None, "test", cpu), clean_rows(recipe)
    for row, best in zip(report["runs"], kept, strict=True):
        if "test" in row:
            continue
        outputs = logits(restored(recipe, best), test.images, torch.float32, flip=recipe.views.flip)
        right = (outputs.argmax(1) == test.top).numpy()
        row["test"] = {"full": accuracy(right), "clean": accuracy(right[clean])}
        write(report, folder / "race.json")
        print(f"seed {row['seed']}: test {row['test']['full']['accuracy']:.4f}", file=sys.stderr)
    return summary(report)


def checked(path: Path, sha: str) -> checkpoint.Weights:
    """Return the weights of a run; SystemExit unless they are those that the race wrote."""
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != sha:
        raise SystemExit(f"{path} is not what the race wrote")
    return checkpoint.load(path, checkpoint.Weights)


def clean_rows(recipe: Recipe) -> np.ndarray:
    """Return bool (N,): which images of test have no near-duplicate in Training."""
    from mien.data.duplicates import near_duplicates_in_training
    from mien.training.batches import read

    clean: np.ndarray = near_duplicates_in_training(read(recipe, None, "test"), None).index < 0
    return clean


def accuracy(right: np.ndarray) -> Report:
    """Return the fraction of hits, their number and a 95 % interval."""
    return {"accuracy": float(right.mean()), "n": len(right), "interval": list(wilson(int(right.sum()), len(right)))}


def write(report: Report, path: Path) -> None:
    """Write figures as JSON."""
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def keep(part: str, report: Report) -> None:
    """Put a part's figures beside the others that were measured."""
    path = RESULTS / "speedrun.json"
    before = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"quick": False}
    write({**before, part: report}, path)


def main(words: list[str] | None = None) -> None:
    """Run a part from the command line, print its result and, except for `race`, keep it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(dest="part", required=True)
    add: Callable[..., argparse.ArgumentParser] = parts.add_parser
    racing, scoring, rating, timing = (add(name) for name in ("race", "score", "ratio", "minutes"))
    racing.add_argument("--runs", type=int, default=LEAST)
    racing.add_argument("--device", default="cuda")
    racing.add_argument("--eager", action="store_true", help="do not compile the network")
    scoring.add_argument("folder", type=Path)
    rating.add_argument("--threads", type=int, default=os.cpu_count())
    rating.add_argument("--rounds", type=int, default=5)
    timing.add_argument("--to", type=float, default=0.68, help="val accuracy")
    for part in (racing, timing):
        part.add_argument("--out", type=Path, default=OUT)
    for part in (rating, timing):
        part.add_argument("--recipe", default="mien/fer2013-nano")
    for part in (racing, rating, timing):
        part.add_argument("overrides", nargs="*", metavar="key=value")
    given = parser.parse_args(words)
    if given.part == "race":
        report = race(recipes.load(RECIPE, given.overrides), given.device, given.runs, given.eager, given.out)
    elif given.part == "score":
        report = score_race(given.folder)
    elif given.part == "ratio":
        report = ratio(given.recipe, given.overrides, given.threads, given.rounds)
    else:
        report = minutes(given.recipe, given.overrides, given.to, given.out)
    if given.part != "race":
        keep("race" if given.part == "score" else given.part, report)
    print(json.dumps(report.get("summary", report), indent=1))


if __name__ == "__main__":
    main()
