"""A comparison as text for a terminal and as one tidy table."""

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any

from mien.evaluation.statistics.clusters import by
from mien.evaluation.statistics.intervals import RESAMPLED
from mien.evaluation.text import hundredths
from mien.html.page import count

SUBSETS = ("full", "clean")
NAMES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced",
    "macro_f1": "macro-F1",
    "kappa": "kappa",
    "top2": "top-2",
    "ece": "ECE",
    "nll": "NLL",
    "brier": "Brier",
}
PERCENT = {"accuracy", "balanced_accuracy", "macro_f1", "top2", "ece"}
HEADS = {key: f"{name} %" if key in PERCENT else name for key, name in NAMES.items()}
"""What stands above a column of figures."""
GAPS = {key: f"{name}, points" if key in PERCENT else name for key, name in NAMES.items()}
"""What stands above a column of differences."""
WEIGHED = (
    "Intervals are not corrected for the number of pairs; where one leaves out zero and the test with Holm's "
    "correction still says noise, believe the test."
)


def to_text(comparison: Mapping[str, Any]) -> str:
    """Return the comparison as lines: systems, ranking and pairs on both sets of images, then disagreement."""
    lines = []
    for key in SUBSETS:
        lines += [*_subset(comparison[key], title(key, comparison[key])), ""]
    if part := comparison["restricted"]:
        lines.append(f"{part['name']}, {count(part['left_out'], 'image')} left out:")
        lines += [line for key in SUBSETS for line in _systems(part[key], title(key, part[key]))] + [""]
    for pair in comparison["disagreement"]:
        lines += [*_disagreement(pair), ""]
    if len(comparison["full"]["pairs"]) > 1:
        lines += [WEIGHED, ""]
    lines += _published(comparison.get("published", []), comparison)
    return "\n".join(lines).rstrip()


def to_rows(comparison: Mapping[str, Any]) -> str:
    """Return CSV with a row per set of images, system (or pair: a minus b) and metric."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["subset", "n", "a", "b", "metric", "value", "low", "high", "p", "p_holm"])
    named = {key: comparison[key] for key in SUBSETS}
    named |= {f"restricted_{key}": (comparison["restricted"] or {}).get(key) for key in SUBSETS}
    for key, part in named.items():
        if not part:
            continue
        for name, figures in part["systems"].items():
            for metric in RESAMPLED:
                ends = figures[f"{metric}_interval"] or ("", "")
                table.writerow([key, part["n"], name, "", metric, _cell(figures[metric]), *ends, "", ""])
        for pair in part["pairs"]:
            for metric, found in pair["differences"].items():
                tested = (pair["p"], pair["p_holm"]) if metric == "accuracy" else ("", "")
                value = _cell(found["difference"])
                table.writerow([key, part["n"], pair["a"], pair["b"], metric, value, *found["interval"], *tested])
    return text.getvalue()


def figure(key: str, value: float | None, signed: bool = False) -> str:
    """Return a metric as it is shown: shares in percent, the rest with three decimals, a dash where there is none.

    >>> figure("accuracy", 0.7312), figure("nll", 0.5, signed=True), figure("ece", None)
    ('73.12', '+0.500', '-')
    """
    if value is None:
        return "-"
    plus = "+" if signed else ""
    if key in PERCENT and not signed:
        return hundredths(value, 2)
    return f"{100 * value:{plus}.2f}" if key in PERCENT else f"{value:{plus}.3f}"


def span(key: str, ends: list[float | None] | None, signed: bool = False) -> str:
    """Return an interval as it is shown, empty where there is none.

    >>> span("accuracy", [0.7, 0.75]), span("nll", None)
    ('70.00 to 75.00', '')
    """
    return "" if not ends or None in ends else " to ".join(figure(key, end, signed) for end in ends)


def p_value(p: float) -> str:
    """Return a p value as it is shown.

    >>> p_value(0.00002), p_value(0.0312)
    ('< 0.001', '0.031')
    """
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def verdict(rank: Mapping[str, Any]) -> str:
    """Say what the gap to the next system is worth; empty for the last.

    >>> verdict({"gap": 0.012, "p": 0.02, "p_holm": 0.2, "pairs": 10, "noise": True})
    '1.20 points above the next: may be noise (p 0.020 alone, 0.200 corrected for 10 pairs)'
    """
    if rank["gap"] is None:
        return ""
    worth = "may be noise" if rank["noise"] else "told apart"
    p = f"p {p_value(rank['p'])}"
    if rank["pairs"] > 1:
        p = f"{p} alone, {p_value(rank['p_holm'])} corrected for {rank['pairs']} pairs"
    return f"{100 * rank['gap']:.2f} points above the next: {worth} ({p})"


def together(groups: list[list[str]]) -> str:
    """Say which systems are not told apart; empty where all are.

    >>> together([["a", "b"], ["c"]])
    'not told apart: a, b'
    """
    runs = [", ".join(group) for group in groups if len(group) > 1]
    return f"not told apart: {'; '.join(runs)}" if runs else ""


def title(key: str, part: Mapping[str, Any]) -> str:
    """Say which images a part is of: without twins in whose Training, and for whom that was not searched.

    >>> title("clean", {"searched": ["a"], "not_searched": {"b": "its Training is not here"}})
    'without twins in the training of a (not searched for b: its Training is not here)'
    """
    if key == "full":
        return "all images"
    why = "; ".join(f"{name}: {told}" for name, told in part["not_searched"].items())
    if not part["searched"]:
        return f"without twins in training: not searched ({why})"
    whose = f"without twins in the training of {', '.join(part['searched'])}" if why else "without twins in training"
    return f"{whose} (not searched for {why})" if why else whose


def _subset(part: Mapping[str, Any], title: str) -> Iterator[str]:
    yield from _systems(part, title)
    if not part["n"]:
        return
    yield from (f"  {rank['name']}: {verdict(rank)}" for rank in part["ranking"] if rank["gap"] is not None)
    if told := together(part["groups"]):
        yield f"  {told}"
    for pair in part["pairs"]:
        yield from _pair(pair)


def grouped(part: Mapping[str, Any]) -> str:
    """Say that intervals and tests are by group; empty where they are by images.

    >>> grouped({"by": 118}), grouped({"by": None})
    ('intervals and tests by 118 subjects or clips', '')
    """
    return f"intervals and tests {by(part['by'])}" if part.get("by") else ""


def _systems(part: Mapping[str, Any], title: str) -> Iterator[str]:
    yield title if part["n"] is None else ", ".join(filter(None, (title, f"n {part['n']:,}", grouped(part))))
    if not part["n"]:
        return
    width = max(map(len, part["systems"])) + 2
    rest = "".join(f"{name:>12s}" for name in list(HEADS.values())[1:])
    yield f"{'':{width}s}{HEADS['accuracy']:>10s}  {'95 % interval':16s}{rest}"
    for rank in part["ranking"]:
        f = part["systems"][rank["name"]]
        rest = "".join(f"{figure(key, f[key]):>12s}" for key in list(NAMES)[1:])
        ends = span("accuracy", f["accuracy_interval"])
        yield f"{rank['name']:{width}s}{figure('accuracy', f['accuracy']):>10s}  {ends:16s}{rest}"


def _pair(pair: Mapping[str, Any]) -> Iterator[str]:
    yield f"  {pair['a']} minus {pair['b']}, with 95 % intervals:"
    for key, found in pair["differences"].items():
        yield f"    {GAPS[key]:18s}{figure(key, found['difference'], True):>8s}  {span(key, found['interval'], True)}"
    test = "by group" if pair["by"] else "McNemar"
    counts = f"only {pair['a']} right {pair['a_only']:,}, only {pair['b']} right {pair['b_only']:,}"
    yield f"    {test:18s}{counts}, p {p_value(pair['p'])}, with Holm's correction {p_value(pair['p_holm'])}"


def _disagreement(pair: Mapping[str, Any]) -> Iterator[str]:
    yield f"A = {pair['a']}, B = {pair['b']}: the same answer for {count(pair['same_answer'], 'image')}"
    heads = {"n": "images", "both": "both right", "a_only": "only A", "b_only": "only B", "neither": "neither"}
    yield f"{'':12s}" + "".join(f"{head:>12s}" for head in heads.values())
    for name, counts in pair["by_label"].items():
        yield f"{name:12s}" + "".join(f"{counts[key]:12,d}" for key in heads)


def fewer(record: Mapping[str, Any], comparison: Mapping[str, Any]) -> str:
    """Say that a published figure is of fewer expressions than are compared; empty where it is not.

    >>> fewer({"labels": ["neutral", "anger"]}, {"truth_labels": ["neutral", "fear", "anger"]})
    'of 2 expressions only'
    """
    n = len(record["labels"] or ())
    return f"of {n} expressions only" if 0 < n < len(comparison["truth_labels"]) else ""


def _published(records: list[dict[str, Any]], comparison: Mapping[str, Any]) -> Iterator[str]:
    if not records:
        return
    yield f"published on {comparison['dataset']}, in percent; not measured here, and splits and selection differ"
    for r in records:
        note = f"; {r['note']}" if r["note"] else ""
        few = f" ({told})" if (told := fewer(r, comparison)) else ""
        yield f"  {100 * r['value']:6.2f}  {r['what']}{few} [{r['split']}] {r['source']}{note}"


def _cell(value: float | None) -> float | str:
    return "" if value is None else value
