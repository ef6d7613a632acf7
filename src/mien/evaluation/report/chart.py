"""Line charts as inline SVG, which take the page's colours in light and dark and need no script."""

from collections.abc import Sequence
from math import ceil, floor, log10

from mien.page import escape

Series = tuple[str, Sequence[float], Sequence[float]]
"""A name, x values and y values."""

WIDTH, HEIGHT = 420, 280
LEFT, RIGHT, TOP, BOTTOM = 44, 14, 30, 42
COLOURS = ("var(--soft)", "var(--accent)")


def lines(series: Sequence[Series], across: str, up: str, *, unit: bool = False) -> str:
    """Return an SVG of one or two lines; `unit` fixes both axes to [0, 1], else they follow the data."""
    xs = [0.0, 1.0] if unit else [float(x) for _, values, _ in series for x in values]
    ys = [0.0, 1.0] if unit else [float(y) for _, _, values in series for y in values]
    x_ticks, y_ticks = ticks(min(xs), max(xs)), ticks(min(ys), max(ys))

    def place(x: float, y: float) -> tuple[float, float]:
        right = (x - x_ticks[0]) / (x_ticks[-1] - x_ticks[0]) * (WIDTH - LEFT - RIGHT) + LEFT
        down = HEIGHT - BOTTOM - (y - y_ticks[0]) / (y_ticks[-1] - y_ticks[0]) * (HEIGHT - TOP - BOTTOM)
        return round(right, 1), round(down, 1)

    parts = []
    for tick in y_ticks:
        x, y = place(x_ticks[0], tick)
        parts.append(f'<line x1="{x}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}" stroke="var(--line)"/>')
        parts.append(f'<text x="{x - 8}" y="{y + 4}" text-anchor="end">{tick:g}</text>')
    for tick in x_ticks:
        x, y = place(tick, y_ticks[0])
        parts.append(f'<text x="{x}" y="{y + 18}" text-anchor="middle">{tick:g}</text>')
    for (_, x_values, y_values), colour in zip(series, COLOURS[-len(series) :], strict=True):
        points = [place(x, y) for x, y in zip(x_values, y_values, strict=True)]
        path = " ".join(f"{x},{y}" for x, y in points)
        dashed = ' stroke-dasharray="5 5"' if len(series) > 1 and colour == COLOURS[0] else ""
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dashed}/>')
        if not dashed and len(points) <= 40:
            parts += [f'<circle cx="{x}" cy="{y}" r="3.5" fill="{colour}"/>' for x, y in points]
    parts.append(f'<text x="{LEFT}" y="16">{escape(up)}</text>')
    parts.append(f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 6}" text-anchor="end">{escape(across)}</text>')
    described = escape(f"{up} against {across}: {', '.join(name for name, _, _ in series)}")
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{described}">{"".join(parts)}</svg>'


def ticks(low: float, high: float) -> list[float]:
    """Return four to nine round values that enclose a range.

    >>> ticks(0.42, 0.69)
    [0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7]
    """
    span = (high - low) or abs(high) or 1.0
    rough = span / 5
    power = 10.0 ** floor(log10(rough))
    step = min((m * power for m in (1, 2, 2.5, 5, 10)), key=lambda s: abs(s - rough))
    first, last = floor(low / step + 1e-9), max(ceil(high / step - 1e-9), floor(low / step + 1e-9) + 1)
    return [round(k * step, 10) for k in range(first, last + 1)]
