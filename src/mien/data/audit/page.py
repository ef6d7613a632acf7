"""The page of an audit: every finding as a table, and the images it is about.

The page holds images of the data set, so it stays in the folder it is written to.  Galleries are cut off at a number
that keeps it below 5 MB; hygiene.json lists everything.
"""

import io
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from mien.data.audit import Audit, conflicting, members
from mien.data.duplicates import Images, Index
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


def page_of(found: Audit, told: dict[str, Any]) -> Html:
    """Return the HTML document about an audit and its `to_dict`."""
    sections = (_figures, _leaks, _twins, _conflicts, _blank, _no_face, _agreement, _balance, _kept)
    body = join((section(found, told) for section in sections), "\n")
    lede = told["leak"] or f"No image of {found.name} stands in two splits."
    return page(f"Hygiene of {found.name}", body, lede=lede[0].upper() + lede[1:].rstrip(".") + ".", style=STYLE)


def _figures(found: Audit, told: dict[str, Any]) -> Html:
    face, exact, near = told["not_a_face"], told["exact"], told["near"]
    cells = [
        (f"{len(found.ids):,}", "images", ", ".join(f"{s['n']:,} {name}" for name, s in told["splits"].items())),
        (f"{exact['surplus']:,}", "surplus copies", f"{exact['groups']:,} groups of equal images"),
        (f"{near['surplus']:,}", "surplus twins", f"{near['groups']:,} groups that correlate ≥ {told['threshold']:g}"),
        *(
            (f"{row['twins']:,}", f"of {row['split']} with a twin in {row['in']}", f"{row['exact']:,} of them equal")
            for row in told["leaks"]
        ),
        (f"{exact['conflicting']:,}", "groups of equal images with different labels", ""),
        (f"{len(told['blank']):,}", "blank images", ""),
    ]
    if face["votes"] is not None:
        cells.append((f"{len(face['votes']):,}", "not a face", "by all votes"))
    if face["detector_none"] is not None:
        cells.append((f"{len(face['detector_none']):,}", "without a face", f"for {face['detector']}"))
    return tiles(cells)


def _leaks(found: Audit, told: dict[str, Any]) -> Html:
    rows = [
        [
            escape(f"{row['split']} in {row['in']}"),
            markup("{:,}", row["exact"]),
            markup("{:,}", row["twins"]),
            escape(percent(share, 1)),
        ]
        for row in told["leaks"]
        for share in [row["twins"] / row["n"] if row["n"] else None]
    ]
    if not rows:
        return EMPTY
    text = "A model that has learnt an image by heart answers its twin right: that part of a score measures memory."
    shared = told["subjects"]
    if shared is not None:
        text += f" Subjects in more than one split: {len(shared):,}."
    names = [[escape(one), escape(", ".join(splits))] for one, splits in list((shared or {}).items())[:SINGLES]]
    across = [group for group in members(found.groups.near) if len({*found.split[group]}) > 1]
    return join(
        [
            markup("<h2>Leaks between splits</h2><p>{}</p>", escape(text)),
            table(("images of … that stand in …", "equal", "equal or nearly", "share"), rows),
            table(("subject", "splits"), names, words=True) if names else EMPTY,
            _gallery(found, across),
        ]
    )


def _twins(found: Audit, told: dict[str, Any]) -> Html:
    exact, near = told["exact"]["sizes"], told["near"]["sizes"]
    sizes = sorted({*exact, *near}, key=int)
    if not sizes:
        return Html("<h2>Near-duplicates</h2><p>No image is in the data set twice.</p>")
    rows = [[escape(size), *(markup("{:,}", of.get(size, 0)) for of in (exact, near))] for size in sizes]
    within = [
        [escape(name), markup("{:,}", s["n"]), markup("{:,}", s["twins_within"])] for name, s in told["splits"].items()
    ]
    largest = sorted(members(found.groups.near), key=len, reverse=True)[:12]
    return markup(
        "<h2>Near-duplicates</h2><p>Two near-duplicates (twins) are equal or correlate. Groups chain them.</p>"
        '<div class="two"><div class="box"><h3>Size of the groups</h3>{}</div>'
        '<div class="box"><h3>Within a split</h3>{}</div></div><h3>The largest groups</h3>{}',
        table(("images in a group", "equal", "equal or nearly"), rows),
        table(("split", "images", "with a twin there"), within),
        _gallery(found, largest),
    )


def _conflicts(found: Audit, told: dict[str, Any]) -> Html:
    exact, near = conflicting(found, found.groups.exact), conflicting(found, found.groups.near)
    if not near:
        return Html("<h2>Conflicting labels</h2><p>All twins have the same label.</p>")
    equal = {k for group in exact for k in group.tolist()}
    only = [group for group in near if not equal & {*group.tolist()}]
    text = f"{len(exact):,} groups of equal images have more than one label; {len(only):,} more groups of twins do."
    shown = markup("<h3>Nearly equal</h3>{}", _gallery(found, only)) if only else EMPTY
    return markup("<h2>Conflicting labels</h2><p>{}</p>{}{}", escape(text), _gallery(found, exact), shown)


def _blank(found: Audit, told: dict[str, Any]) -> Html:
    rows = np.flatnonzero(found.blank)
    return markup("<h2>Blank images</h2>{}", _singles(found, rows)) if len(rows) else EMPTY


def _no_face(found: Audit, told: dict[str, Any]) -> Html:
    parts = []
    if found.votes is not None and found.no_face.any():
        text = f"All votes on these {found.no_face.sum():,} images say that they show no face."
        parts.append(
            markup(
                "<h2>Not a face, by votes</h2><p>{}</p>{}",
                escape(text),
                _singles(found, np.flatnonzero(found.no_face)),
            )
        )
    if found.faceless is not None:
        both = int((found.faceless & found.no_face).sum())
        text = f"{found.detector} finds no face in {found.faceless.sum():,} images; {both:,} of them are none by votes."
        rest = np.flatnonzero(found.faceless & ~found.no_face)
        parts.append(markup("<h2>No face found by a detector</h2><p>{}</p>{}", escape(text), _singles(found, rest)))
    return join(parts)


def _agreement(found: Audit, told: dict[str, Any]) -> Html:
    if told["agreement"] is None:
        return EMPTY
    text = "Share of the images whose published label is the expression most people voted for."
    rows = [
        [
            escape(label) if label == "all" else dotted(label),
            *(_share(told["agreement"][split].get(label)) for split in told["agreement"]),
        ]
        for label in told["agreement"]["all"]
    ]
    listed = table(("published label", *told["agreement"]), rows)
    return markup("<h2>Labels against votes</h2><p>{}</p>{}", escape(text), listed)


def _balance(found: Audit, told: dict[str, Any]) -> Html:
    splits = told["splits"]
    rows = [
        [
            dotted(label),
            *(
                markup("{:,}&ensp;{}", s["counts"][label], escape(percent(s["counts"][label] / max(s["n"], 1), 1)))
                for s in splits.values()
            ),
        ]
        for label in next(iter(splits.values()))["counts"]
    ]
    rows.append([escape("without a label"), *(markup("{:,}", s["unlabelled"]) for s in splits.values())])
    ratios = ("-" if s["imbalance"] is None else f"{s['imbalance']:.1f}" for s in splits.values())
    rows.append([escape(cell) for cell in ("largest class / smallest", *ratios)])
    return markup("<h2>Class balance</h2>{}", table(("label", *splits), rows))


def _kept(found: Audit, told: dict[str, Any]) -> Html:
    rules = {
        "train": "one image of each group of twins, without blanks, without what is no face by all votes, and "
        "without twins in train that have different labels",
    }
    rows = [
        [
            escape(f"clean-{name}.txt"),
            markup("{:,} of {:,}", s["clean"], s["n"]),
            escape(
                rules.get(name, "without a twin in train; nothing else is removed, because a tidied test set flatters")
            ),
        ]
        for name, s in told["splits"].items()
    ]
    missing = [[escape(f"{name} split"), escape(reason)] for name, reason in told["missing"].items()]
    left = [[escape(what[0].upper() + what[1:]), escape(why)] for what, why in told["left_out"].items()]
    listed = table(("not looked at", "because"), [*missing, *left], words=True) if missing or left else EMPTY
    kept = table(("ids in", "images", "what is kept"), rows, words=True)
    return markup("<h2>Worth keeping</h2>{}{}", kept, listed)


def _share(cell: dict[str, Any] | None) -> Html:
    return escape("-" if cell is None else percent(cell["share"], 1))


def _gallery(found: Audit, groups: Sequence[Index]) -> Html:
    return _cut("sets", (_set(found, group) for group in groups[:GROUPS]), len(groups) - GROUPS, "groups")


def _set(found: Audit, group: Index) -> Html:
    more = len(group) - WIDEST
    rest = markup('<span class="more">and {:,} more</span>', more) if more > 0 else EMPTY
    return element("div", *(_shot(found, k) for k in group[:WIDEST]), rest, cls="set")


def _singles(found: Audit, rows: Index) -> Html:
    return _cut("single", (_shot(found, k) for k in rows[:SINGLES]), len(rows) - SINGLES, "images")


def _cut(kind: str, parts: Iterable[Html], more: int, what: str) -> Html:
    rest = note(f"and {more:,} more {what}, listed in hygiene.json") if more > 0 else EMPTY
    return join([element("div", *parts, cls=kind), rest])


def _shot(found: Audit, k: int) -> Html:
    name, label = f"{found.split[k]} {found.ids[k]}", found.labels[k] or "no label"
    return markup(
        '<figure class="shot"><img alt="{}" loading="lazy" src="{}"><figcaption><b>{}</b>{}</figcaption></figure>',
        escape(name),
        _uri(found.image(int(k))),
        escape(label),
        escape(name),
    )


def _uri(image: Images) -> Html:
    from PIL import Image

    small = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)
    small.thumbnail((SIDE, SIDE))
    stream = io.BytesIO()
    small.save(stream, "WEBP", quality=80)
    return data_uri(stream.getvalue(), "image/webp")
