"""The results of reading an image or a video frame."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.face import Face, faces_table
from mien.html.markup import element, escape, join
from mien.inference.media.image import DecodedImage, factor_of
from mien.inference.media.sources import Source
from mien.printable import writable

SHOWN = 3  # faces in the repr of a prediction


@dataclass(frozen=True, eq=False)
class Prediction:
    """The result of one image or one video frame.

    Attributes:
        source: the argument as given, joined with the path below it for folders.
        frame: index of the video frame, or None for an image; seconds: its time in the video, likewise.
        width, height: pixels of the image as seen (after EXIF rotation), or None when it could not be read.
        error: one line saying why the source could not be read, or None.
        note: what of the file was read and how, if that is not obvious ("page 1 of 3", "video stream 1 of 2"), or None.
        rotated: degrees counter-clockwise by which `rotate="auto"` rotated the image, or None; width, height and boxes
            are those of the rotated image.
        faces: the faces, left to right, numbered 1, 2, ... in this order in every format.
    """

    source: str
    frame: int | None = None
    seconds: float | None = None
    width: int | None = None
    height: int | None = None
    error: str | None = None
    note: str | None = None
    rotated: int | None = None
    faces: tuple[Face, ...] = ()

    @property
    def remark(self) -> str:
        """The note and the rotation: "page 1 of 3; rotated by 90 degrees"."""
        turned = f"rotated by {self.rotated} degrees" if self.rotated else ""
        return "; ".join(filter(None, (self.note, turned)))

    def __repr__(self) -> str:
        place = [f"frame={self.frame}", f"seconds={self.seconds:.2f}"] if self.seconds is not None else []
        if self.error is not None:
            return f"Prediction({', '.join([repr(self.source), *place, f'error={self.error!r}'])})"
        some = [repr(face) for face in self.faces[:SHOWN]]
        some += [f"{len(self.faces) - SHOWN} more"] if len(self.faces) > SHOWN else []
        facts = [repr(self.source), *place, f"{self.width}x{self.height}"]
        return f"Prediction({', '.join(facts)}, faces=[{', '.join(some)}])"

    def _repr_html_(self) -> str:
        place = [f"frame {self.frame}, {self.seconds:.2f} s"] if self.seconds is not None else []
        line = "; ".join([self.source, *place, *filter(None, (self.remark, self.error))])
        head = element("p", escape(line))
        if self.error is not None:
            return head
        return join([head, faces_table(self.faces) if self.faces else element("p", escape("no face"))])

    def to_dict(self) -> dict[str, Any]:
        """Return the object that `mien predict --format json` prints; all text is valid UTF-8 (`writable`)."""
        return {
            "source": writable(self.source),
            "frame": self.frame,
            "seconds": None if self.seconds is None else round(self.seconds, 6),
            "width": self.width,
            "height": self.height,
            "error": None if self.error is None else writable(self.error),
            "note": None if self.note is None else writable(self.note),
            "rotated": self.rotated,
            "faces": [{"face": number, **face.to_dict()} for number, face in enumerate(self.faces, 1)],
        }

    def to_frame(self) -> Any:
        """Return a table with a row per face: a DataFrame of pandas or polars, or an Arrow table without them."""
        from mien.frame import frame
        from mien.inference.output.rows import rows

        return frame(rows(self))


@dataclass(frozen=True, eq=False)
class FrameResult:
    """A prediction with its source, crops and image, as it passes through the pipeline.

    Attributes:
        prediction: the result so far; complete when `Pipeline.stream` yields it.
        source: the image, video or camera.
        cut: whether a video frame starts a new scene, or follows time that was lost (media/durations.py).
        crops: uint8 (faces, size, size, channels).
        image: uint8 RGB (H, W, 3) at full size or a fraction of it, or None when images are not kept.
        lasts: seconds for which a video frame is on screen, up to the next one that is read; 0 for an image.
        starts_at: seconds after the start of the file at which second 0 of the video is.
    """

    prediction: Prediction
    source: Source
    cut: bool
    crops: NDArray[np.uint8] = field(repr=False)
    image: NDArray[np.uint8] | None = field(default=None, repr=False)
    lasts: float = 0.0
    starts_at: float = 0.0

    @property
    def nbytes(self) -> int:
        """Bytes of the crops and the image."""
        return self.crops.nbytes + (0 if self.image is None else self.image.nbytes)

    def shown(self, corrected: bool = True) -> "FrameResult":
        """Return the result with its faces as they are shown (`Face.shown`)."""
        faces = tuple(face.shown(corrected) for face in self.prediction.faces)
        return replace(self, prediction=replace(self.prediction, faces=faces))

    def drawn(self) -> Prediction:
        """Return the prediction with its faces in pixels of `image`, for drawing; measures stay as they are."""
        width, height = self.prediction.width, self.prediction.height
        if self.image is None or not width or not height or self.image.shape[1] == width:
            return self.prediction
        factor = 1 / factor_of(self.image, width, height)
        faces = (replace(scaled(face, factor), measures=face.measures) for face in self.prediction.faces)
        return replace(self.prediction, faces=tuple(faces))


def of_image(name: str, decoded: DecodedImage, faces: Iterable[Face], turn: int | None = None) -> Prediction:
    """Return the prediction of an image that was rotated by `turn` degrees; `faces` are in pixels of `decoded.image`.

    Its boxes are in pixels of the image at full size.
    """
    width, height = (decoded.height, decoded.width) if turn in (90, 270) else (decoded.width, decoded.height)
    if decoded.ratio != 1:
        corners = np.array([width, height, width, height], np.float32)  # the last pixel may be wider than what is left
        faces = [scaled(face, decoded.ratio) for face in faces]
        faces = [replace(face, box=np.minimum(face.box, corners)) for face in faces]
    note = decoded.note or None
    return Prediction(name, width=width, height=height, note=note, rotated=turn, faces=tuple(faces))


def scaled(face: Face, factor: float) -> Face:
    """Return a face in pixels of an image `factor` times as large."""
    scale = np.float32(factor)
    pixels = {"box": face.box, "landmarks": face.landmarks, "crop": face.crop, "mesh": face.mesh}
    sized = {name: None if place is None else place * scale for name, place in pixels.items()}
    measures = None if face.measures is None else face.measures.scaled(factor)
    return replace(face, **sized, measures=measures)  # type: ignore[arg-type]
