"""The one HTML shell that reports are written into: a single file that fetches nothing, ever.

Light and dark follow the reader's system, tables scroll inside themselves on a phone, and it prints.  Fragments are
`Html`, composed with `markup`, `element` and `join` (mien.html.markup), so that mypy finds a forgotten `escape`.
"""

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from zlib import crc32

from mien.html.markup import EMPTY, Html, element, escape, join, markup

ABSTAINED = "#8b9198"
"""The grey of a face on which the weights abstained."""

COLOURS: dict[str, str] = {
    "neutral": "#4f9fb3",
    "happiness": "#f0b429",
    "sadness": "#4c78dd",
    "surprise": "#ec77b5",
    "fear": "#9065d8",
    "disgust": "#57a64c",
    "anger": "#dd4a3d",
    "contempt": "#b3784a",
    "positive": "#f0b429",
    "negative": "#7a74c9",
}
"""One colour per expression and per group, the same in images and reports, distinct on light and dark backgrounds."""

OTHER_COLOURS = ("#2f9e8f", "#c2558f", "#8a9a2b", "#d97742", "#5f7fa8", "#a0568f", "#3f8f5f", "#b08d2f")
"""Those of labels outside the vocabulary, by a digest of their name: a label looks the same in every report."""

_STYLE = """
:root{color-scheme:light dark;--ground:#f6f7f9;--card:#fff;--ink:#1b2027;--soft:#5c6672;--line:#dfe3e8;
--track:#e9ecf0;--accent:#2563a8;--warn:#a4391f;--shade:#1b202740}
@media (prefers-color-scheme:dark){:root{--ground:#14171c;--card:#1d2229;--ink:#e8ebef;--soft:#9aa5b1;--line:#313842;
--track:#2d343d;--accent:#7db3ee;--warn:#f0937c;--shade:#9aa5b180}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;print-color-adjust:exact;-webkit-print-color-adjust:exact}
body{margin:0;background:var(--ground);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main,header,footer{max-width:1180px;margin:0 auto;padding:0 20px}
header{padding-top:36px}footer{padding-top:24px;padding-bottom:40px;color:var(--soft);font-size:.85rem}
h1{font-size:clamp(1.5rem,1.1rem + 1.6vw,2.1rem);line-height:1.2;margin:0 0 6px;letter-spacing:-.01em;
overflow-wrap:anywhere}
h2{font-size:1.2rem;margin:36px 0 12px}h3,.box>h2{font-size:1rem;margin:0 0 8px}
p{margin:0 0 12px;max-width:75ch}
.lede,.soft{color:var(--soft)}.bars+.soft{margin-top:12px}
.box,.tile{background:var(--card);border:1px solid var(--line);border-radius:12px}
.box{padding:18px 20px;margin:0 0 16px}.box>:last-child{margin-bottom:0}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin:20px 0 16px}
.tile{padding:14px 16px}.tile b{display:block;font-size:1.6rem;line-height:1.3;font-weight:650}
.tile span{display:block;color:var(--soft);font-size:.87rem;line-height:1.4}
.two{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr));gap:16px;align-items:start}
.two>*{margin-bottom:0}
.scroll{--under:var(--ground);overflow-x:auto;margin:0 0 16px;background:
linear-gradient(90deg,var(--under) 50%,transparent) left/48px 100% no-repeat local,
linear-gradient(270deg,var(--under) 50%,transparent) right/48px 100% no-repeat local,
linear-gradient(90deg,var(--shade),transparent) left/18px 100% no-repeat scroll,
linear-gradient(270deg,var(--shade),transparent) right/18px 100% no-repeat scroll}
.box .scroll{--under:var(--card)}.scroll>table{min-width:100%}
.scroll::-webkit-scrollbar{height:8px}.scroll::-webkit-scrollbar-thumb{background:var(--shade);border-radius:4px}
table{border-collapse:collapse;font-size:.9rem}
table,.tile b,.num{font-variant-numeric:tabular-nums}
th,td{padding:6px 14px 6px 0;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
th:last-child,td:last-child{padding-right:0}
thead th{color:var(--soft);font-weight:600}tbody th{font-weight:500}
th:first-child,td:first-child,.words th,.words td{text-align:left}
.words th,.words td{white-space:normal;overflow-wrap:anywhere;vertical-align:top}
.bars{display:grid;grid-template-columns:max-content 1fr max-content;gap:3px 10px;align-items:center;
font-size:.86rem;margin:0}
.bars dt,.bars dd{margin:0}.num{text-align:right}
.bar{height:8px;border-radius:4px;background:var(--track);overflow:hidden}
.bar i{display:block;height:100%;border-radius:4px;background:var(--c)}
.dot{display:inline-block;width:.75em;height:.75em;border-radius:50%;background:var(--c);margin-right:.45em}
.facts{display:grid;grid-template-columns:max-content 1fr;gap:4px 18px;margin:0 0 12px}
.facts dt{color:var(--soft)}.facts dd{margin:0;overflow-wrap:anywhere}
figure{margin:0}figcaption{color:var(--soft);font-size:.86rem;margin-top:6px}
svg{width:100%;max-width:520px;height:auto;display:block;margin:0 auto}
svg text{fill:var(--soft);font:13px system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
@media (max-width:520px){main,header,footer{padding-left:14px;padding-right:14px}.box{padding:14px}
.tiles{grid-template-columns:1fr 1fr;gap:10px}.tile{padding:12px}.tile b{font-size:1.3rem}
table{font-size:.84rem}th,td{padding-right:9px}
.facts{grid-template-columns:1fr;gap:0}.facts dd{margin-bottom:8px}}
@media print{:root{--ground:#fff;--card:#fff;--ink:#000;--soft:#444;--line:#ccc;--track:#e4e7ea;
--accent:#2563a8}body{font-size:10.5pt}.box,.tile,tr{break-inside:avoid}.scroll{overflow:visible;background:none}
th,td{white-space:normal}tbody th{overflow-wrap:anywhere}}
"""

_SECURITY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"

NOTICE = (
    "What is read here is the apparent facial expression in an image, not what a person feels. "
    "In the European Union, inferring emotions of people at work or in education is prohibited since 2 February 2025 "
    "except for medical or safety reasons (Regulation 2024/1689, Art. 5(1)(f)); elsewhere the people concerned must be "
    "informed (Art. 50(3), from 2 August 2026), and such systems count as high-risk from 2 December 2027."
)
"""The legal notice at the end of every report."""


def page(title: str, body: Html, *, lede: str = "", style: str = "", script: str = "") -> Html:
    """Return a whole HTML document; `title` and `lede` are text, `style` and `script` are of one report only."""
    return markup(
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy" content="{security}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<meta name="generator" content="mien">\n'
        '<link rel="icon" href="data:,">\n<title>{title}</title>\n<style>{style}</style>\n</head>\n<body>\n'
        "<header><h1>{title}</h1>{lede}</header>\n<main>\n{body}\n</main>\n"
        "<footer><p>{notice}</p></footer>\n{script}</body>\n</html>\n",
        security=Html(_SECURITY + (f"; script-src '{_sha256(script)}'" if script else "")),
        title=escape(title),
        style=Html(_STYLE + style),
        lede=element("p", escape(lede), cls="lede") if lede else EMPTY,
        body=body,
        notice=escape(NOTICE),
        script=element("script", Html(script)) if script else EMPTY,
    )


def _sha256(script: str) -> str:
    """Return what a page's policy calls the one script that may run in it."""
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode('ascii')}"


def note(text: str) -> Html:
    """Return a paragraph of text in a quiet colour."""
    return element("p", escape(text), cls="soft")


def tiles(figures: Iterable[tuple[str, str, str]]) -> Html:
    """Return a row of headline figures; each is (figure, what it is, note or empty), all text."""
    cells = (
        markup(
            '<div class="tile"><b>{}</b><span>{}</span>{}</div>',
            escape(figure),
            escape(what),
            element("span", escape(note)) if note else EMPTY,
        )
        for figure, what, note in figures
    )
    return element("div", *cells, cls="tiles")


def facts(pairs: Mapping[str, object]) -> Html:
    """Return a list of names and values, all text; empty values are left out."""
    rows = (markup("<dt>{}</dt><dd>{}</dd>", escape(k), escape(v)) for k, v in pairs.items() if v not in (None, "", ()))
    return element("dl", *rows, cls="facts")


def table(head: Sequence[str], rows: Iterable[Sequence[Html]], *, words: bool = False) -> Html:
    """Return a table that scrolls inside itself; the first cell of each row names the row.

    Figures stand right and keep to one line; with `words` all columns are text, left and wrapped.
    """
    return scroll(grid(head, rows, words=words), " by ".join(head[:2]))


def grid(head: Sequence[str], rows: Iterable[Sequence[Html]], *, words: bool = False) -> Html:
    """Return the table of `table` alone, which does not scroll."""
    top = (element("th", escape(name), scope="col") for name in head)
    body = (
        element("tr", element("th", first, scope="row"), *(element("td", cell) for cell in rest))
        for first, *rest in rows
    )
    return element(
        "table",
        element("thead", element("tr", *top)),
        element("tbody", *body),
        cls="words" if words else None,
    )


def scroll(inner: Html, name: str) -> Html:
    """Return HTML that scrolls sideways inside itself, by keyboard as well; `name` is read out for it."""
    return element("div", inner, cls="scroll", tabindex=0, role="region", aria_label=name)


def bars(fractions: Iterable[tuple[str, float, str]]) -> Html:
    """Return horizontal bars: (expression, fraction in [0, 1], the text to print), in the expressions' colours."""
    rows = (
        markup(
            '<dt>{}</dt><dd class="bar"><i style="width:{:.1f}%;--c:{}"></i></dd><dd class="num">{}</dd>',
            escape(name),
            100 * fraction,
            colour(name),
            escape(figure),
        )
        for name, fraction, figure in fractions
    )
    return element("dl", *rows, cls="bars")


def colour(expression: str | None) -> Html:
    """Return a label's colour as #rrggbb; grey for None.

    >>> colour("anger"), colour(None)
    ('#dd4a3d', '#8b9198')
    """
    if not expression:
        return Html(ABSTAINED)
    other = OTHER_COLOURS[crc32(expression.encode()) % len(OTHER_COLOURS)]
    return Html(COLOURS.get(expression, other))


def dot(expression: str | None) -> Html:
    """Return a small disc in the expression's colour; grey for None."""
    return markup('<span class="dot" style="--c:{}"></span>', colour(expression))


def disc(expression: str | None) -> Html:
    """Return the disc of `dot` with its style in itself, for fragments that stand outside a page."""
    style = "display:inline-block;width:.75em;height:.75em;border-radius:50%;margin-right:.45em;background:"
    return element("span", style=style + colour(expression))


def dotted(expression: str) -> Html:
    """Return an expression's name after its disc."""
    return join([dot(expression), escape(expression)])


def count(number: int, one: str, many: str = "") -> str:
    """Return a number with its noun.

    >>> count(1, "row"), count(1200, "row"), count(2, "person", "people")
    ('1 row', '1,200 rows', '2 people')
    """
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def percent(share: float | None, digits: int = 0) -> str:
    """Return a fraction in [0, 1] as text in percent; a dash for None, and never a false 0 or 100.

    >>> percent(0.876), percent(0.876, 1), percent(0.001), percent(0.995), percent(0.9996, 1), percent(None)
    ('88 %', '87.6 %', '<1 %', '>99 %', '>99.9 %', '-')
    """
    if share is None or share != share:
        return "-"
    text, smallest = f"{100 * share:.{digits}f}", 10.0**-digits
    if 0 < share < 1 and float(text) in (0, 100):
        return f"<{smallest:g} %" if share < 0.5 else f">{100 - smallest:g} %"
    return f"{text} %"


def probability(share: float | None) -> str:
    """Return a probability as `percent` does; no prediction is impossible or certain.

    >>> probability(0.876), probability(1.0), probability(0.0), probability(None)
    ('88 %', '>99 %', '<1 %', '-')
    """
    return percent(share if share is None else min(max(share, 1e-9), 1 - 1e-9))


def data_uri(data: bytes, kind: str = "image/jpeg") -> Html:
    """Return bytes as a data URI, which a page holds in itself."""
    return markup("data:{};base64,{}", escape(kind), Html(base64.b64encode(data).decode("ascii")))
