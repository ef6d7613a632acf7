"""Precision, recall and F1 that a source prints, by expression or as means, beside ours on the split of that name."""

from collections.abc import Callable, Sequence
from statistics import mean

from mien.experiments.schema import Published, Row, RowScores

HEAD = ("expression", "n", "precision, %", "recall, %", "F1, %")
KEYS = ("precision", "recall", "f1")


def _of_means(scores: RowScores) -> float | None:
    """Return the F1 of the mean precision and the mean recall."""
    precision, recall = scores.macro_precision, scores.balanced_accuracy
    return 2 * precision * recall / (precision + recall) if precision and recall else None


def _weighted(key: str) -> Callable[[RowScores], float]:
    """Return how to average a score of the classes by their sizes; one that is undefined counts as 0."""
    return lambda scores: sum((getattr(one, key) or 0) * one.support for one in scores.per_class.values()) / scores.n


MEANS: dict[str, dict[str, Callable[[RowScores], float | None]]] = {
    "mean": {
        "macro_precision": lambda scores: scores.macro_precision,
        "balanced_accuracy": lambda scores: scores.balanced_accuracy,
        "macro_f1": lambda scores: scores.macro_f1,
    },
    "mean, F1 of the means": {
        "macro_precision": lambda scores: scores.macro_precision,
        "balanced_accuracy": lambda scores: scores.balanced_accuracy,
        "f1_of_means": _of_means,
    },
    "mean weighted by n": {f"weighted_{key}": _weighted(key) for key in KEYS},
}
"""Lines of means: for each column the published metric, and how to compute ours."""


def title(row: Row) -> str:
    """Return which splits `lines` compares."""
    split = _split(printed(row))
    return f"published on {split}, ours on {row.recipe.data.name} {split.split()[-1]}"


def lines(done: Sequence[Row]) -> list[list[str]]:
    """Return the lines of a row's table, each cell published / ours; none where either is missing."""
    records = printed(done[0]) if done else {}
    split = _split(records).split()[-1] if records else ""
    ours = [row.figures[split] for row in done if split in row.figures and row.figures[split].per_class]
    table: list[list[str]] = []
    if not ours:
        return table
    for label, one in ours[0].per_class.items():
        by_key = {f"{key}.{label}": [getattr(scores.per_class[label], key) for scores in ours] for key in KEYS}
        if by_key.keys() & records.keys():
            table.append([label, f"{one.support}", *_cells(records, by_key)])
    for name, columns in MEANS.items():
        if list(columns)[-1] in records:
            means = {metric: [score(scores) for scores in ours] for metric, score in columns.items()}
            table.append([name, f"{ours[0].n}", *_cells(records, means)])
    return table


def printed(row: Row) -> dict[str, Published]:
    """Return the published scores by metric that `lines` shows, those of one split: of the row's data, or of any."""
    wanted = {metric for columns in MEANS.values() for metric in columns}
    records = [one for one in row.published if one.metric in wanted or one.metric.partition(".")[0] in KEYS]
    records = [one for one in records if one.split.startswith(f"{row.recipe.data.name} ")] or records
    return {one.metric: one for one in records if one.split == records[0].split}


def _split(records: dict[str, Published]) -> str:
    """Return the data set and the split of records that share them."""
    return next(iter(records.values())).split.partition(" (")[0]


def _cells(records: dict[str, Published], ours: dict[str, list[float | None]]) -> list[str]:
    return [
        f"{_percent([records[metric].value] if metric in records else [])} / {_percent(values)}"
        for metric, values in ours.items()
    ]


def _percent(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{100 * mean(known):.1f}" if known else "-"
