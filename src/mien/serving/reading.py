"""The reader: the process that finds, measures and classifies faces, for all requests together."""

import os
import pickle
from collections import OrderedDict
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import cache
from multiprocessing.connection import Connection
from typing import Any

from mien.face import Face
from mien.inference.detectors import Detector, make
from mien.inference.measures.measurer import Measurer
from mien.inference.pipeline import Pipeline
from mien.serving.child import ready
from mien.serving.options import Options
from mien.serving.shared import Pixels, Shared

MAX_PIPELINES = 6  # held at once: by weights, prior, measures and level


def work(connection: Connection, usual: dict[str, Any]) -> None:
    """Read images until the server ends: options and pixels in, the faces of each image out, or None for a failure."""
    import cv2

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    cv2.setNumThreads(1)  # images are read beside each other
    pipelines, pool = Pipelines(), ThreadPoolExecutor(cores)
    pipelines.get(Options(**usual))
    ready(connection)
    while True:
        options, sizes = pickle.loads(connection.recv_bytes())
        images = [Shared.receive(connection, *size) for size in sizes]
        reply = _reply(pipelines, options, [image.array() for image in images], pool)
        connection.send_bytes(pickle.dumps(reply))


def _reply(pipelines: "Pipelines", options: Options, images: list[Pixels], pool: Executor) -> list[list[Face] | None]:
    try:
        pipeline = pipelines.get(options)
    except Exception:
        return [None] * len(images)
    return _read(pipeline, images, pool)


def _read(pipeline: Pipeline, images: list[Pixels], pool: Executor) -> list[list[Face] | None]:
    """Return the faces of each image; an image that something unexpected happens in costs no other."""
    try:
        return list(pipeline.read(images, pool))
    except Exception:
        if len(images) == 1:
            return [None]
    return [faces for image in images for faces in _read(pipeline, [image], pool)]


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
