"""whole: the image is the face crop, for images that are already cropped.  No file and no landmarks."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.errors import DetectorError
from mien.face import Face


class Whole:
    """Take the whole image as one face of score 1."""

    def __init__(self, file: Path | None = None, min_score: float | None = None) -> None:
        if file is not None:
            raise DetectorError(f"the detector 'whole' takes no file, got {file}", do="leave out `detector_file`")

    def __call__(self, image: NDArray[np.uint8]) -> list[Face]:
        """Return one face whose box is the image."""
        height, width = image.shape[:2]
        return [Face(np.array([0, 0, width, height], np.float32), 1.0)]
