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
from mien.html.page import data_uri, dot, escape, page, percent, table, tiles

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


def page_of(found: Audit, told: dict[str, Any]) -> str:
    """Return the HTML document about an audit and its `to_dict`."""
    sections = (_figures, _leaks, _twins, _conflicts, _blank, _no_face, _agreement, _balance, _kept)
    body = "\n".join(section(found, told) for section in sections)
    lede = told["leak"] or f"No image of {found.name} stands in two splits."
    return page(f"Hygiene of {found.name}", body, lede=lede[0].upper() + lede[1:].rstrip(".") + ".", style=STYLE)


def _figures(found: Audit, told: dict[str, Any]) -> str:
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


def _leaks(found: Audit, told: dict[str, Any]) -> str:
    rows = [
        [escape(f"{row['split']} in {row['in']}"), f"{row['exact']:,}", f"{row['twins']:,}", percent(share, 1)]
        for row in told["leaks"]
        for share in [row["twins"] / row["n"] if row["n"] else None]
    ]
    if not rows:
        return ""
    text = "A model that has learnt an image by heart answers its twin right: that part of a score measures memory."
    shared = told["subjects"]
    if shared is not None:
        text += f" Subjects in more than one split: {len(shared):,}."
    names = [[escape(one), escape(", ".join(splits))] for one, splits in list((shared or {}).items())[:SINGLES]]
    across = [group for group in members(found.groups.near) if len({*found.split[group]}) > 1]
    return (
        f"<h2>Leaks between splits</h2><p>{escape(text)}</p>"
        + table(("images of … that stand in …", "equal", "equal or nearly", "share"), rows)
        + (table(("subject", "splits"), names, words=True) if names else "")
        + _gallery(found, across)
    )


def _twins(found: Audit, told: dict[str, Any]) -> str:
    exact, near = told["exact"]["sizes"], told["near"]["sizes"]
    sizes = sorted({*exact, *near}, key=int)
    if not sizes:
        return "<h2>Near-duplicates</h2><p>No image is in the data set twice.</p>"
    rows = [[size, f"{exact.get(size, 0):,}", f"{near.get(size, 0):,}"] for size in sizes]
    within = [[escape(name), f"{s['n']:,}", f"{s['twins_within']:,}"] for name, s in told["splits"].items()]
    largest = sorted(members(found.groups.near), key=len, reverse=True)[:12]
    return (
        "<h2>Near-duplicates</h2><p>Two near-duplicates (twins) are equal or correlate. Groups chain them.</p>"
        '<div class="two"><div class="box"><h3>Size of the groups</h3>'
        + table(("images in a group", "equal", "equal or nearly"), rows)
        + '</div><div class="box"><h3>Within a split</h3>'
        + table(("split", "images", "with a twin there"), within)
        + "</div></div><h3>The largest groups</h3>"
        + _gallery(found, largest)
    )


def _conflicts(found: Audit, told: dict[str, Any]) -> str:
    exact, near = conflicting(found, found.groups.exact), conflicting(found, found.groups.near)
    if not near:
        return "<h2>Conflicting labels</h2><p>All twins have the same label.</p>"
    equal = {k for group in exact for k in group.tolist()}
    only = [group for group in near if not equal & {*group.tolist()}]
    text = f"{len(exact):,} groups of equal images have more than one label; {len(only):,} more groups of twins do."
    shown = f"<h3>Nearly equal</h3>{_gallery(found, only)}" if only else ""
    return f"<h2>Conflicting labels</h2><p>{escape(text)}</p>{_gallery(found, exact)}{shown}"


def _blank(found: Audit, told: dict[str, Any]) -> str:
    rows = np.flatnonzero(found.blank)
    return f"<h2>Blank images</h2>{_singles(found, rows)}" if len(rows) else ""


def _no_face(found: Audit, told: dict[str, Any]) -> str:
    parts = []
    if found.votes is not None and found.no_face.any():
        text = f"All votes on these {found.no_face.sum():,} images say that they show no face."
        parts.append(f"<h2>Not a face, by votes</h2><p>{text}</p>{_singles(found, np.flatnonzero(found.no_face))}")
    if found.faceless is not None:
        both = int((found.faceless & found.no_face).sum())
        text = f"{found.detector} finds no face in {found.faceless.sum():,} images; {both:,} of them are none by votes."
        rest = np.flatnonzero(found.faceless & ~found.no_face)
        parts.append(f"<h2>No face found by a detector</h2><p>{escape(text)}</p>{_singles(found, rest)}")
    return "".join(parts)


def _agreement(found: Audit, told: dict[str, Any]) -> str:
    if told["agreement"] is None:
        return ""
    text = "Share of the images whose published label is the expression most people voted for."
    rows = [
        [
            label if label == "all" else dot(label) + escape(label),
            *(_share(told["agreement"][split].get(label)) for split in told["agreement"]),
        ]
        for label in told["agreement"]["all"]
    ]
    return f"<h2>Labels against votes</h2><p>{text}</p>" + table(("published label", *told["agreement"]), rows)


def _balance(found: Audit, told: dict[str, Any]) -> str:
    splits = told["splits"]
    rows = [
        [
            dot(label) + escape(label),
            *(
                f"{s['counts'][label]:,}&ensp;{percent(s['counts'][label] / max(s['n'], 1), 1)}"
                for s in splits.values()
            ),
        ]
        for label in next(iter(splits.values()))["counts"]
    ]
    rows.append(["without a label", *(f"{s['unlabelled']:,}" for s in splits.values())])
    ratios = ("-" if s["imbalance"] is None else f"{s['imbalance']:.1f}" for s in splits.values())
    rows.append(["largest class / smallest", *ratios])
    return "<h2>Class balance</h2>" + table(("label", *splits), rows)


def _kept(found: Audit, told: dict[str, Any]) -> str:
    rules = {
        "train": "one image of each group of twins, without blanks, without what is no face by all votes, and "
        "without twins in train that have different labels",
    }
    rows = [
        [
            f"clean-{escape(name)}.txt",
            f"{s['clean']:,} of {s['n']:,}",
            rules.get(name, "without a twin in train; nothing else is removed, because a tidied test set flatters"),
        ]
        for name, s in told["splits"].items()
    ]
    missing = [[escape(f"{name} split"), escape(reason)] for name, reason in told["missing"].items()]
    left = [[escape(what[0].upper() + what[1:]), escape(why)] for what, why in told["left_out"].items()]
    listed = table(("not looked at", "because"), [*missing, *left], words=True) if missing or left else ""
    return "<h2>Worth keeping</h2>" + table(("ids in", "images", "what is kept"), rows, words=True) + listed


def _share(cell: dict[str, Any] | None) -> str:
    return "-" if cell is None else f"{percent(cell['share'], 1)}"


def _gallery(found: Audit, groups: Sequence[Index]) -> str:
    sets = (
        '<div class="set">'
        + "".join(_shot(found, k) for k in group[:WIDEST])
        + (f'<span class="more">and {len(group) - WIDEST:,} more</span>' if len(group) > WIDEST else "")
        + "</div>"
        for group in groups[:GROUPS]
    )
    return _cut("sets", sets, len(groups) - GROUPS, "groups")


def _singles(found: Audit, rows: Index) -> str:
    return _cut("single", (_shot(found, k) for k in rows[:SINGLES]), len(rows) - SINGLES, "images")


def _cut(kind: str, parts: Iterable[str], more: int, what: str) -> str:
    rest = f'<p class="soft">and {more:,} more {what}, listed in hygiene.json</p>' if more > 0 else ""
    return f'<div class="{kind}">{"".join(parts)}</div>{rest}'


def _shot(found: Audit, k: int) -> str:
    name, label = f"{found.split[k]} {found.ids[k]}", found.labels[k] or "no label"
    return (
        f'<figure class="shot"><img alt="{escape(name)}" loading="lazy" src="{_uri(found.image(int(k)))}">'
        f"<figcaption><b>{escape(label)}</b>{escape(name)}</figcaption></figure>"
    )


def _uri(image: Images) -> str:
    from PIL import Image

    small = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)
    small.thumbnail((SIDE, SIDE))
    stream = io.BytesIO()
    small.save(stream, "WEBP", quality=80)
    return data_uri(stream.getvalue(), "image/webp")
