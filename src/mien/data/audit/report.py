"""What an audit reports: counts and ids as values, which print as a table and become JSON by `to_dict`."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class SplitReport:
    """A split: images, labels, images with a near-duplicate in the same split, images worth keeping.

    `imbalance` is the size of the largest class over that of the smallest, None where a class is empty.
    """

    n: int
    counts: Mapping[str, int]
    unlabelled: int
    imbalance: float | None
    near_duplicates: int
    clean: int
    fingerprint: str

    def to_dict(self) -> dict[str, Any]:
        """Return the split as JSON carries it."""
        return {("twins_within" if name == "near_duplicates" else name): one for name, one in asdict(self).items()}


@dataclass(frozen=True)
class Leak:
    """How many of a split's `n` images are equal to one of an earlier split, and equal or nearly equal."""

    split: str
    earlier: str
    exact: int
    near: int
    n: int

    @property
    def fraction(self) -> float | None:
        """The fraction of the images with a near-duplicate, equal ones included; None without images."""
        return self.near / self.n if self.n else None

    def to_dict(self) -> dict[str, Any]:
        """Return the leak as JSON carries it."""
        return {"split": self.split, "in": self.earlier, "exact": self.exact, "twins": self.near, "n": self.n}


@dataclass(frozen=True)
class LabelledImage:
    """An image of a group whose labels differ."""

    id: str
    split: str
    label: str


@dataclass(frozen=True)
class GroupReport:
    """Groups of images that belong together: their sizes (groups by size), members by id, and conflicting labels."""

    groups: int
    images: int
    surplus: int
    across_splits: int
    conflicting: int
    sizes: Mapping[str, int]
    members: Sequence[Sequence[str]]
    conflicts: Sequence[Sequence[LabelledImage]]

    def to_dict(self) -> dict[str, Any]:
        """Return the groups as JSON carries them."""
        return {("pictures" if name == "images" else name): one for name, one in asdict(self).items()}


@dataclass(frozen=True)
class FaceReport:
    """Images without a face: ids by all votes, how many by most votes, ids by a detector; None where not examined."""

    by_all_votes: Sequence[str] | None
    by_most_votes: int | None
    detector: str | None
    by_detector: Sequence[str] | None

    def to_dict(self) -> dict[str, Any]:
        """Return the ids as JSON carries them."""
        names = ("votes", "votes_most", "detector", "detector_none")
        return dict(zip(names, asdict(self).values(), strict=True))


@dataclass(frozen=True)
class Agreement:
    """On how many images the published label was compared with the votes, and the fraction that agrees."""

    n: int
    fraction: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return the agreement as JSON carries it."""
        return {"n": self.n, "share": self.fraction}


AgreementTable = Mapping[str, Mapping[str, Agreement]]
"""Agreement by split ("all" first) and label ("all" first)."""


@dataclass(frozen=True)
class AuditReport:
    """Everything that an audit detected, counted and listed by id.

    Attributes:
        dataset, version, threshold: the data set, mien's version, the minimum correlation of near-duplicates.
        splits, missing: by split, what it holds, or why it could not be read.
        leaks: near-duplicates between splits; leak: the same in one line, "" where there is none.
        subjects: subjects in more than one split, with those splits; None where no subjects are known.
        exact, near: groups of equal images, and of near-duplicates.
        blank: ids of images that show nothing.
        agreement: published labels against votes; None where there are none to compare.
        left_out: what could not be examined, and why.
        files: the files written, by kind.
    """

    dataset: str
    version: str
    threshold: float
    splits: Mapping[str, SplitReport]
    missing: Mapping[str, str]
    leaks: Sequence[Leak]
    subjects: Mapping[str, Sequence[str]] | None
    leak: str
    exact: GroupReport
    near: GroupReport
    blank: Sequence[str]
    not_a_face: FaceReport
    agreement: AgreementTable | None
    left_out: Mapping[str, str]
    files: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON carries it, `files` only where some were written."""
        table = self.agreement
        return {
            "dataset": self.dataset,
            "version": self.version,
            "threshold": self.threshold,
            "splits": {name: split.to_dict() for name, split in self.splits.items()},
            "missing": dict(self.missing),
            "leaks": [leak.to_dict() for leak in self.leaks],
            "subjects": self.subjects,
            "leak": self.leak or None,
            "exact": self.exact.to_dict(),
            "near": self.near.to_dict(),
            "blank": self.blank,
            "not_a_face": self.not_a_face.to_dict(),
            "agreement": table and {s: {x: one.to_dict() for x, one in row.items()} for s, row in table.items()},
            "left_out": dict(self.left_out),
            **({"files": dict(self.files)} if self.files else {}),
        }

    def __str__(self) -> str:
        """Return the counts as lines for a terminal."""
        rows = [[self.dataset, *self.splits], *_counts(self), *_leak_counts(self)]
        rows.append(["worth keeping", *(f"{split.clean:,}" for split in self.splits.values())])
        lines = [row[0].ljust(32) + "".join(cell.rjust(9) for cell in row[1:]) for row in rows]
        lines += ["", *_findings(self)]
        lines += [f"no {split}: {reason}" for split, reason in self.missing.items()]
        lines += [f"left out: {what} ({why})" for what, why in self.left_out.items()]
        return "\n".join(lines)


def _counts(report: AuditReport) -> list[list[str]]:
    splits = report.splits.values()
    rows = [[label, *(f"{split.counts[label]:,}" for split in splits)] for label in next(iter(splits)).counts]
    if any(split.unlabelled for split in splits):
        rows.append(["without a label", *(f"{split.unlabelled:,}" for split in splits)])
    rows.append(["all", *(f"{split.n:,}" for split in splits)])
    ratios = ("-" if split.imbalance is None else f"{split.imbalance:.1f}" for split in splits)
    rows.append(["largest class / smallest", *ratios])
    rows.append(["near-duplicates in the same split", *(f"{split.near_duplicates:,}" for split in splits)])
    return rows


def _leak_counts(report: AuditReport) -> list[list[str]]:
    rows = []
    for earlier in list(report.splits)[:-1]:
        leaks = {leak.split: leak for leak in report.leaks if leak.earlier == earlier}
        rows.append(
            [f"equal images in {earlier}", *(f"{leaks[s].exact:,}" if s in leaks else "" for s in report.splits)]
        )
        rows.append(
            [f"near-duplicates in {earlier}", *(f"{leaks[s].near:,}" if s in leaks else "" for s in report.splits)]
        )
    return rows


def _findings(report: AuditReport) -> list[str]:
    lines = [
        f"{words}: {g.groups:,} groups of {g.images:,} images, {g.surplus:,} of them surplus; "
        f"{g.across_splits:,} groups across splits, {g.conflicting:,} with conflicting labels"
        for words, g in (
            ("equal images", report.exact),
            (f"near-duplicates (correlation >= {report.threshold:g})", report.near),
        )
    ]
    lines.append(f"blank: {len(report.blank):,}" + (f" ({', '.join(report.blank[:5])})" if report.blank else ""))
    face = report.not_a_face
    if face.by_all_votes is not None:
        lines.append(f"not a face: {len(face.by_all_votes):,} by all votes, {face.by_most_votes:,} by most")
    if face.by_detector is not None:
        lines.append(f"no face detected by {face.detector}: {len(face.by_detector):,}")
    if report.subjects:
        lines.append(f"subjects in more than one split: {len(report.subjects):,}")
    return lines + ([] if report.agreement is None else _agreement(report.agreement))


def _agreement(table: AgreementTable) -> list[str]:
    lines = ["", "published label = most voted".ljust(32) + "".join(split.rjust(9) for split in table)]
    for label in table["all"]:
        fractions = (table[split][label].fraction if label in table[split] else None for split in table)
        cells = ("-" if one is None else f"{100 * one:.1f} %" for one in fractions)
        lines.append(label.ljust(32) + "".join(cell.rjust(9) for cell in cells))
    return lines
