"""Bring several systems' answers to the same images and the same truth, or say why not.

Images are joined by id, or by the end of their path without its suffix, whichever finds more.  A system that leaves
images out would gain by it, so unequal sets are an error unless the caller asks for the intersection.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.data.samples import Samples
from mien.errors import DataError
from mien.evaluation.label_sets import spread
from mien.evaluation.predictions import Answers, first
from mien.evaluation.result import Provenance, Result
from mien.evaluation.training_duplicates import FOREIGN, UNRECORDED
from mien.html.page import count
from mien.labels import EXPRESSIONS, ordered

DEPTH = 3  # how many folders of a path may be part of an id
FEW = 30
"""Fewer images than these are said to be too few to conclude from, as `mien fairness` says of groups."""
UNKNOWN, EMPTY = -1, -2  # an answer to an image that the truth lacks; a row without an answer


@dataclass(frozen=True, eq=False)
class Truth:
    """What the images show: ids (N,), target float (N, T) over labels, group (N,) or None, what it is of.

    `source` is what it is called in messages: a file, or a data set and its split.
    """

    ids: NDArray[np.str_]
    target: NDArray[np.floating]
    labels: tuple[str, ...]
    source: str
    facts: dict[str, Any] = field(default_factory=dict)
    group: NDArray[np.str_] | None = None


def align(systems: Sequence[Answers], truth: Truth | None, intersect: bool) -> tuple[list[Result], list[str]]:
    """Return one Result per system over the same images in the same order, and what a person should be told.

    Every expression that the truth or any system knows is a column; who knows which stands in the provenance.
    DataError for unequal sets of images (unless `intersect`), for systems judged by different labels, and where
    there is no truth.
    """
    given = truth or _truth_of(systems)
    place = {id: k for k, id in enumerate(given.ids.tolist())}
    rows = [np.where(s.answered, _join(s, place, given), EMPTY).astype(np.intp) for s in systems]
    kept, notes = _common(systems, rows, given, truth is not None, intersect)
    picked = [_positions(row, len(given.ids))[kept] for row in rows]
    labels = _labels(systems, given)
    target = given.target[kept].astype(np.float64)
    scored = np.nan_to_num(target).sum(1) > 0.5  # NaN where there is no label
    if truth is None:
        _same_truth(systems, picked, given.ids[kept], target, given.labels)
    if not scored.any():
        raise DataError("no image is left to compare", "images with a label")
    if lost := int((~scored).sum()):
        notes.append(f"{count(lost, 'image')} without a label left out")
    wide = spread(target[scored] / target[scored].sum(1, keepdims=True), given.labels, labels).astype(np.float32)
    ids, group = given.ids[kept][scored], None if given.group is None else given.group[kept][scored]
    results = []
    for name, system, position in zip(_names(systems), systems, picked, strict=True):
        notes += _outside(system, given)
        probs = spread(_answers(system), system.labels, labels)[position[scored]].astype(np.float32)
        about = {**given.facts, **_searched(system, ids), "weights": name, "path": str(system.path)}
        about |= {"labels_only": system.certain, "answer_labels": system.labels, "truth_labels": given.labels}
        results.append(Result(probs, wide, labels, ids, group=group, provenance=Provenance(**about)))
    return results, notes


def _answers(system: Answers) -> NDArray[np.floating]:
    """Return the probabilities; what a system can answer is never quite impossible, as rounding would have it."""
    if system.certain:
        return system.probs
    probs = system.probs + 1e-12
    return np.asarray(probs / probs.sum(1, keepdims=True))


def _outside(system: Answers, truth: Truth) -> list[str]:
    """Say which expressions only the system or only the truth knows, and that they count."""
    more = [name for name in system.labels if name not in truth.labels]
    fewer = [] if system.certain else [name for name in truth.labels if name not in system.labels]
    told = [f"{system.path}: no image is labelled {', '.join(more)}: such predictions count as wrong"] if more else []
    return told + (
        [f"{system.path}: cannot predict {', '.join(fewer)}: images labelled so count as wrong"] if fewer else []
    )


def _searched(system: Answers, ids: NDArray[np.str_]) -> dict[str, Any]:
    """Return which of the images have a twin in the system's own Training, or why that is not known."""
    facts = system.facts
    if facts.get("training"):
        return {"training": facts["training"], "twins": np.intersect1d(ids, np.array(facts["twins"], np.str_)).tolist()}
    return {"not_searched": facts.get("not_searched") or (UNRECORDED if facts else FOREIGN)}


def from_samples(samples: Samples) -> Truth:
    """Return the truth that a split of a data set knows."""
    group = None if samples.group is None else samples.group.astype(np.str_)
    facts = {"dataset": samples.name, "split": samples.split, "fingerprint": samples.fingerprint}
    ids, source = samples.ids.astype(np.str_), f"{samples.name} {samples.split}"
    return Truth(ids, samples.target, samples.labels, source, facts, group)


def keys(id: str) -> list[str]:
    """Return what an id can stand for: itself, then the ends of its path without suffix.

    >>> keys("data/test/PrivateTest_7.jpg")
    ['data/test/PrivateTest_7.jpg', 'PrivateTest_7', 'test/PrivateTest_7', 'data/test/PrivateTest_7']
    """
    path = PurePosixPath(id.replace("\\", "/"))
    parts = (*path.parts[:-1], path.stem)
    return [id, *("/".join(parts[-k:]) for k in range(1, min(DEPTH, len(parts)) + 1))]


def _truth_of(systems: Sequence[Answers]) -> Truth:
    judged = [system for system in systems if system.target is not None]
    known = next((system for system in judged if system.group is not None), judged[0] if judged else None)
    if known is None or known.target is None:
        raise DataError(
            "no system comes with the truth",
            "a column of true labels, a result.npz beside the tables, or a data set",
            "`column` truth=..., or `data`, `root` and `split`",
        )
    facts = {key: known.facts[key] for key in ("dataset", "split", "options", "fingerprint") if key in known.facts}
    return Truth(known.ids, known.target, known.truth_labels, str(known.path), facts, known.group)


def _join(system: Answers, place: dict[str, int], truth: Truth) -> NDArray[np.intp]:
    """Return where each answer's image stands in the truth, UNKNOWN where it does not, by the key that finds most."""
    every = [keys(id) for id in system.ids.tolist()]
    tries = [[place.get(key[min(k, len(key) - 1)], UNKNOWN) for key in every] for k in range(DEPTH + 1)]
    best = np.array(max(tries, key=lambda found: sum(k >= 0 for k in found)), np.intp)
    found, count = np.unique(best[best >= 0], return_counts=True)
    if not len(found):
        raise _strangers(system, truth)
    if (count > 1).any():
        twice = system.ids[best == found[count > 1][0]].tolist()
        raise DataError(f"{system.path}: {twice[0]!r} and {twice[1]!r} name the same image", "every image once")
    return best


def _strangers(system: Answers, truth: Truth) -> DataError:
    """Return what to say of answers of which none is to an image of the truth: another split, else other names."""
    own, wanted = (
        " ".join(str(f[key]) for key in ("dataset", "split") if f.get(key)) for f in (system.facts, truth.facts)
    )
    if own and wanted and own != wanted:
        whose = "" if truth.source == wanted else f", as {truth.source} is"
        return DataError(f"{system.path} is of {own}", f"answers on {wanted}{whose}", "no image is in both")
    got = f"{system.path}: no image is known, the first is {str(system.ids[0])!r}"
    return DataError(got, f"ids such as {str(truth.ids[0])!r} of {truth.source}")


def _common(
    systems: Sequence[Answers], rows: Sequence[NDArray[np.intp]], truth: Truth, from_data: bool, intersect: bool
) -> tuple[NDArray[np.intp], list[str]]:
    """Return which images of the truth all systems answered, and notes on the others."""
    answered = np.stack([np.isin(np.arange(len(truth.ids)), row) for row in rows])
    labelled = np.isfinite(truth.target).all(1)
    notes = []
    for system, row, there in zip(systems, rows, answered, strict=True):
        missing, extra = truth.ids[~there & labelled], system.ids[row == UNKNOWN]
        if len(extra) and (from_data or intersect):
            name = "names no image" if len(extra) == 1 else "name no image"
            what = f"labelled image of {truth.source}" if from_data else f"image of {truth.source}"
            rest = f"{name.removesuffix('image')}{what} ({first(extra)}), left out"
            notes.append(f"{system.path}: {count(len(extra), 'answer')} {rest}")
            extra = extra[:0]
        if (len(missing) or len(extra)) and not intersect:
            raise _unequal(system, missing, extra, int((~system.answered).sum()))
        if len(missing):
            notes.append(f"{system.path}: no answer for {count(len(missing), 'image')} ({first(missing)})")
    kept = np.flatnonzero(answered.all(0))
    if not len(kept):
        raise DataError("no image was answered by all systems", "images in common")
    if len(kept) < labelled.sum():
        told = f"compared on the {len(kept):,} images that all systems answered, of {len(truth.ids):,}"
        notes.append(f"{told}: whoever leaves out hard images gains by it")
    if len(kept) < FEW:
        notes.append(f"{count(len(kept), 'image')} in all: too few to conclude anything from")
    return kept, notes


def _unequal(system: Answers, missing: NDArray[np.str_], extra: NDArray[np.str_], empty: int) -> DataError:
    told = [f"lacks {count(len(missing), 'image')} ({first(missing)})"] if len(missing) else []
    told += [f"has {len(extra):,} more ({first(extra)})"] if len(extra) else []
    held = f" ({count(empty, 'row')} of it without an answer)" if empty else ""
    return DataError(f"{system.path}{held} {' and '.join(told)}", "the same images everywhere", "or `intersect`")


def _positions(row: NDArray[np.intp], n: int) -> NDArray[np.intp]:
    """Turn places in the truth by answer into answers by place in the truth."""
    position = np.full(n, -1, np.intp)
    position[row[row >= 0]] = np.flatnonzero(row >= 0)
    return position


def _labels(systems: Sequence[Answers], truth: Truth) -> tuple[str, ...]:
    """Return every expression that the truth or a system knows; DataError where all have less than two in common."""
    shared = set(truth.labels)
    for system in systems:
        shared &= set(EXPRESSIONS if system.certain else system.labels)
    if len(shared) < 2:
        known = "; ".join(f"{system.path} knows {', '.join(system.labels)}" for system in systems)
        raise DataError(known, "two or more expressions in common with the truth")
    return ordered(tuple(set(truth.labels).union(*(system.labels for system in systems))))


def _same_truth(
    systems: Sequence[Answers],
    picked: Sequence[NDArray[np.intp]],
    ids: NDArray[np.str_],
    target: NDArray[np.floating],
    labels: Sequence[str],
) -> None:
    """Refuse systems whose own labels differ from the target (N, T) over `labels`."""
    for system, position in zip(systems, picked, strict=True):
        if system.target is None:
            continue
        every = ordered(tuple({*system.truth_labels, *labels}))
        own, given = (spread(system.target, system.truth_labels, every), spread(target, labels, every))
        apart = np.abs(_normal(own[position]) - _normal(given)).max(1) > 1e-3
        if apart.any():
            raise DataError(
                f"{system.path} was judged by other labels in {apart.sum()} images ({first(ids[apart])})",
                "one truth for all",
                "`data` and `split` say which",
            )


def _normal(target: NDArray[np.floating]) -> NDArray[np.floating]:
    total = target.sum(1, keepdims=True)
    return np.asarray(target / np.where(total > 0, total, 1))


def _names(systems: Sequence[Answers]) -> list[str]:
    """Return the systems' names, with their paths where two are called the same, and a number where even those are."""
    plain = [system.name for system in systems]
    full = [f"{s.name} ({_short(s.path)})" if plain.count(s.name) > 1 else s.name for s in systems]
    return [f"{name} #{full[:k].count(name) + 1}" if full.count(name) > 1 else name for k, name in enumerate(full)]


def _short(path: Path) -> str:
    return "/".join(path.parts[-2:])
