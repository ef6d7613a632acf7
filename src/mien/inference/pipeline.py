"""Read faces out of images: image -> [Face] = detect -> align -> classify.  Start reading here.

    pipeline = Pipeline()                                 # the shipped weights, YuNet
    faces = pipeline(image)                               # uint8 RGB (H, W, 3)
    for prediction in pipeline.predict(["photos/"]):      # streams: 10,000 images need no more memory than 100
        ...

`predict` decodes and detects a few images ahead in threads (prefetch.py), collects the crops of several images into
one run of the weights, follows the faces of a video from frame to frame, and yields in order.  An image without a
face, or one that cannot be read, only costs itself.
"""

import os
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mien.errors import MediaError, MienError, UsageError
from mien.face import Face
from mien.inference.align import FRAMINGS, crops, square
from mien.inference.classify import BATCH, Classifier
from mien.inference.detectors import make
from mien.inference.media import image as media
from mien.inference.media import kind
from mien.inference.media.budget import Budget
from mien.inference.media.sources import Skipped, Source, expand
from mien.inference.media.video import WHOLE, Clip, frames
from mien.inference.prediction import FrameResult, Prediction, _scaled
from mien.inference.prefetch import background, in_order
from mien.inference.rotate import upright
from mien.inference.unexpected import sentence
from mien.inference.video import keyframes
from mien.inference.video.smoothing import Smoother
from mien.inference.video.thresholds import USUAL, Thresholds
from mien.inference.video.tracking import Tracks
from mien.printable import writable

WORKERS = min(4, os.cpu_count() or 1)
AHEAD = 2 * WORKERS  # images being decoded or waiting for their turn
MOST_PIXELS = (
    24_000_000  # larger images are looked at in half size: faces that a detector finds stay larger than a crop
)
MOST_AT_ONCE = 300_000_000  # pixels being decoded in all threads
MOST_HELD = 256_000_000  # bytes of images kept for drawing while a batch fills


class Pipeline:
    """Everything needed to read faces: a detector, the framing between it and the weights, and the weights."""

    def __init__(
        self,
        weights: str | Path = "ferplus",
        detector: str = "yunet",
        detector_file: str | Path | None = None,
        min_score: float | None = None,
        abstain: float | Literal["auto"] | None = None,
        device: str = "cpu",
        smooth: float = 0.0,
        rotate: str = "off",
        max_pixels: int = media.MAX_PIXELS,
        event_high: float = USUAL.high,
        event_low: float = USUAL.low,
        event_min: float = USUAL.shortest,
        debug: bool = False,
    ) -> None:
        """Load what is named.

        Args:
            weights: a shipped name or the path of an ONNX file that carries a card.
            detector: a key of `mien.inference.detectors.DETECTORS`.
            detector_file: your own copy of the detector's file.
            min_score: least detector score in [0, 1]; None means the detector's own default.
            abstain: least confidence in [0, 1] at which a face is answered for; "auto" takes the card's threshold.
            device: "cpu" or "cuda".
            smooth: seconds over which what a face shows in a video is averaged; 0 tells every frame as it is.
            rotate: "auto" reads an image as it is and turned by 90, 180 and 270 degrees, and takes the one in which the
                detector is surest; "off" as it is.
            max_pixels: an image or frame that decodes to more pixels is refused.
            event_high, event_low, event_min: the probabilities that an expression reaches and keeps, and the seconds
                that it lasts, to count as an event of a video (`thresholds`, for whoever looks for events).
            debug: raise what nobody expected while a source is read, instead of making it the row's error.
        """
        self.classifier = Classifier(weights, device)
        self.card = self.classifier.card
        _check_share("`min_score`", min_score)
        self.detector, self.detector_file = detector, Path(detector_file) if detector_file else None
        self.detect = make(self.detector, self.detector_file, min_score)
        if self.card.framing not in FRAMINGS:
            raise UsageError(f"the weights ask for the framing {self.card.framing!r}", f"one of {', '.join(FRAMINGS)}")
        self.framing = FRAMINGS[self.card.framing][detector]
        self.least = self._threshold(abstain)
        self.smooth = smooth
        self.thresholds = Thresholds(event_high, event_low, event_min)
        self._smoother()  # refuses what is no length of time
        if rotate not in ("off", "auto"):
            raise UsageError(f"`rotate` {rotate}", "off or auto")
        if max_pixels < 1:
            raise UsageError(f"`max_pixels` {max_pixels}", "a number of pixels, at least 1")
        self.rotate = rotate == "auto"
        self.max_pixels, self.debug = max_pixels, debug
        self._budget = Budget(max(MOST_AT_ONCE, max_pixels))

    def __call__(self, image: NDArray[np.uint8]) -> list[Face]:
        """Return the faces in an image, uint8 RGB (H, W, 3), with their expressions, left to right."""
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
            raise UsageError(f"the image is {image.dtype} {image.shape}", "uint8 RGB (H, W, 3)")
        return self._read(*self._crop(image, self.detect(image)))

    def predict(
        self,
        sources: str | Path | Iterable[str | Path],
        every: int = 1,
        start: float = 0.0,
        end: float | None = None,
        max_fps: float | None = None,
    ) -> Iterator[Prediction]:
        """Yield one prediction per image and per video frame, in the order of the sources.

        Of videos, every `every`-th frame from `start` to before `end` (seconds), at most `max_fps` a second.

        Sources are files, folders (read recursively), globs and "camera:0", one or several.  What cannot be read keeps
        its place as a prediction whose `error` says why.  Images in memory go to the pipeline itself: UsageError.
        """
        clip = Clip(every, start, end, max_fps)
        for seen in self.stream(_paths([sources] if isinstance(sources, str | Path) else sources), clip):
            yield seen.prediction

    def stream(
        self,
        sources: Iterable[str | Path],
        clip: Clip = WHOLE,
        keep: bool = False,
        skip: Path | None = None,
        skipped: Skipped | None = None,
    ) -> Iterator[FrameResult]:
        """Yield as `predict` does, with the images themselves when `keep`, but not what a run writes into `skip`.

        What is passed over in folders is counted in `skipped`.
        """
        pool = ThreadPoolExecutor(WORKERS)
        read = self._seen(pool, expand(sources, skip, skipped), clip, keep)
        try:
            batches = _batches(read)
            yield from self._followed(seen for batch in batches for seen in self._finish(batch))
        finally:
            read.close()  # while the pool still works: a stage that it turned away would leave threads and files open
            pool.shutdown(cancel_futures=True)

    def _threshold(self, abstain: float | Literal["auto"] | None) -> float:
        if abstain != "auto":
            _check_share("`abstain`", abstain)
            return abstain or 0.0
        if self.card.threshold is None:
            raise UsageError(
                f"the weights {self.card.name!r} carry no threshold for `abstain` auto", do="give a number"
            )
        return self.card.threshold

    def _seen(
        self, pool: Executor, sources: Iterable[Source], clip: Clip, keep: bool
    ) -> Generator[FrameResult, None, None]:
        for live, group in groupby(sources, lambda source: source.live):
            if live:  # nobody waits for a camera's next frame, so nothing is read ahead
                for source in group:
                    yield from self._watch(pool, source, clip, keep)
                continue
            jobs = (partial(self._open_or_fail, source, keep) for source in group)
            with closing(background(in_order(pool, jobs, AHEAD), _size)) as opened:
                for item in opened:
                    if isinstance(item, FrameResult):
                        yield item
                    else:
                        yield from background(self._watch(pool, item, clip, keep), _size)

    def _open_or_fail(self, source: Source, keep: bool) -> FrameResult | Source:
        try:
            return self._open(source, keep)
        except Exception as error:
            return self._unexpected(source, error)

    def _open(self, source: Source, keep: bool) -> FrameResult | Source:
        """Return what is seen in an image, or the source itself when it moves."""
        if source.error:
            return self._failed(source, source.error)
        if kind.moves(source.path, self.max_pixels):
            return source
        try:
            decoded = media.load(source.path, media.Limits(self.max_pixels, MOST_PIXELS, self._budget))
        except MediaError as error:
            return self._failed(source, str(error))
        turn, image, found = upright(decoded.image, self.detect) if self.rotate else (None, decoded.image, None)
        faces, cropped = self._crop(image, self.detect(image) if found is None else found)
        if decoded.ratio != 1:
            faces = [_scaled(face, decoded.ratio) for face in faces]
        width, height = (decoded.height, decoded.width) if turn in (90, 270) else (decoded.width, decoded.height)
        note = decoded.note or None
        prediction = Prediction(source.name, width=width, height=height, note=note, rotated=turn, faces=tuple(faces))
        return FrameResult(prediction, source, False, cropped, image if keep else None)

    def _watch(self, pool: Executor, source: Source, clip: Clip, keep: bool) -> Iterator[FrameResult]:
        broken: list[Exception] = []

        def readable() -> Iterator[tuple[int, float, NDArray[np.uint8]]]:
            decoded = frames(source.path, clip, self.max_pixels)
            try:
                yield from decoded if source.live else background(decoded, lambda frame: frame[2].nbytes)
            except Exception as error:  # told behind the frames that are being looked at
                broken.append(error)

        try:
            for frame in keyframes.watched(pool, readable(), self.detect, live=source.live):
                faces, cropped = self._crop(frame.image, frame.faces)
                height, width = frame.image.shape[:2]
                prediction = Prediction(source.name, frame.index, frame.seconds, width, height, faces=tuple(faces))
                yield FrameResult(prediction, source, frame.cut, cropped, frame.image if keep else None)
        except Exception as error:
            broken.insert(0, error)
        yield from (self._unexpected(source, error) for error in broken[:1])

    def _unexpected(self, source: Source, error: Exception) -> FrameResult:
        """Return the row of a source that could not be read; a bug is raised under `debug`, others' faults always."""
        if isinstance(error, MediaError):
            return self._failed(source, str(error))
        if self.debug or isinstance(error, MienError):
            raise error
        return self._failed(source, sentence(source.name, error))

    def _failed(self, source: Source, error: str) -> FrameResult:
        nothing = np.empty((0, self.card.size, self.card.size, self.card.channels), np.uint8)
        return FrameResult(Prediction(source.name, error=writable(error)), source, False, nothing)

    def _crop(self, image: NDArray[np.uint8], found: Iterable[Face]) -> tuple[list[Face], NDArray[np.uint8]]:
        # the crop comes from the box as detected, which may reach beyond the image; the box told stays inside
        edge = np.array([image.shape[1], image.shape[0]] * 2, np.float32)
        pairs = [(face, np.clip(face.box, 0, edge)) for face in found]
        pairs = [(face, box) for face, box in pairs if (box[2:] > box[:2]).all()]
        boxes = [face.box for face, _ in pairs]
        cropped = crops(image, boxes, self.framing, self.card.size, self.card.channels)
        return [replace(face, box=box, crop=square(face.box, self.framing)) for face, box in pairs], cropped

    def _read(self, faces: Iterable[Face], cropped: NDArray[np.uint8]) -> list[Face]:
        if not len(cropped):
            return []
        heads = self.classifier.heads(cropped)
        return [self._told(face, heads, row) for row, face in enumerate(faces)]

    def _told(self, face: Face, heads: dict[str, NDArray[np.float32]], row: int) -> Face:
        face = face.read(self.card.labels, heads["probs"][row], self.least)
        if "valence_arousal" in heads:
            valence, arousal = (round(float(v), 4) for v in heads["valence_arousal"][row])
            face = replace(face, valence=valence, arousal=arousal)
        if "action_units" in heads:
            units = (round(float(p), 4) for p in heads["action_units"][row])
            face = replace(face, action_units=dict(zip(self.card.action_units, units, strict=True)))
        if "embedding" in heads:
            face = replace(face, features=heads["embedding"][row])
        return face

    def _finish(self, batch: list[FrameResult]) -> list[FrameResult]:
        """Return the batch with what its faces show; what the weights cannot deal with costs its source alone."""
        try:
            return self._classified(batch)
        except Exception as error:
            if len(batch) == 1:
                return [self._unexpected(batch[0].source, error)]
        return [done for seen in batch for done in self._finish([seen])]

    def _classified(self, batch: list[FrameResult]) -> list[FrameResult]:
        found = (face for seen in batch for face in seen.prediction.faces)
        faces = iter(self._read(found, np.concatenate([seen.crops for seen in batch])))
        own = [tuple(next(faces) for _ in seen.prediction.faces) for seen in batch]
        return [replace(s, prediction=replace(s.prediction, faces=f)) for s, f in zip(batch, own, strict=True)]

    def _followed(self, read: Iterable[FrameResult]) -> Iterator[FrameResult]:
        """Give the faces of a video their track ids and smooth what they show; every video starts anew.

        The row of an error is the last one of its source.
        """
        source: Source | None = None
        lost: Source | None = None
        tracks, smoother = Tracks(), self._smoother()
        for seen in read:
            if seen.source is lost:
                continue
            if seen.prediction.seconds is None:
                lost = seen.source if seen.prediction.error is not None else None
                yield seen
                continue
            if seen.source is not source:
                source, tracks, smoother = seen.source, Tracks(), self._smoother()
            try:
                faces = tracks.follow(seen.prediction.faces, seen.prediction.seconds, seen.cut)
                faces = smoother.follow(faces, seen.prediction.seconds, seen.cut)
            except Exception as error:
                lost = seen.source
                yield self._unexpected(seen.source, error)
                continue
            yield replace(seen, prediction=replace(seen.prediction, faces=tuple(faces)))

    def _smoother(self) -> Smoother:
        return Smoother(self.smooth, self.least)


def _batches(stream: Iterable[FrameResult]) -> Iterator[list[FrameResult]]:
    """Group images until their crops fill a run of the weights, or they are many, large or live."""
    batch: list[FrameResult] = []
    for seen in stream:
        batch.append(seen)
        full = len(batch) >= BATCH or sum(len(s.crops) for s in batch) >= BATCH
        if full or sum(map(_size, batch)) > MOST_HELD or seen.source.live:
            yield batch
            batch = []
    if batch:
        yield batch


def _size(seen: FrameResult | Source) -> int:
    if isinstance(seen, Source):
        return 0
    return seen.crops.nbytes + (seen.image.nbytes if seen.image is not None else 0)


def _paths(sources: Iterable[str | Path]) -> Iterator[str | Path]:
    for source in sources:
        if not isinstance(source, str | Path):
            raise UsageError(f"a source of type {type(source).__name__}", "a path", "call pipeline(image) for arrays")
        yield source


def _check_share(option: str, value: float | None) -> None:
    if value is not None and not 0 <= value <= 1:
        raise UsageError(f"{option} {value}", "a number from 0 to 1")
