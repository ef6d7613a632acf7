"""Bring the predictions of several systems to the same images and labels, or report why that is not possible.

Images are joined by id.  Where no id is known, one path without its suffix must be the end of the other: what stands
before it is a folder above all, and where both have folders that differ they are two images.  An end that several
images share is refused.  A system that leaves out images would gain by it, so unequal sets are an error unless the
caller asks for the intersection.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.data.samples import Samples
from mien.errors import DataError
from mien.evaluation.ids import SEVERAL, UNKNOWN, rows_of
from mien.evaluation.label_sets import spread
from mien.evaluation.predictions import SystemPredictions, first
from mien.evaluation.result import Provenance, Result
from mien.evaluation.training_duplicates import FOREIGN, UNRECORDED
from mien.html.page import count
from mien.labels import EXPRESSIONS, ordered

FEW = 30
"""Images below which a note says that they are too few for conclusions, as `mien fairness` does for groups."""
EMPTY = -2  # a row without a prediction


@dataclass(frozen=True, eq=False)
class Target:
    """The labels to compare with: ids (N,), target float (N, T) over `labels`, group (N,) or None.

    `source` is the file, or the data set and split, for messages; `provenance` goes into the results.
    """

    ids: NDArray[np.str_]
    target: NDArray[np.floating]
    labels: tuple[str, ...]
    source: str
    provenance: Provenance = field(default_factory=Provenance)
    group: NDArray[np.str_] | None = None


def align(
    systems: Sequence[SystemPredictions], target: Target | None, intersect: bool
) -> tuple[list[Result], list[str]]:
    """Return one Result per system over the same images in the same order, and notes for the user.

    Every expression known to the target or to any system is a column; the provenance lists which.  Without a target
    the labels are those of a system.  DataError for unequal sets of images (unless `intersect`), for systems with
    different labels, and where there are no labels at all.
    """
    given = target or _target_of(systems)
    rows = [np.where(s.present, _join(s, given), EMPTY).astype(np.intp) for s in systems]
    kept, notes = _common(systems, rows, given, target is not None, intersect)
    picked = [_positions(row, len(given.ids))[kept] for row in rows]
    labels, wanted = _labels(systems, given), given.target[kept].astype(np.float64)
    if target is None:
        _check_same_labels(systems, picked, given.ids[kept], wanted, given.labels)
    scored = np.nan_to_num(wanted).sum(1) > 0.5  # NaN where there is no label
    if not scored.any():
        raise DataError("no image is left to compare", "images with a label")
    if lost := int((~scored).sum()):
        notes.append(f"{count(lost, 'image')} without a label left out")
    wide = spread(wanted[scored] / wanted[scored].sum(1, keepdims=True), given.labels, labels).astype(np.float32)
    ids, subjects = given.ids[kept][scored], _subjects(systems, picked, given, kept)
    group = None if subjects is None else subjects[scored]
    results = []
    for name, system, position in zip(_names(systems), systems, picked, strict=True):
        notes += _unshared_labels(system, given)
        probs = spread(_smoothed(system), system.labels, labels)[position[scored]].astype(np.float32)
        facts = given.provenance.updated(
            **_searched(system, ids),
            weights=name,
            path=str(system.folder or system.path),
            run=system.run,
            folds=system.folds,
            labels_only=system.labels_only,
            answer_labels=system.labels,
            truth_labels=given.labels,
        )
        results.append(Result(probs, wide, labels, ids, group=group, provenance=facts))
    return results, notes


def _subjects(
    systems: Sequence[SystemPredictions], picked: Sequence[NDArray[np.intp]], target: Target, kept: NDArray[np.intp]
) -> NDArray[np.str_] | None:
    """Return the subjects of the images kept: as the labels have them, else as the first system that knows them."""
    if target.group is not None:
        return target.group[kept]
    pairs = zip(systems, picked, strict=True)
    return next((system.group[position] for system, position in pairs if system.group is not None), None)


def _smoothed(system: SystemPredictions) -> NDArray[np.floating]:
    """Return the probabilities, none of them quite zero: that would be rounding."""
    if system.labels_only:
        return system.probs
    probs = system.probs + 1e-12
    return np.asarray(probs / probs.sum(1, keepdims=True))


def _unshared_labels(system: SystemPredictions, target: Target) -> list[str]:
    """Return notes on expressions known only to the system or only to the target, and how they count."""
    more = [name for name in system.labels if name not in target.labels]
    fewer = [] if system.labels_only else [name for name in target.labels if name not in system.labels]
    notes = []
    if more:
        notes.append(f"{system.path}: no image is labelled {', '.join(more)}: such predictions count as wrong")
    if fewer:
        notes.append(f"{system.path}: cannot predict {', '.join(fewer)}: images labelled so count as wrong")
    return notes


def _searched(system: SystemPredictions, ids: NDArray[np.str_]) -> dict[str, Any]:
    """Return which of the images have a near-duplicate in the system's own Training, or why that is not known."""
    facts = system.provenance
    if facts is None:
        return {"not_searched": FOREIGN}
    if facts.training:
        twins = np.intersect1d(ids, np.array(facts.twins or [], np.str_)).tolist()
        return {"training": facts.training, "twins": twins}
    return {"not_searched": facts.not_searched or UNRECORDED}


def from_samples(samples: Samples, options: Mapping[str, Any]) -> Target:
    """Return the labels of a split of a data set that was read with these options."""
    group = None if samples.group is None else samples.group.astype(np.str_)
    facts = Provenance(
        dataset=samples.name, split=samples.split, options=dict(options) or None, fingerprint=samples.fingerprint
    )
    ids, source = samples.ids.astype(np.str_), f"{samples.name} {samples.split}"
    return Target(ids, samples.target, samples.labels, source, facts, group)


def from_table(labels: SystemPredictions) -> Target:
    """Return the labels of a table that holds nothing else."""
    assert labels.target is not None
    return Target(labels.ids, labels.target, labels.target_labels, str(labels.path), group=labels.group)


def _target_of(systems: Sequence[SystemPredictions]) -> Target:
    labelled = [system for system in systems if system.target is not None]
    chosen = next((system for system in labelled if system.group is not None), labelled[0] if labelled else None)
    if chosen is None or chosen.target is None:
        raise DataError(
            "no system comes with labels to compare with",
            "a column of true labels, a result.npz beside the tables, or a data set",
            "`column` truth=..., or `data`, `root` and `split`",
        )
    facts = {} if chosen.provenance is None else chosen.provenance.to_dict()
    known = Provenance(**{key: facts[key] for key in ("dataset", "split", "options", "fingerprint") if key in facts})
    return Target(chosen.ids, chosen.target, chosen.target_labels, str(chosen.path), known, chosen.group)


def _join(system: SystemPredictions, target: Target) -> NDArray[np.intp]:
    """Return each prediction's row in the target, UNKNOWN where it has none; DataError where that is not certain."""
    best = np.array(rows_of(system.ids.tolist(), target.ids.tolist()), np.intp)
    rows, counts = np.unique(best[best >= 0], return_counts=True)
    unclear = best == SEVERAL
    if unclear.any():
        got = f"{system.path}: {str(system.ids[unclear][0])!r} may be several images of {target.source}"
        raise DataError(got, f"more of its path, as in {str(target.ids[0])!r}")
    if not len(rows):
        raise _no_match(system, target)
    if (counts > 1).any():
        twice = system.ids[best == rows[counts > 1][0]].tolist()
        raise DataError(f"{system.path}: {twice[0]!r} and {twice[1]!r} name the same image", "every image once")
    return best


def _no_match(system: SystemPredictions, target: Target) -> DataError:
    """Return the error for predictions on none of the target's images: another split, else other names."""
    own, wanted = system.provenance.measured_on if system.provenance else "", target.provenance.measured_on
    if own and wanted and own != wanted:
        whose = "" if target.source == wanted else f", the labels of {target.source}"
        return DataError(f"{system.path} is of {own}", f"predictions on {wanted}{whose}", "no image is in both")
    got = f"{system.path}: no image is known, the first is {str(system.ids[0])!r}"
    return DataError(got, f"ids such as {str(target.ids[0])!r} of {target.source}")


def _common(
    systems: Sequence[SystemPredictions],
    rows: Sequence[NDArray[np.intp]],
    target: Target,
    from_data: bool,
    intersect: bool,
) -> tuple[NDArray[np.intp], list[str]]:
    """Return the images of the target that all systems have predictions for, and notes on the others."""
    predicted = np.stack([np.isin(np.arange(len(target.ids)), row) for row in rows])
    labelled = np.isfinite(target.target).all(1)
    notes = []
    for system, row, there in zip(systems, rows, predicted, strict=True):
        missing, extra = target.ids[~there & labelled], system.ids[row == UNKNOWN]
        if len(extra) and (from_data or intersect):
            notes.append(_not_in_target(system, extra, target, from_data))
            extra = extra[:0]
        if (len(missing) or len(extra)) and not intersect:
            raise _unequal(system, missing, extra)
        if len(missing):
            notes.append(f"{system.path}: no prediction for {count(len(missing), 'image')} ({first(missing)})")
    kept = np.flatnonzero(predicted.all(0))
    if not len(kept):
        raise DataError("no image has predictions from all systems", "images in common")
    return kept, notes + _sizes(len(kept), int(labelled.sum()), len(target.ids))


def _not_in_target(system: SystemPredictions, extra: NDArray[np.str_], target: Target, from_data: bool) -> str:
    which = f"{'labelled ' if from_data else ''}image of {target.source}"
    matches = "matches" if len(extra) == 1 else "match"
    return f"{system.path}: {count(len(extra), 'prediction')} {matches} no {which} ({first(extra)}), left out"


def _sizes(kept: int, labelled: int, all_images: int) -> list[str]:
    notes = []
    if kept < labelled:
        part = f"compared on the {kept:,} images that all systems have predictions for, of {all_images:,}"
        notes.append(f"{part}: a system that leaves out hard images gains by it")
    if kept < FEW:
        notes.append(f"{count(kept, 'image')} in all: too few for conclusions")
    return notes


def _unequal(system: SystemPredictions, missing: NDArray[np.str_], extra: NDArray[np.str_]) -> DataError:
    parts = [f"lacks {count(len(missing), 'image')} ({first(missing)})"] if len(missing) else []
    parts += [f"has {len(extra):,} more ({first(extra)})"] if len(extra) else []
    empty = int((~system.present).sum())
    blank = f" ({count(empty, 'row')} of it without a prediction)" if empty else ""
    return DataError(f"{system.path}{blank} {' and '.join(parts)}", "the same images everywhere", "or `intersect`")


def _positions(row: NDArray[np.intp], n: int) -> NDArray[np.intp]:
    """Turn target rows by prediction into prediction rows by target."""
    position = np.full(n, -1, np.intp)
    position[row[row >= 0]] = np.flatnonzero(row >= 0)
    return position


def _labels(systems: Sequence[SystemPredictions], target: Target) -> tuple[str, ...]:
    """Return every expression known to the target or a system; DataError where fewer than two are common to all."""
    shared = set(target.labels)
    for system in systems:
        shared &= {*system.labels, *(EXPRESSIONS if system.labels_only else ())}
    if len(shared) < 2:
        known = "; ".join(f"{system.path} has {', '.join(system.labels)}" for system in systems)
        raise DataError(known, "two or more expressions in common with the labels")
    return ordered(tuple(set(target.labels).union(*(system.labels for system in systems))))


def _check_same_labels(
    systems: Sequence[SystemPredictions],
    picked: Sequence[NDArray[np.intp]],
    ids: NDArray[np.str_],
    target: NDArray[np.floating],
    labels: Sequence[str],
) -> None:
    """Refuse systems whose own labels differ from the target (N, T) over `labels`."""
    for system, position in zip(systems, picked, strict=True):
        if system.target is None:
            continue
        every = ordered(tuple({*system.target_labels, *labels}))
        own, given = (spread(system.target, system.target_labels, every), spread(target, labels, every))
        apart = np.abs(_normal(own[position]) - _normal(given)).max(1) > 1e-3
        if apart.any():
            raise DataError(
                f"{system.path} has other labels for {count(int(apart.sum()), 'image')} ({first(ids[apart])})",
                "the same labels in all",
                "`data` and `split` take those of a data set",
            )


def _normal(target: NDArray[np.floating]) -> NDArray[np.floating]:
    total = target.sum(1, keepdims=True)
    return np.asarray(target / np.where(total > 0, total, 1))


def _names(systems: Sequence[SystemPredictions]) -> list[str]:
    """Return the systems' names, with any prior but the natural one; runs of one system have the same.

    Where names are equal they get paths, and where those are equal too, numbers.
    """
    places = {system.place: system for system in systems}
    plain = [system.name + _under(system) for system in places.values()]
    pairs = zip(plain, places.values(), strict=True)
    full = [
        f"{name} ({_short(system.folder or system.path)})" if plain.count(name) > 1 else name for name, system in pairs
    ]
    names = [f"{name} #{full[:k].count(name) + 1}" if full.count(name) > 1 else name for k, name in enumerate(full)]
    by_place = dict(zip(places, names, strict=True))
    return [by_place[system.place] for system in systems]


def _under(system: SystemPredictions) -> str:
    """Return the prior of a system's probabilities in parentheses; empty where it is natural or not known."""
    facts = system.provenance
    return f" (prior {facts.prior})" if facts is not None and facts.prior else ""


def _short(path: Path) -> str:
    return "/".join(path.parts[-2:])
