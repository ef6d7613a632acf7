"""Images of a listing decoded, cropped and cached: one uint8 array of all rows, made once for the content of the files.

Decoded as `mien predict` decodes them: turned upright, over white where they are transparent, 16 bits brought to 8, the
first page.  A box is cut out as a detector's box is.  Without one the largest face is looked for (`detect`), else the
whole image is the crop, stretched where it is not square; a note says where images look like whole photos.  Threads
decode a few hundred at a time into shards in the cache folder (shards.py), so the memory does not grow with the number
of images; 10,000 crops of 48 pixels, grey, are 23 MB on disk, of 224 pixels, RGB, 1.5 GB.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mien.data import shards
from mien.data.cache import Entry, cached_in_steps
from mien.data.faces import crop_all, threads
from mien.data.own.faults import Fault
from mien.data.own.images import ImageFiles
from mien.data.own.listing import Listing
from mien.data.own.options import Options
from mien.data.samples import digest
from mien.data.shards import Images
from mien.errors import MienError
from mien.face import Face
from mien.html.page import count

if TYPE_CHECKING:  # most data sets need no codecs
    from mien.inference.detectors import Detector
    from mien.inference.media.image import DecodedImage

VERSION = "own 1"
"""Changed whenever the same files give other crops."""

USUAL_SIZE, SMALLEST, LARGEST = 224, 16, 512
"""Side of crops in pixels: at most, where images differ in size; at least; at most, where they do not."""

GREY = frozenset(("1", "L", "LA", "La", "I", "F", "I;16", "I;16L", "I;16B"))
"""Pillow's modes without colour."""

USUAL_FACE = 112
"""Side of crops in pixels of faces that are looked for."""

OVERSIZE = 8
"""How many times the side of a crop an image without a box is decoded to, at most."""

LOOKED, PHOTO = 24, 256
"""At how many images a look for whole photos is taken, and from which shorter side on in pixels."""
FILLS = 0.25
"""Part of the image that a face's box fills at least in a crop of the face."""


class Crops(NamedTuple):
    """Crops uint8 (N, side, side, channels), a digest of each uint8 (N, 16), rows that cannot be used, and notes."""

    images: Images
    digests: NDArray[np.uint8]
    faults: dict[int, Fault]
    notes: tuple[str, ...]


def crops(listing: Listing, options: Options) -> Crops:
    """Return the crops of a listing's rows, from the cache; DataError for files that change meanwhile."""
    box = [] if listing.box is None else [listing.box]
    how = (options.size, options.channels, "detect")[: 3 if options.detect else 2]
    key = digest(VERSION, listing.images.key(), str(how), *box)
    entry = cached_in_steps(f"own-{key}", listing.images.files(), lambda steps: _build(listing, options, steps))
    faults = {int(row): Fault(listing.places[int(row)], why) for row, why in entry.facts["faults"].items()}
    notes = tuple(filter(None, [str(entry.facts.get("photos", ""))]))  # entries of earlier versions have none
    return Crops(entry.images, np.asarray(entry.arrays["digests"]), faults, notes)


def _build(listing: Listing, options: Options, steps: Path) -> Entry:
    usual = (0, 0) if options.size and options.channels else _usual(listing)
    size, channels = options.size or (USUAL_FACE if options.detect else usual[0]), int(options.channels or usual[1])
    detector = _detector() if options.detect else None
    files = listing.images.paths if isinstance(listing.images, ImageFiles) else ()  # whose names the places have

    def crop(row: int) -> NDArray[np.uint8] | MienError:
        try:
            return _crop(listing, row, size, channels, detector)
        except MienError as error:
            return MienError(str(error).removeprefix(f"{files[row]} " if files else ""))

    images = crop_all(steps, f"reading {listing.origin.name}", len(listing), size, channels, crop)
    faults = {str(row): why for row, why in shards.faults(images).items()}
    facts = {"faults": faults} | ({} if detector else {"photos": _photos(listing)})
    return Entry({"digests": shards.digests(images)}, facts, images)


def _detector() -> Detector:
    from mien.inference.detectors import make

    return make("yunet")


def _boxed(listing: Listing, row: int) -> bool:
    return listing.box is not None and bool(np.isfinite(listing.box[row]).all())


def _decoded(listing: Listing, row: int, target: int) -> DecodedImage:
    """Return a row's image, decoded to about `target` pixels where that is quicker."""
    from mien.inference.media.image import DecodedImage, Limits, decode, load_image

    source = listing.images.get(row)
    if isinstance(source, np.ndarray):
        return DecodedImage(np.repeat(source[..., None], 3, axis=2), source.shape[1], source.shape[0])
    return (
        load_image(source, Limits(target=target)) if isinstance(source, Path) else decode(source, Limits(target=target))
    )


def _photos(listing: Listing) -> str:
    """Return a note where images look like whole photos, in which a face fills less than a crop of it; else ""."""
    rows = [row for row in range(len(listing)) if not _boxed(listing, row)]
    detector, small, found = _detector(), 0, 0
    for row in rows[:: max(1, len(rows) // LOOKED)][:LOOKED]:
        head = _head(listing, row)
        if head is None or min(head[:2]) < PHOTO:
            continue
        with suppress(MienError):
            image = _decoded(listing, row, PHOTO**2).image
            if face := _largest(detector(image)):
                found += 1
                small += _area(face) < FILLS * image.shape[0] * image.shape[1]
    if 2 * small <= found:
        return ""
    return (
        f"whole photos, not crops of faces: in {small} of {count(found, 'image')} looked at the face fills less than "
        "a quarter. They are read as if they were faces: detect=true crops the largest face of each"
    )


def _largest(faces: Sequence[Face]) -> Face | None:
    return max(faces, key=_area, default=None)


def _area(face: Face) -> float:
    return float(np.prod(face.box[2:] - face.box[:2]))


def _crop(listing: Listing, row: int, size: int, channels: int, detector: Detector | None) -> NDArray[np.uint8]:
    """Return a row's crop; MienError where its image cannot be read, its box lies outside, or no face is found."""
    from mien.inference.align import FRAMINGS, crop
    from mien.inference.media.image import MAX_PIXELS

    boxed = _boxed(listing, row)
    decoded = _decoded(listing, row, MAX_PIXELS if boxed or detector else (OVERSIZE * size) ** 2)
    framing = FRAMINGS["fer2013"]
    if not boxed and detector is not None:
        if (face := _largest(detector(decoded.image))) is None:
            raise MienError("no face was found in it")
        return crop(decoded.image, face.box, framing["yunet"], size, channels)
    if not boxed or listing.box is None:
        height, width = decoded.image.shape[:2]
        return crop(decoded.image, np.array([0, 0, width, height], np.float32), framing["whole"], size, channels)
    x1, y1, x2, y2 = (float(value) for value in listing.box[row])
    if x1 >= decoded.width or y1 >= decoded.height or x2 <= 0 or y2 <= 0:
        raise MienError(f"its box {x1:g} {y1:g} {x2:g} {y2:g} lies outside {decoded.width} x {decoded.height} pixels")
    return crop(decoded.image, listing.box[row] / np.float32(decoded.ratio), framing["yunet"], size, channels)


def _usual(listing: Listing) -> tuple[int, int]:
    """Return the size and channels of crops that suit all images: what their headers and boxes say."""
    with threads() as pool:
        heads = [head for head in pool.map(lambda row: _head(listing, row), range(len(listing))) if head]
    channels = 1 if heads and all(grey for _, _, grey in heads) else 3
    return _side([(width, height) for width, height, _ in heads], listing.box), channels


def _side(sizes: Sequence[tuple[int, int]], box: NDArray[np.float32] | None) -> int:
    if box is not None and np.isfinite(box).any():
        sides = np.sqrt((box[:, 2] - box[:, 0]) * (box[:, 3] - box[:, 1]))
        return int(np.clip(np.nanmedian(sides), SMALLEST, USUAL_SIZE))
    if len(set(sizes)) == 1 and sizes[0][0] == sizes[0][1]:
        return max(sizes[0][0], SMALLEST) if sizes[0][0] <= LARGEST else USUAL_SIZE
    return int(np.clip(np.median([min(size) for size in sizes] or [USUAL_SIZE]), SMALLEST, USUAL_SIZE))


def _head(listing: Listing, row: int) -> tuple[int, int, bool] | None:
    """Return width, height and whether an image is grey from its header; None for what Pillow alone does not know."""

    try:
        source = listing.images.get(row)
        if isinstance(source, np.ndarray):
            return source.shape[1], source.shape[0], True
        with source.open("rb") if isinstance(source, Path) else BytesIO(source) as file:
            return _head_of(file)
    except Exception:  # it is decoded later, which says what is wrong with it
        return None


def _head_of(file: BinaryIO | Any) -> tuple[int, int, bool]:
    from mien.inference.media.image import open_image

    with open_image(file) as image:
        return image.width, image.height, image.mode in GREY
