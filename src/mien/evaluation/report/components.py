"""The parts a report's sections are built from: section, figure with its key and table, toggle, contents."""

import re
from collections.abc import Iterable, Mapping, Sequence

from mien.evaluation.report.model import Report
from mien.html.chart import swatch
from mien.html.markup import EMPTY, Html, element, escape, join, markup
from mien.html.page import note, table


def section(key: str, title: str, *parts: Html) -> Html:
    """Return a section under a heading; empty where all its parts are."""
    body = join((part for part in parts if part), "\n")
    if not body:
        return EMPTY
    heading = element("h2", escape(title), id=f"{key}-title")
    return element("section", markup("\n{}\n{}\n", heading, body), id=key, aria_labelledby=f"{key}-title")


def figure(chart: Html, caption: str, listed: Html = EMPTY, marks: Html = EMPTY) -> Html:
    """Return a chart with its key, its caption (text) and, folded away below it, its data as a table."""
    folded = markup("<details><summary>Data table</summary>{}</details>", listed) if listed else EMPTY
    shown = markup("<figure>{}{}<figcaption>{}</figcaption></figure>", chart, marks, escape(caption))
    return markup('<div class="box drawn">{}{}</div>', shown, folded)


def left_out(report: Report, key: str) -> Html:
    """Return a line for each file that a section leaves out because it is about something else."""
    return join(note(line) for line in report.left_out.get(key, ()))


def key(entries: Iterable[tuple[str, int, bool]]) -> Html:
    """Return a chart's key: (name, place in the palette, whether dashed) each; nothing for fewer than two."""
    listed = [markup("<li>{}{}</li>", swatch(kind, dashed), escape(name)) for name, kind, dashed in entries]
    return markup('<ul class="key">{}</ul>', join(listed)) if len(listed) > 1 else EMPTY


def key_of(report: Report) -> Html:
    """Return the key of a chart in which every result has its mark."""
    return key((name, kind, False) for name, kind in report.kinds.items())


def name_of(name: str, kind: int) -> Html:
    """Return a result's name with its mark in the charts."""
    return join([swatch(kind), escape(name)])


def toggle(group: str, panes: Mapping[str, Html]) -> Html:
    """Return panes with radio buttons that show one at a time, without a script; print shows all."""
    buttons, shown = [], []
    for k, (name, pane) in enumerate(panes.items()):
        own = f"{group}-{k}"
        checked = "" if k == 0 else None
        buttons.append(element("input", type="radio", name=group, id=own, cls=f"p{k}", checked=checked))
        buttons.append(element("label", escape(name), **{"for": own}))
        shown.append(markup('<div class="pane p{}"><p class="for-print">{}</p>{}</div>', k, escape(name), pane))
    return markup('<fieldset class="toggle"><legend>Show</legend>{}{}</fieldset>', join(buttons), join(shown))


def listing(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Html:
    """Return a table of plain text."""
    return table(head, ([escape(cell) for cell in row] for row in rows))


def contents(sections: Iterable[Html]) -> Html:
    """Return links to the sections that are not empty."""
    headings = (re.match(r'<section id="([\w-]+)"[^>]*>\n<h2[^>]*>([^<]*)</h2>', part) for part in sections)
    links = [markup('<li><a href="#{}">{}</a></li>', *map(Html, match.groups())) for match in headings if match]
    return markup('<nav aria-label="Contents"><ul>{}</ul></nav>', join(links))


def span(interval: Sequence[float | None] | None) -> str:
    """Return an interval of fractions as percent, empty where it is undefined.

    >>> span([0.6691, 0.6996]), span(None)
    ('66.9 to 70.0', '')
    """
    low, high = interval or (None, None)
    if low is None or high is None or low != low or high != high:
        return ""
    return f"{100 * low:.1f} to {100 * high:.1f}"


def with_span(value: str, interval: Sequence[float | None] | None) -> Html:
    """Return a value, as text, with its interval of fractions in a smaller second line."""
    ends = span(interval)
    return markup("{}<small>{}</small>", escape(value), escape(ends)) if ends else escape(value)


def known_ends(interval: Sequence[float | None] | None) -> list[float] | None:
    """Return both ends of an interval, None where one is not known."""
    ends = [end for end in interval or () if end is not None and end == end]
    return ends if len(ends) == 2 else None
