"""Measure systems on the same images: each one's scores, paired differences, the ranking, and where two disagree.

All systems are resampled together, so that a difference's interval accounts for both having seen the same images.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from mien.evaluation import label_sets, metrics
from mien.evaluation.compare.comparison import (
    Comparison,
    Difference,
    Disagreement,
    Example,
    Pair,
    Rank,
    Restricted,
    Subset,
    SystemScores,
)
from mien.evaluation.compare.measured import Measured, by_name, defined, deviation, deviation_of_gap, name_of, number
from mien.evaluation.metrics import Floats
from mien.evaluation.result import Result
from mien.evaluation.statistics import clusters
from mien.evaluation.statistics.intervals import (
    RESAMPLED,
    SHIFTED,
    bootstrap,
    draws,
    interval,
    intervals_of_runs,
    known_ends,
)
from mien.evaluation.statistics.mcnemar import LEVEL, groups, holm, mcnemar
from mien.evaluation.training_duplicates import not_searched
from mien.progress import bar

Advance = Callable[[int], None]

SHOWN = 12
"""How many images are listed for each side of a disagreement."""


def measure(systems: Sequence[Result]) -> Comparison:
    """Return the comparison of systems on the same images in the same order, called by the `weights` of each.

    Results of one name are runs of one system.  Images are taken by id: their order, and that of the systems, is as
    they were named, and shall not change a digit.
    """
    systems = [system.in_order() for system in systems]
    on_common = label_sets.restrict(systems) if label_sets.differ(systems) else []
    with bar("resampling", 2 * (len(systems) + len(on_common))) as advance:
        full, clean = subset(systems, advance), without_duplicates(systems, advance)
        restricted = _restricted(systems, on_common, advance) if on_common else None
    facts, single = systems[0].provenance, [runs[0] for runs in by_name(systems).values() if len(runs) == 1]
    return Comparison(
        labels=systems[0].labels,
        target_labels=label_sets.labelled(systems[0]),
        dataset=facts.dataset,
        split=facts.split,
        options=facts.options or {},
        n=len(systems[0]),
        paths={name_of(system): str(system.provenance.path) for system in systems},
        full=full,
        clean=clean,
        restricted=restricted,
        disagreement=[disagreement(a, b) for a, b in combinations(single, 2)],
    )


def subset(systems: Sequence[Result], advance: Advance = lambda _: None) -> Subset:
    """Return systems, pairs, ranking and groups on one set of images; of no images only that there are none."""
    n, by = len(systems[0]), clusters.count(systems[0].group)
    if not n:
        return Subset(0)
    drawn, measured = draws(systems[0].target, systems[0].group), []
    for runs in by_name(systems).values():
        measured.append(Measured.of(runs, drawn))
        advance(len(runs))
    scores = {one.name: _scores(one) for one in measured}
    pairs = [_pair(a, b) for a, b in combinations(measured, 2)]
    pairs = [
        replace(pair, p_holm=corrected, significant=corrected < LEVEL)
        for pair, corrected in zip(pairs, holm([pair.p for pair in pairs]), strict=True)
    ]
    accuracy = {name: float(own.values["accuracy"] or 0) for name, own in scores.items()}
    ranked = sorted(accuracy, key=lambda name: -accuracy[name])
    by_names = {frozenset((pair.a, pair.b)): pair for pair in pairs}
    ranking = [_rank(k, ranked, accuracy, by_names) for k in range(len(ranked))]
    runs_of_ranking = groups(ranked, lambda one, other: by_names[frozenset((one, other))].significant)
    return Subset(n, by, scores, pairs, ranking, runs_of_ranking)


def without_duplicates(systems: Sequence[Result], advance: Advance = lambda _: None) -> Subset:
    """Return the images without a near-duplicate in the Training of any system for which that was searched."""
    searched = list(dict.fromkeys(name_of(system) for system in systems if system.clean is not None))
    reasons = {name_of(system): not_searched(system) for system in systems if system.clean is None}
    clean = [system.clean for system in systems if system.clean is not None]
    if not clean:
        return Subset(None, searched=searched, not_searched=reasons)
    rows = np.all(clean, axis=0)
    part = subset([system.take(rows) for system in systems], advance)
    return replace(part, searched=searched, not_searched=reasons)


def disagreement(a: Result, b: Result) -> Disagreement:
    """Return how often one of two systems is right and the other wrong, by label, and the most one-sided images."""
    (label, predicted_a), (label_b, predicted_b) = (metrics.top1(one.probs, one.target) for one in (a, b))
    right_a, right_b = label == predicted_a, label_b == predicted_b
    shown = np.where(right_b & ~right_a, label_b, label)  # they differ only where people's votes tie
    cells = {"both": right_a & right_b, "a_only": right_a & ~right_b, "b_only": right_b & ~right_a}
    cells["neither"] = ~(right_a | right_b)
    classes = {
        name: {"n": int((shown == k).sum()), **{cell: int((rows & (shown == k)).sum()) for cell, rows in cells.items()}}
        for k, name in enumerate(a.labels)
    }
    margin = _at(a.probs, shown) - _at(b.probs, shown)

    def examples(side: str, margin: Floats) -> list[Example]:
        rows = np.flatnonzero(cells[side])
        rows = rows[np.argsort(-margin[rows], kind="stable")][:SHOWN]
        label, of_a, of_b = (np.array(a.labels)[column].tolist() for column in (shown, predicted_a, predicted_b))
        return [Example(str(a.ids[k]), label[k], of_a[k], of_b[k], round(float(margin[k]), 4)) for k in rows]

    return Disagreement(
        name_of(a),
        name_of(b),
        **{cell: int(rows.sum()) for cell, rows in cells.items()},
        same_prediction=int((predicted_a == predicted_b).sum()),
        by_label={name: counts for name, counts in classes.items() if counts["n"]},
        a_right=examples("a_only", margin),
        b_right=examples("b_only", -margin),
    )


def _restricted(systems: Sequence[Result], on_common: Sequence[Result], advance: Advance) -> Restricted:
    labels, left_out = label_sets.common(systems), len(systems[0]) - len(on_common[0])
    full, clean = subset(on_common, advance), without_duplicates(on_common, advance)
    return Restricted(label_sets.name(labels), labels, left_out, full, clean)


def _scores(system: Measured) -> SystemScores:
    first, target, group = system.runs[0], system.runs[0].target, system.runs[0].group
    matrices = [metrics.confusion(run.probs, target) for run in system.runs]
    ends = intervals_of_runs(system.resampled, [run.probs for run in system.runs], target, group)
    if clusters.count(group) is None and not system.several:
        ends["macro_f1"] = bootstrap(matrices[0], metrics.macro_f1_of)  # the same as `mien evaluate`, digit for digit
    intervals = {key: known_ends(ends[key]) if key in ends else None for key in RESAMPLED}
    intervals["accuracy"] = known_ends(system.accuracy_interval())
    recall = np.mean([metrics.recalls(matrix) for matrix in matrices], axis=0)
    return SystemScores(
        values={key: number(system.mean(key)) if defined(first, key) else None for key in metrics.METRICS},
        intervals=intervals,
        recall=dict(zip(first.labels, map(number, recall.tolist()), strict=True)),
        labels_only=first.provenance.labels_only,
        runs=len(system.runs),
        deviations={key: deviation(system.each[key]) for key in RESAMPLED} if system.several else {},
        folds=first.provenance.folds,
    )


def _pair(a: Measured, b: Measured) -> Pair:
    group, differences, several = a.runs[0].group, {}, a.several or b.several
    for key in RESAMPLED:
        if key in a.resampled and key in b.resampled:
            gap = a.mean(key) - b.mean(key)
            ends = interval(a.resampled[key] - b.resampled[key], gap, groups=clusters.count(group))
            if key in SHIFTED:  # chance adds more to one system's calibration error than to the other's
                ends = (float("nan"), float("nan"))
            differences[key] = Difference(number(gap), known_ends(ends), deviation_of_gap(a, b, key))
    a_only, b_only = int((a.right > b.right).sum()), int((b.right > a.right).sum())
    code = clusters.codes(group)
    if code is None and several:
        code = np.arange(len(a.right))
    p = mcnemar(a_only, b_only) if code is None else clusters.flipped_p(a.right, b.right, code)
    return Pair(a.name, b.name, differences, a_only, b_only, clusters.count(group), p, several=several)


def _rank(k: int, ranked: Sequence[str], accuracy: Mapping[str, float], pairs: Mapping[frozenset[str], Pair]) -> Rank:
    name = ranked[k]
    if k + 1 == len(ranked):
        return Rank(k + 1, name, accuracy[name], None, None, None, len(pairs), None)
    pair, gap = pairs[frozenset(ranked[k : k + 2])], accuracy[name] - accuracy[ranked[k + 1]]
    return Rank(k + 1, name, accuracy[name], gap, pair.p, pair.p_holm, len(pairs), not pair.significant)


def _at(values: Floats, column: NDArray[np.intp]) -> Floats:
    return np.asarray(values[np.arange(len(values)), column], np.float64)
