"""The CPU's part of speedrun.py: mien's training loop beside a plain one, and minutes to a score on val."""

import statistics
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from bench import interleave
from bench.environment import facts, load
from bench.interleave import Worker

from mien.training import checkpoint, runlog
from mien.training import recipe as recipes
from mien.training.train import train

Report = dict[str, Any]
PACKAGES = ("torch", "numpy")
PARTS = ("epoch", "feed", "network")


def ratio(name: str, overrides: list[str], threads: int, rounds: int) -> Report:
    """Let mien's loop and the plain one take turns on the CPU, an epoch each; return their speeds and the ratio."""
    words = {"mien float32": ("mien", name, "float32"), "mien as it comes": ("mien", name, "auto")}
    words |= {f"plain, {workers} workers": ("plain", name, str(workers)) for workers in (0, 2)}
    script = interleave.HERE / "bench" / "loops.py"
    times: dict[str, dict[str, list[dict[str, float]]]] = {what: {part: [] for part in PARTS} for what in words}
    before = load()
    with ExitStack() as stack, interleave.progress("ratio", (rounds + 1) * len(words)) as step:
        workers = {}
        for what, how in words.items():
            step(f"{what}: warm-up")
            workers[what] = stack.enter_context(Worker([sys.executable, script, *how, *overrides], threads))
            workers[what].ask(do="epoch")
        for _ in range(rounds):
            for what, worker in workers.items():
                step(what)
                for part, rows in times[what].items():
                    rows.append(worker.ask(do=part))
    images = times["mien float32"]["epoch"][0]["images"]
    settings = {"recipe": name, "overrides": overrides, "threads": threads, "rounds": rounds, "images": images}
    return {**facts(False, PACKAGES), **settings, "load": [before, load()], **compared(times)}


def compared(times: dict[str, dict[str, list[dict[str, float]]]]) -> Report:
    """Return each loop's medians and the ratios to the best plain loop, round by round."""

    def each(what: str, part: str, key: str) -> list[float]:
        return [row[key] / row["images"] for row in times[what][part]]

    rows = [
        {
            "system": what,
            "images_per_second": 1 / statistics.median(each(what, "epoch", "wall")),
            **{f"{part}_cpu_ms": 1000 * statistics.median(each(what, part, "cpu")) for part in times[what]},
        }
        for what in times
    ]
    plain = [row for row in rows if row["system"].startswith("plain")]
    ratios = []
    for key, figure, sign in (("wall", "images_per_second", -1), ("cpu", "epoch_cpu_ms", 1)):
        best = min(plain, key=lambda row: sign * row[figure])["system"]
        for what in (what for what in times if what.startswith("mien")):
            pairs = zip(each(best, "epoch", key), each(what, "epoch", key), strict=True)
            values = [theirs / ours for theirs, ours in pairs]
            between = {"median": statistics.median(values), "least": min(values), "most": max(values)}
            ratios.append({"system": what, "against": best, "by": key, **between})
    return {"rows": rows, "ratios": ratios}


def minutes(name: str, overrides: list[str], goal: float, out: Path) -> Report:
    """Train a recipe on the CPU; return the minutes from reading the data to the first epoch that reaches the goal."""
    recipe = recipes.load(name, overrides)
    folder, before = runlog.create(recipe, out), load()
    began = time.perf_counter()
    train(recipe, None, folder, device="cpu")
    wall = time.perf_counter() - began
    last = checkpoint.content(folder / "last.pt")
    return {
        **facts(False, PACKAGES), "recipe": name, "overrides": overrides, "threads": torch.get_num_threads(),
        "precision": last["precision"], "load": [before, load()], "goal": goal, **reached(last["history"], wall, goal),
    }  # fmt: skip


def reached(history: list[Report], wall: float, goal: float) -> Report:
    """Return minutes to the first epoch at or above the goal, None without one; outside the epochs all counts.

    >>> rows = [{"epoch": k, "seconds": 60.0 * k, "val_accuracy": v} for k, v in ((1, 0.5), (2, 0.7), (3, 0.6))]
    >>> reached(rows, 240.0, 0.68)
    {'minutes': 3.0, 'epoch': 2, 'best': 0.7, 'whole_minutes': 4.0}
    """
    outside = wall - history[-1]["seconds"]
    there = next((row for row in history if row["val_accuracy"] >= goal), None)
    return {
        "minutes": (there["seconds"] + outside) / 60 if there else None,
        "epoch": there["epoch"] if there else None,
        "best": max(row["val_accuracy"] for row in history),
        "whole_minutes": wall / 60,
    }
