"""A comparison as one self-contained page, with the images about which two systems disagree most where known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from mien.data.samples import Samples
from mien.evaluation.compare.text import (
    ECE_DIFFERENCE,
    GAPS,
    HEADS,
    NAMES,
    NOT_CORRECTED,
    OF_SEVERAL_RUNS,
    fewer,
    grouped,
    p_value,
    several,
    shown,
    span,
    spread_of,
    title,
    together,
    verdict,
)
from mien.evaluation.thumbnails import ThumbnailBudget
from mien.html.markup import EMPTY, Html, element, escape, join, markup
from mien.html.page import count, dotted, note, page, table, tiles

if TYPE_CHECKING:
    from mien.evaluation.compare.comparison import (
        Comparison,
        Difference,
        Disagreement,
        Example,
        Pair,
        Rank,
        Restricted,
        Subset,
        SystemScores,
    )

STYLE = """
.faces{display:grid;grid-template-columns:repeat(auto-fill,minmax(112px,1fr));gap:14px 12px}
.faces img{width:100%;aspect-ratio:1;object-fit:cover;display:block;border-radius:6px;background:var(--track)}
.faces figcaption{font-size:.8rem;line-height:1.35;margin-top:4px}.faces b,.yes{color:var(--ink)}
.pairs table{font-size:.82rem}.pairs th,.pairs td{padding-right:8px}.pairs thead th{white-space:normal}
.pairs tbody th{white-space:normal;min-width:7.5em;overflow-wrap:anywhere}.pairs small{font-size:.7rem}
.read p{font-size:.88rem;margin:0 0 4px;max-width:none;overflow-wrap:anywhere}
.faces small{display:block}.no{color:var(--soft)}.yes{font-weight:600}ol{margin:0;padding-left:1.4em}
"""


def to_html(comparison: Comparison, samples: Samples | None) -> Html:
    """Return the page; `samples` are the compared images, or None: then only their ids are listed."""
    thumbnails = None if samples is None else ThumbnailBudget(samples)
    body = [_headline(comparison.full), _notes(comparison.notes)]
    body += [_subset(comparison.full), _subset(comparison.clean)]
    body += [_restricted(comparison.restricted)] if comparison.restricted else []
    body += [_disagreement(pair, thumbnails) for pair in comparison.disagreement]
    body += [_published(comparison), _method(several(comparison.full))]
    where = " ".join(filter(None, (comparison.dataset, comparison.split)))
    lede = f"{comparison.n:,} images{f' of {where}' if where else ''}, with predictions from every system."
    names = " · ".join(comparison.full.systems)
    return page(f"Compared: {names}", join((part for part in body if part), "\n"), lede=lede, style=STYLE)


def fragment(comparison: Comparison) -> Html:
    """Return the scores of all systems as tables, for notebooks."""
    parts = (part for part in (comparison.full, comparison.clean) if part.n)
    return join(join([_heading(part), _scores(part)]) for part in parts)


def _headline(part: Subset) -> Html:
    cells = []
    for rank in part.ranking:
        scores = part.systems[rank.name]
        ends = span("accuracy", scores.intervals["accuracy"])
        cells.append((shown("accuracy", scores.values["accuracy"]) + " %", rank.name, f"95 %: {ends}"))
    return tiles(cells)


def _subset(part: Subset) -> Html:
    if not part.n:
        return EMPTY if part.n == 0 else note(f"{title(part).capitalize()}.")
    ranked = join(element("li", escape(rank.name), _verdict(rank)) for rank in part.ranking)
    tied = note(words) if (words := together(part.groups)) else EMPTY
    box = markup('<div class="box"><ol>{}</ol>{}</div>', ranked, tied)
    return join([_heading(part), box, _scores(part), _differences(part.pairs)])


def _heading(part: Subset) -> Html:
    sizes = escape(", ".join(filter(None, (f"n {part.n:,}", grouped(part)))))
    return markup("<h2>{} <span class='soft'>{}</span></h2>", escape(title(part).capitalize()), sizes)


def _scores(part: Subset) -> Html:
    rows = [[escape(r.name), *(_score(part.systems[r.name], key) for key in NAMES)] for r in part.ranking]
    return table(("system", *HEADS.values()), rows)


def _differences(pairs: Sequence[Pair]) -> Html:
    if not pairs:
        return EMPTY
    first, *rest = GAPS.values()
    listed = table(("pair", first, "only one right", "p (Holm)", *rest), [_pair(pair) for pair in pairs])
    ece = [ECE_DIFFERENCE] if any("ece" in pair.differences for pair in pairs) else []
    words = note(" ".join([*([NOT_CORRECTED] if len(pairs) > 1 else []), *ece])) if len(pairs) > 1 or ece else EMPTY
    return markup("<h3>Paired differences, first minus second</h3>{}<div class='pairs'>{}</div>", words, listed)


def _restricted(part: Restricted) -> Html:
    left_out = f"{count(part.left_out, 'image')} left out. Everything above includes them."
    parts = [
        markup("<h3>{}, n {:,}</h3>{}", escape(title(subset).capitalize()), subset.n, _scores(subset))
        for subset in (part.full, part.clean)
        if subset.n
    ]
    return join([element("h2", escape(part.name.capitalize())), note(left_out), *parts])


def _verdict(rank: Rank) -> Html:
    if not (words := verdict(rank)):
        return EMPTY
    return markup(", {}", element("span", escape(words), cls="no" if rank.noise else "yes"))


def _score(scores: SystemScores, key: str) -> Html:
    ends, spread = span(key, scores.intervals[key]), spread_of(key, scores.deviations.get(key))
    return _with_span(shown(key, scores.values[key]), ends, spread)


def _difference(key: str, own: Difference | None) -> Html:
    if own is None:
        return _with_span(shown(key, None), "")
    return _with_span(shown(key, own.difference, True), span(key, own.interval, True), spread_of(key, own.deviation))


def _with_span(value: str, *below: str) -> Html:
    lines = (markup('<br><small class="soft">{}</small>', escape(line)) for line in below if line)
    return join([escape(value), *lines])


def _pair(pair: Pair) -> list[Html]:
    first, *rest = [_difference(key, pair.differences.get(key)) for key in NAMES]
    tested = (markup("{:,} / {:,}", pair.a_only, pair.b_only), escape(p_value(pair.p_holm)))
    return [escape(f"{pair.a} minus {pair.b}"), first, *tested, *rest]


def _disagreement(pair: Disagreement, thumbnails: ThumbnailBudget | None) -> Html:
    keys = ("n", "both", "a_only", "b_only", "neither")
    rows = [[dotted(name), *(markup("{:,}", c[key]) for key in keys)] for name, c in pair.by_label.items()]
    head = ("label", "images", "both right", f"only {pair.a}", f"only {pair.b}", "neither")
    sides = join(
        markup(
            '<div class="box"><h3>{} right, the other wrong</h3>{}</div>',
            escape(name),
            _faces(examples, pair, thumbnails),
        )
        for name, examples in ((pair.a, pair.a_right), (pair.b, pair.b_right))
        if examples
    )
    same = f"The same prediction for {count(pair.same_prediction, 'image')}. The most one-sided of the others:"
    heading = element("h2", escape(f"Where {pair.a} and {pair.b} disagree"))
    return join([heading, note(same), table(head, rows), sides])


def _faces(examples: Sequence[Example], pair: Disagreement, thumbnails: ThumbnailBudget | None) -> Html:
    cards = [thumbnails.card(one.id, _caption(one, pair)) for one in examples] if thumbnails else []
    if any(cards):
        return markup('<div class="faces">{}</div>', join(cards))
    rows = [[escape(one.id), escape(one.label), escape(one.a), escape(one.b)] for one in examples]
    return table(("image", "label", pair.a, pair.b), rows, words=True)


def _caption(one: Example, pair: Disagreement) -> Html:
    lines = ((pair.a, one.a), (pair.b, one.b))
    predictions = (markup("<small>{}: {}</small>", escape(name), escape(label)) for name, label in lines)
    return markup("<b>{}</b>{}", escape(one.label), join(predictions))


def _published(comparison: Comparison) -> Html:
    if not comparison.published:
        return EMPTY
    rows = []
    for one in comparison.published:
        few = fewer(one, comparison)
        what = f"{one.what} ({few})" if few else one.what
        rows.append([markup("{:.2f}", 100 * one.value), *map(escape, (what, one.split, one.source, one.note))])
    quoted = "Quoted, not measured here. Splits and selection differ, so nothing above is ranked with them."
    listed = table(("accuracy, %", "system", "split", "source", "note"), rows, words=True)
    return join([Html("<h2>Published</h2>"), note(quoted), listed])


def _notes(notes: Iterable[str]) -> Html:
    """Return what was read from where, changed and left out: before the scores, which depend on it."""
    lines = join(element("p", escape(text)) for text in notes)
    return markup('<h2>What was read</h2><div class="box read">{}</div>', lines) if lines else EMPTY


def _method(of_several_runs: bool) -> Html:
    method = (
        "Intervals are 95 %: Wilson's for accuracy, else 2,000 resamples drawn class by class, the same ones for all "
        "systems. They are not corrected for their number. Where images come in groups (subjects, clips), whole "
        "groups are drawn, and the test flips the signs of their differences; else the p value is McNemar's. Holm's "
        "correction is over all pairs of a table. A difference is significant below 0.05."
    )
    more = f" {OF_SEVERAL_RUNS}" if of_several_runs else ""
    return markup('<h2>How this was compared</h2><div class="box"><p>{}</p></div>', escape(method + more))
