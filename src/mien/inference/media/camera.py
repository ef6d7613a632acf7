"""Frames of a connected camera, through OpenCV."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.errors import MediaError
from mien.inference.media.image import Pixels

CAMERA = "camera:"


def frames(source: str) -> Iterator[tuple[int, float, Callable[[], Pixels]]]:
    """Yield (index, seconds since the first request, a function that returns uint8 RGB (H, W, 3)) of "camera:0".

    MediaError when there is no such camera, and when it stops sending.
    """
    with _opened(source) as capture:
        start = time.monotonic()
        for index in count():
            more, image = capture.read()
            if not more:
                raise MediaError(f"{source} stopped sending images")
            yield index, time.monotonic() - start, partial(_rgb, np.asarray(image, np.uint8))


def trouble(source: str) -> str | None:
    """Return why a camera cannot be opened, or None where it can."""
    try:
        with _opened(source):
            return None
    except MediaError as error:
        return str(error)


@contextmanager
def _opened(source: str) -> Iterator[cv2.VideoCapture]:
    number = source.removeprefix(CAMERA)
    if not number.isdecimal():
        raise MediaError(f"{source} names no camera", "camera:0, camera:1, ...")
    cv2.utils.logging.setLogLevel(0)  # OpenCV would explain a missing camera in several lines of its own
    capture = cv2.VideoCapture(int(number))
    try:
        if not capture.isOpened():
            raise MediaError(f"{source} cannot be opened", "a camera that is connected and free")
        yield capture
    finally:
        capture.release()


def _rgb(image: NDArray[np.uint8]) -> Pixels:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)
