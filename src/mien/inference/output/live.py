"""The table on a terminal while a camera is read: the faces in view, each with its expression."""

import sys
import time
from collections import deque
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from mien.face import Face
from mien.html.page import ABSTAINED, colour, probability
from mien.inference.output.timeline_svg import clock
from mien.inference.prediction import FrameResult, Prediction
from mien.printable import printable
from mien.reliability import MARK

REFRESH = 8  # times a second, at most; faster changes cannot be read
BAR = 20  # cells of a bar
RECENT = 30  # frames over which their rate is taken
AWAY = 60.0  # seconds after which a face out of view is forgotten


class LiveTable:
    """Shows the faces of the last frame, in place, inside a `with` block."""

    def __init__(self) -> None:
        self._live = Live(console=Console(file=sys.stdout), refresh_per_second=REFRESH, vertical_overflow="crop")
        self._since: dict[int, tuple[float, float]] = {}  # first and last seen
        self._times: deque[float] = deque(maxlen=RECENT)

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.__exit__(kind, error, trace)

    def add(self, seen: FrameResult) -> None:
        """Take the next frame."""
        prediction = seen.prediction
        if prediction.seconds is None:
            return
        self._times.append(time.monotonic())
        for face in prediction.faces:
            first, _ = self._since.get(face.track_id or 0, (prediction.seconds, 0.0))
            self._since[face.track_id or 0] = (first, prediction.seconds)
        self._since = {k: v for k, v in self._since.items() if v[1] >= prediction.seconds - AWAY}
        self._live.update(self._table(prediction, prediction.seconds))

    def _table(self, prediction: Prediction, seconds: float) -> Table:
        passed = self._times[-1] - self._times[0]
        rate = f", {(len(self._times) - 1) / passed:.0f} frames/s" if passed > 0 else ""
        title = Text(f"{printable(prediction.source)} {clock(seconds)}{rate}", style="dim")
        table = Table(
            "face", "expression", "", "", "seconds", box=None, title=title, title_justify="left", padding=(0, 2, 0, 0)
        )
        for face in sorted(prediction.faces, key=lambda face: face.track_id or 0):
            since, _ = self._since[face.track_id or 0]
            table.add_row(*_cells(face, seconds - since))
        if not prediction.faces:
            table.add_row("", Text("no face", style="dim"))
        return table


def _cells(face: Face, seconds: float) -> list[Text]:
    name, share = face.expression or "", face.confidence or 0.0
    style = ABSTAINED if face.abstained else colour(name)
    filled = round(BAR * share)
    bar = Text("█" * filled, style=style) + Text("─" * (BAR - filled), style="dim")
    shown = Text((f"({name})" if face.abstained else name) + MARK * face.weak, style=f"bold {style}")
    return [Text(f"#{face.track_id}"), shown, bar, Text(probability(share)), Text(f"{seconds:.0f}", justify="right")]
