"""Sources to faces and crops: opens images and videos ahead in threads, and detects faces in them.

Images are decoded in a pool; frames of a video are decoded in a thread and their faces detected in the pool.  A source
that cannot be read becomes one result with an error and costs no other.
"""

from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Executor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from mien.cores import WORKERS
from mien.errors import MediaError
from mien.face import Face
from mien.inference.detectors import near
from mien.inference.measures.measurer import Finish, Measure
from mien.inference.media.budget import Budget
from mien.inference.media.durations import VideoFrame
from mien.inference.media.filetype import is_moving
from mien.inference.media.image import FULL_SIZE_PIXELS, DecodedImage, Limits, load_image
from mien.inference.media.sources import Source
from mien.inference.media.video import Clip, about, timed_frames
from mien.inference.prediction import FrameResult, Prediction, of_image
from mien.inference.prefetch import background, in_order
from mien.inference.quick import again, is_quick
from mien.inference.rotate import turned, upright
from mien.inference.unexpected import failed, failure
from mien.inference.video import keyframes

Pixels = NDArray[np.uint8]

MAX_WAITING = 2 * WORKERS  # images being decoded or waiting for their turn
MAX_DECODING_PIXELS = 300_000_000  # in all threads together


@dataclass(frozen=True)
class Readers:
    """Opens the sources of one stream; `read` yields results with detected faces and crops, not yet classified.

    Attributes:
        pool: decodes images and detects faces.
        detect, align: `Pipeline.detect` and `Pipeline.align`.
        start_measuring: returns what measures the faces of one source; takes a `map` for those of a frame.
        budget: limits the pixels being decoded in all threads; max_pixels: those of one image or frame.
        rotate: whether to try four orientations; debug: whether to raise unexpected errors.
        clip: the part of videos; keep: whether results keep their images.
        measured: whether faces are measured too.
    """

    pool: Executor
    detect: Callable[[Pixels], list[Face]]
    start_measuring: Callable[..., Measure]
    align: Callable[[Pixels, Iterable[Face]], tuple[list[Face], Pixels]]
    budget: Budget
    max_pixels: int
    rotate: bool
    debug: bool
    clip: Clip
    keep: bool
    measured: bool

    @property
    def quick(self) -> bool:
        """Whether large JPEGs are decoded at a fraction of their size, and again where that shows a small face."""
        return is_quick(self.measured)

    def read(self, sources: Iterable[Source]) -> Generator[FrameResult, None, None]:
        """Yield the results of sources, in their order."""
        for live, group in groupby(sources, lambda source: source.live):
            if live:  # a camera is read as it comes, so nothing is read ahead
                for source in group:
                    yield from self._video(source)
                continue
            jobs = (partial(self._image_or_failure, source) for source in group)
            with closing(background(in_order(self.pool, jobs, MAX_WAITING), _size)) as opened:
                for item in opened:
                    if isinstance(item, FrameResult):
                        yield item
                    else:
                        yield from background(self._video(item), _size)

    def _image_or_failure(self, source: Source) -> FrameResult | Source:
        try:
            return self._image(source)
        except Exception as error:
            return failure(source, error, self.debug)

    def _image(self, source: Source) -> FrameResult | Source:
        """Return the result of an image, or the source itself when it moves."""
        if source.error:
            return failed(source, source.error)
        if is_moving(source.path, self.max_pixels, source.below):
            return source
        try:
            seen = self._seen(load_image(source.path, self._limits(FULL_SIZE_PIXELS, self.quick)))
            if self.quick and (needed := again(seen.decoded, seen.detected, seen.faces, seen.crops.shape[1])):
                decoded = load_image(source.path, self._limits(needed.pixels))
                larger = turned(decoded.image, seen.turn or 0)
                seen = _Seen(decoded, seen.turn, larger, seen.detected, *self.align(larger, needed.faces(decoded)))
            image = self._to_draw(source, seen) if self.keep else None
        except MediaError as error:
            return failed(source, str(error))
        prediction = of_image(source.name, seen.decoded, seen.faces, seen.turn)
        return FrameResult(prediction, source, False, seen.crops, image)

    def _to_draw(self, source: Source, seen: "_Seen") -> Pixels:
        """Return an image for drawing: with more pixels than it was read with, where it was decoded small."""
        limits = self._limits(FULL_SIZE_PIXELS)
        if seen.decoded.ratio <= limits.factor(seen.decoded.width, seen.decoded.height):
            return seen.image
        return turned(load_image(source.path, limits).image, seen.turn or 0)

    def _limits(self, target: int, quick: bool = False) -> Limits:
        return Limits(self.max_pixels, target, self.budget, quick)

    def _seen(self, decoded: DecodedImage) -> "_Seen":
        """Return an image with its faces."""
        if self.rotate:
            turn, image, detected = upright(decoded.image, self.detect)
        else:
            turn, image, detected = None, decoded.image, self.detect(decoded.image)
        faces, crops = self.align(image, self.start_measuring()(image, detected, False))
        return _Seen(decoded, turn, image, detected, faces, crops)

    def _video(self, source: Source) -> Iterator[FrameResult]:
        errors: list[Exception] = []
        try:
            jobs = self._begun(source, errors)
            if self.measured:
                yield from in_order(self.pool, jobs, 0 if source.live else WORKERS)
            else:  # a crop takes less time than its way through the pool
                yield from (job() for job in jobs)
        except Exception as error:
            errors.insert(0, error)
        yield from (failure(source, error, self.debug) for error in errors[:1])

    def _begun(self, source: Source, errors: list[Exception]) -> Iterator[Callable[[], FrameResult]]:
        """Yield what finishes each frame; the frames before an error are finished too."""
        try:
            decoded, measure = self._frames(source, errors), self.start_measuring(self.pool.map)
            noted, late = None, 0.0
            for frame in keyframes.watched(self.pool, decoded, self.detect, live=source.live, near=near(self.detect)):
                if noted is None:
                    noted, late = about(source.path, self.max_pixels)
                finish = measure.begin(frame.image, frame.faces, frame.cut)
                yield partial(self._finished, source, frame, finish, noted, late)
        except Exception as error:
            errors.insert(0, error)

    def _finished(self, source: Source, frame: keyframes.Frame, finish: Finish, noted: str, late: float) -> FrameResult:
        faces, crops = self.align(frame.image, finish())
        height, width = frame.image.shape[:2]
        place = (source.name, frame.index, frame.seconds, width, height)
        prediction = Prediction(*place, note=noted or None, faces=tuple(faces))
        image = frame.image if self.keep else None
        return FrameResult(prediction, source, frame.cut, crops, image, frame.lasts, late)

    def _frames(self, source: Source, errors: list[Exception]) -> Iterator[VideoFrame]:
        """Yield decoded frames; an error goes into `errors`, to be reported after the frames before it."""
        decoded = timed_frames(source.path, self.clip, self.max_pixels)
        try:
            yield from decoded if source.live else background(decoded, lambda frame: frame.image.nbytes)
        except Exception as error:
            errors.append(error)


@dataclass(frozen=True, eq=False)
class _Seen:
    """A decoded image, the degrees and the image that `rotate` made of it, and its faces with their crops."""

    decoded: DecodedImage
    turn: int | None
    image: Pixels
    detected: list[Face]
    faces: list[Face]
    crops: Pixels


def _size(item: FrameResult | Source) -> int:
    return 0 if isinstance(item, Source) else item.nbytes
