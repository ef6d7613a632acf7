"""The audit of a data set: near-duplicates (twins), leaks, conflicting labels, blanks, non-faces, balance, subjects.

    print(report_on(run_audit("fer2013", root)))      # report_on is in summary.py

A score is worth no more than the data it was measured on.  The audit counts every problem and lists it by id, and
reports what it could not examine because the data set has no votes or no subjects.  `mien data NAME --hygiene` runs it,
shows the images on a page and writes the ids worth keeping into clean-SPLIT.txt.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.data import data_root, load_splits
from mien.data.audit.label_sources import Texts, plurality, published_labels, top_label, votes_on
from mien.data.audit.report import Agreement, AgreementTable
from mien.data.cache import Entry, kept
from mien.data.duplicates import (
    THRESHOLD,
    Groups,
    Index,
    NearDuplicates,
    groups,
    near_duplicates_between,
    near_duplicates_in_training,
)
from mien.data.fer2013.votes import CHOICES
from mien.data.groups import known
from mien.data.samples import Samples, digest
from mien.data.shards import Images, Pixels, blocks_of
from mien.errors import UsageError, spelled
from mien.progress import bar

BLANK = 5.0
"""Grey levels: an image whose pixels vary less (standard deviation) is blank; FER2013's faintest face is at 9."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Audit:
    """What was detected in a data set.  Arrays (N,) run through all its splits in order.

    Attributes:
        name, splits, missing: the data set, its samples by split, and why a split could not be read.
        groups: which images are near-duplicates of each other.
        leaks: by (split, earlier split), the near-duplicates there of its images.
        blank: which images show nothing.
        votes: int (N, 10) rater choices, None where there are none; published: the labels from before the votes.
        faceless: in which images the detector finds no face, None without a detector; detector: its name.
        left_out: what could not be examined, and why.
    """

    name: str
    splits: Mapping[str, Samples]
    missing: Mapping[str, str]
    groups: Groups
    leaks: Mapping[tuple[str, str], NearDuplicates]
    blank: Mask
    votes: NDArray[np.integer] | None
    published: Texts | None
    faceless: Mask | None
    detector: str | None
    left_out: Mapping[str, str]

    @cached_property
    def ids(self) -> Texts:
        """The id of every image."""
        return np.concatenate([samples.ids for samples in self.splits.values()])

    @cached_property
    def labels(self) -> Texts:
        """The label of every image, "" where it has none."""
        return np.concatenate([top_label(samples) for samples in self.splits.values()])

    @cached_property
    def split(self) -> Texts:
        """The split of every image."""
        return np.repeat(list(self.splits), [len(samples) for samples in self.splits.values()])

    @cached_property
    def no_face(self) -> Mask:
        """Which images all taggers call not a face."""
        if self.votes is None:
            return np.zeros(len(self.ids), bool)
        votes = self.votes[:, CHOICES.index("nf")]
        return np.asarray((votes > 0) & (votes == self.votes.sum(axis=1)))

    def image(self, position: int) -> Pixels:
        """Return one image, uint8 (H, W, C)."""
        for samples in self.splits.values():
            if position < len(samples):
                return np.asarray(samples.images[position])
            position -= len(samples)
        raise IndexError(position)


def run_audit(name: str, root: Path | None, detector: str | None = None, **options: Any) -> Audit:
    """Audit every split of a data set that can be read; DataError when there is none at all.

    `detector` names one of DETECTORS to look for a face in every image, which takes a few milliseconds each.
    """
    detect = None if detector is None else _make_detector(detector)
    splits, missing = load_splits(name, root, options)
    votes = votes_on(splits, data_root(root))
    published = None if isinstance(votes, str) else published_labels(splits, data_root(root))
    return Audit(
        name,
        splits,
        missing,
        _groups(splits),
        dict(_leaks(splits, root)),
        np.concatenate([_blank(samples.images) for samples in splits.values()]),
        None if isinstance(votes, str) else votes,
        published,
        None if detect is None else np.concatenate([_faceless(s, str(detector), detect) for s in splits.values()]),
        detector,
        _left_out(splits, votes, published, detector),
    )


def _left_out(
    splits: Mapping[str, Samples], votes: object, published: Texts | None, detector: str | None
) -> dict[str, str]:
    """Return what cannot be examined, and why; `votes` is the reason where there are none."""
    left_out: dict[str, str] = {}
    if isinstance(votes, str):
        left_out["not a face, by votes"] = votes
    if published is None:
        left_out["agreement of labels with votes"] = (
            votes if isinstance(votes, str) else "the data set's labels are its votes"
        )
    if detector is None:
        left_out["not a face, by detector"] = spelled("no `detector` was given")
    if all(samples.group is None for samples in splits.values()):
        left_out["subjects in two splits"] = "the data set names no subjects"
    return left_out


def members(group_of: Index, min_size: int = 2) -> list[Index]:
    """Return the positions in each group of at least `min_size`, from one array of `Groups`, in order.

    >>> [group.tolist() for group in members(np.array([0, 1, 0, 3, 1]))]
    [[0, 2], [1, 4]]
    """
    order = np.argsort(group_of, kind="stable")
    cuts = np.flatnonzero(np.diff(group_of[order])) + 1
    return [group for group in np.split(order, cuts) if len(group) >= min_size]


def conflicting(audit: Audit, group_of: Index) -> list[Index]:
    """Return the groups whose images have different labels."""
    return [group for group in members(group_of) if len({*audit.labels[group]} - {""}) > 1]


def keep(audit: Audit) -> dict[str, Mask]:
    """Return which images of each split are worth keeping.

    Train keeps one image of each group of near-duplicates.  It drops blank images, images that all raters call not a
    face, and groups with different labels in train.  Val and test drop only the images with a near-duplicate in train:
    a hand-tidied test set flatters.  These are the clean splits that mien reports scores on.
    """
    return {split: _keep_train(audit) if split == "train" else _keep_clean(audit, split) for split in audit.splits}


def _keep_train(audit: Audit) -> Mask:
    own, near = audit.split == "train", audit.groups.near
    rows = np.arange(len(own))
    conflict = np.zeros(len(own), bool)
    for group in members(np.where(own, near, -1 - rows)):
        conflict[group] = len({*audit.labels[group]} - {""}) > 1
    return np.asarray(((near == rows) & ~conflict & ~audit.blank & ~audit.no_face)[own])


def _keep_clean(audit: Audit, split: str) -> Mask:
    leak = audit.leaks.get((split, "train"))
    return np.ones(len(audit.splits[split]), bool) if leak is None else leak.index < 0


def subjects(audit: Audit) -> dict[str, list[str]]:
    """Return the subjects that are in more than one split, with those splits."""
    splits_of: dict[str, list[str]] = {}
    for split, samples in audit.splits.items():
        for subject in [] if samples.group is None else known(samples.group):
            splits_of.setdefault(subject, []).append(split)
    return {subject: splits for subject, splits in splits_of.items() if len(splits) > 1}


def agreement(audit: Audit) -> AgreementTable | None:
    """Return by split and label on what fraction of the images most votes are for the published label."""
    if audit.votes is None or audit.published is None:
        return None
    agrees, published = plurality(audit.votes) == audit.published, audit.published
    labels = [label for label in next(iter(audit.splits.values())).labels if (published == label).any()]

    def part(rows: Mask) -> Agreement:
        return Agreement(int(rows.sum()), float(agrees[rows].mean()) if rows.any() else None)

    table = {}
    for split in ("all", *audit.splits):
        own = np.ones(len(agrees), bool) if split == "all" else audit.split == split
        table[split] = {"all": part(own), **{x: part(own & (published == x)) for x in labels}}
    return table


def leak_message(audit: Audit) -> str:
    """Return one line on what is in two splits, empty where nothing is."""
    parts = [
        f"{(matches.index >= 0).sum():,} of {len(matches.index):,} {split} images have a near-duplicate in {earlier}"
        for (split, earlier), matches in audit.leaks.items()
        if (matches.index >= 0).any()
    ]
    if shared := len(subjects(audit)):
        parts.append(f"{shared:,} subjects are in more than one split")
    return f"the splits of {audit.name} leak: {'; '.join(parts)}" if parts else ""


def _groups(splits: Mapping[str, Samples]) -> Groups:
    def build() -> Entry:
        with bar("searching for near-duplicates", sum(map(len, splits.values()))) as advance:
            return Entry(vars(groups([samples.images for samples in splits.values()], advance=advance)), {})

    stamp = digest(str(THRESHOLD), *(samples.fingerprint for samples in splits.values()))
    arrays = kept(f"groups-{stamp}", build).arrays
    return Groups(np.asarray(arrays["exact"]), np.asarray(arrays["near"]))


def _leaks(splits: Mapping[str, Samples], root: Path | None) -> Iterator[tuple[tuple[str, str], NearDuplicates]]:
    names = list(splits)
    for k, split in enumerate(names):
        for earlier in names[:k]:
            if earlier == "train":
                yield (split, earlier), near_duplicates_in_training(splits[split], root, splits["train"])
            else:
                yield (split, earlier), near_duplicates_between(splits[earlier], splits[split])


def _blank(images: Images) -> Mask:
    spread = [block.reshape(len(block), -1).std(axis=1, dtype=np.float32) for block in blocks_of(images)]
    return np.concatenate([np.zeros(0, np.float32), *spread]) < BLANK


def _make_detector(detector: str) -> Any:
    from mien.inference.detectors import make  # here, because importing OpenCV takes a while

    if detector == "whole":
        raise UsageError("`detector` whole", "yunet or haar", "whole treats every image as a face")
    return make(detector)


def _faceless(samples: Samples, detector: str, detect: Any) -> Mask:
    def build() -> Entry:
        faceless = np.zeros(len(samples), bool)
        with bar(f"looking for faces in {samples.split}", len(samples)) as advance:
            for k, image in enumerate(samples.images):
                faceless[k] = not detect(_rgb(image))
                advance(1)
        return Entry({"faceless": faceless}, {})

    name = f"faceless-{digest(samples.fingerprint, detector)}"
    return np.asarray(kept(name, build).arrays["faceless"])


def _rgb(image: Pixels) -> Pixels:
    return np.repeat(image, 3, axis=2) if image.shape[2] == 1 else np.ascontiguousarray(image)
