"""Timelines drawn as SVG."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from mien.html.markup import Html, element, escape, join, markup
from mien.html.page import colour, dot
from mien.inference.video.events import Event
from mien.inference.video.timeline import BINS, Timeline

WIDE, HIGH = 4 * BINS, 100  # units of the figure, not pixels
MIN_PROBABILITY = 0.004  # bands that never reach it are left out
STEPS = (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)  # seconds between two ticks
TICKS = 6  # at most
TICK = 18  # of a blink, in units of the figure
MAX_YAW = 60  # degrees at the edges of the figure


STYLE = """
.line{position:relative;margin:10px 0 6px}
.line svg{max-width:none;width:100%;display:block}
.line .marks{height:12px;margin-bottom:3px}
.line .bands{height:110px;background:var(--track);border-radius:6px}
.line .affect{height:64px;margin-top:8px;background:var(--track);border-radius:6px}
.line .affect path{fill:none;stroke-width:1.8;vector-effect:non-scaling-stroke}
.line .zero{stroke:var(--soft);stroke-width:1;stroke-dasharray:3 4;vector-effect:non-scaling-stroke;opacity:.7}
.ticks{position:relative;height:1.5em;color:var(--soft);font-size:.8rem;font-variant-numeric:tabular-nums}
.ticks span{position:absolute;transform:translateX(-50%);white-space:nowrap;padding-top:5px}
.ticks span::before{content:"";position:absolute;left:50%;top:0;height:5px;border-left:1px solid var(--soft)}
.ticks .edge{transform:none}.ticks .edge::before{left:0}
.key{display:flex;flex-wrap:wrap;gap:2px 16px;font-size:.86rem;color:var(--soft);margin:0 0 12px}
.key i{display:inline-block;width:1.2em;border-top:2px solid var(--c);vertical-align:middle;margin-right:.45em}
"""


def figure(
    timeline: Timeline,
    measured: Timeline,
    track: int,
    labels: Sequence[str],
    events: Iterable[Event],
    description: str,
    blinks: Iterable[Event] = (),
) -> Html:
    """Return the HTML of one face's timeline: events, bands of probability, and lines where there are such values.

    The lines are valence and arousal, and yaw and openness of the eyes with the blinks.  `description` is read out to
    people who do not see the figure.
    """
    means, taken = timeline.means(track), measured.means(track)
    end = timeline.start + len(means) * timeline.width
    drawn = [
        _svg("marks", 12, _marks(events, timeline.start, end)),
        _svg("bands", HIGH, _bands(means, labels), description),
    ]
    if means.shape[1] > len(labels):
        drawn.append(_svg("affect", HIGH, _lines(means[:, len(labels) :])))
    if taken.shape[1]:
        yaw, eyes = taken.T
        lines = _lines(np.stack([np.clip(yaw / MAX_YAW, -1, 1), 2 * eyes - 1], 1))
        drawn.append(_svg("affect", HIGH, join([lines, _shut(blinks, timeline.start, end)])))
    return element("div", *drawn, _ticks(timeline.start, end), cls="line")


def key(labels: Sequence[str], affect: bool, measures: bool = False) -> Html:
    """Return the legend of figures."""
    named = [element("span", dot(name), escape(name)) for name in labels]
    pairs = [("valence, -1 to 1", "var(--accent)"), ("arousal, -1 to 1", "var(--ink)")] if affect else []
    if measures:
        eyes = "eyes open, 0 to 1; ticks at the foot: blinks"
        pairs += [(f"yaw, -{MAX_YAW} to {MAX_YAW} degrees", "var(--accent)"), (eyes, "var(--ink)")]
    lines = [element("span", element("i", style=f"--c:{stroke}"), escape(name)) for name, stroke in pairs]
    absent = markup(
        '<span><span class="dot" style="--c:var(--track);outline:1px solid var(--soft)"></span>face not seen</span>'
    )
    note = Html("<span>Height: probability, together 100 %. Bars above: events, higher at the peak.</span>")
    return element("div", *named, absent, *lines, note, cls="key")


def clock(seconds: float, digits: int = 0) -> str:
    """Return a time in a video.

    >>> clock(75), clock(3675.2), clock(12.34, 1)
    ('1:15', '1:01:15', '0:12.3')
    """
    whole = round(seconds, digits)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(int(minutes), 60)
    tail = f"{rest:0{3 + digits if digits else 2}.{digits}f}"
    return f"{hours}:{minutes:02}:{tail}" if hours else f"{minutes}:{tail}"


def between(first: float, last: float, digits: int = 1) -> str:
    """Return a span of a video with so many digits, or more where it is shorter; of a single frame its time.

    >>> between(2.04, 5.1), between(0.15, 0.2), between(0.0, 0.0, 0)
    ('0:02.0 to 0:05.1', '0:00.15 to 0:00.20', '0:00')
    """
    if first == last:
        return clock(first, digits)
    while digits < 2 and last - first < 10.0**-digits:
        digits += 1
    return f"{clock(first, digits)} to {clock(last, digits)}"


def lasting(seconds: float) -> str:
    """Return a length of time.

    >>> lasting(12.34), lasting(0.04)
    ('12.3 s', '0.04 s')
    """
    return f"{seconds:.{1 if seconds >= 0.1 else 2}f} s"


def _svg(kind: str, height: int, inner: Html, description: str = "") -> Html:
    role = {"role": "img", "aria_label": description} if description else {"aria_hidden": "true"}
    box = f"0 0 {WIDE} {height}"
    return element("svg", inner, cls=kind, viewBox=box, preserveAspectRatio="none", **role)


def _marks(events: Iterable[Event], start: float, end: float) -> Html:
    """Return a bar per event from its onset to its offset, higher at its peak."""
    scale = WIDE / (end - start)
    drawn = []
    for event in sorted(events, key=lambda event: event.onset):
        left, right, peak = ((at - start) * scale for at in (event.onset, event.offset, event.peak))
        span = f"{event.expression} {clock(event.onset, 1)} to {clock(event.offset, 1)}, peak {clock(event.peak, 1)}"
        drawn.append(
            markup(
                '<g fill="{}"><title>{}</title><rect x="{:.1f}" y="7" width="{:.1f}" height="5" rx="1"/>'
                '<rect x="{:.1f}" width="4" height="12" rx="1"/></g>',
                colour(event.expression),
                escape(span),
                left,
                max(right - left, 3),
                max(peak - 2, 0),
            )
        )
    return join(drawn)


def _shut(blinks: Iterable[Event], start: float, end: float) -> Html:
    """Return a tick at the foot of the figure per blink, where the eyes were least open."""
    scale = WIDE / (end - start)
    return join(
        markup(
            '<g><title>{}</title><path d="M{:.1f} {}V{}" style="stroke:var(--ink)"/></g>',
            escape(f"blink at {clock(blink.peak, 1)}"),
            (blink.peak - start) * scale,
            HIGH,
            HIGH - TICK,
        )
        for blink in blinks
    )


def _bands(means: NDArray[np.float64], labels: Sequence[str]) -> Html:
    """Return a band per expression, stacked; neutral lies on top, so that what is expressed grows from the ground."""
    order = sorted(range(len(labels)), key=lambda k: labels[k] == "neutral")
    seen = ~np.isnan(means[:, 0]) if means.shape[1] else np.zeros(len(means), bool)
    shares = np.nan_to_num(means[:, order]) / np.maximum(np.nansum(means[:, order], axis=1, keepdims=True), 1e-9)
    top_labels = np.cumsum(np.hstack([np.zeros((len(means), 1)), shares]), axis=1)
    scale = WIDE / len(means)
    drawn = []
    for k, label in enumerate(order):
        if not shares[:, k].max(initial=0) >= MIN_PROBABILITY:
            continue
        path = "".join(_band(top_labels[a:b, k], top_labels[a:b, k + 1], a, scale) for a, b in _runs(seen))
        faint = ".45" if labels[label] == "neutral" else None
        drawn.append(element("path", fill=colour(labels[label]), opacity=faint, d=path))
    return join(drawn)


def _band(low: NDArray[np.float64], high: NDArray[np.float64], first: int, scale: float) -> str:
    """Return the outline of a band over consecutive bins, level over the outer halves of the first and the last."""
    above, below = (_line(HIGH * (1 - edge), first, scale) for edge in (high, low))
    return f"M{'L'.join([*above, *reversed(below)])}Z"


def _line(heights: NDArray[np.float64], first: int, scale: float) -> list[str]:
    """Return the points of a line through the middles of bins; those within a level stretch are left out."""
    xs = [first, *(first + k + 0.5 for k in range(len(heights))), first + len(heights)]
    ys = np.round(np.concatenate([heights[:1], heights, heights[-1:]]), 1) + 0.0  # no -0
    bends = [0, *(k for k in range(1, len(ys) - 1) if ys[k - 1] != ys[k] or ys[k] != ys[k + 1]), len(ys) - 1]
    return [f"{xs[k] * scale:.4g} {ys[k]:g}" for k in bends]


def _lines(means: NDArray[np.float64]) -> Html:
    """Return two lines over (bins, 2), from -1 at the foot to 1 at the top."""
    scale = WIDE / len(means)
    drawn = [element("path", cls="zero", d=f"M0 {HIGH / 2:g}H{WIDE}")]
    for column, stroke in ((0, "var(--accent)"), (1, "var(--ink)")):
        heights = HIGH * (1 - means[:, column]) / 2
        path = "".join("M" + "L".join(_line(heights[a:b], a, scale)) for a, b in _runs(~np.isnan(heights)))
        drawn.append(element("path", style=f"stroke:{stroke}", d=path))
    return join(drawn)


def _runs(seen: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the stretches in which something is true, as (first, one after the last).

    >>> _runs(np.array([True, True, False, True]))
    [(0, 2), (3, 4)]
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[0], seen.astype(np.int8), [0]])))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _ticks(start: float, end: float) -> Html:
    step = next((step for step in STEPS if (end - start) / step <= TICKS), STEPS[-1])
    first = int(np.ceil(start / step - 1e-9))
    times = [k * step for k in range(first, first + 4 * TICKS) if k * step <= start + 0.97 * (end - start)]
    digits = 1 if step < 1 else 0
    spans = []
    for at in times:
        left = 100 * (at - start) / (end - start)
        edge = "edge" if left < 2 else None
        spans.append(element("span", escape(clock(at, digits)), cls=edge, style=f"left:{left:.2f}%"))
    return element("div", *spans, cls="ticks", aria_hidden="true")
