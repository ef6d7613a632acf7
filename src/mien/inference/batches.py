"""Classification in batches: the crops of several images in one run of the weights."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice

import numpy as np
from numpy.typing import NDArray

from mien.face import Face
from mien.inference.prediction import FrameResult
from mien.inference.unexpected import failure

Crops = NDArray[np.uint8]
Classify = Callable[[Iterable[Face], Crops], list[Face]]

BATCH = 24  # images or crops in a run of the weights: more overflow the caches, and the other stages wait longer
MAX_BATCH_BYTES = 256_000_000  # of images kept for drawing while a batch fills


def classified(results: Iterable[FrameResult], classify: Classify, debug: bool = False) -> Iterator[FrameResult]:
    """Yield results with their faces classified by `Pipeline.classify`, in their order."""
    for batch in _batches(results):
        yield from _classified(batch, classify, debug)


def _batches(results: Iterable[FrameResult]) -> Iterator[list[FrameResult]]:
    """Group results until their crops fill a run of the weights, or they are many, large or live."""
    batch: list[FrameResult] = []
    for result in results:
        batch.append(result)
        full = len(batch) >= BATCH or sum(len(r.crops) for r in batch) >= BATCH
        if full or sum(r.nbytes for r in batch) > MAX_BATCH_BYTES or result.source.live:
            yield batch
            batch = []
    if batch:
        yield batch


def _classified(batch: list[FrameResult], classify: Classify, debug: bool) -> list[FrameResult]:
    """Return a batch classified; a result that the weights fail on costs its source alone."""
    try:
        return _run(batch, classify)
    except Exception as error:
        if len(batch) == 1:
            return [failure(batch[0].source, error, debug)]
    return [done for result in batch for done in _classified([result], classify, debug)]


def _run(batch: list[FrameResult], classify: Classify) -> list[FrameResult]:
    own = in_one_run([(result.prediction.faces, result.crops) for result in batch], classify)
    return [replace(r, prediction=replace(r.prediction, faces=tuple(f))) for r, f in zip(batch, own, strict=True)]


def in_one_run(detected: Sequence[tuple[Sequence[Face], Crops]], classify: Classify) -> list[list[Face]]:
    """Return the faces of each image classified; each has as many crops as faces."""
    crops = [crops for _, crops in detected if len(crops)]
    flat = chain.from_iterable(faces for faces, _ in detected)
    faces = iter(classify(flat, np.concatenate(crops)) if crops else ())
    return [list(islice(faces, len(own))) for own, _ in detected]
