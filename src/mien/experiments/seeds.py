"""One recipe with several seeds: its runs, and mean and standard deviation of their scores.

    runs = train_seeds("faces.yaml", [], 3, root=Path("faces"), out=Path("runs"), device="auto")

Each is a run like any other, in its own folder, exported and scored.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from statistics import mean, stdev
from typing import Any

from mien.errors import UsageError
from mien.experiments.schema import Spread
from mien.printable import say
from mien.torchrun import launcher
from mien.training.distributed import joined
from mien.training.finalize import RunScores
from mien.training.run import train_run
from mien.training.train import resume_recipe

MEASURES = {"accuracy": "accuracy, %", "macro_f1": "macro-F1, %", "ece": "ECE, %"}
"""Scores of a split that are averaged, and their headings."""


@dataclass(frozen=True)
class SeedRun:
    """A seed, its run folder and its scores by split."""

    seed: int
    folder: Path
    scores: RunScores

    def score(self, split: str, key: str) -> float | None:
        """Return a score of a split, None where it was not measured."""
        value = self.scores.splits[split].get(key)
        return value if isinstance(value, float) else None


@dataclass(frozen=True)
class SeedRuns:
    """Runs of one recipe that differ in their seeds."""

    runs: tuple[SeedRun, ...]

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that every run was scored on."""
        return tuple(split for split in ("val", "test") if all(split in run.scores.splits for run in self.runs))

    def spread(self, split: str, key: str) -> Spread:
        """Return mean and standard deviation of a score over the runs; None for the latter of one run."""
        values = [value for run in self.runs if (value := run.score(split, key)) is not None]
        return Spread(mean=mean(values) if values else None, std=stdev(values) if len(values) > 1 else None)

    def to_dict(self) -> dict[str, Any]:
        """Return the runs as `mien train --json` prints them."""
        runs = [{"seed": run.seed, "folder": str(run.folder), **run.scores.to_dict()} for run in self.runs]
        spreads = {split: {key: self.spread(split, key).model_dump() for key in MEASURES} for split in self.splits}
        return {"runs": runs, **spreads}

    def __str__(self) -> str:
        lines = []
        for split in self.splits:
            lines.append(f"{split:22}" + "".join(f"{heading:>18}" for heading in MEASURES.values()))
            for run in self.runs:
                values = (run.score(split, key) for key in MEASURES)
                lines.append(f"{f'seed {run.seed}':22}" + "".join(f"{_percent(value):>18}" for value in values))
            spreads = (self.spread(split, key) for key in MEASURES)
            lines.append(f"{'mean +- deviation':22}" + "".join(f"{_both(spread):>18}" for spread in spreads))
        return "\n".join([*lines, *(str(run.folder) for run in self.runs)])


def train_seeds(
    name: str | None, overrides: Sequence[str], count: int | None, *, resume: Path | None = None, **place: Any
) -> SeedRuns:
    """Train a recipe with seeds 0 to `count` - 1, or one run with its own seed where `count` is None.

    `place` are further arguments of `train_run`.  UsageError for a count below 1, and for one with a seed among the
    overrides or with a run to resume.
    """
    if count is None:
        with joined(place.get("device", "auto")) as world:
            folder, scores = train_run(name, list(overrides), resume=resume, **place)
            seed = world.once(lambda: resume_recipe(folder).seed)
        return SeedRuns((SeedRun(seed, folder, scores),))
    if count < 1:
        raise UsageError(f"`runs` {count}", "1 or more")
    if resume:
        raise UsageError("`runs` together with `resume`", "one of the two: each run is resumed by itself")
    if any(word.startswith("seed=") for word in overrides):
        raise UsageError("`runs` together with seed=", "one of the two: `runs` N trains seeds 0 to N-1")
    runs: list[SeedRun] = []
    with joined(place.get("device", "auto")):
        try:
            for seed in range(count):
                say(f"[{seed + 1}/{count}] seed {seed}")
                folder, scores = train_run(name, [*overrides, f"seed={seed}"], resume=None, **place)
                runs.append(SeedRun(seed, folder, scores))
        except KeyboardInterrupt:
            _say_what_is_left([str(name), *overrides], count, runs, place)
            raise
    return SeedRuns(tuple(runs))


def _say_what_is_left(words: Sequence[str], count: int, runs: Sequence[SeedRun], place: Mapping[str, Any]) -> None:
    """Say which seeds have ended and which were not begun; how to resume the one between is reported already."""
    say(*(f"ended: seed {run.seed}, {run.folder}" for run in runs))
    given = {key: place.get(key) for key in ("root", "out", "device") if place.get(key) not in (None, "auto")}
    options = [word for key, value in given.items() for word in (f"--{key}", str(value))]
    options += ["--test"] if place.get("test") else []
    begin = launcher() + " ".join(map(quote, ("mien", "train", *words, *options)))
    say(*(f"not begun: {begin} seed={seed}" for seed in range(len(runs) + 1, count)))


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.2f}"


def _both(spread: Spread) -> str:
    deviation = "" if spread.std is None else f" +- {100 * spread.std:.2f}"
    return _percent(spread.mean) + deviation
