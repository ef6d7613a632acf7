"""An image and its detected faces to faces with measures, in photos and from frame to frame.

    measurer = Measurer()
    faces = measurer.start()(image, detector(image))     # a photo

    measure = measurer.start()                           # a video, frame after frame
    faces = measure(frame, faces, cut=False)

The mesh is read in the square around the detector's box, and again in the square around the landmarks that this gives.
In a video the last frame's landmarks replace the first pass, as long as they lie where the detector sees the face.
So landmarks are computed frame after frame; what is computed from them may wait, for a thread that has time.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.face import Face
from mien.inference.measures import files, openness, quality
from mien.inference.measures.covered import covered
from mien.inference.measures.mesh import Mesh, Networks
from mien.inference.measures.movements import movements
from mien.inference.measures.pose import Pose, pose
from mien.inference.measures.square import moved, of_box, of_points
from mien.inference.video.tracking import assigned, overlaps
from mien.measures import Measures

Pixels = NDArray[np.uint8]
Each = Callable[..., Iterable["Mesh | None"]]
"""As `map`: a function of each of some values, in their order."""
Finish = Callable[[], list[Face]]
"""Returns the faces of a frame with their measures; calls from any thread are safe."""


class Measure(Protocol):
    """Takes the frames of one source in their order, each with its faces, and whether it starts a new scene."""

    def __call__(self, image: Pixels, faces: Sequence[Face], cut: bool = False) -> list[Face]:
        """Return the faces with their measures."""

    def begin(self, image: Pixels, faces: Sequence[Face], cut: bool = False) -> Finish:
        """Compute what the next frame needs, and return what computes the rest."""


MIN_SIDE = 24.0  # pixels of a face's larger side, below which landmarks are a guess
MIN_PRESENCE = 0.5  # of a face in the square, as in MediaPipe
MIN_INSIDE = 0.8  # of the landmarks, within the image
MAX_TURN = 60.0  # degrees, above which half of the face is hidden
MIN_OVERLAP = 0.3  # of the last frame's landmarks and the detector's box, which are never the same
MAX_MOVE = 0.1  # by which a square may be beside the face, larger or smaller (in sides), or rotated (in radians)

BORDERS = (cv2.BORDER_REPLICATE, cv2.BORDER_CONSTANT)
"""What lies around an image: its edge, as MediaPipe has it, or black, where more faces that fill it are recognised."""

SMALL, ABSENT, OUTSIDE, TURNED = "too small", "no face or covered", "outside the image", "turned too far"
COVERED = "eyes or mouth covered"
REASONS = (SMALL, ABSENT, OUTSIDE, TURNED, COVERED)
"""Why a face has no measures; docs/measures.md has the limits."""


class Measurer:
    """The loaded files.

    Attributes:
        files: where they are; names: of the 52 blendshapes.
    """

    def __init__(self, mesh_file: Path | None = None) -> None:
        """Load what `make measures` made, or a mesh file with the blendshapes beside it; WeightsError without."""
        self.files = files.locate(mesh_file)
        self._networks = Networks(self.files)
        self.names = self._networks.names

    def start(self, each: Each = map) -> Measure:
        """Return what measures one photo, or the frames of one video in their order.

        `each` computes the landmarks of a frame's faces; that of a pool does so beside each other.
        """
        return _Following(self._networks, each)


class Unmeasured:
    """Leaves faces as they are: a `Measure` for runs without measures."""

    def __call__(self, image: Pixels, faces: Sequence[Face], cut: bool = False) -> list[Face]:
        return list(faces)

    def begin(self, image: Pixels, faces: Sequence[Face], cut: bool = False) -> Finish:
        return partial(list, faces)


class _Following:
    """Measures the faces of one source; remembers the landmarks of its last frame."""

    def __init__(self, networks: Networks, each: Each) -> None:
        self._networks, self._each = networks, each
        self._last: list[Mesh] = []

    def __call__(self, image: Pixels, faces: Sequence[Face], cut: bool = False) -> list[Face]:
        return self.begin(image, faces, cut)()

    def begin(self, image: Pixels, faces: Sequence[Face], cut: bool = False) -> Finish:
        before = {} if cut else _matches(faces, self._last)
        each = self._each if len(faces) > 1 else map
        pairs = [(face, before.get(place)) for place, face in enumerate(faces)]
        meshes = list(each(lambda pair: self._mesh(image, *pair), pairs))
        self._last = [mesh for mesh in meshes if mesh is not None and mesh.presence >= MIN_PRESENCE]
        return lambda: [self._measured(image, face, mesh) for face, mesh in zip(faces, meshes, strict=True)]

    def _mesh(self, image: Pixels, face: Face, before: Mesh | None) -> Mesh | None:
        """Return the mesh of a face, None where it is too small."""
        if float((face.box[2:] - face.box[:2]).max()) < MIN_SIDE:
            return None
        if before is not None:
            mesh = self._settled(image, before)
            if mesh.presence >= MIN_PRESENCE:
                return mesh
        for border in BORDERS:
            mesh = self._settled(image, self._networks.mesh(image, of_box(face.box, face.landmarks), border))
            if mesh.presence >= MIN_PRESENCE or mesh.square.within(image):
                break
        return mesh

    def _settled(self, image: Pixels, before: Mesh) -> Mesh:
        """Return the mesh in the square around another's landmarks, read again where these lay well beside it."""
        mesh = self._networks.mesh(image, of_points(before.points), before.border)
        after = of_points(mesh.points)
        return mesh if moved(mesh.square, after) <= MAX_MOVE else self._networks.mesh(image, after, before.border)

    def _measured(self, image: Pixels, face: Face, mesh: Mesh | None) -> Face:
        if mesh is None:
            return replace(face, measures_reason=SMALL)
        height, width = image.shape[:2]
        head = pose(mesh.points, width, height, self._networks.template)
        if reason := _reason(mesh, head, width, height):
            return replace(face, measures_reason=reason)
        shapes = self._networks.blendshapes(mesh.points)
        units = movements(self._networks.names, shapes)
        found = replace(face, action_units=units, action_units_source="blendshapes")
        return replace(found, measures=_measures(mesh, head), mesh=mesh.points, blendshapes=shapes)


def _matches(faces: Sequence[Face], last: Sequence[Mesh]) -> dict[int, Mesh]:
    """Return the last frame's mesh of each face, by its place, where they overlap."""
    if not (faces and last):
        return {}
    boxes = np.array([face.box for face in faces], np.float32)
    held = np.array([_bounds(mesh) for mesh in last], np.float32)
    return {place: last[column] for place, column in assigned(overlaps(boxes, held) - MIN_OVERLAP).items()}


def _bounds(mesh: Mesh) -> NDArray[np.float32]:
    flat = mesh.points[:, :2]
    return np.concatenate([flat.min(0), flat.max(0)])


def _reason(mesh: Mesh, head: Pose, width: int, height: int) -> str | None:
    """Return why a mesh gives no measures, None where it does."""
    flat = mesh.points[:, :2]
    inside = float(((flat >= 0) & (flat < (width, height))).all(1).mean())
    limits = {
        ABSENT: mesh.presence < MIN_PRESENCE,
        OUTSIDE: inside < MIN_INSIDE,
        TURNED: head.turned > MAX_TURN,
    }
    known = next((reason for reason, holds in limits.items() if holds), None)
    return known or (COVERED if covered(mesh.crop, mesh.square.within_crop(mesh.points)) else None)


def _measures(mesh: Mesh, head: Pose) -> Measures:
    right, left = (openness.eye(mesh.points, side) for side in ("right", "left"))
    size, sharpness = openness.eye_distance(mesh.points[:, :2]), quality.sharpness(mesh.crop)
    mouth = openness.mouth(mesh.points)
    return Measures(head.yaw, head.pitch, head.roll, head.distance, right, left, mouth, size, sharpness)
