"""The plane of valence and arousal as inline SVG, with faces as points or one face over time as a trail."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mien.affect import POSITIONS
from mien.html.markup import Html, element, escape
from mien.html.page import colour

WIDTH, HEIGHT, RADIUS = 420, 380, 165
PARTS = 6
"""Stretches of a trail, each drawn stronger than the one before."""

Point = tuple[float, float, str | None]
"""Valence, arousal and the expression, None where the weights abstained."""


def points(marks: Iterable[Point], description: str) -> Html:
    """Return an SVG with a dot per face in the colour of its expression; `description` is read out."""
    dots = (
        element("circle", cx=f"{x:g}", cy=f"{y:g}", r=4, fill=colour(expression), opacity=".6")
        for valence, arousal, expression in marks
        for x, y in [_place(valence, arousal)]
    )
    return _plane([*dots], description)


def trail(places: ArrayLike, description: str) -> Html:
    """Return an SVG of a face over time, places (N, 2): a ring at its first, a dot at its last, fainter in the past.

    Rows of NaN, where the face was not seen, interrupt the line.
    """
    table = np.asarray(places, np.float64)
    seen = np.flatnonzero(np.isfinite(table).all(1))
    drawn: list[Html] = []
    for part, rows in enumerate(np.array_split(np.arange(len(table)), min(PARTS, max(len(table), 1))), 1):
        # a part begins where the one before it ended
        shown = table[max(rows[0] - 1, 0) : rows[-1] + 1] if len(rows) else table[:0]
        faint = f"{0.25 + 0.75 * part / PARTS:.2f}"
        style = {"fill": "none", "stroke": "var(--accent)", "stroke_width": 2, "opacity": faint}
        drawn += [element("polyline", points=line, **style) for line in _lines(shown)]
    if len(seen):
        first, last = (_place(*table[row]) for row in (seen[0], seen[-1]))
        drawn.append(_ring(*first, 6, "var(--accent)"))
        drawn.append(element("circle", cx=f"{last[0]:g}", cy=f"{last[1]:g}", r=5, fill="var(--accent)"))
    return _plane(drawn, description)


def _lines(table: NDArray[np.float64]) -> list[str]:
    """Return the points of each stretch without NaN; places that are drawn alike count once."""
    stretches: list[list[tuple[float, float]]] = [[]]
    for row in table:
        if not np.isfinite(row).all():
            stretches.append([])
        elif not stretches[-1] or stretches[-1][-1] != _place(*row):
            stretches[-1].append(_place(*row))
    return [" ".join(f"{x:g},{y:g}" for x, y in line) for line in stretches if len(line) > 1]


def _plane(drawn: Sequence[Html], description: str) -> Html:
    """Return the circle, its axes, the published positions, and on top of them what is drawn."""
    (left, middle), (right, _) = _place(-1, 0), _place(1, 0)
    (across, top), (_, bottom) = _place(0, 1), _place(0, -1)
    axes = [
        _ring(across, middle, RADIUS, "var(--line)"),
        element("line", x1=left, x2=right, y1=middle, y2=middle, stroke="var(--line)"),
        element("line", x1=across, x2=across, y1=top, y2=bottom, stroke="var(--line)"),
        _text(across, top - 8, "arousal 1", "middle"),
        _text(across, bottom + 18, "-1", "middle"),
        _text(left - 8, middle + 4, "-1", "end"),
        _text(right + 3, middle - 8, "valence 1", "middle"),
    ]
    named = [part for name, place in POSITIONS.items() for part in _expression(name, *_place(*place))]
    box = f"0 0 {WIDTH} {HEIGHT}"
    return element("svg", *axes, *named, *drawn, viewBox=box, role="img", aria_label=description)


def _expression(name: str, x: float, y: float) -> list[Html]:
    """Return an expression's published position; its name is on the side that is free."""
    left = POSITIONS[name][0] < POSITIONS["anger"][0]
    return [_ring(x, y, 5, colour(name)), _text(x + (-9 if left else 9), y + 4, name, "end" if left else "start")]


def _ring(x: float, y: float, radius: float, stroke: str) -> Html:
    return element("circle", cx=f"{x:g}", cy=f"{y:g}", r=radius, fill="none", stroke=stroke, stroke_width=1.5)


def _text(x: float, y: float, words: str, anchor: str) -> Html:
    return element("text", escape(words), x=f"{x:g}", y=f"{y:g}", text_anchor=anchor)


def _place(valence: float, arousal: float) -> tuple[float, float]:
    return round(WIDTH / 2 + RADIUS * valence, 1), round(HEIGHT / 2 - RADIUS * arousal, 1)
