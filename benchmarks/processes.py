"""One process against several at the same batch: how much sooner the steps of a recipe are done.

    python benchmarks/processes.py [--recipe mien/ferplus-nano] [--steps 20] [--rounds 5] [--json FILE]

The systems take turns: one process with one thread, one with as many threads as there are cores, and a process per core
with one thread each, joined over 127.0.0.1 as torchrun joins them.  Each trains the same steps on the same data with
the same batch; a few steps before them do not count.  Wall time and the processor time of the first process, medians
over the rounds, and ratios to one thread.  On a busy machine `chrt -f 1` before the command keeps the cores to it.
Starting, reading data and scoring val come on top.
"""

import argparse
import json
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import torch._dynamo
import torch.distributed as dist

from mien.training import recipe as recipes
from mien.training.distributed import joined
from mien.training.optim import ExponentialMovingAverage, optimizer
from mien.training.prepared import Prepared, prepare
from mien.training.progress import Progress
from mien.training.train import Plan, State, _epoch, choose_precision, keep_memory

WARM = 3


def measured(recipe: recipes.Recipe, prepared: Prepared, steps: int, processes: int, threads: int) -> dict[str, float]:
    """Return seconds a step in wall time, and in processor time of the first process."""
    context = multiprocessing.get_context("fork")
    read, write = context.Pipe(duplex=False)
    with tempfile.TemporaryDirectory() as folder:

        def work(rank: int) -> None:
            os.environ["GLOO_SOCKET_IFNAME"] = "lo"
            torch.set_num_threads(threads)
            if processes > 1:
                dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=processes)
            with joined("cpu") as world:
                data, val, model = prepared.train, prepared.val, prepared.model
                state = State(model, ExponentialMovingAverage(model, recipe.ema), optimizer(model, recipe.optim))
                plan, kind = Plan.of(recipe, data), choose_precision(recipe.precision, torch.device("cpu"))
                take: Callable[[int], Any] = lambda count: _epoch(  # noqa: E731
                    replace(plan, per_epoch=count), data, val, state, kind, Progress("", count, 0), world
                )
                take(WARM)
                wall, cpu = time.perf_counter(), time.process_time()
                take(steps)
                if world.first:
                    write.send([(time.perf_counter() - wall) / steps, (time.process_time() - cpu) / steps])

        children = [context.Process(target=work, args=(rank,)) for rank in range(processes)]
        for child in children:
            child.start()
        wall, cpu = read.recv()
        for child in children:
            child.join()
    return {"wall": wall, "cpu": cpu}


def main() -> None:
    """Measure in turns and print."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--recipe", default="mien/ferplus-nano")
    words.add_argument("--steps", type=int, default=20)
    words.add_argument("--rounds", type=int, default=5)
    words.add_argument("--json", type=Path)
    given = words.parse_args()
    keep_memory()
    cores, root = len(os.sched_getaffinity(0)), os.environ.get("MIEN_DATA")
    recipe = recipes.load(given.recipe, [])
    systems = {"one thread": (1, 1), f"{cores} threads": (1, cores), f"{cores} processes": (cores, 1)}
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in systems}
    torch.set_num_threads(1)  # a process with threads must not be forked
    prepared = prepare(recipe, Path(root) if root else None, "cpu")
    load = os.getloadavg()[0]
    for _ in range(given.rounds):
        for name, how in systems.items():
            rounds[name].append(measured(recipe, prepared, given.steps, *how))
    rows = {
        name: {key: round(statistics.median(one[key] for one in each), 4) for key in ("wall", "cpu")}
        for name, each in rounds.items()
    }
    base = rows["one thread"]
    for row in rows.values():
        row |= {f"{key}_ratio": round(row[key] / base[key], 3) for key in ("wall", "cpu")}
    kept = {
        "recipe": recipe.name,
        "batch": recipe.batch,
        "cores": cores,
        "steps": given.steps,
        "rounds": given.rounds,
        "load_before": round(load, 1),
        "real_time": os.sched_getscheduler(0) != os.SCHED_OTHER,
        "systems": rows,
    }
    print(json.dumps(kept, indent=1))
    if given.json:
        given.json.write_text(f"{json.dumps(kept, indent=1)}\n")


if __name__ == "__main__":
    main()
