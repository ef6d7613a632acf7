"""478 landmarks of a face and its 52 blendshapes: two networks that were converted from MediaPipe's.

Faces are read one at a time: in batches onnxruntime takes no less time for each on a processor.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.errors import WeightsError
from mien.inference.measures.files import EXPECTED, Files, opened, template
from mien.inference.measures.square import SIZE, Square
from mien.reading.guard import parsing

Array = NDArray[np.float32]

LANDMARKS, SHAPES, TAKEN = 478, 52, 146
"""Landmarks of a mesh, blendshapes, and the landmarks from which these are computed."""


@dataclass(frozen=True, eq=False)
class Mesh:
    """The landmarks of one face.

    Attributes:
        points: float32 (478, 3) pixels of the image; the third is depth, smaller nearer to the camera.
        presence: probability in [0, 1] that the square shows a face.
        square: in which they were read; crop: uint8 (256, 256, 3), what it shows; border: OpenCV's, beyond the image.
    """

    points: Array
    presence: float
    square: Square
    crop: NDArray[np.uint8]
    border: int


class Networks:
    """The two networks; calls from several threads are safe.

    Attributes:
        template: the canonical face; names: of the blendshapes, in the order of their values.
    """

    def __init__(self, files: Files) -> None:
        """Load the files; WeightsError when they are not what `make measures` writes."""
        self._file = files.mesh
        self._mesh, facts = opened(files.mesh, {"crops": [SIZE, SIZE, 3]}, {"mesh": [LANDMARKS, 3], "presence": []})
        self.template = template(files.mesh, facts)
        self._shapes, facts = opened(files.blendshapes, {"points": [TAKEN, 2]}, {"blendshapes": [SHAPES]})
        self._taken, self.names = _subset(files.blendshapes, facts)

    def mesh(self, image: NDArray[np.uint8], square: Square, border: int) -> Mesh:
        """Return the mesh of the face in a square of an image, uint8 RGB (H, W, 3), OpenCV's `border` around it."""
        crop = square.crop(image, border)
        points, presence = self._mesh.run(["mesh", "presence"], {"crops": crop[None]})
        if not (np.isfinite(points).all() and np.isfinite(presence).all()):
            raise WeightsError(f"{self._file} gives no numbers", EXPECTED)
        return Mesh(square.placed(points[0]), float(presence[0]), square, crop, border)

    def blendshapes(self, points: Array) -> Array:
        """Return blendshapes, float32 (52,) in [0, 1], of landmarks (478, 3) in pixels of the image."""
        (shapes,) = self._shapes.run(["blendshapes"], {"points": points[None, self._taken, :2]})
        return np.asarray(np.clip(shapes[0], 0, 1), np.float32)


def _subset(path: Path, facts: dict[str, list[object]]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return which landmarks the blendshapes take, and the names of the blendshapes."""
    with parsing(path, kind=WeightsError, do="run `make measures`", says="names no blendshapes"):
        taken, names = np.array(facts["points"], np.int64), tuple(map(str, facts["names"]))
        if taken.shape != (TAKEN,) or taken.max() >= LANDMARKS or len(names) != SHAPES:
            raise ValueError(f"{len(taken)} points, {len(names)} names")
        return taken, names
