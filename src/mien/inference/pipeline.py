"""Read faces out of pictures: image -> [Face] = detect -> align -> classify.  Start reading here."""

from dataclasses import dataclass
from typing import Any

from mien.face import Face


@dataclass(frozen=True, eq=False)
class Prediction:
    """What was read from one picture or one video frame.

    Attributes:
        source: the argument as given, joined with the path below it for folders.
        frame: index of the video frame, or None for a picture; seconds: its time in the video, likewise.
        width, height: pixels of the picture as seen (after EXIF rotation), or None when it could not be read.
        error: one line saying why the source could not be read, or None.
        faces: the faces, left to right.
    """

    source: str
    frame: int | None = None
    seconds: float | None = None
    width: int | None = None
    height: int | None = None
    error: str | None = None
    faces: tuple[Face, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the object that `mien predict --format json` prints."""
        return {
            "source": self.source,
            "frame": self.frame,
            "seconds": None if self.seconds is None else round(self.seconds, 6),
            "width": self.width,
            "height": self.height,
            "error": self.error,
            "faces": [face.to_dict() for face in self.faces],
        }
