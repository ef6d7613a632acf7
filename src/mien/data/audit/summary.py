"""An audit as a report, and as files: hygiene.json, hygiene.html and clean-SPLIT.txt."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mien.data.audit import Audit, agreement, conflicting, keep, leak_message, members, run_audit, subjects
from mien.data.audit.page import page_of
from mien.data.audit.report import AuditReport, FaceReport, GroupReport, LabelledImage, Leak, SplitReport
from mien.data.duplicates import THRESHOLD, Index
from mien.data.fer2013.votes import CHOICES
from mien.outputs import Outputs, into
from mien.outputs.result_folder import Writing
from mien.version import __version__

KEPT = ("hygiene.json", "hygiene.html", "clean-train.txt", "clean-val.txt", "clean-test.txt")
"""What `look` writes."""


def look(
    name: str, root: Path | None, writing: Writing, detector: str | None, options: Mapping[str, Any]
) -> AuditReport:
    """Audit a data set, write the files and return the report with their paths."""
    audit = run_audit(name, root, detector, **options)
    report = report_on(audit)
    with writing() as outputs:
        return replace(report, files=write(audit, report, outputs))


def report_on(audit: Audit) -> AuditReport:
    """Return everything an audit detected, counted and listed by id."""
    return AuditReport(
        dataset=audit.name,
        version=__version__,
        threshold=THRESHOLD,
        splits=_splits(audit),
        missing=dict(audit.missing),
        leaks=[
            Leak(split, earlier, int(matches.exact.sum()), int((matches.index >= 0).sum()), len(matches.index))
            for (split, earlier), matches in audit.leaks.items()
        ],
        subjects=None if "subjects in two splits" in audit.left_out else subjects(audit),
        leak=leak_message(audit),
        exact=_grouped(audit, audit.groups.exact),
        near=_grouped(audit, audit.groups.near),
        blank=audit.ids[audit.blank].tolist(),
        not_a_face=_faces(audit),
        agreement=agreement(audit),
        left_out=dict(audit.left_out),
    )


def write(audit: Audit, report: AuditReport, out: Path | Outputs) -> dict[str, str]:
    """Write hygiene.json, hygiene.html and clean-SPLIT.txt (the ids worth keeping); return their paths."""
    outputs = into(out)
    files = {"report": str(outputs.folder / "hygiene.html"), "json": str(outputs.folder / "hygiene.json")}
    for split, chosen in keep(audit).items():
        ids = audit.splits[split].ids[chosen]
        outputs.write(f"clean-{split}.txt", "".join(f"{one}\n" for one in ids).encode())
        files[f"clean_{split}"] = str(outputs.folder / f"clean-{split}.txt")
    outputs.write("hygiene.html", page_of(audit, report).encode())
    outputs.write("hygiene.json", f"{json.dumps(report.to_dict(), indent=1)}\n".encode())
    return files


def _splits(audit: Audit) -> dict[str, SplitReport]:
    chosen = keep(audit)
    reports: dict[str, SplitReport] = {}
    for split, samples in audit.splits.items():
        own, counts = audit.split == split, samples.counts()
        sizes = np.bincount(audit.groups.near[own], minlength=len(own))
        reports[split] = SplitReport(
            n=len(samples),
            counts=counts,
            unlabelled=int((audit.labels[own] == "").sum()),
            imbalance=max(counts.values()) / min(counts.values()) if min(counts.values()) else None,
            near_duplicates=int(sizes[sizes > 1].sum()),
            clean=int(chosen[split].sum()),
            fingerprint=samples.fingerprint,
        )
    return reports


def _grouped(audit: Audit, group_of: Index) -> GroupReport:
    groups, conflicts = members(group_of), conflicting(audit, group_of)
    sizes, counts = np.unique([len(group) for group in groups], return_counts=True)
    images = sum(map(len, groups))
    return GroupReport(
        groups=len(groups),
        images=images,
        surplus=images - len(groups),
        across_splits=sum(len({*audit.split[group]}) > 1 for group in groups),
        conflicting=len(conflicts),
        sizes=dict(zip(map(str, sizes.tolist()), counts.tolist(), strict=True)),
        members=[audit.ids[group].tolist() for group in groups],
        conflicts=[
            [LabelledImage(str(audit.ids[k]), str(audit.split[k]), str(audit.labels[k])) for k in group]
            for group in conflicts
        ],
    )


def _faces(audit: Audit) -> FaceReport:
    votes, detected = audit.votes, audit.faceless
    return FaceReport(
        by_all_votes=None if votes is None else audit.ids[audit.no_face].tolist(),
        by_most_votes=None if votes is None else int((votes.argmax(1) == CHOICES.index("nf")).sum()),
        detector=audit.detector,
        by_detector=None if detected is None else audit.ids[detected].tolist(),
    )
