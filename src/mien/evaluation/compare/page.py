"""A comparison as one self-contained page, with the images about which two systems disagree most where known."""

from collections.abc import Iterable, Mapping
from typing import Any

from mien.data.samples import Samples
from mien.evaluation.compare.text import (
    GAPS,
    HEADS,
    NAMES,
    SUBSETS,
    WEIGHED,
    fewer,
    figure,
    grouped,
    p_value,
    span,
    title,
    together,
    verdict,
)
from mien.evaluation.report.gallery import ThumbnailBudget
from mien.html.markup import EMPTY, Html, element, escape, join, markup
from mien.html.page import count, dotted, note, page, table, tiles

STYLE = """
.faces{display:grid;grid-template-columns:repeat(auto-fill,minmax(112px,1fr));gap:14px 12px}
.faces img{width:100%;aspect-ratio:1;object-fit:cover;display:block;border-radius:6px;background:var(--track)}
.faces figcaption{font-size:.8rem;line-height:1.35;margin-top:4px}.faces b,.yes{color:var(--ink)}
.pairs table{font-size:.82rem}.pairs th,.pairs td{padding-right:8px}.pairs thead th{white-space:normal}
.pairs tbody th{white-space:normal;min-width:7.5em;overflow-wrap:anywhere}.pairs small{font-size:.7rem}
.read p{font-size:.88rem;margin:0 0 4px;max-width:none;overflow-wrap:anywhere}
.faces small{display:block}.no{color:var(--soft)}.yes{font-weight:600}ol{margin:0;padding-left:1.4em}
"""


def to_html(comparison: Mapping[str, Any], samples: Samples | None) -> Html:
    """Return the page; `samples` are the compared images, or None: then only their ids are listed."""
    shelf = None if samples is None else ThumbnailBudget(samples)
    body = [_headline(comparison), _read(comparison["notes"])]
    body += [_subset(comparison[key], title(key, comparison[key])) for key in SUBSETS]
    body += [_restricted(comparison["restricted"])] if comparison["restricted"] else []
    body += [_disagreement(pair, shelf) for pair in comparison["disagreement"]]
    body += [_published(comparison.get("published", []), comparison), _method()]
    names = " · ".join(comparison["full"]["systems"])
    where = " ".join(str(comparison[key]) for key in ("dataset", "split") if comparison[key])
    lede = f"{comparison['n']:,} images{f' of {where}' if where else ''}, answered by every system."
    return page(f"Compared: {names}", join((part for part in body if part), "\n"), lede=lede, style=STYLE)


def _headline(comparison: Mapping[str, Any]) -> Html:
    part = comparison["full"]
    cells = [
        (figure("accuracy", part["systems"][r["name"]]["accuracy"]) + " %", r["name"], _accuracy_span(part, r["name"]))
        for r in part["ranking"]
    ]
    return tiles(cells)


def _accuracy_span(part: Mapping[str, Any], name: str) -> str:
    return f"95 %: {span('accuracy', part['systems'][name]['accuracy_interval'])}"


def _subset(part: Mapping[str, Any], title: str) -> Html:
    if not part["n"]:
        return EMPTY if part["n"] == 0 else note(f"{title.capitalize()}.")
    ranked = (element("li", escape(r["name"]), _verdict(r)) for r in part["ranking"])
    tied = note(together(part["groups"])) if together(part["groups"]) else EMPTY
    measured = _measured(part)
    first, *rest = GAPS.values()
    head = ("pair", first, "only one right", "p (Holm)", *rest)
    pairs = table(head, [_pair(pair) for pair in part["pairs"]]) if part["pairs"] else EMPTY
    many = note(WEIGHED) if len(part["pairs"]) > 1 else EMPTY
    differences = (
        markup("<h3>Paired differences, first minus second</h3>{}<div class='pairs'>{}</div>", many, pairs)
        if pairs
        else EMPTY
    )
    sizes = escape(", ".join(filter(None, (f"n {part['n']:,}", grouped(part)))))
    heading = markup("<h2>{} <span class='soft'>{}</span></h2>", escape(title.capitalize()), sizes)
    return markup('{}<div class="box"><ol>{}</ol>{}</div>{}{}', heading, join(ranked), tied, measured, differences)


def _measured(part: Mapping[str, Any]) -> Html:
    rows = [[escape(r["name"]), *(_figure(part["systems"][r["name"]], key) for key in NAMES)] for r in part["ranking"]]
    return table(("system", *HEADS.values()), rows)


def _restricted(found: Mapping[str, Any]) -> Html:
    told = f"{count(found['left_out'], 'image')} left out. Nothing above is measured so."
    parts = [
        markup(
            "<h3>{}, n {:,}</h3>{}", escape(title(key, found[key]).capitalize()), found[key]["n"], _measured(found[key])
        )
        for key in SUBSETS
        if found[key]["n"]
    ]
    return join([element("h2", escape(found["name"].capitalize())), note(told), *parts])


def _verdict(rank: Mapping[str, Any]) -> Html:
    if not (words := verdict(rank)):
        return EMPTY
    return markup(", {}", element("span", escape(words), cls="no" if rank["noise"] else "yes"))


def _figure(figures: Mapping[str, Any], key: str) -> Html:
    return _with_span(figure(key, figures[key]), span(key, figures[f"{key}_interval"]))


def _with_span(value: str, ends: str) -> Html:
    if not ends:
        return escape(value)
    return markup('{}<br><small class="soft">{}</small>', escape(value), escape(ends))


def _pair(pair: Mapping[str, Any]) -> list[Html]:
    cells = []
    for key in NAMES:
        found = pair["differences"].get(key)
        ends = span(key, found["interval"], True) if found else ""
        cells.append(_with_span(figure(key, found["difference"] if found else None, True), ends))
    tested = (markup("{:,} / {:,}", pair["a_only"], pair["b_only"]), escape(p_value(pair["p_holm"])))
    return [escape(f"{pair['a']} minus {pair['b']}"), cells[0], *tested, *cells[1:]]


def _disagreement(pair: Mapping[str, Any], shelf: ThumbnailBudget | None) -> Html:
    keys = ("n", "both", "a_only", "b_only", "neither")
    rows = [[dotted(name), *(markup("{:,}", c[key]) for key in keys)] for name, c in pair["by_label"].items()]
    head = ("label", "images", "both right", f"only {pair['a']}", f"only {pair['b']}", "neither")
    sides = (("a_right", pair["a"]), ("b_right", pair["b"]))
    sided = join(
        markup(
            '<div class="box"><h3>{} right, the other wrong</h3>{}</div>', escape(name), _faces(pair[side], pair, shelf)
        )
        for side, name in sides
        if pair[side]
    )
    told = f"The same answer for {count(pair['same_answer'], 'image')}; the most one-sided of the others below."
    heading = element("h2", escape(f"Where {pair['a']} and {pair['b']} disagree"))
    return join([heading, note(told), table(head, rows), sided])


def _faces(listed: list[dict[str, Any]], pair: Mapping[str, Any], shelf: ThumbnailBudget | None) -> Html:
    cards = [shelf.card(e["id"], _caption(e, pair)) for e in listed] if shelf else []
    if any(cards):
        return markup('<div class="faces">{}</div>', join(cards))
    rows = [[escape(e["id"]), escape(e["label"]), escape(e["a"]), escape(e["b"])] for e in listed]
    return table(("image", "label", pair["a"], pair["b"]), rows, words=True)


def _caption(entry: Mapping[str, str], pair: Mapping[str, Any]) -> Html:
    answers = (markup("<small>{}: {}</small>", escape(pair[side]), escape(entry[side])) for side in ("a", "b"))
    return markup("<b>{}</b>{}", escape(entry["label"]), join(answers))


def _published(records: list[dict[str, Any]], comparison: Mapping[str, Any]) -> Html:
    if not records:
        return EMPTY
    rows = [
        [
            markup("{:.2f}", 100 * r["value"]),
            escape(f"{r['what']} ({few})" if (few := fewer(r, comparison)) else r["what"]),
            *(escape(r[key]) for key in ("split", "source", "note")),
        ]
        for r in records
    ]
    told = "Quoted, not measured here; splits and ways of selecting differ, so nothing above is ranked with them."
    listed = table(("accuracy, %", "system", "split", "source", "note"), rows, words=True)
    return join([Html("<h2>Published</h2>"), note(told), listed])


def _read(notes: Iterable[str]) -> Html:
    """What was read from where, changed and left out: ahead of the figures, which it qualifies."""
    told = join(element("p", escape(text)) for text in notes)
    return markup('<h2>What was read</h2><div class="box read">{}</div>', told) if told else EMPTY


def _method() -> Html:
    told = (
        "Intervals are 95 %: Wilson's for accuracy, else 2,000 resamples drawn class by class, the same ones for all "
        "systems; they are not corrected for their number. Where images come in groups (subjects, clips), whole "
        "groups are drawn, and the test turns their differences round; else the p value is McNemar's. Holm's "
        "correction is over all pairs of a table; systems are told apart below 0.05."
    )
    return markup('<h2>How this was compared</h2><div class="box"><p>{}</p></div>', escape(told))
