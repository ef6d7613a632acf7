"""The reader: the process that finds, measures and classifies faces, for all requests together."""

import pickle
from collections import OrderedDict
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import cache, partial
from multiprocessing.connection import Connection
from typing import Any

from mien.cores import cores
from mien.face import Face
from mien.inference.batches import in_one_run
from mien.inference.detectors import Detector, make
from mien.inference.measures.measurer import Measurer
from mien.inference.media.image import DecodedImage
from mien.inference.pipeline import Pipeline
from mien.inference.quick import Again, again, is_quick
from mien.serving.child import ready
from mien.serving.options import Options
from mien.serving.shared import Pixels, Shared

MAX_PIPELINES = 6  # held at once: by weights, prior, measures and level

_Look = tuple[DecodedImage, Again | None]  # of engine.py
_Seen = list[Face] | Again


def work(connection: Connection, usual: dict[str, Any]) -> None:
    """Read images until the server ends: options and pixels in, what is seen in each out, or None for a failure."""
    import cv2

    cv2.setNumThreads(1)  # images are read beside each other
    pipelines, pool = Pipelines(), ThreadPoolExecutor(cores())
    pipelines.get(Options(**usual))
    ready(connection)
    while True:
        options, sent = pickle.loads(connection.recv_bytes())
        looks = [_received(connection, *one) for one in sent]
        connection.send_bytes(pickle.dumps(_reply(pipelines, options, looks, pool)))


def _received(connection: Connection, rows: int, columns: int, width: int, height: int, needed: Again | None) -> _Look:
    return DecodedImage(Shared.receive(connection, rows, columns).array(), width, height), needed


def _reply(pipelines: "Pipelines", options: Options, looks: list[_Look], pool: Executor) -> list[_Seen | None]:
    try:
        pipeline = pipelines.get(options)
    except Exception:
        return [None] * len(looks)
    return _read(pipeline, looks, pool)


def _read(pipeline: Pipeline, looks: list[_Look], pool: Executor) -> list[_Seen | None]:
    """Return what is seen in each image; an image that something unexpected happens in costs no other."""
    try:
        found = list(pool.map(partial(_found, pipeline), looks))
        faces = iter(in_one_run([one for one in found if not isinstance(one, Again)], pipeline.classify))
        return [one if isinstance(one, Again) else next(faces) for one in found]
    except Exception:
        if len(looks) == 1:
            return [None]
    return [seen for look in looks for seen in _read(pipeline, [look], pool)]


def _found(pipeline: Pipeline, look: _Look) -> Again | tuple[list[Face], Pixels]:
    """Return the faces of an image and their crops, or how it must be decoded again for them."""
    decoded, needed = look
    image = decoded.image
    if needed:
        return pipeline.align(image, needed.faces(decoded))
    detected = pipeline.detect(image)
    faces, crops = pipeline.align(image, pipeline.start_measuring()(image, detected, False))
    quick = is_quick(pipeline.measurer is not None)
    return (again(decoded, detected, faces, crops.shape[1]) if quick else None) or (faces, crops)


class Pipelines:
    """Pipelines by their options: those used last are kept, and all share their detectors and measures."""

    def __init__(self) -> None:
        self._held: OrderedDict[Options, Pipeline] = OrderedDict()

    def get(self, options: Options) -> Pipeline:
        """Return a pipeline with these options."""
        key = options.model_copy(update={"abstain": None})
        if key not in self._held:
            self._held[key] = _opened(key)
        self._held.move_to_end(key)
        if len(self._held) > MAX_PIPELINES:
            self._held.popitem(last=False)
        return self._held[key].abstaining(options.abstain)


def _opened(options: Options) -> Pipeline:
    pipeline = Pipeline(**options.model_dump())
    pipeline.detect = _detector(options.detector)
    if options.measures:
        pipeline.measurer = _measurer()
        pipeline.start_measuring = pipeline.measurer.start
    return pipeline


@cache
def _detector(name: str) -> Detector:
    return make(name)


@cache
def _measurer() -> Measurer:
    return Measurer()
