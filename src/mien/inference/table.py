"""The table that `mien predict` prints for people: one line per face, written as it goes.

Columns have fixed widths taken from the terminal, so that lines printed minutes apart still stand under each other.
"""

import io
from dataclasses import dataclass
from typing import BinaryIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from mien.face import Face
from mien.inference.pipeline import Prediction
from mien.page import ABSTAINED, COLOURS
from mien.printable import printable

PLAIN_WIDTH = 120  # columns when the output is no terminal
BOX, EXPRESSION, CONFIDENCE = 19, 12, 6
NEXT = 2  # how many of the likeliest expressions are listed beside the first


@dataclass(frozen=True)
class Layout:
    """A console to render with and the widths of the two flexible columns."""

    console: Console
    source: int
    others: int


def layout(stream: BinaryIO) -> Layout:
    """Return the layout for a stream: as wide and as colourful as its terminal, or plain."""
    terminal = stream.isatty()
    paper = io.StringIO()  # lines are captured; to stdout rich would write as well, if only nothing
    console = Console(file=paper, force_terminal=terminal, width=None if terminal else PLAIN_WIDTH)
    free = max(console.width, 70) - BOX - EXPRESSION - CONFIDENCE - 4 * 2
    return Layout(console, max(12, free - 34), min(34, max(12, free - 12)))


def head(layout: Layout) -> str:
    """Return the header lines."""
    return _render(layout, [[Text(name, style="bold") for name in ("source", "box", "expression", "", "then")]])


def lines(layout: Layout, prediction: Prediction) -> str:
    """Return the lines of one prediction: one per face, or one that says why there is none."""
    name = printable(prediction.source)
    source = Text(name if prediction.frame is None else f"{name} {prediction.seconds:.2f} s")
    if prediction.error is not None:
        return _render(layout, [[source, Text("cannot be read", style="red")]])
    if not prediction.faces:
        return _render(layout, [[source, Text("no face", style="dim")]])
    return _render(layout, [[source, *_cells(face)] for face in prediction.faces])


def _cells(face: Face) -> list[Text]:
    x1, y1, x2, y2 = (round(float(v)) for v in face.box)
    box = Text(f"{x1},{y1} {x2},{y2}" if face.track_id is None else f"#{face.track_id} {x1},{y1} {x2},{y2}")
    name = face.expression or ""
    style = ABSTAINED if face.abstained else f"bold {COLOURS.get(name, '')}"
    ranked = [] if face.probs is None else sorted(zip(face.probs, face.labels, strict=True), reverse=True)
    then = ", ".join(
        f"{label} {share:.0%}" if share >= 0.005 else f"{label} <1%" for share, label in ranked[1 : NEXT + 1]
    )
    told = Text(f"({name})" if face.abstained else name, style=style)
    return [box, told, Text(f"{face.confidence or 0:.1%}"), Text(then, style="dim")]


def _render(layout: Layout, rows: list[list[Text]]) -> str:
    grid = Table.grid(padding=(0, 2, 0, 0))
    for width in (layout.source, BOX, EXPRESSION):
        grid.add_column(width=width, overflow="fold")
    grid.add_column(width=CONFIDENCE, justify="right")
    grid.add_column(width=layout.others)
    for row in rows:
        grid.add_row(*row)
    with layout.console.capture() as captured:
        layout.console.print(grid)
    return "\n".join(line.rstrip() for line in captured.get().split("\n"))
