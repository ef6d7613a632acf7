"""Collect a Report from run folders and results: with the files beside them, of which only the result is needed.

    report = gather([Path("runs/papers/cnn4/0-20260101-120000")], root)

A run folder has test.npz (or val.npz), log.csv, perhaps steps.csv, stress.json and fairness.json, recipe.yaml, env.json
and model.onnx; `mien evaluate --out` leaves a folder with result.npz; a committed result such as `0-test.npz` has a
JSON file `0.json` of its recipe and environment.
"""

import contextlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from mien.card import Card
from mien.data import DATASETS, load
from mien.data.samples import Samples
from mien.data.sampling import merge
from mien.errors import DataError, UsageError, WeightsError, spelled
from mien.evaluation.report import Report, write
from mien.evaluation.report.facts import CommittedRow, RunFacts
from mien.evaluation.report.measurements import files, measurements, read
from mien.evaluation.report.model import Rows
from mien.evaluation.report.place import alone
from mien.evaluation.result import Result
from mien.evaluation.scores import score
from mien.outputs import staged
from mien.outputs.record import restamp
from mien.outputs.run_folder import recorded
from mien.reading.digest import sha256_of
from mien.reading.documents import read_yaml
from mien.reading.guard import parsing
from mien.reading.shape import fits
from mien.reading.tables import read_log

RESULTS = ("test.npz", "result.npz", "val.npz")
"""Names of a folder's result; the first that exists is used."""
NAMED_FOLDERS_ONLY = "images are put only into run folders and where `out` says"
OTHERS = {".csv", ".doc", ".docx", ".jpg", ".json", ".md", ".npz", ".pdf", ".png", ".svg", ".txt"}
"""Suffixes that neither a page nor a folder has."""


def make(paths: Sequence[Path], root: Path | str | None, out: Path | None) -> tuple[Path, list[str]]:
    """Write the report of runs and results; return its path, and sentences on measurements left out.

    `out` is a file or a folder; without it the report of one folder goes there, any other into the current one and
    then without images, which belong in folders that the user names.
    """
    if out is not None and out.suffix.lower() in OTHERS:
        raise UsageError(f"`out` {out}", "a folder or a file.html", "a browser prints the page as PDF")
    own = paths[0] if len(paths) == 1 and paths[0].is_dir() else None
    path = _target(out or own or Path())
    with alone(path, paths):
        report = gather(paths, root, with_images=out is not None or own is not None, strict=root is not None)
        with contextlib.ExitStack() as stack:
            if out is not None and path.parent == out and out not in paths:
                settings = {"results": paths, "root": root, "out": out}
                stack.enter_context(recorded(out, "report", [path.name], settings))
            with staged(path) as scratch:
                write(report, scratch)
        restamp(path)
    return path, [line for lines in report.left_out.values() for line in lines]


def gather(paths: Sequence[Path], root: Path | str | None, with_images: bool = True, strict: bool = False) -> Report:
    """Return the report of run folders, folders with a result, and `.npz` files; DataError for anything else.

    Folders and files of `mien stress --out` and `mien fairness --out` may be among them, with the result they are of.
    Where images are not available the reason is given.  When `strict`, a data set under `root` that is not the one
    measured is a DataError.
    """
    given = [file for path in paths for file in files(Path(path), RESULTS)]
    sources = [Path(path) for path in paths if not files(Path(path), RESULTS)]
    if not sources:
        words = " and ".join(map(str, paths))
        raise UsageError(f"no result in {words}", "the result it is about as well", f"mien report RESULT {words}")
    own = [_file(path) for path in sources]
    loaded = [Result.load(file) for file in own]
    names = _names(own, loaded)
    results, where = dict(zip(names, loaded, strict=True)), dict(zip(names, own, strict=True))
    measured = measurements(results, where, given, _beside)
    images, reasons = (
        _images(results, root, strict) if with_images else ({}, dict.fromkeys(names, spelled(NAMED_FOLDERS_ONLY)))
    )
    return Report(
        results,
        {name: score(result) for name, result in results.items()},
        history={name: rows for name, file in where.items() if (rows := _rows(_beside(file, "log.csv")))},
        steps={name: rows for name, file in where.items() if (rows := _rows(_beside(file, "steps.csv")))},
        images=images,
        stress=measured.stress,
        fairness=measured.fairness,
        left_out=measured.left_out,
        facts={name: _facts(results[name], file) for name, file in where.items()},
        no_images=reasons,
    )


def _images(
    results: Mapping[str, Result], root: Path | str | None, strict: bool
) -> tuple[dict[str, Samples], dict[str, str]]:
    """Return the samples of each result, and in words why there are none."""
    images, reasons = {}, {}
    for name, result in results.items():
        reason = _unavailable(result, root)
        try:
            if not reason:
                images[name] = _samples(result, root)
        except DataError:
            if strict:
                raise
            reason = "the data set here cannot be read or is not the one that was measured"
        if reason:
            reasons[name] = reason
    return images, reasons


def _target(out: Path) -> Path:
    return out if out.suffix.lower() in (".html", ".htm") else out / "report.html"


def _file(path: Path) -> Path:
    """Return the result that a path stands for."""
    if not path.is_dir():
        return path
    metrics = read(path / "metrics.json" if (path / "metrics.json").is_file() else None)
    for name in RESULTS:
        stale = name == "test.npz" and "weights" in metrics and "test" not in metrics  # of earlier weights
        if (path / name).is_file() and not stale:
            return path / name
    raise DataError(f"{path} holds no result", f"one of {', '.join(RESULTS)}", "run `mien evaluate --out` into it")


def _names(files: Sequence[Path], loaded: Sequence[Result]) -> list[str]:
    """Return what to call each result: its weights, and where that is not enough the folder and the file."""
    plain = [result.provenance.weights or file.stem for file, result in zip(files, loaded, strict=True)]
    if len(set(plain)) == len(plain):
        return plain
    named = [f"{name} ({file.parent.name}/{file.stem})" for name, file in zip(plain, files, strict=True)]
    names = [long if plain.count(short) > 1 else short for long, short in zip(named, plain, strict=True)]
    if len(set(names)) < len(names):
        raise UsageError("the same result is given twice", "each result once")
    return names


def _beside(file: Path, name: str) -> Path | None:
    """Return a file that belongs to a result: beside it, under its own name or with the result's prefix."""
    candidates = (file.parent / name, file.parent / f"{file.stem.rpartition('-')[0]}-{name}")
    return next((path for path in candidates if path.is_file()), None)


def _rows(path: Path | None) -> Rows:
    """Return the rows of a log, numbers as floats and empty cells as None."""
    if path is None:
        return []
    return read_log(path)


def _facts(result: Result, file: Path) -> RunFacts:
    """Return the recipe, the environment, the card and the val scores of a result, each where known."""
    document = read(_beside(file, f"{file.stem.rpartition('-')[0] or file.stem}.json"))
    with parsing(file.parent / f"{file.stem}.json", "a row that mien wrote"):
        row = fits(CommittedRow, document)
    metrics, own = read(_beside(file, "metrics.json")), file.parent / "recipe.yaml"
    card = _card(result, file.parent)
    recipe = (
        (read_yaml(own, "the recipe of a run") if own.is_file() else None)
        or row.recipe
        or (card.recipe if card else None)
    )
    facts = {
        "recipe": recipe or None,
        "full_recipe": recipe or None,
        "environment": read(_beside(file, "env.json")) or row.environment or result.provenance.trained,
        "val": metrics.get("val") or (row.figures or {}).get("val") or (card.metrics.get("val") if card else None),
        "card": card,
    }
    with parsing(file.parent, says="holds a recipe.yaml, env.json or metrics.json that mien did not write"):
        return fits(RunFacts, facts)


def _card(result: Result, folder: Path) -> Card | None:
    """Return the card of the weights that were measured: the run's own, or a shipped file with the same digest."""
    from mien.inference.classify import Classifier, locate

    try:
        if (folder / "recipe.yaml").is_file():
            return Classifier(folder / "model.onnx").card
        path = locate(str(result.provenance.weights))
        same = sha256_of(path) == result.provenance.weights_sha256
        return Classifier(path).card if same else None
    except (WeightsError, OSError):
        return None


def _unavailable(result: Result, root: Path | str | None) -> str:
    if str(result.provenance.dataset) not in DATASETS:
        return "mien has no reader for the data set"
    return "" if root or os.environ.get("MIEN_DATA") else spelled("neither `root` nor MIEN_DATA names the data set")


def _samples(result: Result, root: Path | str | None) -> Samples:
    """Return the samples a result was measured on; DataError where they are no longer the same."""
    facts = result.provenance
    samples = load(str(facts.dataset), root, str(facts.split), **(facts.options or {}))
    samples = merge(samples, facts.classes) if facts.classes else samples
    if samples.fingerprint != facts.fingerprint or not np.isin(result.ids, samples.ids).all():
        raise DataError(
            f"the data at hand has the fingerprint {samples.fingerprint}",
            f"{facts.fingerprint}, as was measured",
        )
    return samples
