"""The facts of a run of `mien predict` for `mien-run.json`, and the list of its inputs.

Settings are those in effect: options as given or by default, with the detector's minimum score, the threshold that
`--abstain auto` took from the weights, and the rules of events.  The list of inputs grows as they are read, one JSON
object per line.  The record holds their number and the sha256 of the list.
"""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mien.inference.detectors import yunet
from mien.inference.detectors.haar import packaged as cascade
from mien.inference.measures.movements import reference
from mien.inference.media.sources import Source
from mien.inference.pipeline import Pipeline
from mien.inference.prediction import FrameResult
from mien.inference.video import events
from mien.outputs import Growing
from mien.outputs.folder import run_facts
from mien.reading.digest import sha256_of
from mien.units import UNITS

INPUTS = "mien-inputs.jsonl"
ANNOTATED = "annotated"  # the folder of images and videos with predictions drawn in
FILES = {"yunet": yunet.packaged, "haar": cascade}  # where a detector's own file is


def facts(pipeline: Pipeline, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of a run when it begins; `settings` are the options of the command."""
    weights = pipeline.classifier.path
    return {
        **run_facts({**settings, **_in_effect(pipeline)}, leave_out=("sources",)),
        "weights": {"name": pipeline.card.name, "file": str(weights), "sha256": _sha256(weights)},
        "detector": {"name": pipeline.detector, **_file(detector_file(pipeline))},
        "measures": _measures(pipeline),
        **_action_units(pipeline),
    }


def _action_units(pipeline: Pipeline) -> dict[str, Any]:
    """Return where measured action units come from and how far each can be trusted; nothing where none are measured."""
    if pipeline.measurer is None or pipeline.card.action_units:
        return {}
    population = {key: value for key, value in reference().items() if key != "quantiles"}
    grades = {name: {"grade": unit.grade, "source": unit.source} for name, unit in UNITS.items()}
    return {"action_units": {"source": "blendshapes", "reference": population, "grades": grades}}


def detector_file(pipeline: Pipeline) -> Path | None:
    """Return the file that the detector came from, or None where it has none."""
    if pipeline.detector_file is not None or pipeline.detector not in FILES:
        return pipeline.detector_file
    return FILES[pipeline.detector]()


def _measures(pipeline: Pipeline) -> dict[str, Any] | None:
    """Return the files that measured faces, None where none did."""
    if pipeline.measurer is None:
        return None
    files = pipeline.measurer.files
    return {"mesh": _file(files.mesh), "blendshapes": _file(files.blendshapes)}


def _in_effect(pipeline: Pipeline) -> dict[str, Any]:
    at = pipeline.thresholds
    rules = {"high": at.high, "low": at.low, "min": at.shortest, "smooth": 0.0 if pipeline.smooth else events.SMOOTH}
    least = getattr(pipeline.detect, "min_score", None)  # a detector without scores has none
    known = {} if least is None else {"min_score": least}
    return known | {
        "prior": pipeline.classifier.prior.name,
        "level": pipeline.extra.level,
        "abstain": pipeline.min_confidence,
        "smooth": pipeline.smooth,
        "events": rules,
    }


def _file(path: Path | None) -> dict[str, Any]:
    return {"file": None, "sha256": None} if path is None else {"file": str(path), "sha256": _sha256(path)}


def _sha256(path: Path) -> str | None:
    try:
        return sha256_of(path)
    except OSError:
        return None


STOPPED = "the run was stopped in it"
"""The error of a video that was being read when a run ended early."""


class InputList:
    """Writes a line per input into a file of the folder.

    It holds the input's name, path, bytes and time of its last change, the name of the annotated file, where in the
    file second 0 of a video is, and why it was not read, or not to its end.  So the line of a video is written when the
    video has ended.
    """

    def __init__(self, file: Growing, annotated: Callable[[FrameResult], str | None]) -> None:
        self._file, self._annotated = file, annotated
        self._digest = hashlib.sha256()
        self._source: Source | None = None
        self._entry: dict[str, Any] | None = None  # of the video being read
        self.count = 0

    def add(self, seen: FrameResult) -> None:
        """Take the next result of a source."""
        if seen.source is not self._source:
            self._end()
            self._source = seen.source
            late = None if seen.prediction.seconds is None else seen.starts_at
            self._entry = _input(seen.source) | {"annotated": self._annotated(seen), "starts_at": late}
        if seen.prediction.seconds is None:
            self._end(seen.prediction.error)

    def _end(self, error: str | None = None) -> None:
        """Write the line of the source that was being read."""
        if self._entry is None:
            return
        line = (json.dumps(self._entry | {"error": error}) + "\n").encode()
        self._entry = None
        self._file.write(line)
        self._digest.update(line)
        self.count += 1

    def to_dict(self, *, stopped: bool = False) -> dict[str, Any]:
        """Return the entry of the list in the record, once the last source has ended or the run was `stopped` in it."""
        self._end(STOPPED if stopped and self._source is not None and not self._source.live else None)
        return {"list": INPUTS, "count": self.count, "sha256": self._digest.hexdigest()}


def _input(source: Source) -> dict[str, Any]:
    entry: dict[str, Any] = {"source": source.name, "path": None, "bytes": None, "mtime_ns": None}
    if source.live:
        return entry
    entry["path"] = os.path.abspath(source.path)  # noqa: PTH100 - links stay as they were named
    try:
        seen = source.path.stat()
    except (OSError, ValueError):
        return entry
    return entry | {"bytes": seen.st_size, "mtime_ns": seen.st_mtime_ns}
