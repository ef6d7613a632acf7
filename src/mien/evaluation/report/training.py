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
    """Loss and accuracy by epoch, and by step where the run logged that."""
    return section(
        "training", "Training", _charts(report, report.history, "epoch"), _charts(report, report.steps, "step")
    )


def thinned(rows: Rows, most: int) -> Rows:
    """Return at most `most` rows, each the mean of as many neighbours, without values that are missing.

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
            if (known := [value for row in group if (value := row.get(name)) is not None])
        }
        for group in groups
    ]


def _charts(report: Report, logs: Mapping[str, Rows], across: str) -> Html:
    logs = {name: rows for name, rows in logs.items() if len(rows) > 1 and across in rows[0]}
    drawn = []
    for up, columns, shares in (("loss", LOSS, False), ("accuracy", ACCURACY, True)):
        curves = [
            line
            for name, rows in logs.items()
            for line in _lines(name if len(report.results) > 1 else "", rows, across, columns, report.kinds[name])
        ]
        if curves:
            marks = key((line.name, line.kind, line.dashed) for line in curves)
            chart = lines(curves, across, up, shares=(False, shares))
            drawn.append(figure(chart, _caption(up, across, curves), marks=marks))
    if not drawn:
        return EMPTY
    listed = join(_table(name, rows, across) for name, rows in logs.items())
    return markup('<div class="two">{}</div>{}', join(drawn), listed)


def _lines(name: str, rows: Rows, across: str, columns: dict[str, tuple[str, ...]], kind: int) -> list[Line]:
    curves = []
    for part, keys in columns.items():
        column = next((c for c in keys if any(row.get(c) is not None for row in rows)), None)
        if column is None:
            continue
        known = thinned([row for row in rows if row.get(column) is not None], POINTS)
        x, y = ([value for row in known if (value := row[key]) is not None] for key in (across, column))
        curves.append(Line(f"{name}, {part}" if name else part, x, y, kind, part == "train"))
    return curves


def _caption(up: str, across: str, curves: list[Line]) -> str:
    parts = " and ".join(part for part in ("train", "val") if any(line.name.endswith(part) for line in curves))
    both = up == "loss" and " and " in parts
    terms = " The training loss has every term of the recipe and augmented images, val has neither." if both else ""
    return f"{up.capitalize()} by {across} on {parts}.{terms}"


def _table(name: str, rows: Rows, across: str) -> Html:
    columns = [across, *dict.fromkeys(c for part in (LOSS, ACCURACY) for keys in part.values() for c in keys)]
    columns = [c for c in columns if any(row.get(c) is not None for row in rows)]
    short = thinned(rows, ROWS)
    cells = ([_number(row.get(column)) for column in columns] for row in short)
    means = f", means of {len(rows):,} rows" if len(short) < len(rows) else ""
    title = escape(f"{name}: data table of the curves by {across}{means}")
    listed = listing([c.replace("_", " ") for c in columns], cells)
    return markup("<details><summary>{}</summary>{}</details>", title, listed)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}" if float(value).is_integer() else f"{value:.4g}"
