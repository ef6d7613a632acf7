"""The face of a video frame as a small image."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien.face import Face
from mien.html.markup import Html
from mien.html.page import data_uri

PORTRAIT = 96  # side of a face's own image
ROOM = 0.575  # half the side of the square around a face, by the longer side of its box


def portrait(image: NDArray[np.uint8], face: Face) -> Html:
    """Return the face with a little room around it as the URI of a JPEG of PORTRAIT x PORTRAIT.

    `image` is uint8 RGB (H, W, 3), in the pixels of the face's box; what lies outside it is black.
    """
    return jpeg(square(image, face.box, ROOM), PORTRAIT)


def square(image: NDArray[np.uint8], box: NDArray[np.floating], room: float) -> Image.Image:
    """Return the square around a box x1 y1 x2 y2 in pixels; half its side is `room` times the box's longer side."""
    x1, y1, x2, y2 = (float(v) for v in box)
    half = max(x2 - x1, y2 - y1, 1.0) * room
    left, top = round((x1 + x2) / 2 - half), round((y1 + y2) / 2 - half)
    side = max(1, round(2 * half))
    inside = image[max(0, top) : max(0, top + side), max(0, left) : max(0, left + side)]
    whole = Image.new("RGB", (side, side))
    if inside.size:
        whole.paste(Image.fromarray(np.ascontiguousarray(inside)), (max(0, -left), max(0, -top)))
    return whole


def jpeg(image: Image.Image, side: int | None = None) -> Html:
    """Return an image as the data URI of a JPEG, of `side` x `side` pixels or as large as it is."""
    stream = io.BytesIO()
    if side is not None:
        image = image.resize((side, side), Image.Resampling.LANCZOS, reducing_gap=2.0)
    image.save(stream, "JPEG", quality=80, optimize=True)
    return data_uri(stream.getvalue())
