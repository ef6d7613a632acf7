"""An audit as JSON, as text for a terminal, and as files: hygiene.json, hygiene.html and clean-SPLIT.txt."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mien import __version__
from mien.data.audit import Audit, agreement, audit, conflicting, keep, leaks_told, members, subjects
from mien.data.duplicates import THRESHOLD, Index
from mien.data.fer2013.votes import CHOICES
from mien.outputs import Outputs, into
from mien.outputs.taken import Begin

KEPT = ("hygiene.json", "hygiene.html", "clean-train.txt", "clean-val.txt", "clean-test.txt")
"""What `look` writes."""


def look(
    name: str, root: Path | None, begin: Begin, detector: str | None, options: Mapping[str, Any]
) -> dict[str, Any]:
    """Audit a data set, write the files and return what `mien data --hygiene --json` prints."""
    found = audit(name, root, detector, **options)
    told = to_dict(found)
    with begin() as outputs:
        return {**told, "files": write(found, told, outputs)}


def to_dict(found: Audit) -> dict[str, Any]:
    """Return everything an audit found, counted and listed by id, as JSON carries it."""
    return {
        "dataset": found.name,
        "version": __version__,
        "threshold": THRESHOLD,
        "splits": _splits(found),
        "missing": dict(found.missing),
        "leaks": [
            {
                "split": split,
                "in": earlier,
                "exact": int(twins.exact.sum()),
                "twins": int((twins.index >= 0).sum()),
                "n": len(twins.index),
            }
            for (split, earlier), twins in found.leaks.items()
        ],
        "subjects": None if "subjects in two splits" in found.left_out else subjects(found),
        "leak": leaks_told(found) or None,
        "exact": _grouped(found, found.groups.exact),
        "near": _grouped(found, found.groups.near),
        "blank": found.ids[found.blank].tolist(),
        "not_a_face": {
            "votes": None if found.votes is None else found.ids[found.no_face].tolist(),
            "votes_most": None if found.votes is None else int((found.votes.argmax(1) == CHOICES.index("nf")).sum()),
            "detector": found.detector,
            "detector_none": None if found.faceless is None else found.ids[found.faceless].tolist(),
        },
        "agreement": agreement(found),
        "left_out": dict(found.left_out),
    }


def to_text(told: dict[str, Any]) -> str:
    """Return the figures of `to_dict` as lines for a terminal."""
    splits, counted = told["splits"], told["splits"].values()
    rows = [[told["dataset"], *splits]]
    labels = next(iter(counted))["counts"]
    rows += [[label, *(f"{s['counts'][label]:,}" for s in counted)] for label in labels]
    rows += (
        [["without a label", *(f"{s['unlabelled']:,}" for s in counted)]]
        if any(s["unlabelled"] for s in counted)
        else []
    )
    rows += [["all", *(f"{s['n']:,}" for s in counted)]]
    rows += [["largest class / smallest", *(_times(s["imbalance"]) for s in counted)]]
    rows += [["with a twin in the same split", *(f"{s['twins_within']:,}" for s in counted)]]
    for earlier in list(splits)[:-1]:
        leak = {row["split"]: row for row in told["leaks"] if row["in"] == earlier}
        for key, words in (("exact", f"with an equal image in {earlier}"), ("twins", f"with a twin in {earlier}")):
            rows.append([words, *(f"{leak[s][key]:,}" if s in leak else "" for s in splits)])
    rows += [["worth keeping", *(f"{s['clean']:,}" for s in counted)]]
    lines = [row[0].ljust(32) + "".join(cell.rjust(9) for cell in row[1:]) for row in rows]
    lines += ["", *_lines(told)]
    lines += [f"no {split}: {reason}" for split, reason in told["missing"].items()]
    lines += [f"left out: {what} ({why})" for what, why in told["left_out"].items()]
    return "\n".join(lines)


def write(found: Audit, told: dict[str, Any], out: Path | Outputs) -> dict[str, str]:
    """Write hygiene.json, hygiene.html and clean-SPLIT.txt (the ids worth keeping); return their paths."""
    from mien.data.audit.page import page_of

    outputs = into(out)
    files = {"report": str(outputs.folder / "hygiene.html"), "json": str(outputs.folder / "hygiene.json")}
    for split, chosen in keep(found).items():
        ids = found.splits[split].ids[chosen]
        outputs.write(f"clean-{split}.txt", "".join(f"{one}\n" for one in ids).encode())
        files[f"clean_{split}"] = str(outputs.folder / f"clean-{split}.txt")
    outputs.write("hygiene.html", page_of(found, told).encode())
    outputs.write("hygiene.json", f"{json.dumps(told, indent=1)}\n".encode())
    return files


def _splits(found: Audit) -> dict[str, Any]:
    chosen = keep(found)
    told: dict[str, Any] = {}
    for split, samples in found.splits.items():
        own, counts = found.split == split, samples.counts()
        sizes = np.bincount(found.groups.near[own], minlength=len(own))
        told[split] = {
            "n": len(samples),
            "counts": counts,
            "unlabelled": int((found.labels[own] == "").sum()),
            "imbalance": max(counts.values()) / min(counts.values()) if min(counts.values()) else None,
            "twins_within": int(sizes[sizes > 1].sum()),
            "clean": int(chosen[split].sum()),
            "fingerprint": samples.fingerprint,
        }
    return told


def _grouped(found: Audit, of: Index) -> dict[str, Any]:
    joined, torn = members(of), conflicting(found, of)
    sizes, counts = np.unique([len(group) for group in joined], return_counts=True)
    return {
        "groups": len(joined),
        "pictures": sum(map(len, joined)),
        "surplus": sum(map(len, joined)) - len(joined),
        "across_splits": sum(len({*found.split[group]}) > 1 for group in joined),
        "conflicting": len(torn),
        "sizes": dict(zip(map(str, sizes.tolist()), counts.tolist(), strict=True)),
        "members": [found.ids[group].tolist() for group in joined],
        "conflicts": [
            [{"id": str(found.ids[k]), "split": str(found.split[k]), "label": str(found.labels[k])} for k in group]
            for group in torn
        ],
    }


def _lines(told: dict[str, Any]) -> list[str]:
    lines = []
    for key, words in (("exact", "equal images"), ("near", f"twins (correlation >= {told['threshold']:g})")):
        g = told[key]
        lines.append(
            f"{words}: {g['groups']:,} groups of {g['pictures']:,} images, {g['surplus']:,} of them surplus; "
            f"{g['across_splits']:,} groups across splits, {g['conflicting']:,} with conflicting labels"
        )
    lines.append(f"blank: {len(told['blank']):,}" + (f" ({', '.join(told['blank'][:5])})" if told["blank"] else ""))
    face = told["not_a_face"]
    if face["votes"] is not None:
        lines.append(f"not a face: {len(face['votes']):,} by all votes, {face['votes_most']:,} by most")
    if face["detector_none"] is not None:
        lines.append(f"no face found by {face['detector']}: {len(face['detector_none']):,}")
    if told["subjects"]:
        lines.append(f"subjects in more than one split: {len(told['subjects']):,}")
    return lines + _agreement_lines(told["agreement"])


def _agreement_lines(table: dict[str, dict[str, dict[str, Any]]] | None) -> list[str]:
    if table is None:
        return []
    head = "".join(split.rjust(9) for split in table)
    lines = ["", f"{'published label = most voted':32}{head}"]
    for label in table["all"]:
        cells = (table[split].get(label, {"share": None})["share"] for split in table)
        lines.append(f"{label:32}" + "".join(("-" if c is None else f"{100 * c:.1f} %").rjust(9) for c in cells))
    return lines


def _times(ratio: float | None) -> str:
    return "-" if ratio is None else f"{ratio:.1f}"
