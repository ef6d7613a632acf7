"""The audit of a data set: twins, leaks, conflicting labels, blanks, what is no face, balance, subjects.

    found = audit("fer2013", root)
    to_dict(found)["leaks"]

What a score is worth depends on what it was measured on.  Everything that is found is counted and listed by id; what
cannot be looked at, because a data set has no votes or no subjects, is left out and said.  Run it with
`mien data NAME --hygiene`, which also writes the images into a page and the ids worth keeping into clean-SPLIT.txt.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.data import SPLITS, data_root, load
from mien.data.audit.label_sources import Texts, plurality, published_labels, top_label, votes_on
from mien.data.cache import Entry, kept
from mien.data.duplicates import (
    THRESHOLD,
    Groups,
    Images,
    Index,
    NearDuplicates,
    groups,
    near_duplicates_between,
    near_duplicates_in_training,
)
from mien.data.fer2013.votes import CHOICES
from mien.data.samples import Samples, digest
from mien.errors import DataError, UsageError, spelled
from mien.progress import bar

BLANK = 5.0
"""Grey levels: an image whose pixels vary less (standard deviation) is blank; FER2013's faintest face is at 9."""

BLOCK = 4096
"""Images looked at together."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Audit:
    """What was found in a data set; arrays (N,) run through all its splits in order.

    Attributes:
        name, splits, missing: the data set, its samples by split, and why a split could not be read.
        groups: which images are twins of each other.
        leaks: by (split, earlier split), the twins there of its images.
        blank: which images show nothing.
        votes: int (N, 10) people's choices, published: the labels from before they voted; None where there are none.
        faceless: in which images the detector found no face, None where it was not asked; detector: its name.
        left_out: what could not be looked at, and why.
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

    def image(self, position: int) -> Images:
        """Return one image, uint8 (H, W, C)."""
        for samples in self.splits.values():
            if position < len(samples):
                return np.asarray(samples.images[position])
            position -= len(samples)
        raise IndexError(position)


def audit(name: str, root: Path | None, detector: str | None = None, **options: Any) -> Audit:
    """Look at every split of a data set that there is; DataError when there is none at all.

    `detector` names one of DETECTORS to look for a face in every image, which takes a few milliseconds for each.
    """
    look = None if detector is None else _finder(detector)
    splits, missing = _read(name, root, options)
    left_out: dict[str, str] = {}
    votes = votes_on(splits, data_root(root))
    if isinstance(votes, str):
        left_out["not a face, by votes"] = votes
    published = None if isinstance(votes, str) else published_labels(splits, data_root(root))
    if published is None:
        left_out["agreement of labels with votes"] = left_out.get(
            "not a face, by votes", "the data set's labels are its votes"
        )
    if look is None:
        left_out["not a face, by detector"] = spelled("no `detector` was given")
    if all(samples.group is None for samples in splits.values()):
        left_out["subjects in two splits"] = "the data set names no subjects"
    return Audit(
        name,
        splits,
        missing,
        _groups(splits),
        dict(_leaks(splits, root)),
        np.concatenate([_blank(samples.images) for samples in splits.values()]),
        None if isinstance(votes, str) else votes,
        published,
        None if look is None else np.concatenate([_faceless(s, str(detector), look) for s in splits.values()]),
        detector,
        left_out,
    )


def members(of: Index, at_least: int = 2) -> list[Index]:
    """Return the positions in each group of that size or more, from one array of `Groups`, in order.

    >>> [group.tolist() for group in members(np.array([0, 1, 0, 3, 1]))]
    [[0, 2], [1, 4]]
    """
    order = np.argsort(of, kind="stable")
    cuts = np.flatnonzero(np.diff(of[order])) + 1
    return [group for group in np.split(order, cuts) if len(group) >= at_least]


def conflicting(found: Audit, of: Index) -> list[Index]:
    """Return the groups whose images have different labels."""
    return [group for group in members(of) if len({*found.labels[group]} - {""}) > 1]


def keep(found: Audit) -> dict[str, Mask]:
    """Return which images of each split are worth keeping.

    Of train: one image of each group of twins, and none that is blank, no face by all taggers, or whose twins in
    train have another label.  Of val and test: those without a twin in train, and nothing else is removed, because a
    test set that was tidied by hand flatters; these are the clean splits on which mien reports its scores.
    """
    kept_of: dict[str, Mask] = {}
    for split in found.splits:
        own = found.split == split
        if split == "train":
            first, torn = found.groups.near == np.arange(len(own)), np.zeros(len(own), bool)
            for group in members(np.where(own, found.groups.near, -1 - np.arange(len(own)))):
                torn[group] = len({*found.labels[group]} - {""}) > 1
            kept_of[split] = (first & ~torn & ~found.blank & ~found.no_face)[own]
        else:
            leak = found.leaks.get((split, "train"))
            kept_of[split] = np.ones(own.sum(), bool) if leak is None else leak.index < 0
    return kept_of


def subjects(found: Audit) -> dict[str, list[str]]:
    """Return the subjects that stand in more than one split, with those splits."""
    seen: dict[str, list[str]] = {}
    for split, samples in found.splits.items():
        names = [] if samples.group is None else np.unique(np.asarray(samples.group).astype(np.str_)).tolist()
        for subject in names:
            if subject not in ("", "nan", "None"):  # how readers and tables write that it is not known
                seen.setdefault(subject, []).append(split)
    return {subject: splits for subject, splits in seen.items() if len(splits) > 1}


def agreement(found: Audit) -> dict[str, dict[str, dict[str, Any]]] | None:
    """Return by split and label how many images there are and which share of the votes' pluralities agrees."""
    if found.votes is None or found.published is None:
        return None
    agrees = plurality(found.votes) == found.published
    table: dict[str, dict[str, dict[str, Any]]] = {}
    for split in ("all", *found.splits):
        own = np.ones(len(agrees), bool) if split == "all" else found.split == split
        named = {
            "all": own,
            **{x: own & (found.published == x) for x in _labels(found) if (found.published == x).any()},
        }
        table[split] = {
            x: {"n": int(rows.sum()), "share": float(agrees[rows].mean()) if rows.any() else None}
            for x, rows in named.items()
        }
    return table


def leaks_told(found: Audit) -> str:
    """Return one line on what stands in two splits, empty when nothing does."""
    parts = [
        f"{(twins.index >= 0).sum():,} of {len(twins.index):,} {split} images have a twin in {earlier}"
        for (split, earlier), twins in found.leaks.items()
        if (twins.index >= 0).any()
    ]
    if shared := len(subjects(found)):
        parts.append(f"{shared:,} subjects stand in more than one split")
    return f"the splits of {found.name} leak: {'; '.join(parts)}" if parts else ""


def _labels(found: Audit) -> tuple[str, ...]:
    return next(iter(found.splits.values())).labels


def _read(name: str, root: Path | None, options: Mapping[str, Any]) -> tuple[dict[str, Samples], dict[str, str]]:
    splits: dict[str, Samples] = {}
    missing: dict[str, str] = {}
    for split in SPLITS:
        try:
            splits[split] = load(name, root, split, **options)
        except DataError as error:
            missing[split] = str(error)
            if len(missing) == len(SPLITS):
                raise
    return splits, missing


def _groups(splits: Mapping[str, Samples]) -> Groups:
    def build() -> Entry:
        with bar("looking for twins", sum(map(len, splits.values()))) as advance:
            return Entry(vars(groups([samples.images for samples in splits.values()], advance=advance)), {})

    stamp = digest(str(THRESHOLD), *(samples.fingerprint for samples in splits.values()))
    found = kept(f"groups-{stamp}", build).arrays
    return Groups(np.asarray(found["exact"]), np.asarray(found["near"]))


def _leaks(splits: Mapping[str, Samples], root: Path | None) -> Iterator[tuple[tuple[str, str], NearDuplicates]]:
    names = list(splits)
    for k, split in enumerate(names):
        for earlier in names[:k]:
            if earlier == "train":
                yield (split, earlier), near_duplicates_in_training(splits[split], root, splits["train"])
            else:
                yield (split, earlier), near_duplicates_between(splits[earlier], splits[split])


def _blank(images: Images) -> Mask:
    blocks = (np.asarray(images[k : k + BLOCK]) for k in range(0, len(images), BLOCK))
    spread = [block.reshape(len(block), -1).std(axis=1, dtype=np.float32) for block in blocks]
    return np.concatenate([np.zeros(0, np.float32), *spread]) < BLANK


def _finder(detector: str) -> Any:
    from mien.inference.detectors import make  # here, because OpenCV takes a while

    if detector == "whole":
        raise UsageError("`detector` whole", "yunet or haar", "whole takes every image for a face")
    return make(detector)


def _faceless(samples: Samples, detector: str, look: Any) -> Mask:
    def build() -> Entry:
        found = np.zeros(len(samples), bool)
        with bar(f"looking for faces in {samples.split}", len(samples)) as advance:
            for k, image in enumerate(samples.images):
                found[k] = not look(np.repeat(image, 3, axis=2) if image.shape[2] == 1 else np.ascontiguousarray(image))
                advance(1)
        return Entry({"faceless": found}, {})

    name = f"faceless-{digest(samples.fingerprint, detector)}"
    return np.asarray(kept(name, build).arrays["faceless"])
