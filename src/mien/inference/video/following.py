"""Faces of a video from frame to frame: track ids, and smoothed probabilities."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from mien.inference.media.sources import Source
from mien.inference.prediction import FrameResult
from mien.inference.unexpected import failure
from mien.inference.video.smoothing import Smoother
from mien.inference.video.tracking import Tracks


def followed(
    results: Iterable[FrameResult], smooth: float, min_confidence: float, debug: bool = False
) -> Iterator[FrameResult]:
    """Yield results; faces of a video get track ids and are smoothed over `smooth` seconds, each video separately.

    A result with an error is the last one of its source.
    """
    source: Source | None = None
    ended: Source | None = None
    tracks, smoother = Tracks(), Smoother(smooth, min_confidence)
    for result in results:
        prediction = result.prediction
        if result.source is ended:
            continue
        if prediction.seconds is None:
            ended = result.source if prediction.error is not None else None
            yield result
            continue
        if result.source is not source:
            source, tracks, smoother = result.source, Tracks(), Smoother(smooth, min_confidence)
        try:
            faces = tracks.follow(prediction.faces, prediction.seconds, result.cut)
            faces = smoother.follow(faces, prediction.seconds, result.cut)
        except Exception as error:
            ended = result.source
            yield failure(result.source, error, debug)
            continue
        yield replace(result, prediction=replace(prediction, faces=tuple(faces)))
