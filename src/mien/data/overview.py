"""A data set at a glance: counts per class and split, a contact sheet, and the test images not in Training.

mien data fer2013 --root path/to/data
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mien.data import load_splits
from mien.data.duplicates import NearDuplicates, near_duplicates_in_training
from mien.data.samples import Samples
from mien.data.shards import Images
from mien.outputs import Outputs, into
from mien.outputs.result_folder import Writing
from mien.printable import printable

if TYPE_CHECKING:
    from PIL.Image import Image

PER_CLASS = 8
"""Images per class and split on the contact sheet."""

ROW_DIGITS = 5
"""Digits of the ids of files that keep their images in rows."""

CELL, GAP, MARGIN, HEAD = 52, 20, 96, 28
"""Pixels: an image's cell, between two splits, left of the first, above the first."""


@dataclass(frozen=True, eq=False)
class Overview:
    """A data set at a glance.

    Attributes:
        name, splits, missing: the data set, its samples by split, and why a split is missing.
        near_duplicates: by split but train, which images are also in Training.
        files: the files written, by kind.
    """

    name: str
    splits: Mapping[str, Samples]
    near_duplicates: Mapping[str, NearDuplicates]
    missing: Mapping[str, str]
    files: Mapping[str, str] = field(default_factory=dict)

    def counts(self, split: str) -> dict[str, int] | None:
        """Return how many images are equal to one in Training, nearly equal, and neither; None for Training itself."""
        if (matches := self.near_duplicates.get(split)) is None:
            return None
        exact, near = int(matches.exact.sum()), int((matches.index >= 0).sum())
        return {"exact": exact, "near": near - exact, "clean": len(matches.index) - near}

    def first_ids(self) -> dict[str, str]:
        """Return the first id of every split that has images."""
        return {split: str(samples.ids[0]) for split, samples in self.splits.items() if len(samples)}

    def to_dict(self) -> dict[str, Any]:
        """Return the overview as JSON carries it, `files` only where some were written."""
        return {
            "dataset": self.name,
            "labels": list(self.splits["train"].labels),
            "splits": {
                split: {"n": len(samples), "counts": samples.counts(), "fingerprint": samples.fingerprint}
                for split, samples in self.splits.items()
            },
            "twins": {split: self.counts(split) for split in self.near_duplicates},
            "first_ids": self.first_ids(),
            "missing": dict(self.missing),
            **({"files": dict(self.files)} if self.files else {}),
        }

    def __str__(self) -> str:
        """Return the counts per class and split, and the near-duplicates, as a table for a terminal."""
        counts = [samples.counts() for samples in self.splits.values()]
        rows = [["", *self.splits]]
        rows += [[label, *(f"{split[label]:,}" for split in counts)] for label in self.splits["train"].labels]
        rows += [["all", *(f"{len(samples):,}" for samples in self.splits.values())]]
        matches = [self.counts(split) for split in self.splits]
        names = {"exact": "equal to a Training image", "near": "nearly equal", "clean": "clean"}
        for key, words in names.items() if self.near_duplicates else ():
            rows.append([words, *("" if split is None else f"{split[key]:,}" for split in matches)])
        lines = [row[0].ljust(32) + "".join(cell.rjust(9) for cell in row[1:]) for row in rows]
        lines += [f"no {' or '.join(splits)}: {reason}" for reason, splits in _by_reason(self.missing).items()]
        return "\n".join([self.name, *lines, *_id_lines(self.first_ids())])


def overview(name: str, root: Path | None, **options: Any) -> Overview:
    """Load every split that there is and search it for near-duplicates; DataError where there is no train."""
    splits, missing = load_splits(name, root, options, required=("train",))
    others = {split: samples for split, samples in splits.items() if split != "train"}
    matches = {split: near_duplicates_in_training(samples, root, splits["train"]) for split, samples in others.items()}
    return Overview(name, splits, matches, missing)


KEPT = ("contact.png", "clean.txt")
"""What `look` writes."""


def look(name: str, root: Path | None, writing: Writing, options: Mapping[str, Any]) -> Overview:
    """Return the overview of a data set, with the paths of the files that are written."""
    view = overview(name, root, **options)
    with writing() as outputs:
        return replace(view, files=write(view, outputs))


def _by_reason(missing: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the splits that are missing by the reason.

    >>> _by_reason({"val": "no file", "test": "no file"})
    {'no file': ['val', 'test']}
    """
    return {reason: [split for split in missing if missing[split] == reason] for reason in missing.values()}


def _id_lines(first: Mapping[str, str]) -> list[str]:
    """Explain the ids of images, which a table of predictions or of groups must use."""
    if not first:
        return []
    names = {split: printable(name) for split, name in first.items()}
    line = f"first ids: {', '.join(f'{name} ({split})' for split, name in names.items())}"
    if not all(name.isdecimal() and len(name) == ROW_DIGITS for name in names.values()):
        return [line]
    last = list(names.values())[-1]
    return [
        f"{line}; an id is the image's row in the data set's file, counted from 0",
        f"a table for `mien compare` or `mien fairness` may also use {last}.jpg or folder/{last}.png",
    ]


def write(view: Overview, out: Path | Outputs) -> dict[str, str]:
    """Write `contact.png` and, where there is test, `clean.txt` (ids without near-duplicates); return their paths."""
    outputs = into(out)
    with outputs.staged("contact.png") as path:
        contact_sheet(view.splits).save(path, "PNG")
    files = {"contact_sheet": str(outputs.folder / "contact.png")}
    if "test" in view.near_duplicates:
        clean = view.splits["test"].ids[view.near_duplicates["test"].index < 0]
        outputs.write("clean.txt", "".join(f"{name}\n" for name in clean).encode())
        files["clean"] = str(outputs.folder / "clean.txt")
    return files


def contact_sheet(splits: Mapping[str, Samples]) -> "Image":
    """Draw up to eight images per class (a row) and split (a block), chosen at random, the same each time.

    Generated images are shown with their clean face and mask, four per class.
    """
    from PIL import Image, ImageDraw, ImageFont

    labels = next(iter(splits.values())).labels
    font = ImageFont.load_default(size=14)
    views = {split: _views(samples) for split, samples in splits.items()}
    each = max(map(len, views.values()))
    per_class = PER_CLASS if each == 1 else PER_CLASS // 2
    wide = MARGIN + len(splits) * (per_class * each * CELL + GAP)
    sheet = Image.new("RGB", (wide, HEAD + len(labels) * CELL + GAP), "white")
    draw = ImageDraw.Draw(sheet)
    for row, label in enumerate(labels):
        draw.text((8, HEAD + row * CELL + CELL // 2), label, fill=0, font=font, anchor="lm")
    for block, (split, samples) in enumerate(splits.items()):
        left = MARGIN + block * (per_class * each * CELL + GAP)
        draw.text((left, HEAD // 2), f"{split} ({len(samples):,})", fill=0, font=font, anchor="lm")
        for row in range(len(labels)):
            shown = [(view, position) for position in _chosen(samples, row, per_class) for view in views[split]]
            for k, (view, position) in enumerate(shown):
                pixels = np.asarray(view[position])
                image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
                sheet.paste(image.resize((CELL - 4, CELL - 4)), (left + k * CELL, HEAD + row * CELL))
    return sheet


def _views(samples: Samples) -> list[Images]:
    return [view for view in (samples.images, samples.clean, samples.mask) if view is not None]


def _chosen(samples: Samples, label: int, count: int) -> NDArray[np.intp]:
    members = np.flatnonzero(samples.target.argmax(axis=1) == label)
    return np.sort(np.random.default_rng(0).permutation(members)[:count])
