"""Settings whose detector meets sources that end, hang or overfill their process, by the width of an image.

Child processes import this module under its own name, so the tests put its folder on their path.
"""

import errno
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mien.inference.pipeline import Pipeline
from mien.inference.prediction import FrameResult
from mien.scale.settings import Settings

KILLS, HANGS, FILLS, STARVES = 13, 17, 19, 23  # pixels


@dataclass(frozen=True)
class Poisoned(Settings):
    """Settings of a pipeline with such a detector."""

    def pipeline(self, digest: str = "") -> Pipeline:
        pipeline = super().pipeline(digest)
        detect = pipeline.detect

        def poisoned(image: Any) -> Any:
            width = image.shape[1]
            if width == KILLS:
                os.kill(os.getpid(), signal.SIGSEGV)
            if width == HANGS:
                time.sleep(1000)
            if width == FILLS:
                bytearray(1 << 34)
            return detect(image)

        if hasattr(detect, "min_score"):
            poisoned.min_score = detect.min_score  # type: ignore[attr-defined]
        pipeline.detect, read = poisoned, pipeline.read_sources

        def starved(*given: Any) -> Iterator[FrameResult]:
            for result in read(*given):
                if result.prediction.width == STARVES:
                    raise OSError(errno.ENOMEM, "Cannot allocate memory")
                yield result

        pipeline.read_sources = starved  # type: ignore[method-assign]
        return pipeline
