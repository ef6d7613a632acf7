"""Bring several systems' answers to the same pictures, the same truth and the same expressions, or say why not.

Pictures are joined by id, or by the end of their path without its suffix, whichever finds more.  A system that leaves
pictures out would gain by it, so unequal sets are an error unless the caller asks for the intersection.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.data.samples import Samples
from mien.errors import DataError
from mien.evaluation.compare.answers import Answers, first
from mien.evaluation.compare.table import count
from mien.evaluation.result import Result
from mien.labels import EXPRESSIONS, columns, ordered

DEPTH = 3  # how many folders of a path may be part of an id
FEW = 30
"""Fewer pictures than these are said to be too few to conclude from, as `mien fairness` says of groups."""
UNKNOWN, EMPTY = -1, -2  # an answer to a picture that the truth lacks; a row without an answer


@dataclass(frozen=True, eq=False)
class Truth:
    """What the pictures show: ids (N,), target float (N, T) over labels, ids with a twin in train, what it is of.

    `source` is what it is called in messages: a file, or a data set and its split.
    """

    ids: NDArray[np.str_]
    target: NDArray[np.floating]
    labels: tuple[str, ...]
    twins: NDArray[np.str_]
    source: str
    facts: dict[str, Any] = field(default_factory=dict)


def align(systems: Sequence[Answers], truth: Truth | None, intersect: bool) -> tuple[list[Result], list[str]]:
    """Return one Result per system over the same pictures in the same order, and what a person should be told.

    DataError for unequal sets of pictures (unless `intersect`), for systems judged by different labels, and where
    there is no truth.
    """
    given = truth or _truth_of(systems)
    place = {id: k for k, id in enumerate(given.ids.tolist())}
    rows = [np.where(s.answered, _join(s, place, given), EMPTY).astype(np.intp) for s in systems]
    kept, notes = _common(systems, rows, given, truth is not None, intersect)
    picked = [_positions(row, len(given.ids))[kept] for row in rows]
    labels = _labels(systems, given)
    shared = [name for name in labels if name in given.labels]
    target = given.target[kept][:, columns(given.labels, shared)].astype(np.float64)
    scored = np.nan_to_num(target).sum(1) > 0.5  # most of the votes; NaN where there is no label
    if truth is None:
        _same_truth(systems, picked, given.ids[kept], target, shared)
    if not scored.any():
        raise DataError("no picture is left to compare", "pictures whose label all systems know")
    if lost := int((~scored).sum()):
        notes.append(f"{lost:,} pictures whose label not all systems know, or without one, are left out")
    if outside := sorted({*given.labels, *(name for s in systems for name in s.labels)} - set(labels)):
        notes.append(
            f"compared on the {len(labels)} expressions that all share, renormalised: without {', '.join(outside)}"
        )
    wide = _spread(target[scored] / target[scored].sum(1, keepdims=True), shared, labels).astype(np.float32)
    ids = given.ids[kept][scored]
    facts = {**given.facts, "twins": np.intersect1d(ids, given.twins).tolist()}
    results = []
    for name, system, position in zip(_names(systems), systems, picked, strict=True):
        probs = _answers(system, labels)[position[scored]].astype(np.float32)
        about = {**facts, "weights": name, "path": str(system.path), "labels_only": system.certain}
        results.append(Result(probs, wide, labels, ids, provenance=about))
    return results, notes


def from_samples(samples: Samples, twins: NDArray[np.bool_]) -> Truth:
    """Return the truth that a split of a data set knows; `twins` bool (N,) marks pictures with a twin in train."""
    facts = {"dataset": samples.name, "split": samples.split, "fingerprint": samples.fingerprint}
    ids, source = samples.ids.astype(np.str_), f"{samples.name} {samples.split}"
    return Truth(ids, samples.target, samples.labels, ids[twins], source, facts)


def keys(id: str) -> list[str]:
    """Return what an id can stand for: itself, then the ends of its path without suffix.

    >>> keys("data/test/PrivateTest_7.jpg")
    ['data/test/PrivateTest_7.jpg', 'PrivateTest_7', 'test/PrivateTest_7', 'data/test/PrivateTest_7']
    """
    path = PurePosixPath(id.replace("\\", "/"))
    parts = (*path.parts[:-1], path.stem)
    return [id, *("/".join(parts[-k:]) for k in range(1, min(DEPTH, len(parts)) + 1))]


def _truth_of(systems: Sequence[Answers]) -> Truth:
    known = next((system for system in systems if system.target is not None), None)
    if known is None or known.target is None:
        raise DataError(
            "no system comes with the truth",
            "a column of true labels, a result.npz beside the tables, or a data set",
            "--column truth=... or --data NAME --root DIR --split SPLIT",
        )
    twins = np.array(sorted({str(id) for system in systems for id in system.facts.get("twins", ())}), np.str_)
    facts = {key: known.facts[key] for key in ("dataset", "split", "options", "fingerprint") if key in known.facts}
    return Truth(known.ids, known.target, known.truth_labels, twins, str(known.path), facts)


def _join(system: Answers, place: dict[str, int], truth: Truth) -> NDArray[np.intp]:
    """Return where each answer's picture stands in the truth, UNKNOWN where it does not, by the key that finds most."""
    every = [keys(id) for id in system.ids.tolist()]
    tries = [[place.get(key[min(k, len(key) - 1)], UNKNOWN) for key in every] for k in range(DEPTH + 1)]
    best = np.array(max(tries, key=lambda found: sum(k >= 0 for k in found)), np.intp)
    found, count = np.unique(best[best >= 0], return_counts=True)
    if not len(found):
        raise _strangers(system, truth)
    if (count > 1).any():
        twice = system.ids[best == found[count > 1][0]].tolist()
        raise DataError(f"{system.path}: {twice[0]!r} and {twice[1]!r} name the same picture", "every picture once")
    return best


def _strangers(system: Answers, truth: Truth) -> DataError:
    """Return what to say of answers of which none is to a picture of the truth: another split, else other names."""
    own, wanted = (
        " ".join(str(f[key]) for key in ("dataset", "split") if f.get(key)) for f in (system.facts, truth.facts)
    )
    if own and wanted and own != wanted:
        whose = "" if truth.source == wanted else f", as {truth.source} is"
        return DataError(f"{system.path} is of {own}", f"answers on {wanted}{whose}", "no picture is in both")
    got = f"{system.path}: no picture is known, the first is {str(system.ids[0])!r}"
    return DataError(got, f"ids such as {str(truth.ids[0])!r} of {truth.source}")


def _common(
    systems: Sequence[Answers], rows: Sequence[NDArray[np.intp]], truth: Truth, from_data: bool, intersect: bool
) -> tuple[NDArray[np.intp], list[str]]:
    """Return which pictures of the truth all systems answered, and notes on the others."""
    answered = np.stack([np.isin(np.arange(len(truth.ids)), row) for row in rows])
    labelled = np.isfinite(truth.target).all(1)
    notes = []
    for system, row, there in zip(systems, rows, answered, strict=True):
        missing, extra = truth.ids[~there & labelled], system.ids[row == UNKNOWN]
        if len(extra) and (from_data or intersect):
            name = "names no picture" if len(extra) == 1 else "name no picture"
            what = f"labelled picture of {truth.source}" if from_data else f"picture of {truth.source}"
            rest = f"{name.removesuffix('picture')}{what} ({first(extra)}), left out"
            notes.append(f"{system.path}: {count(len(extra), 'answer')} {rest}")
            extra = extra[:0]
        if (len(missing) or len(extra)) and not intersect:
            raise _unequal(system, missing, extra, int((~system.answered).sum()))
        if len(missing):
            notes.append(f"{system.path}: no answer for {count(len(missing), 'picture')} ({first(missing)})")
    kept = np.flatnonzero(answered.all(0))
    if not len(kept):
        raise DataError("no picture was answered by all systems", "pictures in common")
    if len(kept) < labelled.sum():
        told = f"compared on the {len(kept):,} pictures that all systems answered, of {len(truth.ids):,}"
        notes.append(f"{told}: whoever leaves out hard pictures gains by it")
    if len(kept) < FEW:
        notes.append(f"{count(len(kept), 'picture')} in all: too few to conclude anything from")
    return kept, notes


def _unequal(system: Answers, missing: NDArray[np.str_], extra: NDArray[np.str_], empty: int) -> DataError:
    told = [f"lacks {count(len(missing), 'picture')} ({first(missing)})"] if len(missing) else []
    told += [f"has {len(extra):,} more ({first(extra)})"] if len(extra) else []
    held = f" ({count(empty, 'row')} of it without an answer)" if empty else ""
    return DataError(f"{system.path}{held} {' and '.join(told)}", "the same pictures everywhere", "or --intersect")


def _positions(row: NDArray[np.intp], n: int) -> NDArray[np.intp]:
    """Turn places in the truth by answer into answers by place in the truth."""
    position = np.full(n, -1, np.intp)
    position[row[row >= 0]] = np.flatnonzero(row >= 0)
    return position


def _labels(systems: Sequence[Answers], truth: Truth) -> tuple[str, ...]:
    """Return what is compared: what the truth and all that give probabilities know, and every label given alone."""
    shared = set(truth.labels)
    for system in systems:
        shared &= set(EXPRESSIONS if system.certain else system.labels)
    if len(shared) < 2:
        known = "; ".join(f"{system.path} knows {', '.join(system.labels)}" for system in systems)
        raise DataError(known, "two or more expressions in common with the truth")
    return ordered(tuple(shared.union(*(system.labels for system in systems if system.certain))))


def _same_truth(
    systems: Sequence[Answers],
    picked: Sequence[NDArray[np.intp]],
    ids: NDArray[np.str_],
    target: NDArray[np.floating],
    shared: Sequence[str],
) -> None:
    for system, position in zip(systems, picked, strict=True):
        if system.target is None:
            continue
        own = _spread(system.target, [n for n in system.truth_labels if n in shared], shared, system.truth_labels)
        apart = np.abs(_normal(own[position]) - _normal(target)).max(1) > 1e-3
        if apart.any():
            raise DataError(
                f"{system.path} was judged by other labels in {apart.sum()} pictures ({first(ids[apart])})",
                "one truth for all",
                "--data NAME --split SPLIT says which",
            )


def _normal(target: NDArray[np.floating]) -> NDArray[np.floating]:
    total = target.sum(1, keepdims=True)
    return np.asarray(target / np.where(total > 0, total, 1))


def _answers(system: Answers, labels: Sequence[str]) -> NDArray[np.floating]:
    if system.certain:
        return _spread(system.probs, system.labels, labels)
    known = [name for name in labels if name in system.labels]
    probs = system.probs[:, columns(system.labels, known)] + 1e-12  # a system sure of a label left out is sure of none
    return _spread(probs / probs.sum(1, keepdims=True), known, labels)


def _spread(
    values: NDArray[np.floating], known: Sequence[str], labels: Sequence[str], source: Sequence[str] | None = None
) -> NDArray[np.floating]:
    """Return columns for all `labels`, zero where they are not `known`; `source` names the columns of `values`."""
    wide = np.zeros((len(values), len(labels)))
    wide[:, columns(labels, known)] = values[:, columns(source or known, known)]
    return wide


def _names(systems: Sequence[Answers]) -> list[str]:
    """Return the systems' names, with their paths where two are called the same, and a number where even those are."""
    plain = [system.name for system in systems]
    full = [f"{s.name} ({_short(s.path)})" if plain.count(s.name) > 1 else s.name for s in systems]
    return [f"{name} #{full[:k].count(name) + 1}" if full.count(name) > 1 else name for k, name in enumerate(full)]


def _short(path: Path) -> str:
    return "/".join(path.parts[-2:])
