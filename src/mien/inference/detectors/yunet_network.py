"""YuNet's network in onnxruntime, which needs a quarter of the time that OpenCV's own module for networks needs.

The boxes are those of cv2.FaceDetectorYN, to a tenth of a pixel.  The file is OpenCV's, with two changes in its bytes.
Its input has a fixed size, of which nothing depends: it becomes any size.  Its biases are int8 in blocks of one scale
each, which onnxruntime refuses: a block size of 0 says the same.  Both changes keep all lengths, so that nothing else
in the file moves.  Source: face_detect.cpp of OpenCV (Apache-2.0); the wire format of protobuf.
"""

import re
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.errors import DetectorError, WeightsError
from mien.inference import session

Array = NDArray[np.float32]

STRIDES = (8, 16, 32)
OUTPUTS = tuple(f"{kind}_{stride}" for kind in ("cls", "obj", "bbox", "kps") for stride in STRIDES)
OVERLAP = 0.3  # boxes that overlap more are one face (OpenCV's default)
MAX_CANDIDATES = 5000  # candidates kept before that (OpenCV's default)
MIN_SIDE = 64  # to which smaller images are padded
BIAS = re.compile(
    rb"(\n\nblock_size\x18)(?:([\x80-\xff])[\x00-\x7f]|[\x00-\x7f])(\xa0\x01\x02\*.\n\x04axis\x18\0)", re.S
)
SIZE = re.compile(rb"(\n\x02\x08\x01\n\x02\x08\x03\n\x03)\x08[\x80-\xff].(\n\x03)\x08[\x80-\xff].", re.S)


class Network:
    """The network of a file; calls from several threads are safe."""

    def __init__(self, content: bytes, file: Path) -> None:
        """Load the bytes of a file; DetectorError when they are another network, or none."""
        try:
            self._graph = session.opened(file, runnable(content), "a YuNet model", threads=1, dequantise=True)
        except WeightsError:
            raise _not_yunet(file) from None
        takes = [(one.name, len(one.shape)) for one in self._graph.get_inputs()]
        if takes != [("input", 4)] or not set(OUTPUTS) <= {one.name for one in self._graph.get_outputs()}:
            raise _not_yunet(file)

    def __call__(self, image: NDArray[np.uint8], min_score: float) -> Array:
        """Return a row per face of an image, uint8 RGB (H, W, 3), best first: float32 (N, 15).

        A row is x y width height, the five points' x y, and the score in [0, 1], which is at least `min_score`.
        """
        planes = _planes(image)
        outputs = self._graph.run(list(OUTPUTS), {"input": planes})
        by_name = dict(zip(OUTPUTS, (output[0] for output in outputs), strict=True))
        rows = [_rows(by_name, stride, planes.shape[3] // stride, min_score) for stride in STRIDES]
        return _merged(np.concatenate(rows), min_score)


def runnable(content: bytes) -> bytes:
    """Return the bytes of a YuNet file as onnxruntime takes them; other bytes stay as they are."""
    content = BIAS.sub(lambda found: found[1] + (b"\x80\0" if found[2] else b"\0") + found[3], content)
    return SIZE.sub(lambda found: found[1] + b"\x12\x01h" + found[2] + b"\x12\x01w", content)


def _planes(image: NDArray[np.uint8]) -> Array:
    """Return what the network takes: the planes B G R with zeros below and to the right, float32 (1, 3, H, W)."""
    # cv2.dnn.blobFromImage gives the same and takes several times as long: benchmarks/LOG.md
    height, width = image.shape[:2]
    below, right = (max(-side % STRIDES[-1], MIN_SIDE - side) for side in (height, width))
    planes = np.zeros((1, 3, height + below, width + right), np.float32)
    for plane, channel in zip(planes[0], cv2.split(image)[::-1], strict=True):
        plane[:height, :width] = channel
    return planes


def _rows(outputs: dict[str, Array], stride: int, columns: int, min_score: float) -> Array:
    """Return the rows of the cells of one stride whose score is high enough."""
    scores = np.sqrt(np.clip(outputs[f"cls_{stride}"], 0, 1) * np.clip(outputs[f"obj_{stride}"], 0, 1))[:, 0]
    cells = np.flatnonzero(scores >= min_score)
    corner = np.stack([cells % columns, cells // columns], 1).astype(np.float32)
    box, points = outputs[f"bbox_{stride}"][cells], outputs[f"kps_{stride}"][cells]
    size = np.exp(box[:, 2:]) * stride
    places = (np.tile(corner, 5) + points) * stride
    return np.hstack([(corner + box[:, :2]) * stride - size / 2, size, places, scores[cells, None]]).astype(np.float32)


def _merged(rows: Array, min_score: float) -> Array:
    """Return the best of the rows of each face; OpenCV compares boxes in whole pixels."""
    if len(rows) < 2:
        return rows
    kept = cv2.dnn.NMSBoxes(np.trunc(rows[:, :4]).tolist(), rows[:, 14].tolist(), min_score, OVERLAP, 1, MAX_CANDIDATES)
    return rows[np.asarray(kept, np.int64).reshape(-1)]


def _not_yunet(file: Path) -> DetectorError:
    return DetectorError(f"{file} is not a YuNet model", "an ONNX file of face_detection_yunet")
