"""How the training went: curves by epoch and by step, on the training and the val split."""

from collections.abc import Mapping

from mien.evaluation.report.components import figure, key, listing, section
from mien.evaluation.report.model import Report, Rows
from mien.html.chart import Line, lines
from mien.html.markup import EMPTY, Html, escape, join, markup

LOSS = {"train": ("loss",), "val": ("val_loss", "val_nll")}
ACCURACY = {"train": ("accuracy", "train_accuracy"), "val": ("val_accuracy",)}
POINTS = 240
"""Points of a line; a longer log is shown as means of equally many rows."""
ROWS = 60
"""Rows of a log's table."""


def training(report: Report) -> Html:
    """Loss and accuracy by epoch, and by step where the run kept that."""
    return section(
        "training", "Training", _charts(report, report.history, "epoch"), _charts(report, report.steps, "step")
    )


def thinned(rows: Rows, most: int) -> Rows:
    """Return at most `most` rows, each the mean of as many neighbours; what a neighbour lacks is left out of it.

    >>> thinned([{"step": 1, "loss": 4.0}, {"step": 2, "loss": 2.0}, {"step": 3, "loss": 1.0}], 2)
    [{'step': 1.5, 'loss': 3.0}, {'step': 3.0, 'loss': 1.0}]
    """
    width = -(-len(rows) // most)
    if width <= 1:
        return rows
    groups = (rows[start : start + width] for start in range(0, len(rows), width))
    return [
        {
            name: sum(known) / len(known)
            for name in group[0]
            if (known := [r[name] for r in group if r.get(name) is not None])
        }
        for group in groups
    ]


def _charts(report: Report, logs: Mapping[str, Rows], across: str) -> Html:
    logs = {name: rows for name, rows in logs.items() if len(rows) > 1 and across in rows[0]}
    drawn = []
    for up, columns, shares in (("loss", LOSS, False), ("accuracy", ACCURACY, True)):
        found = [
            line
            for name, rows in logs.items()
            for line in _lines(name if len(report.results) > 1 else "", rows, across, columns, report.kinds[name])
        ]
        if found:
            marks = key((line.name, line.kind, line.dashed) for line in found)
            drawn.append(
                figure(lines(found, across, up, shares=(False, shares)), _caption(up, across, found), marks=marks)
            )
    if not drawn:
        return EMPTY
    listed = join(_table(name, rows, across) for name, rows in logs.items())
    return markup('<div class="two">{}</div>{}', join(drawn), listed)


def _lines(name: str, rows: Rows, across: str, columns: dict[str, tuple[str, ...]], kind: int) -> list[Line]:
    found = []
    for part, keys in columns.items():
        column = next((c for c in keys if any(row.get(c) is not None for row in rows)), None)
        if column is None:
            continue
        known = thinned([row for row in rows if row.get(column) is not None], POINTS)
        told = f"{name}, {part}" if name else part
        found.append(Line(told, [row[across] for row in known], [row[column] for row in known], kind, part == "train"))
    return found


def _caption(up: str, across: str, found: list[Line]) -> str:
    parts = " and ".join(part for part in ("train", "val") if any(line.name.endswith(part) for line in found))
    told = f"{up.capitalize()} by {across} on {parts}."
    both = up == "loss" and " and " in parts
    return told + (
        " The training loss has every term of the recipe and augmented images, val has neither." if both else ""
    )


def _table(name: str, rows: Rows, across: str) -> Html:
    columns = [across, *dict.fromkeys(c for part in (LOSS, ACCURACY) for keys in part.values() for c in keys)]
    columns = [c for c in columns if any(row.get(c) is not None for row in rows)]
    short = thinned(rows, ROWS)
    cells = ([_number(row.get(column)) for column in columns] for row in short)
    told = f"{name}: the curves by {across} as a table" + (
        f", means of {len(rows):,} rows" if len(short) < len(rows) else ""
    )
    return markup(
        "<details><summary>{}</summary>{}</details>",
        escape(told),
        listing([c.replace("_", " ") for c in columns], cells),
    )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}" if float(value).is_integer() else f"{value:.4g}"
