"""The table that `mien predict` prints for people: one line per face, written as it goes.

Below the lines of an image, in brackets, is a note on how it was read and rotated, if that is not obvious.  Columns
have fixed widths taken from the terminal, so that lines printed minutes apart are aligned.  No line is wrapped: columns
that do not fit are left out, the box first, and long paths are shortened in the middle.  Without a terminal there are
no colours (unless FORCE_COLOR is set), and COLUMNS is the width.
"""

import io
import os
import shutil
import textwrap
from dataclasses import dataclass
from typing import BinaryIO

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mien.face import Face
from mien.html.page import ABSTAINED, colour, probability
from mien.inference.output import measures
from mien.inference.prediction import Prediction
from mien.printable import printable, shortened
from mien.reliability import MARK

PLAIN_WIDTH = 120  # columns when the output is not a terminal
GAP = 2
SOURCE, EXPRESSION, CONFIDENCE, HEAD = 12, 12, 5, 18  # a source has at least so much
FACE, THEN, BOX = 5, 29, 19
YAW = "yaw pitch roll"
ROOM = {"face": 48, "next": 76, YAW: 96, "box": 98}  # columns from which there is room for what may be left out
NEXT = 2  # expressions listed after the top-1


@dataclass(frozen=True)
class Layout:
    """A console to render with, its width, and the names and widths of the columns."""

    console: Console
    width: int
    columns: dict[str, int]


def layout(stream: BinaryIO, measures: bool = False) -> Layout:
    """Return the layout for a stream: as wide and as colourful as its terminal, or plain; with `measures` if wanted."""
    terminal = stream.isatty()
    width = shutil.get_terminal_size((PLAIN_WIDTH, 24)).columns if terminal else _plain_width()
    known = {"source": 0, "face": FACE, "box": BOX, "expression": EXPRESSION, "": CONFIDENCE, "next": THEN}
    known |= {YAW: HEAD} if measures else {}
    more = HEAD + GAP if measures else 0
    columns = {k: size for k, size in known.items() if width >= ROOM.get(k, 0) + (more if k == "box" else 0)}
    taken = sum(columns.values()) + GAP * (len(columns) - 1)
    columns["source"] = max(SOURCE, width - taken)
    paper = io.StringIO()  # lines are captured; to stdout rich would write as well, if only nothing
    colours = terminal or bool(os.environ.get("FORCE_COLOR"))
    wide = max(width, SOURCE + taken)  # with a height, or rich takes another width for dumb terminals
    return Layout(Console(file=paper, force_terminal=colours, width=wide, height=24), width, columns)


def head(layout: Layout) -> str:
    """Return the header line."""
    return _render(layout, [{name: Text(name, style="bold") for name in layout.columns}])


def lines(layout: Layout, prediction: Prediction, partly: bool = False) -> str:
    """Return the lines of one prediction: one per face, or one that says why there is none; `partly` after frames."""
    after = "" if prediction.frame is None else f" {prediction.seconds:.2f} s"
    source = Text(shortened(printable(prediction.source), layout.columns["source"] - len(after)) + after)
    if prediction.error is not None:
        return _note(layout, source, Text("cannot be read to its end" if partly else "cannot be read", style="red"))
    remark = printable(prediction.remark) if prediction.frame is None else ""  # of a video stderr has it once
    if not prediction.faces:
        message = f"no face ({remark})" if remark else "no face"
        if cell_len(message) <= layout.width - layout.columns["source"] - GAP:
            return _note(layout, source, Text(message, style="dim"))
        return _note(layout, source, Text("no face", style="dim")) + _remark(layout, remark)
    faces = enumerate(prediction.faces, 1)
    rows = _render(layout, [{"source": source, **_cells(face.shown(), number)} for number, face in faces])
    return rows + _remark(layout, remark)


def _remark(layout: Layout, remark: str) -> str:
    """Return the lines below those of an image that say what was read, or nothing."""
    if not remark:
        return ""
    width = max(layout.width, SOURCE)
    message = textwrap.wrap(f"({remark})", width, initial_indent="  ", subsequent_indent="   ")
    return rendered(layout, Text("\n".join(message), style="dim"))


def _cells(face: Face, number: int) -> dict[str, Text]:
    x1, y1, x2, y2 = (round(float(v)) for v in face.box)
    name = face.expression or ""
    style = ABSTAINED if face.abstained else f"bold {colour(name)}"
    ranked = [] if face.probs is None else sorted(zip(face.probs, face.labels, strict=True), reverse=True)
    then = ", ".join(f"{label} {probability(float(share))}" for share, label in ranked[1 : NEXT + 1])
    then = f"or {mix}" if (mix := measures.mix(face)) else then
    return {
        "face": Text(f"{number}" if face.track_id is None else f"#{face.track_id}"),
        "box": Text(f"{x1},{y1} {x2},{y2}"),
        "expression": Text((f"({name})" if face.abstained else name) + MARK * face.weak, style=style),
        "": Text(probability(face.confidence)),
        "next": Text(then, style="dim"),
        YAW: Text(measures.cell(face), style="dim" if face.measures is None else ""),
    }


def _note(layout: Layout, source: Text, note: Text) -> str:
    grid = _grid()
    grid.add_column(width=layout.columns["source"], no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_row(source, note)
    return rendered(layout, grid)


def _render(layout: Layout, rows: list[dict[str, Text]]) -> str:
    grid = _grid()
    for name, width in layout.columns.items():
        grid.add_column(width=width, no_wrap=True, overflow="ellipsis", justify="left" if name else "right")
    for row in rows:
        grid.add_row(*(row[name] for name in layout.columns))
    return rendered(layout, grid)


def rendered(layout: Layout, what: Table | Text) -> str:
    """Return what is shown, with its colours where there are any, without blanks at the ends of lines."""
    with layout.console.capture() as captured:
        layout.console.print(what)
    return "\n".join(line.rstrip() for line in captured.get().split("\n"))


def _grid() -> Table:
    return Table.grid(padding=(0, GAP, 0, 0))


def _plain_width() -> int:
    columns = os.environ.get("COLUMNS", "")
    return int(columns) if columns.isdecimal() and int(columns) else PLAIN_WIDTH
