"""How good the image of a face is: its size and its sharpness."""

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.inference.measures.square import ROOM, SIZE

SIDE = 96  # pixels of the face's side at which sharpness is measured
_MARGIN = round(SIZE * (1 - 1 / ROOM) / 2)  # of a crop, around the face


def sharpness(crop: NDArray[np.uint8]) -> float:
    """Return the variance of the Laplacian of a face's crop (256, 256, 3), grey and at 96 pixels a side.

    At one size, faces of all sizes are comparable; a face that is smaller than that in its image is blurred.
    Source: Pech-Pacheco et al., 2000, "Diatom autofocusing in brightfield microscopy".

    >>> flat = np.full((256, 256, 3), 90, np.uint8)
    >>> fine = np.where(np.indices((256, 256)).sum(0)[..., None] % 8 < 4, flat, 190).astype(np.uint8)
    >>> sharpness(flat), sharpness(fine) > 1000
    (0.0, True)
    """
    face = cv2.cvtColor(crop[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN], cv2.COLOR_RGB2GRAY)
    grey = cv2.resize(face, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return float(cv2.Laplacian(grey, cv2.CV_32F).var())
