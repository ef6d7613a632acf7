"""Compare systems on the same images: paired differences with intervals, tests, a ranking, and where they disagree.

    comparison = compare(Request((Path("a.npz"), Path("api.csv")), data="fer2013", split="test"))

A system is a result of ours or any table of another system's predictions.  So a commercial service or another toolkit
is measured as our weights are: against the same labels, on all images, and on those without a near-duplicate in the
Training of the weights for which that is known.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from mien.data import load
from mien.data.samples import Samples
from mien.errors import DataError, UsageError
from mien.evaluation.compare.align import Target, align, from_samples, from_table
from mien.evaluation.compare.comparison import Comparison
from mien.evaluation.compare.measure import measure
from mien.evaluation.compare.page import to_html
from mien.evaluation.compare.runs import gather
from mien.evaluation.compare.text import fewer, to_rows, to_text
from mien.evaluation.predictions import SPLITS, SystemPredictions, read_all
from mien.evaluation.published import about
from mien.evaluation.result import Result
from mien.evaluation.units.beside import beside
from mien.outputs import Outputs, into
from mien.prior import NATURAL, Adjustment, Wanted, chosen, parse
from mien.reading.documents import read_json

__all__ = ["Comparison", "Request", "compare", "images", "judge", "keep", "to_text"]

SOURCES = ("auto", "csv")


@dataclass(frozen=True)
class Request:
    """What to compare, and how.

    Attributes:
        paths: results, folders of them, tables of predictions; one alone is measured against the labels.  A folder of
            several runs of one recipe is one system.
        source: `csv` reads every path but .npz as a table, `auto` goes by the suffix.
        columns: --column options, [FILE:]FIELD=COLUMN, on what the columns of tables hold.
        data, root, split: the data set with the labels, where no system has them; split (None: test) is also that of
            every result, and the one to take from a folder.
        intersect: compare on the images that all systems have predictions for.
        published: list published results as well.
        prior: the prior under which the results of mien's weights are compared; None leaves them as they are.
        options: go to the reader of the data set.
    """

    paths: tuple[Path, ...]
    source: str = "auto"
    columns: tuple[str, ...] = ()
    data: str | None = None
    root: Path | None = None
    split: str | None = None
    intersect: bool = False
    published: bool = False
    prior: Wanted | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


def compare(request: Request) -> Comparison:
    """Return the comparison of systems; DataError and UsageError say what cannot be compared."""
    return judge(request)[0]


def judge(request: Request) -> tuple[Comparison, dict[str, Result]]:
    """Return the comparison, and the tables that hold probabilities as results, by file name."""
    source = request.source.lower()
    if source not in SOURCES:
        raise UsageError(f"`source` {request.source!r}", " or ".join(SOURCES))
    if request.split not in (None, *SPLITS):
        raise UsageError(f"`split` {request.split!r}", " or ".join(SPLITS))
    if request.options and not request.data:
        raise UsageError(f"`{next(iter(request.options))}=` without `data`", "a data set that reads it")
    systems = read_all(request.paths, request.columns, request.split, source == "csv")
    if request.prior is not None:
        systems = [under(system, request.prior) for system in systems]
    labels = [system for system in systems if not system.labels]
    systems = gather(beside([system for system in systems if system.labels]))
    if request.split and not request.data and all(system.provenance is None for system in systems):
        raise UsageError("`split` of tables alone", "`data` as well, or a result")
    results, notes = align(systems, _target(request, labels, systems), request.intersect)
    known = [note for system in (*labels, *systems) for note in system.notes]
    comparison = replace(measure(results), notes=[*known, *notes])
    if request.published:
        records = about(str(comparison.dataset))
        comparison = replace(comparison, published=sorted(records, key=lambda one: bool(fewer(one, comparison))))
    return comparison, _tables(systems, results, notes)


def under(system: SystemPredictions, prior: Wanted) -> SystemPredictions:
    """Return a system's predictions under a prior, with a note on what was done; tables stay as they are.

    A table of labels gets no note: a prior is one of probabilities.
    """
    if system.labels_only:
        return system
    facts, natural = system.provenance, isinstance(prior, str) and parse(prior) == NATURAL
    if natural and (facts is None or facts.prior is None):
        return system
    if facts is None or facts.adjustment is None or facts.prior is not None:
        why = f"they have the prior {facts.prior}" if facts and facts.prior else "their prior is not known"
        return replace(system, notes=(*system.notes, f"{system.path}: predictions left as they are, since {why}"))
    adjustment = Adjustment.model_validate(facts.adjustment)
    adjusted = chosen(prior, system.labels, adjustment, system.name)
    probs = np.where(system.present[:, None], adjusted.applied(system.probs.astype(np.float32)), system.probs)
    facts = facts.updated(prior=adjusted.name, threshold=adjustment.threshold)
    note = f"{system.path}: predictions under the prior {adjusted.name}"
    return replace(system, probs=probs, provenance=facts, notes=(*system.notes, note))


def _tables(systems: Sequence[SystemPredictions], results: Sequence[Result], notes: Sequence[str]) -> dict[str, Result]:
    """Return results of the tables with probabilities, so that every command that takes results can read them."""
    tables: dict[str, Result] = {}
    for system, result in zip(systems, results, strict=True):
        if system.provenance is not None or system.labels_only or system.name != system.path.stem:  # prototypes
            continue
        stem = system.path.stem
        name = f"{stem}.npz" if f"{stem}.npz" not in tables else f"{stem}-{len(tables) + 1}.npz"
        others = tuple(f"{other.path}:" for other in systems if other.path != system.path)
        own = [note for note in notes if not note.startswith(others)]
        facts = result.provenance.without("weights", "path", "run", "folds")
        tables[name] = replace(result, provenance=facts.updated(table=system.path.name, notes=[*system.notes, *own]))
    return tables


def _target(
    request: Request, labels: Sequence[SystemPredictions], systems: Sequence[SystemPredictions]
) -> Target | None:
    """Return the labels of a data set, or those of a table of labels alone; None where they are a system's."""
    if labels and (not systems or request.data or labels[1:]):
        others = f"`data` {request.data}" if request.data else "no predictions beside them"
        got = f"{labels[0].path} holds labels alone, and {labels[1].path if labels[1:] else others}"
        raise UsageError(
            got, "predictions, and labels from one place", "`column` FILE:label=... makes predictions of labels"
        )
    if labels:
        return from_table(labels[0])
    if not request.data:
        return None
    return from_samples(load(request.data, request.root, request.split or "test", **request.options), request.options)


def images(comparison: Comparison, root: Path | None) -> Samples | None:
    """Return the images that were compared where their data set is available, else None."""
    try:
        return load(str(comparison.dataset), root, str(comparison.split), **comparison.options)
    except DataError:
        return None


KEPT = ("compare.json", "compare.csv", "compare.html")
"""What `keep` writes, beside the tables as results."""


def keep(
    comparison: Comparison,
    out: Path | Outputs,
    samples: Samples | None = None,
    tables: Mapping[str, Result] | None = None,
) -> list[Path]:
    """Write compare.json, compare.csv, compare.html and `tables` into a folder; with samples the page shows images.

    `tables` are the results by file name that `judge` returns.
    """
    files = {
        "compare.json": json.dumps(comparison.to_dict(), indent=2) + "\n",
        "compare.csv": to_rows(comparison),
        "compare.html": to_html(comparison, samples),
    }
    outputs = into(out)
    for name, text in files.items():
        outputs.write(name, text.encode())
    for name, result in (tables or {}).items():
        with outputs.staged(name) as path:
            result.save(path)
    return [outputs.folder / name for name in (*files, *(tables or {}))]


def check_same_systems(comparison: Comparison, out: Path | None) -> None:
    """Raise UsageError when a folder holds the comparison of other systems than these."""
    if out is None or not (out / KEPT[0]).is_file():
        return
    try:
        held = read_json(out / KEPT[0], "JSON that mien wrote").get("paths")
    except DataError:
        return
    if isinstance(held, dict) and set(held) != set(comparison.paths):
        got = f"`out`: {out / KEPT[0]} compares {', '.join(held)}"
        raise UsageError(got, "another folder", "or write over it with `force`")


def kept(paths: Sequence[Path]) -> list[str]:
    """Return the names that `keep` may write for these systems, before any of them is read."""
    stems = [path.stem for path in paths if path.suffix.lower() != ".npz"]
    more = [f"{stem}-{k}.npz" for stem in stems for k in range(2, len(paths) + 1)]
    return [*KEPT, *(f"{stem}.npz" for stem in stems), *more]
