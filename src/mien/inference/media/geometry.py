"""The frames of a video as a player shows them: square pixels, rotated and mirrored by the display matrix.

Pixels that are not square (DV, HDV, AVCHD, DVD) become square by enlarging the squeezed side, which keeps the full
resolution.  The container's aspect ratio takes precedence over the codec's, as in FFmpeg's
av_guess_sample_aspect_ratio.  The 2 x 2 part of the display matrix (ISO/IEC 14496-12, 8.3.2) is rounded to the nearest
of the eight EXIF orientations.
"""

import struct
from fractions import Fraction
from itertools import product
from typing import Any

import cv2
import numpy as np
from av.sidedata.sidedata import Type

from mien.inference.media.image import Pixels

SQUARE = Fraction(1)
MAX_ASPECT = 8  # more is a wrong value
MIN_CHANGE = 0.005  # of a side; less is rounding by the encoder, and invisible
EIGHT = [(a, 0, 0, d) for a, d in product((1, -1), repeat=2)] + [(0, b, c, 0) for b, c in product((1, -1), repeat=2)]
"""The 2 x 2 matrices (a, b, c, d): what is stored at (x, y) is shown at (a x + c y, b x + d y)."""
UPRIGHT = EIGHT[0]


class Aspect:
    """The aspect ratio (width by height) of a stream's pixels while it is decoded.

    The codec's value may change within a file; it is used unless the container states another one.
    """

    def __init__(self, stream: Any) -> None:
        self._context = stream.codec_context
        stated, codec = _sane(stream.sample_aspect_ratio), _sane(self._context.sample_aspect_ratio)
        self._fixed = stated if stated not in (SQUARE, codec) else None
        self._now = self._before = self._fixed or codec
        self._since: int | None = None

    def follow(self, key: int | None) -> None:
        """Note a change in the frame just decoded; it applies from the last key frame, `key`, on."""
        if self._fixed is None and (now := _sane(self._context.sample_aspect_ratio)) != self._now:
            self._before, self._now, self._since = self._now, now, key

    def at(self, time: int | None) -> Fraction:
        """Return the aspect ratio of a frame by its timestamp; frames are output later than they are decoded."""
        early = self._since is not None and time is not None and time < self._since
        return self._before if early else self._now


def shown_size(width: int, height: int, aspect: Fraction) -> tuple[int, int]:
    """Return the size of a frame in square pixels.

    >>> shown_size(1440, 1080, Fraction(4, 3)), shown_size(720, 480, Fraction(8, 9))
    ((1920, 1080), (720, 540))
    """
    if abs(float(aspect) - 1) < MIN_CHANGE:
        return width, height
    return (round(width * aspect), height) if aspect > 1 else (width, round(height / aspect))


def shown(frame: Any, size: tuple[int, int], turn: tuple[int, ...]) -> Pixels:
    """Return a decoded frame as uint8 RGB (H, W, 3), resized to (width, height) and oriented as one of EIGHT."""
    image = frame.to_ndarray(format="rgb24", threads=1)  # less CPU in all: benchmarks/LOG.md
    if size != (frame.width, frame.height):
        image = cv2.resize(image, size, interpolation=cv2.INTER_CUBIC)
    return image if turn == UPRIGHT else turned(image, turn)


def turned(image: Pixels, turn: tuple[int, ...]) -> Pixels:
    """Return an image rotated and mirrored as one of EIGHT."""
    a, b, c, d = turn
    if not a:
        image = image.transpose(1, 0, 2)
    return np.ascontiguousarray(image[:: d or b, :: a or c])


def turn_of(frame: Any) -> tuple[int, ...]:
    """Return the one of EIGHT that is nearest to a frame's display matrix."""
    for data in frame.side_data:
        if data.type == Type.DISPLAYMATRIX:
            a, b, _, c, d = struct.unpack_from("=5i", bytes(data))
            return nearest((a, b, c, d))
    return UPRIGHT


def nearest(matrix: tuple[float, ...]) -> tuple[int, ...]:
    """Return the one of EIGHT that is nearest to a 2 x 2 matrix; the first for zeros.

    >>> nearest((0.1, 0.99, 0.99, -0.1))
    (0, 1, 1, 0)
    """
    return max(EIGHT, key=lambda turn: sum(x * y for x, y in zip(turn, matrix, strict=True)))


def _sane(aspect: Fraction | None) -> Fraction:
    usable = aspect is not None and Fraction(1, MAX_ASPECT) <= aspect <= MAX_ASPECT
    return aspect if usable and aspect is not None else SQUARE
