"""The figures of a comparison: each system's own, the paired differences, the ranking, and where two systems disagree.

All systems are resampled together, so that a difference's interval knows that both saw the same images.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from mien.evaluation import label_sets, metrics
from mien.evaluation.metrics import OF_LABELS, Floats
from mien.evaluation.result import Result
from mien.evaluation.statistics import clusters
from mien.evaluation.statistics.intervals import (
    RESAMPLED,
    SHIFTED,
    bootstrap,
    draws,
    interval,
    intervals_of,
    known_ends,
    proportion_interval,
    replicates,
)
from mien.evaluation.statistics.mcnemar import LEVEL, groups, holm, mcnemar
from mien.evaluation.training_duplicates import not_searched
from mien.progress import bar

SHOWN = 12
"""How many images are listed for each side of a disagreement."""


def measure(systems: Sequence[Result]) -> dict[str, Any]:
    """Return what `mien compare --json` prints about systems on the same images: names are their `weights`."""
    beside = label_sets.restrict(systems) if label_sets.differ(systems) else []
    with bar("resampling", 2 * (len(systems) + len(beside))) as advance:
        full, clean = subset(systems, advance), without_twins(systems, advance)
        restricted = _restricted(systems, beside, advance) if beside else None
    return {
        "labels": list(systems[0].labels),
        "truth_labels": list(label_sets.labelled(systems[0])),
        "dataset": systems[0].provenance.dataset,
        "split": systems[0].provenance.split,
        "options": systems[0].provenance.options or {},
        "n": len(systems[0]),
        "paths": {name_of(system): system.provenance.path for system in systems},
        "full": full,
        "clean": clean,
        "restricted": restricted,
        "disagreement": [disagreement(a, b) for a, b in combinations(systems, 2)],
    }


def _restricted(systems: Sequence[Result], beside: Sequence[Result], advance: Any) -> dict[str, Any]:
    shared = label_sets.common(systems)
    return {
        "name": label_sets.name(shared),
        "labels": list(shared),
        "left_out": len(systems[0]) - len(beside[0]),
        "full": subset(beside, advance),
        "clean": without_twins(beside, advance),
    }


def without_twins(systems: Sequence[Result], advance: Any = lambda _: None) -> dict[str, Any]:
    """Return `subset` of the images without a twin in the Training of any system for which that was searched.

    `searched` names those systems, `not_searched` says of each other one why not; of none n is None.
    """
    searched = [name_of(system) for system in systems if system.clean is not None]
    why = {name_of(system): not_searched(system) for system in systems if system.clean is None}
    told = {"searched": searched, "not_searched": why}
    if not searched:
        return {"n": None, "systems": {}, "pairs": [], "ranking": [], "groups": [], **told}
    rows = np.all([system.clean for system in systems if system.clean is not None], axis=0)
    return {**subset([system.take(rows) for system in systems], advance), **told}


def subset(systems: Sequence[Result], advance: Any = lambda _: None) -> dict[str, Any]:
    """Return systems, pairs, ranking and groups on one set of images; no more than n where there are none."""
    n = len(systems[0])
    if not n:
        return {"n": 0, "systems": {}, "pairs": [], "ranking": [], "groups": []}
    drawn, values = draws(systems[0].target, systems[0].group), []
    for system in systems:
        values.append({k: v for k, v in replicates(system.probs, system.target, drawn).items() if defined(system, k)})
        advance(1)
    figures = {name_of(s): _figures(s, found) for s, found in zip(systems, values, strict=True)}
    pairs = [_pair(systems[i], systems[j], values[i], values[j]) for i, j in combinations(range(len(systems)), 2)]
    for pair, corrected in zip(pairs, holm([pair["p"] for pair in pairs]), strict=True):
        pair.update(p_holm=corrected, told_apart=corrected < LEVEL)
    ranked = sorted(figures, key=lambda name: -figures[name]["accuracy"])
    apart = {frozenset((pair["a"], pair["b"])): pair for pair in pairs}
    return {
        "n": n,
        "by": clusters.count(systems[0].group),
        "systems": figures,
        "pairs": pairs,
        "ranking": [_rank(k, ranked, figures, apart) for k in range(len(ranked))],
        "groups": groups(ranked, lambda one, other: bool(apart[frozenset((one, other))]["told_apart"])),
    }


def disagreement(a: Result, b: Result) -> dict[str, Any]:
    """Return how often one of two systems is right and the other wrong, by label, and the most one-sided images."""
    (label, said_a), (label_b, said_b) = metrics.top1(a.probs, a.target), metrics.top1(b.probs, b.target)
    right_a, right_b = label == said_a, label_b == said_b
    shown = np.where(right_b & ~right_a, label_b, label)  # they differ only where people's votes tie
    margin = _at(a.probs, shown) - _at(b.probs, shown)
    cells = {"both": right_a & right_b, "a_only": right_a & ~right_b, "b_only": right_b & ~right_a}
    cells["neither"] = ~(right_a | right_b)
    classes = {
        name: {"n": int((shown == k).sum()), **{cell: int((rows & (shown == k)).sum()) for cell, rows in cells.items()}}
        for k, name in enumerate(a.labels)
    }

    def most(side: str, sign: int) -> list[dict[str, Any]]:
        rows = np.flatnonzero(cells[side])
        rows = rows[np.argsort(-sign * margin[rows], kind="stable")][:SHOWN]
        return [
            {
                "id": str(a.ids[k]),
                "label": a.labels[shown[k]],
                "a": a.labels[said_a[k]],
                "b": a.labels[said_b[k]],
                "margin": round(float(sign * margin[k]), 4),
            }
            for k in rows
        ]

    return {
        "a": name_of(a),
        "b": name_of(b),
        **{cell: int(rows.sum()) for cell, rows in cells.items()},
        "same_answer": int((said_a == said_b).sum()),
        "by_label": {name: counts for name, counts in classes.items() if counts["n"]},
        "a_right": most("a_only", 1),
        "b_right": most("b_only", -1),
    }


def defined(system: Result, key: str) -> bool:
    """Say whether a metric can be told of a system: of labels without probabilities only what needs labels."""
    return key in OF_LABELS or not system.provenance.labels_only


def name_of(system: Result) -> str:
    """Return what a system is called."""
    return str(system.provenance.weights)


def _figures(system: Result, values: dict[str, Floats]) -> dict[str, Any]:
    probs, target = system.probs, system.target
    scores = {
        key: _number(metric(probs, target)) if defined(system, key) else None for key, metric in metrics.METRICS.items()
    }
    matrix = metrics.confusion(probs, target)
    ends = intervals_of(values, probs, target, system.group)
    if clusters.count(system.group) is None:
        ends["macro_f1"] = bootstrap(matrix, metrics.macro_f1_of)  # what `mien evaluate` says, digit for digit
    return {
        **scores,
        **{f"{key}_interval": known_ends(ends[key]) if key in ends else None for key in RESAMPLED},
        "accuracy_interval": known_ends(proportion_interval(np.equal(*metrics.top1(probs, target)), system.group)),
        "recall": dict(zip(system.labels, map(_number, metrics.recalls(matrix).tolist()), strict=True)),
        "labels_only": system.provenance.labels_only,
    }


def _pair(a: Result, b: Result, values_a: dict[str, Floats], values_b: dict[str, Floats]) -> dict[str, Any]:
    right_a, right_b = (label == said for label, said in (metrics.top1(s.probs, s.target) for s in (a, b)))
    differences = {}
    for key in RESAMPLED:
        if key in values_a and key in values_b:
            gap = metrics.METRICS[key](a.probs, a.target) - metrics.METRICS[key](b.probs, b.target)
            ends = interval(values_a[key] - values_b[key], gap, key in SHIFTED, clusters.count(a.group))
            differences[key] = {"difference": _number(gap), "interval": known_ends(ends)}
    a_only, b_only = int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())
    told = {"a": name_of(a), "b": name_of(b), "differences": differences, "a_only": a_only, "b_only": b_only}
    told["by"] = clusters.count(a.group)
    code = clusters.codes(a.group)
    p = mcnemar(a_only, b_only) if code is None else clusters.flipped_p(right_a & ~right_b, right_b & ~right_a, code)
    return {**told, "p": p}


def _rank(
    k: int, ranked: list[str], figures: dict[str, Any], apart: dict[frozenset[str], dict[str, Any]]
) -> dict[str, Any]:
    own = {"rank": k + 1, "name": ranked[k], "accuracy": figures[ranked[k]]["accuracy"]}
    if k + 1 == len(ranked):
        return {**own, "gap": None, "p": None, "p_holm": None, "pairs": len(apart), "noise": None}
    pair = apart[frozenset(ranked[k : k + 2])]
    gap = own["accuracy"] - figures[ranked[k + 1]]["accuracy"]
    tested = {"p": pair["p"], "p_holm": pair["p_holm"], "pairs": len(apart), "noise": not pair["told_apart"]}
    return {**own, "gap": gap, **tested}


def _at(values: Floats, column: metrics.Counts) -> Floats:
    return np.asarray(values[np.arange(len(values)), column], np.float64)


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
