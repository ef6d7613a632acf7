"""Runs of one recipe are one system: seeds see the same images and are averaged, folds share none and are joined."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations, groupby
from pathlib import Path
from typing import Any

import numpy as np

from mien.errors import UsageError
from mien.evaluation.label_sets import spread
from mien.evaluation.predictions import SystemPredictions
from mien.evaluation.result import Provenance
from mien.html.page import count
from mien.labels import ordered
from mien.reading.documents import read_json, read_yaml

SAME = ("weights", "dataset", "split", "classes", "labels_left_out", "prior")
"""Facts that all runs of a system share."""
OF_A_FOLD = ("folds", "fold")
"""Options of the data that say which fold is val."""

CHOSEN = (
    "each fold chose its epoch and temperature on the images it is measured on, so its scores are a little too good"
)
"""What joined folds of val are not: held out."""


def gather(systems: Sequence[SystemPredictions]) -> list[SystemPredictions]:
    """Return the systems with the folds of each joined, and its seeds next to each other, called by one name.

    Runs that were stopped are left out.  UsageError where none has ended, and where the runs in a folder are not of one
    recipe, repeat one another, or share only some images.
    """
    gathered: list[SystemPredictions] = []
    for _, each in groupby(systems, key=lambda system: system.place):
        runs = _ended(sorted(each, key=lambda run: (*_number(run), str(run.path))))
        gathered += runs if len(runs) == 1 else _one_system(runs)
    return gathered


def _ended(runs: list[SystemPredictions]) -> list[SystemPredictions]:
    """Return the runs of a folder that have ended, with a note on the others; a run that is named itself stays."""
    epochs = [run.provenance.stopped if run.provenance else None for run in runs]
    early = [(run, epoch) for run, epoch in zip(runs, epochs, strict=True) if epoch is not None]
    ended = [run for run, epoch in zip(runs, epochs, strict=True) if epoch is None]
    if not early:
        return runs
    if not ended and len(runs) > 1:
        got = f"{runs[0].folder}: none of its {len(runs)} runs has ended"
        raise UsageError(got, "runs that have", "`mien train --resume RUN` ends one")
    first, *others = ended or runs
    notes = [
        f"{run.path.parent}: stopped after epoch {epoch}, {'left out; ' * bool(ended)}`mien train --resume` ends it"
        for run, epoch in early
    ]
    return [replace(first, notes=(*first.notes, *notes)), *others]


def _one_system(runs: list[SystemPredictions]) -> list[SystemPredictions]:
    folder = runs[0].folder
    for other in runs[1:]:
        if key := _difference(_facts(runs[0]), _facts(other)):
            got = f"{folder}: {_short(runs[0])} and {_short(other)} differ in {key}"
            raise UsageError(got, "runs of one recipe", "name a file or a folder for each")
    images = [frozenset(run.ids.tolist()) for run in runs]
    if len(frozenset().union(*images)) == sum(map(len, images)):
        return [_joined(runs)]
    for (one, seen), (other, more) in combinations(zip(runs, images, strict=True), 2):
        if seen != more:
            got = (
                f"{folder}: {_short(one)} and {_short(other)} share {len(seen & more):,} of {len(seen | more):,} images"
            )
            raise UsageError(got, "the same images in all runs, or none twice", "a folder for the seeds of one fold")
        if one.run == other.run:
            got = f"{folder}: {_short(one)} and {_short(other)} are the same run{f', {one.run}' if one.run else ''}"
            raise UsageError(got, "runs with different seeds", "move one of them away")
    return _seeds(runs)


def _seeds(runs: list[SystemPredictions]) -> list[SystemPredictions]:
    named = ", ".join(run.run for run in runs)
    note = f"{runs[0].folder}: mean of {len(runs)} runs ({named}) on the same {count(len(runs[0].ids), 'image')}"
    name = f"{runs[0].name} ({len(runs)} runs)"
    notes = dict.fromkeys((note, *(line for run in runs for line in run.notes)))
    return [replace(run, name=name, notes=tuple(notes) if run is runs[0] else ()) for run in runs]


def _joined(runs: list[SystemPredictions]) -> SystemPredictions:
    """Return folds as one set of predictions."""
    first, known = runs[0], ordered(tuple({label for run in runs for label in run.target_labels}))
    targets = [spread(run.target, run.target_labels, known) for run in runs if run.target is not None]
    groups = [run.group for run in runs if run.group is not None]
    named = ", ".join(run.run for run in runs)
    images = count(sum(len(run.ids) for run in runs), "image")
    return replace(
        first,
        name=f"{first.name} ({len(runs)} folds)",
        ids=np.concatenate([run.ids for run in runs]),
        probs=np.concatenate([run.probs for run in runs]),
        present=np.concatenate([run.present for run in runs]),
        target=np.concatenate(targets) if len(targets) == len(runs) else None,
        target_labels=known,
        group=np.concatenate(groups) if len(groups) == len(runs) else None,
        provenance=_joined_facts([run.provenance for run in runs if run.provenance is not None]),
        run="",
        folds=len(runs),
        notes=(
            f"{first.folder}: {len(runs)} folds ({named}) joined, {images}",
            *([f"{first.folder}: {CHOSEN}"] if first.provenance and first.provenance.split == "val" else []),
            *(n for run in runs for n in run.notes),
        ),
    )


def _joined_facts(every: list[Provenance]) -> Provenance:
    """Return what folds have in common; an image has a near-duplicate in the Training of the run that predicts it."""
    options = {key: value for key, value in (every[0].options or {}).items() if key not in OF_A_FOLD}
    facts = every[0].without("about", "fingerprint", "adjustment", "threshold", "weights_sha256", "twins", "training")
    if unknown := [one for one in every if not one.training]:
        return facts.updated(options=options, not_searched=unknown[0].not_searched)
    return facts.updated(
        options=options, training=every[0].training, twins=[id for one in every for id in one.twins or []]
    )


def _facts(run: SystemPredictions) -> dict[str, Any]:
    """Return what two runs of one system have in common."""
    facts = run.provenance or Provenance()
    options = {key: value for key, value in (facts.options or {}).items() if key != "fold"}
    trained = (facts.trained or {}).get("recipe")
    own = {key: getattr(facts, key) for key in SAME} | {"labels": run.labels, "options": options}
    return {**own, "trained": trained, "recipe": _recipe(run.path)}


def _recipe(file: Path) -> dict[str, Any]:
    """Return the recipe beside a result, without seed and fold; empty where there is none."""
    run, row = file.parent / "recipe.yaml", file.parent / f"{file.stem.rpartition('-')[0]}.json"
    recipe: Any = None
    if run.is_file():
        recipe = read_yaml(run, "the recipe of a run")
    elif row.is_file():
        recipe = read_json(row, "a row that mien wrote").get("recipe")
    return _without(recipe, "seed", "data.options.fold") if isinstance(recipe, dict) else {}


def _without(values: dict[str, Any], *keys: str) -> dict[str, Any]:
    """Return nested values without some keys.

    >>> _without({"seed": 1, "data": {"name": "ckplus", "fold": 2}}, "seed", "data.fold")
    {'data': {'name': 'ckplus'}}
    """
    below = {top: [key.partition(".")[2] for key in keys if key.startswith(f"{top}.")] for top in values}
    return {
        top: _without(value, *below[top]) if below[top] and isinstance(value, dict) else value
        for top, value in values.items()
        if top not in keys
    }


def _difference(one: Any, other: Any, at: str = "") -> str:
    """Return the first key, with dots, whose values differ; empty where none does.

    >>> _difference({"optim": {"lr": 0.1}, "epochs": 3}, {"optim": {"lr": 0.2}, "epochs": 3})
    'optim.lr'
    """
    if not (isinstance(one, dict) and isinstance(other, dict)):
        return "" if one == other else at
    keys = dict.fromkeys((*one, *other))
    return next(filter(None, (_difference(one.get(k), other.get(k), f"{at}.{k}".lstrip(".")) for k in keys)), "")


def _number(run: SystemPredictions) -> tuple[int, ...]:
    return tuple(int(word) for word in run.run.split() if word.isdigit())


def _short(run: SystemPredictions) -> str:
    return str(run.path.relative_to(run.folder)) if run.folder else str(run.path)
