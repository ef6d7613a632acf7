"""A watcher: the process that decodes and reads one video, as `mien predict` does.

What it sends is JSON, never objects, since the video may have taken it over.
"""

import json
import os
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from mien.errors import MienError
from mien.inference.media.sources import Source
from mien.inference.media.video import Clip
from mien.inference.output.people_csv import event_row
from mien.inference.output.progress import Position
from mien.inference.pipeline import Pipeline
from mien.inference.prediction import FrameResult
from mien.inference.video.summary import VideoSummary
from mien.serving.child import MIB, few_arenas, limit_memory, limit_work, ready
from mien.serving.decoding import MAX_PIXELS
from mien.serving.options import VideoOptions
from mien.serving.spool import received

MEMORY = 2_000 * MIB  # beyond that of the process at rest: frames wait for detection and classification
MAX_SECONDS = 3600  # of work
SEND_SECONDS, SEND_ROWS = 0.2, 100  # after which rows are sent


def work(connection: Connection) -> None:
    """Read a video: its name, options and bytes in, rows and events out as they come."""
    import cv2

    os.nice(5)  # images and cameras come first
    cv2.setNumThreads(1)
    few_arenas()
    ready(connection)
    name = connection.recv_bytes().decode()
    options = VideoOptions.model_validate_json(connection.recv_bytes())
    path = received(connection)
    try:
        pipeline, clip = Pipeline(**options.of_pipeline(), max_pixels=MAX_PIXELS), options.clip()
    except MienError as error:
        _send(connection, refused=str(error))
    else:
        limit_memory(MEMORY)
        limit_work(MAX_SECONDS)
        _read(connection, pipeline, Source(name, path, Path(name)), clip)
    connection.recv_bytes()  # nothing comes: the server ends this process once it has taken everything


def _read(connection: Connection, pipeline: Pipeline, source: Source, clip: Clip) -> None:
    position, events, error = Position(clip), _Events(pipeline, source.name), None
    rows: list[dict[str, Any]] = []
    ended: list[dict[str, Any]] = []
    sent = time.monotonic()
    for result in pipeline.read_sources(iter([source]), clip):
        row = result.prediction.to_dict()
        if row["error"] is not None:
            error = row["error"] = _public(row["error"], source)
        rows.append(row)
        ended += events.add(result)
        if len(rows) >= SEND_ROWS or time.monotonic() - sent > SEND_SECONDS:
            progress, _ = position.at(result, time.monotonic())
            _send(connection, rows=rows, events=ended, progress=progress)
            rows, ended, sent = [], [], time.monotonic()
    _send(connection, rows=rows, events=[*ended, *events.end()], progress=1.0, error=error, done=True)


def _public(error: str, source: Source) -> str:
    """Return an error with the name that the client gave, and without what it cannot do."""
    return error.replace(str(source.path), source.name).partition("; `max_pixels`")[0]


class _Events:
    """The rows of events.csv."""

    def __init__(self, pipeline: Pipeline, name: str) -> None:
        self._video = VideoSummary(name, pipeline.shown_card.labels, pipeline.smooth, pipeline.thresholds)

    def add(self, result: FrameResult) -> Iterator[dict[str, Any]]:
        """Take a frame and yield the events that ended with it."""
        if result.prediction.seconds is not None:
            yield from map(event_row, self._video.add(result.shown()))

    def end(self) -> Iterator[dict[str, Any]]:
        """Yield the events that were still open."""
        yield from map(event_row, self._video.end())


def _send(connection: Connection, **message: Any) -> None:
    connection.send_bytes(json.dumps(message, allow_nan=False).encode())
