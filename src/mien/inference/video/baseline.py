"""Personal baseline: what a face shows beside the person's own neutral face.

Some people look sad or angry when they show nothing.  With a stretch or an image of a person's neutral face, the
probabilities are brought to what they would be if that neutral face read like others do:

    log p'(k) = log p(k) + log typical(k) - log neutral(k) + constant

Movements and head pose are given as differences from the neutral face.  The neutral face is the first seconds of each
track ("3s"), the median of each track, which is right where a person is neutral most of the time, or one image for all.

A correction can do harm: published for another system, it raised the accuracy on natural positive images from 22 to
63 % and lowered it on negative ones from 92 to 71 % (Stoeckli et al., *Facial expression analysis with AFFDEX and
FACET*, Behavior Research Methods 2018).  So nothing is corrected unless requested, and what was read stays.

A video is read twice: for the neutral faces, of which only numbers are kept, and for the results.
"""

import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mien.errors import UsageError, spelled
from mien.face import Correction, Face
from mien.inference.media.camera import CAMERA
from mien.inference.media.filetype import is_moving
from mien.inference.media.sources import Source
from mien.inference.prediction import FrameResult, Prediction
from mien.inference.unexpected import failed
from mien.measures import RELATIVE

TYPICAL = {
    "neutral": 0.9753,
    "happiness": 0.0013,
    "sadness": 0.0191,
    "surprise": 0.0007,
    "fear": 0.0003,
    "disgust": 0.0003,
    "anger": 0.0015,
    "contempt": 0.0016,
}
"""How neutral faces read where the card does not say: that of `ferplus`, from the 1,182 FERPlus val images with a
majority for neutral (results/ferplus/0-val.npz)."""

MIN_NEUTRAL = 20
"""Images labelled neutral, below which a card states no typical face."""
RAISED = 1e-4
"""By which probabilities are raised before their geometric mean is taken, so that none is zero."""

FLOOR = 0.01
"""The least probability of a neutral face: what is rarer than one in a hundred says nothing of the person."""

MEDIAN = "median"
EVERY = "seconds such as 3s, median, or an image of the neutral face"

Neutral = dict[str, float]
"""The neutral face of a person by name: logarithms of probabilities by label, movements, measures."""

Read = Callable[[Source], Iterable[FrameResult]]
"""Reads a video for its neutral faces."""


def seconds_of(baseline: str) -> float | None:
    """Return the seconds of a baseline such as "3s", None for others.

    >>> seconds_of("3s"), seconds_of("1.5s"), seconds_of("median")
    (3.0, 1.5, None)
    """
    return float(baseline[:-1]) if re.fullmatch(r"\d+(\.\d+)?s", baseline) else None


class NeutralFaces:
    """The neutral face of each track of one video."""

    def __init__(self, seconds: float | None) -> None:
        """Take the seconds at a track's beginning, or None for the median of all of it."""
        self._seconds = seconds
        self._since: dict[int, float] = {}
        self._values: dict[int, dict[str, array[float]]] = {}
        self._settled: dict[int, Neutral] = {}

    def add(self, prediction: Prediction) -> None:
        """Take the faces of a frame."""
        for face in prediction.faces:
            if face.track_id is None or face.probs is None or prediction.seconds is None:
                continue
            since = self._since.setdefault(face.track_id, prediction.seconds)
            if self._seconds is None or prediction.seconds - since <= self._seconds:
                values = self._values.setdefault(face.track_id, {})
                self._settled.pop(face.track_id, None)
                for name, value in neutral(face).items():
                    values.setdefault(name, array("f")).append(value)

    def of(self, track: int | None, now: float | None = None) -> Neutral | None:
        """Return the neutral face of a track; None for an unknown one, and until its seconds are over at `now`."""
        if track is None or track not in self._values:
            return None
        if now is not None and now - self._since[track] <= (self._seconds or 0.0):
            return None
        if track not in self._settled:  # once, not for each frame: a median reads the whole track
            middle, values = np.median if self._seconds is None else np.mean, self._values[track]
            self._settled[track] = {name: float(middle(np.frombuffer(v, np.float32))) for name, v in values.items()}
        return self._settled[track]


@dataclass(frozen=True, eq=False)
class Baseline:
    """How faces are corrected.

    Attributes:
        name: as given: "3s", "median", or the path of an image.
        typical: logarithms of the probabilities with which neutral faces read, under the prior.
        min_confidence: that of `Face.read`.
        image: the neutral face of an image, or None.
    """

    name: str
    typical: dict[str, float]
    min_confidence: float = 0.0
    image: Neutral | None = None

    def refuse(self, source: str) -> None:
        """Raise UsageError for a source that this baseline cannot be taken from."""
        if self.name == MEDIAN and source.startswith(CAMERA):
            raise UsageError(f"`baseline` {MEDIAN} with {source}, which does not end", "3s, or an image")

    def refuse_all(self, sources: Iterable[Source]) -> None:
        """Raise UsageError where there are only images, and this baseline is not one; stops at the first video."""
        if self.image is not None:
            return
        count = 0
        for source in sources:
            if source.error or source.live or is_moving(source.path):
                return
            count += 1
        if count:
            got = f"`baseline` {self.name} with {'an image' if count == 1 else f'{count:,} images'} and no video"
            raise UsageError(got, "an image of the neutral face as `baseline`")

    def applied(self, results: Iterable[FrameResult], read: Read) -> Iterator[FrameResult]:
        """Yield results with corrected faces; `read` is called for each video."""
        source: Source | None = None
        tracks = NeutralFaces(seconds_of(self.name))
        for result in results:
            moves = result.prediction.seconds is not None
            if self.image is None and not moves and result.prediction.error is None:
                why = f"an image, and `baseline` {self.name} needs a video; give an image of the neutral face"
                yield failed(result.source, spelled(f"{result.source.name}: {why}"))
                continue
            if self.image is None and moves and result.source is not source:
                self.refuse(result.source.name)
                source, tracks = result.source, NeutralFaces(seconds_of(self.name))
                for one in () if source.live else read(source):
                    tracks.add(one.prediction)
            if self.image is None and result.source.live:
                tracks.add(result.prediction)
            yield self._corrected(result, tracks)

    def corrected(self, face: Face, own: Neutral | None) -> Face:
        """Return a face with its correction by the person's neutral face, as it is where that is not known."""
        if own is None or face.probs is None:
            return face
        shift = np.array([self.typical[label] - own[label] for label in face.labels])
        logits = np.log(face.probs.astype(np.float64) + 1e-12) + shift
        powers = np.exp(logits - logits.max())
        probs = (powers / powers.sum()).astype(np.float32)
        abstained = face.read(face.labels, probs, self.min_confidence).abstained
        movements = None if face.action_units is None else _differences(face.action_units, own)
        measured = None if face.measures is None else _differences(face.measures.to_dict(), own)
        return replace(face, correction=Correction(probs, abstained, movements, measured))

    def _corrected(self, result: FrameResult, tracks: NeutralFaces) -> FrameResult:
        prediction = result.prediction
        now = prediction.seconds if result.source.live else None
        owns = (self.image or tracks.of(face.track_id, now) for face in prediction.faces)
        faces = tuple(self.corrected(face, own) for face, own in zip(prediction.faces, owns, strict=True))
        return replace(result, prediction=replace(prediction, faces=faces))


def neutral(face: Face) -> Neutral:
    """Return what a neutral face shows: logarithms of its probabilities by label, its movements and measures."""
    assert face.probs is not None
    values = dict(zip(face.labels, floored(face.probs).tolist(), strict=True))
    measured = {} if face.measures is None else face.measures.to_dict()
    return values | (face.action_units or {}) | {name: measured[name] for name in RELATIVE if name in measured}


def neutral_face(
    labels: tuple[str, ...], probs: NDArray[np.floating], target: NDArray[np.floating]
) -> dict[str, float]:
    """Return how faces that are labelled neutral read, for a card; empty without enough of them.

    Probabilities and targets are (N, K) over labels; a face is neutral where no other label has as high a target.

    >>> sure = np.array([[0.9, 0.1]] * 20)
    >>> neutral_face(("neutral", "happiness"), sure, np.array([[1.0, 0.0]] * 20))
    {'neutral': 0.8999, 'happiness': 0.1001}
    """
    if "neutral" not in labels:
        return {}
    own = target[:, [labels.index("neutral")]]
    rows = (np.delete(target, labels.index("neutral"), 1) < own).all(1)
    if rows.sum() < MIN_NEUTRAL:
        return {}
    means = np.exp(np.log(probs[rows].astype(np.float64) + RAISED).mean(0))
    return {label: round(value, 4) for label, value in zip(labels, (means / means.sum()).tolist(), strict=True)}


def typical(labels: tuple[str, ...], known: Mapping[str, float] = TYPICAL) -> NDArray[np.float32]:
    """Return the probabilities with which neutral faces read, float32 (1, K); labels not known at the floor."""
    probs = np.array([[max(known.get(label, FLOOR), RAISED) for label in labels]])
    return np.asarray(probs / probs.sum(), np.float32)


def floored(probs: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the logarithms of probabilities, at least of FLOOR."""
    return np.log(np.maximum(probs.astype(np.float64), FLOOR))


def _differences(values: dict[str, float], own: Neutral) -> dict[str, float]:
    return {name: round(value - own[name], 4) for name, value in values.items() if name in own}
