"""Images of a data set as thumbnails in a page, until the bytes that the page may have for them are spent."""

import io

import numpy as np
from numpy.typing import NDArray

from mien.data.samples import Samples
from mien.html.markup import EMPTY, Html, escape, markup
from mien.html.page import data_uri

SIDE = 112
"""Longest side of a thumbnail in pixels."""
BUDGET = 2_500_000
"""Bytes of thumbnails in one page."""


def thumbnail(image: NDArray[np.uint8]) -> bytes:
    """Return an image, uint8 (H, W, 1 or 3), as a PNG of at most `SIDE` pixels a side."""
    from PIL import Image

    small = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
    small.thumbnail((SIDE, SIDE))
    stream = io.BytesIO()
    small.save(stream, "PNG", optimize=True)
    return stream.getvalue()


class ThumbnailBudget:
    """Turns rows of results into images with captions until the page's budget is spent."""

    def __init__(self, samples: Samples) -> None:
        self._samples = samples
        self._row = {str(id): k for k, id in enumerate(samples.ids)}
        self._left = BUDGET

    def card(self, id: str, caption: Html) -> Html:
        """Return one image over its caption (HTML); empty where the budget is spent or the image unknown."""
        row = self._row.get(id)
        if row is None or self._left <= 0:
            return EMPTY
        uri = data_uri(thumbnail(np.asarray(self._samples.images[row])), "image/png")
        self._left -= len(uri)
        alt = escape(f"image {id} of {self._samples.name} {self._samples.split}")
        return markup(
            '<figure><img src="{}" alt="{}" title="{}"><figcaption>{}</figcaption></figure>', uri, alt, alt, caption
        )
