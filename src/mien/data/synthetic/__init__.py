"""Synthetic: faces of any data set in front of photos or drawn scenes, with the clean face, its mask and position.

    mien data synthetic backgrounds=packages                      view a contact sheet
    mien data synthetic faces=fer2013 backgrounds=path/to/photos count=30000

Each split uses the faces of that split and photos that no other split uses.  Faces of val and test with a
near-duplicate in Training are left out, so every split is clean.  The random choices depend on the seed only.  The
arrays are made once and then read from the cache, because a run reads its splits several times.
Source: the generator of FERAtt (arXiv 1902.03284).
"""

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mien.data.cache import Entry, kept
from mien.data.duplicates import near_duplicates_in_training
from mien.data.registry import READERS, read, read_options
from mien.data.resize import resize
from mien.data.samples import Samples, digest
from mien.errors import DataError
from mien.progress import bar

if TYPE_CHECKING:
    from mien.data.synthetic.backgrounds import Backgrounds

VERSION = "synthetic 1"
"""Changed whenever images are composed differently."""

MAX_SIDE = 512
"""Maximum side of an image: faces are composed at 48 pixels, so more would be a mistake."""


def synthetic(
    root: Path,
    split: str,
    *,
    faces: str = "ferplus",
    backgrounds: str = "procedural",
    count: int | str | None = None,
    size: int | str = 64,
    channels: int | str = 1,
    seed: int | str = 0,
) -> Samples:
    """Return faces in context with `clean`, `mask` and `transform`; targets and groups are those of the faces.

    Args:
        faces: a data set under `root`, perhaps with options: `ferplus`, `ferplus:labels=distribution`.
        backgrounds: `procedural` (drawn), `packages` (inside scikit-image and scikit-learn) or a folder of photos.
        count: how many images, every face equally often; one per face by default.
        size: side in pixels.  channels: 1, or 3, which repeats grey where the faces are grey.
        seed: of all random choices.

    DataError for files that cannot be read and values out of range.
    """
    side, depth, start = _whole("size", size, 16, MAX_SIDE), _whole("channels", channels, 1, 3), _whole("seed", seed, 0)
    if depth == 2:
        raise DataError("synthetic channels=2", "1 or 3")
    source = _faces(faces, root, split)
    number = len(source) if count is None else _whole("count", count, 1)
    return in_context(source, str(backgrounds), number, size=side, channels=depth, seed=start)


def in_context(
    faces: Samples, backgrounds: str, count: int, *, size: int = 64, channels: int = 1, seed: int = 0
) -> Samples:
    """Return `count` images of these faces before these backgrounds; see `synthetic`.

    Faces are cut out by their `mask`, or by a soft oval.
    """
    from mien.data.synthetic.backgrounds import backgrounds as find
    from mien.data.synthetic.compose import plan

    colours = 3 if channels == 3 and faces.images.shape[-1] == 3 else 1
    behind = find(backgrounds, faces.split, channels=colours, seed=seed)
    facts = (faces.split, faces.fingerprint, behind.fingerprint, str((count, size, colours, seed)))
    drawn = plan(count, len(faces), len(behind.images), int(digest(VERSION, *facts[:2], str(seed)), 16))
    entry = kept(f"synthetic-{digest(VERSION, *facts)}", lambda: _made(faces, behind, drawn, size))
    images, clean = (_repeated(entry.arrays[name], channels) for name in ("images", "clean"))
    group = faces.ids if faces.group is None else faces.group
    rounds = np.arange(count) // len(faces)
    return replace(
        faces.take(drawn.face),
        images=images,
        clean=clean,
        mask=entry.arrays["mask"],
        transform=drawn.transform,
        ids=np.array([f"{name}-{k}" for name, k in zip(faces.ids[drawn.face], rounds, strict=True)], np.str_),
        group=group[drawn.face],
        name="synthetic",
        fingerprint=digest(entry.facts["pixels"], faces.fingerprint, str(channels)),
        about=f"{faces.name} before {behind.name}",
    )


def _faces(words: str, root: Path, split: str) -> Samples:
    """Return the faces of `name:option=value:...`, without those that are also in Training."""
    name, *options = str(words).split(":")
    if name == "synthetic":
        raise DataError("synthetic faces=synthetic", "a data set of faces", "take faces=ferplus")
    faces = read(READERS, name, root, split, read_options(options))
    return faces if split == "train" else faces.take(near_duplicates_in_training(faces, root).index < 0)


def _made(faces: Samples, behind: "Backgrounds", drawn: Any, size: int) -> Entry:
    from mien.data.synthetic.compose import FRAME, compose

    with bar("faces in context", len(drawn)) as advance:
        made = compose(
            resize(_with_channels(np.asarray(faces.images), behind.images[0].shape[-1]), FRAME),
            _masks(faces, FRAME),
            behind.images,
            drawn,
            size=size,
            threads=os.cpu_count() or 1,
            advance=advance,
        )
    return Entry(vars(made), {"pixels": digest(made.images, made.clean, made.mask)})


def _masks(faces: Samples, side: int) -> NDArray[np.uint8]:
    """Return uint8 (N, side, side) or, one for all, (1, side, side)."""
    from mien.data.synthetic.masks import cleaned, oval

    if faces.mask is None:
        return oval(side)[None]
    return np.concatenate([resize(cleaned(mask)[None, ..., None], side)[..., 0] for mask in faces.mask])


def _with_channels(images: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    """Return images with 1 or 3 channels from images with the same or 3, by OpenCV's weights."""
    if images.shape[-1] == channels:
        return images
    return np.rint(images @ np.array([0.299, 0.587, 0.114], np.float32)).astype(np.uint8)[..., None]


def _repeated(images: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    """Return the images, or a view that repeats their only channel without copying."""
    return images if images.shape[-1] == channels else np.broadcast_to(images, (*images.shape[:-1], channels))


def _whole(name: str, value: int | str, minimum: int, maximum: int = 10_000_000) -> int:
    text = str(value)
    if not text.isdecimal() or not minimum <= int(text) <= maximum:
        raise DataError(f"synthetic {name}={text[:40]}", f"a whole number from {minimum} to {maximum}")
    return int(text)
