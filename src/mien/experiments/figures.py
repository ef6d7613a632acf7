"""Figures of the rows, as small SVG files on a white card that reads on light and dark pages; no data-set image in any.

figures/cnn4-curves.svg       loss and accuracy by epoch, and by step where the run was probed
figures/cnn4-confusion.svg    the confusion matrix on test (val where test stays closed), rows in percent
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np

from mien.evaluation.text import span
from mien.experiments import plots
from mien.experiments.schema import Row, RowScores, Sweep
from mien.outputs import staged
from mien.reading.tables import read_log

BLUE, ORANGE, GREY = "#1f6feb", "#d4720b", "#6b7280"
STYLE: dict[Any, Any] = {"svg.hashsalt": "mien", "svg.fonttype": "none", "font.size": 10, "axes.spines.top": False,
         "axes.spines.right": False, "text.color": "#1b2027", "axes.edgecolor": GREY}  # fmt: skip


def draw(results: Path, id: str, group: Sequence[Row]) -> list[Path]:
    """Draw the curves and the matrix of an id's first measured row; returns the files."""
    done = [row for row in group if row.figures]
    if not done:
        return []
    row, written, place = done[0], [], results / "figures"
    seed, folder = row.recipe.seed, results / id
    split = "test" if "test" in row.figures else "val"
    scores = row.figures[split]
    with styled():
        if len(log := read(folder / f"{seed}-log.csv")) > 1:
            steps = read(folder / f"{seed}-steps.csv")
            written.append(curves(f"{id}, seed {seed}", log, steps, place / f"{id}-curves.svg"))
        title = f"{id}, {scores.dataset} {split}, seed {seed}"
        written.append(confusion(title, scores, place / f"{id}-confusion.svg"))
    return written


def paths(results: Path, id: str) -> dict[str, Path]:
    """Return the files of an id's figures that exist, by what they show."""
    files = {name: results / "figures" / f"{id}-{name}.svg" for name in ("curves", "confusion")}
    return {name: path for name, path in files.items() if path.is_file()}


def curves(title: str, log: Sequence[dict[str, float]], steps: Sequence[dict[str, float]], path: Path) -> Path:
    """Draw loss and accuracy of training and val against epochs, and below against steps where there are such rows."""
    figure = canvas(7.2, 5.6 if steps else 3.0)
    axes = figure.subplots(2 if steps else 1, 2, squeeze=False)
    pair(axes[0], log, "epoch")
    if steps:
        pair(axes[1], steps, "step")
    figure.suptitle(title, fontsize=11)
    return save(figure, path)


def pair(axes: Any, log: Sequence[dict[str, float]], across: str) -> None:
    """Draw the two panels of a log: loss on the left, accuracy on the right."""
    panels = ((("loss", "training", BLUE), ("val_nll", "val", ORANGE)),
              (("train_accuracy", "training", BLUE), ("val_accuracy", "val", ORANGE)))  # fmt: skip
    for place, lines, name in zip(axes, panels, ("loss", "accuracy, %"), strict=True):
        factor = 100 if "%" in name else 1
        for key, label, colour in lines:
            points = [(row[across], factor * row[key]) for row in log if key in row]
            if points:
                place.plot(*zip(*points, strict=True), color=colour, label=label, linewidth=1.4)
        place.set(xlabel=across, ylabel=name)
        place.grid(alpha=0.25)
        place.legend(frameon=False, fontsize=9)


def confusion(title: str, scores: RowScores, path: Path) -> Path:
    """Draw a confusion matrix, each row divided by its sum, in percent."""
    counts, labels = np.asarray(scores.confusion, float), scores.labels
    percent = 100 * counts / np.maximum(counts.sum(1, keepdims=True), 1)
    side = 1.8 + 0.52 * len(labels)
    figure = canvas(side + 0.4, side)
    axes = figure.subplots()
    axes.pcolormesh(
        np.arange(len(labels) + 1) - 0.5, np.arange(len(labels) + 1) - 0.5, percent, cmap="Blues", vmax=100, vmin=0
    )
    axes.invert_yaxis()
    axes.set_aspect("equal")
    for row, column in np.ndindex(percent.shape):
        ink = "white" if percent[row, column] > 55 else "#1b2027"
        axes.text(column, row, f"{percent[row, column]:.0f}", ha="center", va="center", color=ink, fontsize=9)
    axes.set_xticks(range(len(labels)), labels, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(labels)), labels)
    axes.set(xlabel="predicted", ylabel="label")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.set_title(f"{title}\naccuracy {in_percent(scores)}, rows in percent", fontsize=10)
    return save(figure, path)


def in_percent(scores: RowScores) -> str:
    """Return accuracy and its interval in percent."""
    return f"{100 * (scores.accuracy or 0.0):.2f} % ({span(scores.accuracy_interval)})"


def canvas(width: float, height: float) -> Any:
    """Return an empty figure of so many inches on white."""
    return plots.figure(figsize=(width, height), layout="constrained", facecolor="white")


def save(figure: Any, path: Path) -> Path:
    """Write a figure as SVG, the same bytes for the same content, and return the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with staged(path) as scratch:
        figure.savefig(scratch, format="svg", metadata={"Date": None})
    return path


def styled() -> AbstractContextManager[None]:
    """Return the context in which figures are drawn and saved."""
    return plots.styled(STYLE)


def read(path: Path) -> list[dict[str, float]]:
    """Return a log's lines as numbers, without the cells that are empty; nothing where there is no log."""
    if not path.is_file():
        return []
    return [{key: value for key, value in row.items() if value is not None} for row in read_log(path)]


def is_number(text: str) -> bool:
    """Return whether a value of a sweep is a number.

    >>> is_number("1e-3"), is_number("[2,4]")
    (True, False)
    """
    try:
        float(text)
    except ValueError:
        return False
    return True


def sweep(swept: Sweep, path: Path) -> Path:
    """Draw val accuracy and the lowest loss of each cell of a sweep: a dot per seed, a line through the means.

    Settings that are not numbers have no order, so their means are short bars.
    """
    cells = swept.cells
    names = [", ".join(cell.values) for cell in cells]
    ordered = all(is_number(name) for name in names)
    with styled():
        figure = canvas(7.2, 3.2)
        panels = (("val_accuracy", "val accuracy, %", 100, BLUE), ("loss_least", "lowest training loss", 1, ORANGE))
        for axes, (key, label, factor, colour) in zip(figure.subplots(1, 2), panels, strict=True):
            means = [float("nan") if (value := cell.spread(key).mean) is None else factor * value for cell in cells]
            if ordered:
                axes.plot(range(len(cells)), means, color=colour, linewidth=1.4)
            else:
                axes.hlines(means, [k - 0.25 for k in range(len(cells))], [k + 0.25 for k in range(len(cells))], colour)
            dots = [
                (names.index(", ".join(run.values)), factor * value)
                for run in swept.runs
                if (value := run.measure(key)) is not None
            ]
            axes.scatter([x for x, _ in dots], [y for _, y in dots], s=22, color=colour, alpha=0.6, zorder=3)
            turned = {"rotation": 35, "ha": "right"} if max(map(len, names)) * len(names) > 40 else {}
            axes.set_xticks(range(len(cells)), names, **turned)
            axes.set(xlabel=", ".join(key.rpartition(".")[2] for key in swept.keys), ylabel=label)
            axes.margins(x=0.08, y=0.15)
            axes.grid(alpha=0.25)
        figure.suptitle(swept.title, fontsize=11)
        return save(figure, path)
