"""How a player shows the frames of a video: pixels made square, turned and mirrored by the display matrix.

Pixels that are not square (DV, HDV, AVCHD, DVD) are made so by enlarging the side that is stored squeezed: nothing of
the resolution is lost.  What the container says comes before what the codec says, as in FFmpeg's
av_guess_sample_aspect_ratio.  Of the display matrix (ISO/IEC 14496-12, 8.3.2) the whole 2 x 2 part counts; the nearest
of the eight ways to turn and mirror is taken, as EXIF has them.
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
MOST_ASPECT = 8  # squeezed by more than this is a wrong value
LEAST_CHANGE = 0.005  # of a side; less is a rounding of the encoder's, and nobody sees it
EIGHT = [(a, 0, 0, d) for a, d in product((1, -1), repeat=2)] + [(0, b, c, 0) for b, c in product((1, -1), repeat=2)]
"""The 2 x 2 matrices (a, b, c, d): what is stored at (x, y) is shown at (a x + c y, b x + d y)."""
UPRIGHT = EIGHT[0]


class Aspect:
    """The shape of a stream's pixels, width by height, as it goes on.

    Where the container agrees with the codec, or says nothing, the codec is followed: it may change in the middle.
    """

    def __init__(self, stream: Any) -> None:
        self._context = stream.codec_context
        told, codec = _sane(stream.sample_aspect_ratio), _sane(self._context.sample_aspect_ratio)
        self._fixed = told if told not in (SQUARE, codec) else None
        self._now = self._before = self._fixed or codec
        self._since: int | None = None

    def follow(self, key: int | None) -> None:
        """Look whether the shape changed in what was just decoded; if so, it holds from the last key frame on."""
        if self._fixed is None and (now := _sane(self._context.sample_aspect_ratio)) != self._now:
            self._before, self._now, self._since = self._now, now, key

    def at(self, time: int | None) -> Fraction:
        """Return the shape of the pixels of a frame, by its timestamp: frames come out later than they are read."""
        early = self._since is not None and time is not None and time < self._since
        return self._before if early else self._now


def shown_size(width: int, height: int, aspect: Fraction) -> tuple[int, int]:
    """Return the size in square pixels of a frame whose pixels have an aspect.

    >>> shown_size(1440, 1080, Fraction(4, 3)), shown_size(720, 480, Fraction(8, 9))
    ((1920, 1080), (720, 540))
    """
    if abs(float(aspect) - 1) < LEAST_CHANGE:
        return width, height
    return (round(width * aspect), height) if aspect > 1 else (width, round(height / aspect))


def shown(frame: Any, size: tuple[int, int], turn: tuple[int, ...]) -> Pixels:
    """Return a decoded frame as uint8 RGB (H, W, 3), brought to `size` (width, height), then turned as one of EIGHT."""
    image = frame.to_ndarray(format="rgb24")
    if size != (frame.width, frame.height):
        image = cv2.resize(image, size, interpolation=cv2.INTER_CUBIC)
    return image if turn == UPRIGHT else turned(image, turn)


def turned(image: Pixels, turn: tuple[int, ...]) -> Pixels:
    """Return an image turned and mirrored as one of EIGHT says."""
    a, b, c, d = turn
    if not a:
        image = image.transpose(1, 0, 2)
    return np.ascontiguousarray(image[:: d or b, :: a or c])


def turn_of(frame: Any) -> tuple[int, ...]:
    """Return which of EIGHT is nearest to a frame's display matrix."""
    for data in frame.side_data:
        if data.type == Type.DISPLAYMATRIX:
            a, b, _, c, d = struct.unpack_from("=5i", bytes(data))
            return nearest((a, b, c, d))
    return UPRIGHT


def nearest(matrix: tuple[float, ...]) -> tuple[int, ...]:
    """Return which of EIGHT a 2 x 2 matrix comes nearest to; the first one for a matrix of zeros.

    >>> nearest((0.1, 0.99, 0.99, -0.1))
    (0, 1, 1, 0)
    """
    return max(EIGHT, key=lambda turn: sum(x * y for x, y in zip(turn, matrix, strict=True)))


def _sane(aspect: Fraction | None) -> Fraction:
    usable = aspect is not None and Fraction(1, MOST_ASPECT) <= aspect <= MOST_ASPECT
    return aspect if usable and aspect is not None else SQUARE
