"""The parts a report's sections are built from: section, figure with its key and table, toggle, contents."""

import re
from collections.abc import Iterable, Mapping, Sequence

from mien.evaluation.report.model import Report
from mien.html.chart import swatch
from mien.html.page import escape, table


def section(key: str, title: str, *parts: str) -> str:
    """Return a section under a heading; empty where all its parts are."""
    body = "\n".join(part for part in parts if part)
    if not body:
        return ""
    heading = f'<h2 id="{key}-title">{escape(title)}</h2>'
    return f'<section id="{key}" aria-labelledby="{key}-title">\n{heading}\n{body}\n</section>'


def figure(chart: str, caption: str, listed: str = "", marks: str = "") -> str:
    """Return a chart with its key, its caption (text) and, folded away below it, the same as a table."""
    folded = f"<details><summary>The figure as a table</summary>{listed}</details>" if listed else ""
    shown = f"<figure>{chart}{marks}<figcaption>{escape(caption)}</figcaption></figure>"
    return f'<div class="box drawn">{shown}{folded}</div>'


def strangers(report: Report, key: str) -> str:
    """Return a line for each file that a section leaves out because it is about something else."""
    return "".join(f'<p class="soft">{escape(told)}</p>' for told in report.strangers.get(key, ()))


def key(entries: Iterable[tuple[str, int, bool]]) -> str:
    """Return a chart's key: (name, place in the palette, whether dashed) each; nothing for less than two."""
    listed = [f"<li>{swatch(kind, dashed)}{escape(name)}</li>" for name, kind, dashed in entries]
    return f'<ul class="key">{"".join(listed)}</ul>' if len(listed) > 1 else ""


def key_of(report: Report) -> str:
    """Return the key of a chart in which every result has its mark."""
    return key((name, kind, False) for name, kind in report.kinds.items())


def name_of(name: str, kind: int) -> str:
    """Return a result's name with its mark in the charts."""
    return f"{swatch(kind)}{escape(name)}"


def toggle(group: str, panes: Mapping[str, str]) -> str:
    """Return panes of which one is shown at a time, by radio buttons and without a script; print shows all."""
    buttons, shown = [], []
    for k, (name, pane) in enumerate(panes.items()):
        own = f"{group}-{k}"
        checked = " checked" if k == 0 else ""
        button = f'<input type="radio" name="{group}" id="{own}" class="p{k}"{checked}>'
        buttons.append(f'{button}<label for="{own}">{escape(name)}</label>')
        shown.append(f'<div class="pane p{k}"><p class="for-print">{escape(name)}</p>{pane}</div>')
    return f'<fieldset class="toggle"><legend>Show</legend>{"".join(buttons)}{"".join(shown)}</fieldset>'


def listing(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table of plain text."""
    return table(head, ([escape(cell) for cell in row] for row in rows))


def contents(sections: Iterable[str]) -> str:
    """Return links to the sections that have something to say."""
    found = (re.match(r'<section id="([\w-]+)"[^>]*>\n<h2[^>]*>([^<]*)</h2>', part) for part in sections)
    links = [f'<li><a href="#{match[1]}">{match[2]}</a></li>' for match in found if match]
    return f'<nav aria-label="Contents"><ul>{"".join(links)}</ul></nav>'


def span(interval: Sequence[float | None] | None) -> str:
    """Return an interval of shares as percent.

    >>> span([0.6691, 0.6996]), span(None)
    ('66.9 to 70.0', '')
    """
    low, high = interval or (None, None)
    if low is None or high is None or low != low or high != high:
        return ""
    return f"{100 * low:.1f} to {100 * high:.1f}"


def with_span(share: str, interval: Sequence[float] | None) -> str:
    """Return a share, as text, with its interval in a smaller second line; HTML."""
    ends = span(interval)
    return escape(share) + (f"<small>{ends}</small>" if ends else "")
