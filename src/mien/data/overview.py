"""Show a data set: counts per class and split, a contact sheet, and which test images have no twin in Training.

mien data fer2013 --root path/to/data
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mien.data import SPLITS, load
from mien.data.duplicates import NearDuplicates, near_duplicates_in_training
from mien.data.samples import Samples
from mien.errors import DataError
from mien.outputs import Outputs, into
from mien.outputs.taken import Begin

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
    """What there is of a data set: samples by split, twins by split (not train), and why a split is missing."""

    name: str
    splits: Mapping[str, Samples]
    twins: Mapping[str, NearDuplicates]
    missing: Mapping[str, str]


def overview(name: str, root: Path | None, **options: Any) -> Overview:
    """Load every split that there is and find its twins; DataError when there is none at all."""
    splits: dict[str, Samples] = {}
    missing: dict[str, str] = {}
    for split in SPLITS:
        try:
            splits[split] = load(name, root, split, **options)
        except DataError as error:
            if split == "train":
                raise
            missing[split] = str(error)
    found = {
        split: near_duplicates_in_training(samples, root, splits["train"])
        for split, samples in splits.items()
        if split != "train"
    }
    return Overview(name, splits, found, missing)


KEPT = ("contact.png", "clean.txt")
"""What `look` writes."""


def look(name: str, root: Path | None, begin: Begin, options: Mapping[str, Any]) -> dict[str, Any]:
    """Look at a data set, write its files and return what `mien data --json` prints."""
    view = overview(name, root, **options)
    with begin() as outputs:
        return {**to_dict(view), "files": write(view, outputs)}


def to_dict(view: Overview) -> dict[str, Any]:
    """Return the overview as JSON carries it."""
    return {
        "dataset": view.name,
        "labels": list(view.splits["train"].labels),
        "splits": {
            split: {"n": len(samples), "counts": samples.counts(), "fingerprint": samples.fingerprint}
            for split, samples in view.splits.items()
        },
        "twins": {
            split: {
                "exact": int(found.exact.sum()),
                "near": int((found.index >= 0).sum() - found.exact.sum()),
                "clean": int((found.index < 0).sum()),
            }
            for split, found in view.twins.items()
        },
        "first_ids": {split: str(samples.ids[0]) for split, samples in view.splits.items() if len(samples)},
        "missing": dict(view.missing),
    }


def to_text(told: Mapping[str, Any]) -> str:
    """Return the counts per class and split, and the twins, of `to_dict` as a table for reading."""
    rows = [["", *told["splits"]]]
    rows += [[label, *(f"{s['counts'][label]:,}" for s in told["splits"].values())] for label in told["labels"]]
    rows += [["all", *(f"{s['n']:,}" for s in told["splits"].values())]]
    for key, words in (
        ("exact", "with an equal Training image"),
        ("near", "with a nearly equal one"),
        ("clean", "clean"),
    ):
        twins = (told["twins"].get(split) for split in told["splits"])
        rows += [[words, *("" if found is None else f"{found[key]:,}" for found in twins)]]
    lines = [row[0].ljust(32) + "".join(cell.rjust(9) for cell in row[1:]) for row in rows]
    lines += [f"no {split}: {reason}" for split, reason in told["missing"].items()]
    return "\n".join([told["dataset"], *lines, *_ids(told["first_ids"])])


def _ids(first: Mapping[str, str]) -> list[str]:
    """Say how images are called, which a table of answers or of groups has to follow."""
    if not first:
        return []
    told = f"first ids: {', '.join(f'{name} ({split})' for split, name in first.items())}"
    if not all(name.isdecimal() and len(name) == ROW_DIGITS for name in first.values()):
        return [told]
    last = list(first.values())[-1]
    return [
        f"{told}; an id is the image's row in the data set's file, counted from 0",
        f"a table for `mien compare` or `mien fairness` may also call that one {last}.jpg or folder/{last}.png",
    ]


def write(view: Overview, out: Path | Outputs) -> dict[str, str]:
    """Write `contact.png` and, where there is test, `clean.txt` (its ids without a twin); return their paths."""
    outputs = into(out)
    with outputs.beside("contact.png") as path:
        contact_sheet(view.splits).save(path, "PNG")
    files = {"contact_sheet": str(outputs.folder / "contact.png")}
    if "test" in view.twins:
        clean = view.splits["test"].ids[view.twins["test"].index < 0]
        outputs.write("clean.txt", "".join(f"{name}\n" for name in clean).encode())
        files["clean"] = str(outputs.folder / "clean.txt")
    return files


def contact_sheet(splits: Mapping[str, Samples]) -> "Image":
    """Draw up to eight images per class (a row) and split (a block), chosen at random, the same each time.

    Generated images, which have a clean face and a mask, are shown with both beside them, four per class.
    """
    from PIL import Image, ImageDraw, ImageFont

    labels = next(iter(splits.values())).labels
    font = ImageFont.load_default(size=14)
    views = {split: _views(samples) for split, samples in splits.items()}
    each = max(map(len, views.values()))
    most = PER_CLASS if each == 1 else PER_CLASS // 2
    wide = MARGIN + len(splits) * (most * each * CELL + GAP)
    sheet = Image.new("RGB", (wide, HEAD + len(labels) * CELL + GAP), "white")
    draw = ImageDraw.Draw(sheet)
    for row, label in enumerate(labels):
        draw.text((8, HEAD + row * CELL + CELL // 2), label, fill=0, font=font, anchor="lm")
    for block, (split, samples) in enumerate(splits.items()):
        left = MARGIN + block * (most * each * CELL + GAP)
        draw.text((left, HEAD // 2), f"{split} ({len(samples):,})", fill=0, font=font, anchor="lm")
        for row in range(len(labels)):
            seen = [(view, position) for position in _chosen(samples, row, most) for view in views[split]]
            for k, (view, position) in enumerate(seen):
                pixels = np.asarray(view[position])
                image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
                sheet.paste(image.resize((CELL - 4, CELL - 4)), (left + k * CELL, HEAD + row * CELL))
    return sheet


def _views(samples: Samples) -> list[NDArray[np.uint8]]:
    return [view for view in (samples.images, samples.clean, samples.mask) if view is not None]


def _chosen(samples: Samples, label: int, most: int) -> NDArray[np.intp]:
    members = np.flatnonzero(samples.target.argmax(axis=1) == label)
    return np.sort(np.random.default_rng(0).permutation(members)[:most])
