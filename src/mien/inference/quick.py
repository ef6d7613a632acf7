"""Large images, seen small first: a JPEG is decoded again only as large as its smallest face needs."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log2

from mien.face import Face
from mien.inference.media.image import FULL_SIZE_PIXELS, MIN_QUICK_FACTOR, DecodedImage
from mien.inference.prediction import scaled

ENOUGH = 0.75  # pixels of a face per pixel of its crop: to decode an image twice is not worth more


def is_quick(measures: bool) -> bool:
    """Return whether a large JPEG may be decoded small: a mesh needs all pixels."""
    return not measures


@dataclass(frozen=True, eq=False)
class Again:
    """What an image is decoded again for.

    Attributes:
        pixels: at most so many are needed.
        detected: the faces in the image as it was seen first; ratio: its full-size pixels per pixel.
    """

    pixels: int
    detected: Sequence[Face]
    ratio: float

    def faces(self, decoded: DecodedImage) -> list[Face]:
        """Return the faces in the image as it was decoded again."""
        return [scaled(face, self.ratio / decoded.ratio) for face in self.detected]


def again(decoded: DecodedImage, detected: Sequence[Face], aligned: Sequence[Face], size: int) -> Again | None:
    """Return how an image is to be decoded again so that crops of `size` pixels have ENOUGH; None where they have.

    `aligned` are the faces that were detected, with boxes clipped to the image.
    """
    ratio = decoded.ratio
    sides = [float((face.box[2:] - face.box[:2]).min()) / size for face in aligned]
    if ratio < MIN_QUICK_FACTOR or min(sides, default=1.0) >= ENOUGH:
        return None
    quarters = 1 << 2 * floor(log2(max(ratio * min(sides) / ENOUGH, 1)))
    pixels = ceil(decoded.width * decoded.height / quarters)
    return Again(min(pixels, FULL_SIZE_PIXELS), detected, ratio)
