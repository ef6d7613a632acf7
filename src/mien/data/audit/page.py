"""The page of an audit: every finding as a table, with its images.

The page holds images of the data set, so it should stay in the folder it is written to.  The galleries are limited so
that it stays below 5 MB; hygiene.json lists everything.
"""

import io
from collections.abc import Iterable, Sequence

import numpy as np

from mien.data.audit import Audit, conflicting, members
from mien.data.audit.report import Agreement, AuditReport
from mien.data.duplicates import Index
from mien.data.shards import Pixels
from mien.html.markup import EMPTY, Html, element, escape, join, markup
from mien.html.page import data_uri, dotted, note, page, percent, table, tiles

GROUPS, SINGLES, WIDEST = 60, 180, 12
"""Groups in a gallery, single images in a gallery, images of one group, at most."""

SIDE = 96
"""Pixels of an image's longer side in the page, at most."""

STYLE = """
.sets,.single{display:flex;flex-wrap:wrap;gap:10px;align-items:stretch}
.set{display:flex;flex-wrap:wrap;gap:8px;padding:8px;border:1px solid var(--line);border-radius:10px;
background:var(--card);max-width:100%}
.shot{width:76px}.shot img{width:76px;height:76px;object-fit:contain;border-radius:6px;display:block;
background:var(--track)}
.shot figcaption{font-size:.74rem;line-height:1.3;margin-top:4px;overflow-wrap:anywhere}
.shot b{display:block;color:var(--ink);font-weight:600;white-space:nowrap}
.more{align-self:center;color:var(--soft);font-size:.82rem;padding:0 6px}
@media print{.shot,.set{break-inside:avoid}}
"""


def page_of(audit: Audit, report: AuditReport) -> Html:
    """Return an audit as an HTML document."""
    sections = (_counts, _leaks, _near_duplicates, _conflicts, _blank, _no_face, _agreement, _balance, _kept)
    body = join((section(audit, report) for section in sections), "\n")
    lede = report.leak or f"No image of {audit.name} is in two splits."
    return page(f"Hygiene of {audit.name}", body, lede=lede[0].upper() + lede[1:].rstrip(".") + ".", style=STYLE)


def _counts(audit: Audit, report: AuditReport) -> Html:
    face, exact, near = report.not_a_face, report.exact, report.near
    cells = [
        (f"{len(audit.ids):,}", "images", ", ".join(f"{s.n:,} {name}" for name, s in report.splits.items())),
        (f"{exact.surplus:,}", "surplus copies", f"{exact.groups:,} groups of equal images"),
        (
            f"{near.surplus:,}",
            "surplus near-duplicates",
            f"{near.groups:,} groups that correlate ≥ {report.threshold:g}",
        ),
        *(
            (f"{leak.near:,}", f"{leak.split} images also in {leak.earlier}", f"{leak.exact:,} of them equal")
            for leak in report.leaks
        ),
        (f"{exact.conflicting:,}", "groups of equal images with different labels", ""),
        (f"{len(report.blank):,}", "blank images", ""),
    ]
    if face.by_all_votes is not None:
        cells.append((f"{len(face.by_all_votes):,}", "not a face", "by all votes"))
    if face.by_detector is not None:
        cells.append((f"{len(face.by_detector):,}", "no face detected", f"by {face.detector}"))
    return tiles(cells)


def _leaks(audit: Audit, report: AuditReport) -> Html:
    rows = [
        [
            escape(f"{leak.split} in {leak.earlier}"),
            markup("{:,}", leak.exact),
            markup("{:,}", leak.near),
            escape(percent(leak.fraction, 1)),
        ]
        for leak in report.leaks
    ]
    if not rows:
        return EMPTY
    text = "A model that has memorised an image knows its near-duplicates too: that part of a score measures memory."
    shared = report.subjects
    if shared is not None:
        text += f" Subjects in more than one split: {len(shared):,}."
    names = [[escape(one), escape(", ".join(splits))] for one, splits in list((shared or {}).items())[:SINGLES]]
    across = [group for group in members(audit.groups.near) if len({*audit.split[group]}) > 1]
    return join(
        [
            markup("<h2>Leaks between splits</h2><p>{}</p>", escape(text)),
            table(("images of … also in …", "equal", "equal or nearly", "fraction"), rows),
            table(("subject", "splits"), names, words=True) if names else EMPTY,
            _gallery(audit, across),
        ]
    )


def _near_duplicates(audit: Audit, report: AuditReport) -> Html:
    exact, near = report.exact.sizes, report.near.sizes
    sizes = sorted({*exact, *near}, key=int)
    if not sizes:
        return Html("<h2>Near-duplicates</h2><p>No image is in the data set twice.</p>")
    rows = [[escape(size), *(markup("{:,}", groups.get(size, 0)) for groups in (exact, near))] for size in sizes]
    within = [
        [escape(name), markup("{:,}", s.n), markup("{:,}", s.near_duplicates)] for name, s in report.splits.items()
    ]
    largest = sorted(members(audit.groups.near), key=len, reverse=True)[:12]
    return markup(
        "<h2>Near-duplicates</h2><p>Two near-duplicates (twins) are equal or correlate. Groups chain them.</p>"
        '<div class="two"><div class="box"><h3>Size of the groups</h3>{}</div>'
        '<div class="box"><h3>Within a split</h3>{}</div></div><h3>The largest groups</h3>{}',
        table(("images in a group", "equal", "equal or nearly"), rows),
        table(("split", "images", "with a near-duplicate there"), within),
        _gallery(audit, largest),
    )


def _conflicts(audit: Audit, report: AuditReport) -> Html:
    exact, near = conflicting(audit, audit.groups.exact), conflicting(audit, audit.groups.near)
    if not near:
        return Html("<h2>Conflicting labels</h2><p>All near-duplicates have the same label.</p>")
    equal = {k for group in exact for k in group.tolist()}
    only = [group for group in near if not equal & {*group.tolist()}]
    text = f"{len(exact):,} groups of equal images and {len(only):,} more of near-duplicates have different labels."
    shown = markup("<h3>Nearly equal</h3>{}", _gallery(audit, only)) if only else EMPTY
    return markup("<h2>Conflicting labels</h2><p>{}</p>{}{}", escape(text), _gallery(audit, exact), shown)


def _blank(audit: Audit, report: AuditReport) -> Html:
    rows = np.flatnonzero(audit.blank)
    return markup("<h2>Blank images</h2>{}", _singles(audit, rows)) if len(rows) else EMPTY


def _no_face(audit: Audit, report: AuditReport) -> Html:
    parts = []
    if audit.votes is not None and audit.no_face.any():
        text = f"All raters call these {audit.no_face.sum():,} images not a face."
        parts.append(
            markup(
                "<h2>Not a face, by votes</h2><p>{}</p>{}",
                escape(text),
                _singles(audit, np.flatnonzero(audit.no_face)),
            )
        )
    if audit.faceless is not None:
        both = int((audit.faceless & audit.no_face).sum())
        text = f"{audit.detector} detects no face in {audit.faceless.sum():,} images; raters agree on {both:,} of them."
        rest = np.flatnonzero(audit.faceless & ~audit.no_face)
        parts.append(markup("<h2>No face detected</h2><p>{}</p>{}", escape(text), _singles(audit, rest)))
    return join(parts)


def _agreement(audit: Audit, report: AuditReport) -> Html:
    table_of = report.agreement
    if table_of is None:
        return EMPTY
    text = "Fraction of the images whose published label is the expression with the most votes."
    rows = [
        [
            escape(label) if label == "all" else dotted(label),
            *(_fraction(row.get(label)) for row in table_of.values()),
        ]
        for label in table_of["all"]
    ]
    listed = table(("published label", *table_of), rows)
    return markup("<h2>Labels against votes</h2><p>{}</p>{}", escape(text), listed)


def _balance(audit: Audit, report: AuditReport) -> Html:
    splits = report.splits
    rows = [
        [
            dotted(label),
            *(
                markup("{:,}&ensp;{}", s.counts[label], escape(percent(s.counts[label] / max(s.n, 1), 1)))
                for s in splits.values()
            ),
        ]
        for label in next(iter(splits.values())).counts
    ]
    rows.append([escape("without a label"), *(markup("{:,}", s.unlabelled) for s in splits.values())])
    ratios = ("-" if s.imbalance is None else f"{s.imbalance:.1f}" for s in splits.values())
    rows.append([escape(cell) for cell in ("largest class / smallest", *ratios)])
    return markup("<h2>Class balance</h2>{}", table(("label", *splits), rows))


def _kept(audit: Audit, report: AuditReport) -> Html:
    rules = {
        "train": "one image of each group of near-duplicates; no blank images, no non-faces by all votes, no groups "
        "with different labels in train",
    }
    rows = [
        [
            escape(f"clean-{name}.txt"),
            markup("{:,} of {:,}", s.clean, s.n),
            escape(
                rules.get(
                    name,
                    "no near-duplicates of train; a hand-tidied test set would flatter",
                )
            ),
        ]
        for name, s in report.splits.items()
    ]
    missing = [[escape(f"{name} split"), escape(reason)] for name, reason in report.missing.items()]
    left = [[escape(what[0].upper() + what[1:]), escape(why)] for what, why in report.left_out.items()]
    listed = table(("not examined", "because"), [*missing, *left], words=True) if missing or left else EMPTY
    kept = table(("ids in", "images", "what is kept"), rows, words=True)
    return markup("<h2>Worth keeping</h2>{}{}", kept, listed)


def _fraction(cell: Agreement | None) -> Html:
    return escape("-" if cell is None else percent(cell.fraction, 1))


def _gallery(audit: Audit, groups: Sequence[Index]) -> Html:
    return _cut("sets", (_set(audit, group) for group in groups[:GROUPS]), len(groups) - GROUPS, "groups")


def _set(audit: Audit, group: Index) -> Html:
    more = len(group) - WIDEST
    rest = markup('<span class="more">and {:,} more</span>', more) if more > 0 else EMPTY
    return element("div", *(_shot(audit, k) for k in group[:WIDEST]), rest, cls="set")


def _singles(audit: Audit, rows: Index) -> Html:
    return _cut("single", (_shot(audit, k) for k in rows[:SINGLES]), len(rows) - SINGLES, "images")


def _cut(kind: str, parts: Iterable[Html], more: int, what: str) -> Html:
    rest = note(f"and {more:,} more {what}, listed in hygiene.json") if more > 0 else EMPTY
    return join([element("div", *parts, cls=kind), rest])


def _shot(audit: Audit, k: int) -> Html:
    name, label = f"{audit.split[k]} {audit.ids[k]}", audit.labels[k] or "no label"
    return markup(
        '<figure class="shot"><img alt="{}" loading="lazy" src="{}"><figcaption><b>{}</b>{}</figcaption></figure>',
        escape(name),
        _uri(audit.image(int(k))),
        escape(label),
        escape(name),
    )


def _uri(image: Pixels) -> Html:
    from PIL import Image

    small = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)
    small.thumbnail((SIDE, SIDE))
    stream = io.BytesIO()
    small.save(stream, "WEBP", quality=80)
    return data_uri(stream.getvalue(), "image/webp")
