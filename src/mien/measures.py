"""Measures: where a face looks, how far its eyes and mouth are open, and how good its image is."""

from dataclasses import asdict, dataclass, fields, replace

DECIMALS = {"yaw": 2, "pitch": 2, "roll": 2, "distance_cm": 1, "size_px": 2, "sharpness": 2}
OPENNESS_DECIMALS = 4


@dataclass(frozen=True)
class Measures:
    """The measures of a face.  docs/measures.md has the definitions and what each is worth.

    Attributes:
        yaw: degrees by which the head is turned sideways, positive towards the subject's left (the image's right).
        pitch: degrees by which it is tilted, positive upwards.
        roll: degrees by which it leans, positive clockwise in the image (towards the subject's left shoulder).
        distance_cm: centimetres from the camera to the head, for a vertical field of view of 63 degrees.
        eye_openness_right, eye_openness_left: of the subject's eyes, 0 (closed) to 1 (wide open).
        mouth_openness: 0 (closed) to 1 (wide open).
        size_px: pixels of the image as seen between the centres of the eyes.
        sharpness: variance of the Laplacian of the grey face at 96 pixels, 0 or more.
    """

    yaw: float
    pitch: float
    roll: float
    distance_cm: float
    eye_openness_right: float
    eye_openness_left: float
    mouth_openness: float
    size_px: float
    sharpness: float

    def to_dict(self) -> dict[str, float]:
        """Return the object `measures` of a face in `mien predict --format json`."""
        return {name: round(value, DECIMALS.get(name, OPENNESS_DECIMALS)) for name, value in asdict(self).items()}

    def scaled(self, factor: float) -> "Measures":
        """Return these measures for an image `factor` times as large."""
        return replace(self, size_px=self.size_px * factor)


NAMES = tuple(field.name for field in fields(Measures))
"""The measures in the order of JSON and of the columns."""

RELATIVE = ("yaw", "pitch", "roll", "eye_openness_right", "eye_openness_left", "mouth_openness")
"""The measures that are also given as differences from a person's neutral face."""
