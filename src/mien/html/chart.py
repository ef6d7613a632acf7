"""Charts as inline SVG, which take the page's colours in light and dark and need no script."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from mien.html.markup import EMPTY, Html, element, escape, join

WIDTH, HEIGHT = 420, 290
LEFT, RIGHT, TOP, BOTTOM = 62, 24, 34, 46
PALETTE = 6
"""Number of colours `--s1`, `--s2` ... of the page; further lines reuse them, dashed."""
DOTS = 24
"""Lines of up to so many points show them."""
NAME = 44
"""Letters of a name in a chart."""
ROW, NEXT = 42, 18
NO = (False, False)
CELL, NAMES = (50, 22), 124
"""Width and height of a heatmap's cell, and the width of its row names."""
ON_WHITE = (
    "text{font:13px system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;fill:#4d5763}"
    ".ink,.name{fill:#1b2027}.name{font-weight:600}"
)
"""Style of a chart that is a file of its own: plain colours, which office and drawing programs read as well."""


@dataclass(frozen=True)
class Line:
    """A line of a chart: its place in the palette from 1 on, 0 for the reference; `dashed` marks train, not val."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    kind: int = 1
    dashed: bool = False


@dataclass(frozen=True)
class Whisker:
    """A value with its interval, or None where it is unknown; `faint` where it is unreliable."""

    name: str
    value: float | None
    interval: Sequence[float] | None = None
    kind: int = 1
    faint: bool = False


def lines(series: Sequence[Line], across: str, up: str, *, unit: bool = False, shares: tuple[bool, bool] = NO) -> Html:
    """Return an SVG of lines; `unit` fixes both axes to [0, 1], else they follow the data.

    `shares` states for the axes, across and up, whether they are in percent.
    """
    xs = [0.0, 1.0] if unit else [float(x) for line in series for x in line.x]
    ys = [0.0, 1.0] if unit else [float(y) for line in series for y in line.y]
    x_ticks, y_ticks = ticks(min(xs), max(xs)), ticks(min(ys), max(ys))

    def place(x: float, y: float) -> tuple[float, float]:
        right = (x - x_ticks[0]) / (x_ticks[-1] - x_ticks[0]) * (WIDTH - LEFT - RIGHT) + LEFT
        down = HEIGHT - BOTTOM - (y - y_ticks[0]) / (y_ticks[-1] - y_ticks[0]) * (HEIGHT - TOP - BOTTOM)
        return round(right, 1), round(down, 1)

    parts = []
    for tick in y_ticks:
        x, y = place(x_ticks[0], tick)
        parts.append(element("line", x1=x, x2=WIDTH - RIGHT, y1=y, y2=y, cls="grid"))
        parts.append(_text(x - 8, y + 4.5, _tick(tick, shares[1]), "end"))
    for tick in x_ticks:
        x, y = place(tick, y_ticks[0])
        parts.append(_text(x, y + 20, _tick(tick, shares[0]), "middle"))
    for line in series:
        points = [place(float(x), float(y)) for x, y in zip(line.x, line.y, strict=True)]
        parts += _path(line, points)
    parts.append(_text(0, 16, up, "start", "name"))
    parts.append(_text(WIDTH - RIGHT, HEIGHT - 4, across, "end", "name"))
    described = f"{up} against {across}: {', '.join(line.name for line in series)}"
    return _svg(HEIGHT, described, parts)


def whiskers(rows: Sequence[Whisker], across: str, *, gap: bool = False) -> Html:
    """Return an SVG of fractions as dots with their intervals as lines, one below another; equal names form a group.

    With `gap` they are differences: the scale is in points and includes zero.
    """
    ends = [float(v) for row in rows for v in (row.value, *(row.interval or ())) if v is not None and v == v]
    ends += [0.0] if gap else []
    marks = ticks(min(ends), max(ends)) if ends else [0.0, 1.0]

    def place(value: float) -> float:
        return round(22 + (value - marks[0]) / (marks[-1] - marks[0]) * (WIDTH - 46), 1)

    drawn, y, before = [], float(TOP - 16), ""
    for row in rows:
        y += NEXT if row.name == before else ROW
        if row.name != before:
            drawn.append(_text(0, y - 12, _shortened(row.name), "start", "ink"))
        drawn += _whisker(row, place, y)
        before = row.name
    parts = [_text(0, 16, f"{across}, points" if gap else across, "start", "name")]
    for tick in marks:
        x, role = place(tick), "axis" if gap and tick == 0 else "grid"
        parts.append(element("line", x1=x, x2=x, y1=TOP - 8, y2=y + 14, cls=role))
        parts.append(_text(x, y + 32, f"{100 * tick:g}" if gap else _tick(tick, True), "middle"))
    described = f"{across}: {', '.join(dict.fromkeys(row.name for row in rows))}"
    return _svg(y + 44, described, parts + drawn)


def heatmap(title: str, columns: Sequence[str], rows: Sequence[tuple[str, Sequence[float]]], across: str) -> Html:
    """Return a whole SVG file: fractions as shaded cells in percent, a row each, on white; `across` names the columns.

    >>> heatmap("accuracy in %", ["as is", "1"], [("blur", [0.9, 0.5])], "severity").count("<rect")
    3
    """
    (wide, high), top = CELL, TOP + 18
    width, bottom = max(WIDTH, NAMES + len(columns) * wide), top + len(rows) * high
    parts = [element("rect", width="100%", height="100%", fill="#fff"), element("style", Html(ON_WHITE))]
    parts.append(_text(4, 20, _shortened(title, 2 * NAME), "start", "name"))
    for column, name in enumerate(columns):
        parts.append(_text(NAMES + (column + 0.5) * wide, top - 8, name, "middle"))
    for row, (name, values) in enumerate(rows):
        y = top + row * high
        parts.append(_text(NAMES - 8, y + 15.5, _shortened(name), "end", "ink"))
        for column, value in enumerate(values):
            x, shade = NAMES + column * wide, {"fill": "#2563a8", "fill_opacity": f"{0.7 * value:.2f}"}
            parts.append(element("rect", x=x, y=y, width=wide - 2, height=high - 2, **shade))
            parts.append(_text(x + wide / 2 - 1, y + 15.5, f"{100 * value:.0f}", "middle", "ink"))
    parts.append(_text(NAMES + len(columns) * wide / 2, bottom + 16, across, "middle", "name"))
    size = {"xmlns": "http://www.w3.org/2000/svg", "width": width, "height": bottom + 26}
    return join([_svg(bottom + 26, title, parts, **size), Html("\n")])


def swatch(kind: int, dashed: bool = False) -> Html:
    """Return the mark of a line for a key or a table."""
    line = element("line", x1=1, x2=21, y1=6, y2=6, **_stroke(kind, dashed))
    dot = EMPTY if dashed or kind == 0 else _mark(kind, 11, 6)
    return element("svg", line, dot, cls="swatch", viewBox="0 0 22 12", aria_hidden="true")


def ticks(low: float, high: float) -> list[float]:
    """Return three to eight round values that enclose a range.

    >>> ticks(0.42, 0.69)
    [0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7]
    """
    span = high - low
    if span <= 1e-9 * max(abs(low), abs(high)):  # one value, but for rounding
        span = abs(high) or 1.0
    rough = span / 5
    power = 10.0 ** floor(log10(rough))
    step = min((m * power for m in (1, 2, 2.5, 5, 10)), key=lambda s: abs(s - rough))
    first, last = floor(low / step + 1e-9), max(ceil(high / step - 1e-9), floor(low / step + 1e-9) + 1)
    return [float(f"{k * step:.10g}") for k in range(first, last + 1)]


def _path(line: Line, points: list[tuple[float, float]]) -> list[Html]:
    path = " ".join(f"{x:g},{y:g}" for x, y in points)
    dashed = line.dashed or line.kind == 0
    drawn = element("polyline", points=path, fill="none", **_stroke(line.kind, dashed))
    return [drawn, *(_mark(line.kind, x, y) for x, y in points if not dashed and len(points) <= DOTS)]


def _whisker(row: Whisker, place: Callable[[float], float], y: float) -> list[Html]:
    if row.value is None or row.value != row.value:
        return [_text(6, y + 4, "not known", "start")]
    parts = []
    if row.interval is not None:
        low, high = place(row.interval[0]), place(row.interval[1])
        stroke = _stroke(row.kind)
        parts.append(element("line", x1=low, x2=high, y1=y, y2=y, **stroke))
        parts += [element("line", x1=x, x2=x, y1=y - 4, y2=y + 4, **stroke) for x in (low, high)]
    parts.append(_mark(row.kind, place(row.value), y, 4.5))
    return [element("g", *parts, opacity=".45")] if row.faint else parts


def _mark(kind: int, x: float, y: float, size: float = 3.5) -> Html:
    """Return a result's mark: shapes differ as well as colours."""
    fill, shape = _colour(kind), (kind - 1) % 4
    if shape == 0:
        return element("circle", cx=f"{x:g}", cy=f"{y:g}", r=size, fill=fill)
    if shape == 1:
        left, top, side = f"{x - size:g}", f"{y - size:g}", f"{2 * size:g}"
        return element("rect", x=left, y=top, width=side, height=side, fill=fill)
    reach = size * 1.3
    points = f"{x:g},{y - reach:g} {x + reach:g},{y:g} {x:g},{y + reach:g} {x - reach:g},{y:g}"
    if shape == 2:
        points = f"{x:g},{y - reach:g} {x + reach:g},{y + size:g} {x - reach:g},{y + size:g}"
    return element("polygon", points=points, fill=fill)


def _stroke(kind: int, dashed: bool = False) -> dict[str, object]:
    pattern = "6 4" if dashed or kind == 0 else "2 3" if kind > PALETTE else None
    return {"stroke": _colour(kind), "stroke_width": 2, "stroke_dasharray": pattern}


def _colour(kind: int) -> str:
    return "var(--soft)" if kind == 0 else f"var(--s{(kind - 1) % PALETTE + 1})"


def _tick(value: float, share: bool) -> str:
    return f"{100 * value:g} %" if share else f"{value:,g}"


def _text(x: float, y: float, words: str, anchor: str, role: str | None = None) -> Html:
    return element("text", escape(words), x=f"{x:g}", y=f"{y:g}", text_anchor=anchor, cls=role)


def _shortened(name: str, letters: int = NAME) -> str:
    return name if len(name) <= letters else name[: letters - 1] + "\N{HORIZONTAL ELLIPSIS}"


def _svg(high: float, description: str, parts: list[Html], **size: object) -> Html:
    box = f"0 0 {size.get('width', WIDTH)} {high:g}"
    return element("svg", *parts, **size, viewBox=box, role="img", aria_label=description)
