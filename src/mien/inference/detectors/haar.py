"""haar: OpenCV's cascade of Haar features, as in older systems; needs only OpenCV's own file.

The cascade `alt2` finds nearly as many faces as `default` with a quarter of its false alarms.  A cascade has no
probability; the score is n / (n + 5), n being the number of overlapping raw hits merged into the face (at least 5,
so scores start at 0.5).  No landmarks.
Source: Viola and Jones, 2001; Lienhart and Maydt, 2002; the file ships in opencv-python-headless < 5.
"""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.errors import DetectorError
from mien.face import Face
from mien.inference.detectors.lending import Lending
from mien.inference.detectors.scaling import fit
from mien.reading.guard import check_regular

FILE = "haarcascade_frontalface_alt2.xml"
STEP = 1.1  # growth of the search window from one scale to the next
MIN_HITS = 5  # overlapping raw hits that make a face
MIN_SIDE = 24  # side of the search window in pixels of the fitted image


def packaged() -> Path:
    """Return the path of OpenCV's cascade; DetectorError when this OpenCV has none (5.0 dropped them)."""
    folder = getattr(getattr(cv2, "data", None), "haarcascades", None)
    path = Path(folder or "") / FILE
    if folder is None or not path.is_file():
        raise DetectorError("this OpenCV ships no cascades", do="pip install 'opencv-python-headless>=4.12,<5'")
    return path


class Haar:
    """Find frontal faces with a Haar cascade: square boxes, left to right."""

    def __init__(self, file: Path | None = None, min_score: float | None = None) -> None:
        self._file = file or packaged()
        self.min_score = min_score or 0.0
        self._cascades = Lending(lambda: _load(self._file))  # a cascade keeps state while it searches
        with self._cascades.one():  # an invalid file is refused now
            pass

    def __call__(self, image: NDArray[np.uint8]) -> list[Face]:
        """Return the faces in an image, uint8 RGB (H, W, 3), boxes in its pixels, left to right."""
        small, ratio = fit(image)
        grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
        if min(grey.shape) < MIN_SIDE:
            return []
        with self._cascades.one() as cascade:
            boxes, hits = cascade.detectMultiScale2(grey, STEP, MIN_HITS)
        faces = [_face(box, n, ratio) for box, n in zip(np.asarray(boxes), hits, strict=True)]
        return sorted((f for f in faces if f.score >= self.min_score), key=lambda face: float(face.box[0]))


def _load(file: Path) -> cv2.CascadeClassifier:
    check_regular(file, "an OpenCV cascade XML file", DetectorError, "or leave out `detector_file`")
    cascade = cv2.CascadeClassifier()
    try:
        storage = cv2.FileStorage(file.read_text("utf-8"), cv2.FILE_STORAGE_READ | cv2.FILE_STORAGE_MEMORY)
        usable = cascade.read(storage.getFirstTopLevelNode())
    except (OSError, ValueError, cv2.error, SystemError):  # OpenCV's binding raises SystemError for a damaged file
        usable = False
    if not usable:
        raise DetectorError(
            f"{file} is not a Haar cascade", "an OpenCV cascade XML file", "or leave out `detector_file`"
        )
    return cascade


def _face(box: NDArray[np.int32], hits: int, ratio: NDArray[np.float32]) -> Face:
    x, y, width, height = box
    corners = np.array([x, y, x + width, y + height], np.float32) * np.tile(ratio, 2)
    return Face(corners.astype(np.float32), float(hits / (hits + MIN_HITS)))
