"""HTML as a type of its own: text becomes `Html` only through `escape`, and only `Html` goes into a page.

    markup("<p>{}, {:.1f} s</p>", escape(name), seconds)
    element("p", escape(name), cls="soft")

Under mypy both refuse a plain `str`, which is how a forgotten `escape` is found.  Templates are literals, never
f-strings (a test reads the source).
"""

from collections.abc import Iterable
from html import escape as _escape
from typing import NewType

from mien.printable import printable

Html = NewType("Html", str)
"""Text that is safe to put in a page.  Called directly only on literals and on text known to be safe."""

EMPTY = Html("")
VOID = frozenset({"circle", "img", "input", "line", "path", "polygon", "polyline", "rect"})
"""Elements without children."""


def escape(text: object) -> Html:
    """Return text that is safe inside HTML and inside quoted attributes; invisible characters are shown as escapes.

    >>> escape('<b>"x"')
    '&lt;b&gt;&quot;x&quot;'
    """
    return Html(_escape(printable(text), quote=True))


def markup(template: str, *gaps: Html | float, **named: Html | float) -> Html:
    """Return a literal template with its gaps filled, as `str.format` does it.

    >>> markup("<b>{}</b>: {count:,} images", escape("A & B"), count=1200)
    '<b>A &amp; B</b>: 1,200 images'
    """
    return Html(template.format(*gaps, **named))


def element(tag: str, *children: Html, **attributes: object) -> Html:
    """Return one element; attributes are text and escaped, `cls` is `class`, `_` is `-`, and None leaves one out.

    >>> element("text", escape("<1"), cls="name", text_anchor="end", opacity=None)
    '<text class="name" text-anchor="end">&lt;1</text>'
    """
    pairs = {"class" if key == "cls" else key.replace("_", "-"): v for key, v in attributes.items() if v is not None}
    start = "".join([tag, *(f' {key}="{escape(value)}"' for key, value in pairs.items())])
    return Html(f"<{start}/>" if tag in VOID else f"<{start}>{''.join(children)}</{tag}>")


def join(parts: Iterable[Html], between: str = "") -> Html:
    """Return fragments one after the other; `between` is text.

    >>> join([element("b"), element("i")], " & ")
    '<b></b> &amp; <i></i>'
    """
    return Html(_escape(between).join(parts))
