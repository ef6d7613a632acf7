"""From a listing to the `Samples` of one split."""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mien.data.fer2013.votes import CHOICES
from mien.data.groups import named
from mien.data.own import faults as faulty
from mien.data.own.faults import Fault
from mien.data.own.listing import Listing
from mien.data.own.options import Options
from mien.data.own.pixels import crops
from mien.data.own.splits import SPLITS, divide, split_of
from mien.data.own.words import Meaning, meaning, refuse_unknown
from mien.data.samples import Samples, digest, one_hot
from mien.errors import DataError
from mien.html.page import count
from mien.labels import EXPRESSIONS, columns
from mien.printable import say

_reported: set[str] = set()
"""What this process has reported about data sets: a run reads its splits several times."""


class Labelled(NamedTuple):
    """The rows of a listing that have a label, with it: target float32 (N, K) over `labels`."""

    listing: Listing
    labels: tuple[str, ...]
    target: NDArray[np.float32]


def read(name: str, listing: Listing, split: str, options: Options) -> Samples:
    """Return one split of a listing as samples.

    Decoded once for all splits.  DataError lists the rows that cannot be used, unless `skip_bad` leaves them out, and
    says where a split is missing or has one class.
    """
    total = len(listing) + len(listing.faults)
    listing = replace(listing, splits=()) if options.ignore_splits else listing
    listing, found = _explained(listing, options)
    if not options.skip_bad:
        faulty.refuse(listing.origin, listing.faults, total)
    labelled = _with_target(listing, found)
    if not len(labelled.listing):
        why = faulty.counted(listing.faults)
        got = f"{listing.origin} has no images with a label{f': {why}' if why else ''}"
        raise DataError(got, "at least two classes of images")
    made = crops(labelled.listing, options)
    good = np.array([row not in made.faults for row in range(len(made.images))])
    if not options.skip_bad:
        faulty.refuse(listing.origin, [*made.faults.values()], total)
    kept, target = labelled.listing.take(np.flatnonzero(good)), labelled.target[good]
    names = _names(kept, made.digests[good])
    names, apart = _copies(names, made.digests[good], target.argmax(1), kept.group)
    splits = divide(kept.origin, kept.splits, target.argmax(1), names, kept.group, options, kept.group_from)
    left_out = faulty.counted([*listing.faults, *made.faults.values()])
    notes = (*kept.notes, *made.notes, *([apart] if splits.made else []))
    about = "; ".join(filter(None, (splits.rule, *_columns(kept), *notes, found.note if found else "", left_out)))
    _report(replace(kept, notes=notes), found, left_out)
    rows = splits.rows.get(split) if splits.rows else np.arange(len(kept))
    if rows is None or not len(rows):
        there = ", ".join(f"{one} {len(part):,}" for one, part in splits.rows.items())
        do = f"the option {split}=0.2 makes it from train" if "train" in splits.rows and split != "train" else ""
        raise DataError(f"{kept.origin} has no {split} images", f"{split} beside {there}", do)
    samples = _samples(name, kept, labelled.labels, target, rows)
    place = np.flatnonzero(good)[rows]
    one_slice = len(place) == place[-1] - place[0] + 1 and (np.diff(place) > 0).all()
    samples = replace(
        samples,
        images=made.images[place[0] : place[-1] + 1] if one_slice else made.images[place],
        split=split,
        fingerprint=_fingerprint(samples, split, made.digests[place]),
        about=about,
        split_from=splits.origin(split),
    )
    _refuse_one_class(kept, samples)
    return samples


def _columns(listing: Listing) -> list[str]:
    """Return which columns groups and weights are, which a table may mean otherwise."""
    weight = listing.weight if listing.weight_from and len(listing) else None
    span = "" if weight is None else f"weights: {listing.weight_from} ({weight.min():g} to {weight.max():g})"
    return [f"groups: {listing.group_from}" if listing.group_from else "", span]


def _explained(listing: Listing, options: Options) -> tuple[Listing, Meaning | None]:
    """Return the listing without rows whose words mean nothing, which become faults, and what the others mean."""
    found, wrong = None, {}
    if listing.words is not None:
        found = meaning(listing.words, options, listing.names, listing.codes)
        if not options.skip_bad:
            refuse_unknown(listing.origin, found, listing.words, tuple(options.labels))
        wrong = {k: f"label {word!r} is not known" for k, word in enumerate(listing.words) if word in found.unknown}
        ignored = {k for k, word in enumerate(listing.words) if found.of[word] is None and k not in wrong}
    else:
        ignored = set()
    for k, word in enumerate(listing.splits if any(listing.splits) else ()):
        if split_of(word) is None and k not in ignored:
            got = f"split {word!r}" if word else "no split is given"
            wrong.setdefault(k, f"{got}, not one of {', '.join(SPLITS)}" if word else got)
    if not wrong and not ignored:
        return listing, found
    more = tuple(Fault(listing.places[k], why) for k, why in sorted(wrong.items()))
    kept = np.array([k for k in range(len(listing)) if k not in wrong and k not in ignored], np.intp)
    notes = (*listing.notes, *([f"{count(len(ignored), 'image')} with an ignored label"] if ignored else []))
    return replace(listing.take(kept), faults=(*listing.faults, *more), notes=notes), found


def _with_target(listing: Listing, found: Meaning | None) -> Labelled:
    if found is not None and listing.words is not None:
        index = np.array([found.labels.index(found.of[word] or "") for word in listing.words], np.intp)
        return Labelled(listing, found.labels, one_hot(index, max(1, len(found.labels))))
    assert listing.votes is not None
    labels = tuple(label for label in listing.choices if label not in CHOICES[len(EXPRESSIONS) :])
    votes = listing.votes[:, columns(listing.choices, labels)].astype(np.float64)
    others = np.delete(listing.votes, columns(listing.choices, labels), axis=1)
    most = votes.max(1)
    rows = np.flatnonzero((most > 0) & (most >= others.max(1, initial=0)))  # not those most people call no face
    share = votes[rows] / votes[rows].sum(1, keepdims=True)
    note = f"{count(len(listing) - len(rows), 'image')} without a vote for a label" if len(rows) < len(listing) else ""
    return Labelled(replace(listing.take(rows), notes=(*listing.notes, note)), labels, share.astype(np.float32))


def _samples(
    name: str, listing: Listing, labels: tuple[str, ...], target: NDArray[np.float32], rows: NDArray[np.intp]
) -> Samples:
    """Return the rows as samples, without images; columns that hold nothing for them are None."""

    def part(values: NDArray[Any] | None) -> Any:
        return None if values is None or (values.dtype.kind == "f" and np.isnan(values).all()) else values[rows]

    return Samples(
        images=np.zeros((len(rows), 1, 1, 1), np.uint8),
        target=target[rows],
        labels=labels,
        ids=listing.ids[rows],
        votes=_votes(listing, rows),
        regression=part(listing.regression),
        units=part(listing.units),
        unit_names=() if part(listing.units) is None else listing.unit_names,
        group=part(listing.group),
        weight=part(listing.weight),
        name=name,
    )


def _votes(listing: Listing, rows: NDArray[np.intp]) -> NDArray[np.int16] | None:
    """Return the votes of rows as the contract has them, int16 (N, 10); None for other choices, and for fractions."""
    if listing.votes is None or not set(listing.choices) <= set(CHOICES) or (listing.votes % 1).any():
        return None
    votes = np.zeros((len(rows), len(CHOICES)), np.int16)
    votes[:, columns(CHOICES, listing.choices)] = listing.votes[rows]
    return votes


def _names(listing: Listing, digests: NDArray[np.uint8]) -> NDArray[np.str_]:
    """Return what rows are drawn by, str (N,): what names one, wherever it stands, else also its pixels' digest."""
    keys = listing.ids if listing.keys is None else listing.keys
    _, place, number = np.unique(keys, return_inverse=True, return_counts=True)
    alone = (number[place] == 1) & (keys != "")
    pixels = [row.tobytes().hex() for row in digests]
    return np.array([key if one else f"{key} {seen}" for key, one, seen in zip(keys, alone, pixels, strict=True)])


def _copies(
    names: NDArray[np.str_], digests: NDArray[np.uint8], label: NDArray[np.intp], group: NDArray[np.str_] | None
) -> tuple[NDArray[np.str_], str]:
    """Return one name for all images of the same pixels and label, so that one split holds them.

    Also, in words, how many images have such copies with other labels or in other groups, which may be elsewhere.
    """
    pixels = [row.tobytes() for row in digests]
    first: dict[tuple[bytes, int], str] = {}
    for key, name in zip(pairs := list(zip(pixels, label.tolist(), strict=True)), names.tolist(), strict=True):
        first[key] = min(name, first.get(key, name))
    names = np.array([first[key] for key in pairs], np.str_)
    units = label if group is None else named(group, names)
    where: dict[bytes, set[object]] = {}
    for one, unit in zip(pixels, units.tolist(), strict=True):
        where.setdefault(one, set()).add(unit)
    apart = sum(len(where[one]) > 1 for one in pixels)
    other = "with another label" if group is None else "in another group"
    return names, f"{count(apart, 'image')} with a copy {other}: splits may separate them" if apart else ""


def _fingerprint(samples: Samples, split: str, digests: NDArray[np.uint8]) -> str:
    """Return a digest of pixels and labels, whatever their order: the same in a folder, a CSV file and Parquet."""
    parts = (digests, samples.target, samples.regression, samples.units, samples.weight)
    flat = [np.ascontiguousarray(part).reshape(len(digests), -1) for part in parts if part is not None]
    rows = np.concatenate([part.view(np.uint8) for part in flat], 1)
    whole = np.sort(np.ascontiguousarray(rows).view(f"V{rows.shape[1]}").ravel())
    widths = ",".join(str(part.shape[1:]) for part in flat)
    return digest("own 2", split, *samples.labels, widths, np.frombuffer(whole.tobytes(), np.uint8))


def _refuse_one_class(listing: Listing, samples: Samples) -> None:
    there = {label: number for label, number in samples.counts().items() if number}
    if len(there) > 1:
        return
    label, number = next(iter(there.items()))
    raise DataError(
        f"{listing.origin}: {samples.split} has one class, {label} ({count(number, 'image')})",
        "images of two or more classes",
        "add a folder or rows of another class",
    )


def _report(listing: Listing, found: Meaning | None, left_out: str) -> None:
    """Say once in this process which words were read as other words, and what was left out."""
    notes = [f"labels: {found.note}"] if found and found.note else []
    for note in (*notes, *listing.notes, left_out):
        line = f"mien: {listing.origin}: {note}"
        if note and line not in _reported:
            _reported.add(line)
            say(line)
