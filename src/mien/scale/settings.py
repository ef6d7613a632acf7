"""What decides the rows beside the sources: the arguments of the pipeline, the part of videos, and what they lead to.

Readers on other machines build the same pipeline from the arguments and compare its digest.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from mien.errors import WeightsError
from mien.inference.classify import names
from mien.inference.media.video import WHOLE, Clip
from mien.inference.output import record
from mien.inference.pipeline import Pipeline
from mien.reading.digest import sha256_of
from mien.scale.store import absolute
from mien.version import __version__

FILES = ("weights", "detector_file", "mesh_file", "baseline", "debug")
"""Arguments that do not count as they are given: their files do, by their content."""


@dataclass(frozen=True)
class Settings:
    """The arguments of `Pipeline`, and the part of videos that is read."""

    options: Mapping[str, Any]
    clip: Clip = WHOLE

    def anywhere(self) -> "Settings":
        """Return the same with absolute paths, for processes with another current folder."""
        files = {name: one for name in FILES[:-1] if (one := self.options.get(name)) and os.path.exists(one)}  # noqa: PTH110
        if str(files.get("weights")) in names():  # a name that ships goes before a file
            del files["weights"]
        return replace(self, options={**self.options, **{name: absolute(one) for name, one in files.items()}})

    def pipeline(self, digest: str = "") -> Pipeline:
        """Return the pipeline; WeightsError where its digest is not the one given."""
        pipeline = Pipeline(**self.options)
        if digest and digest != digest_of(self.facts(pipeline)):
            raise WeightsError(
                f"{pipeline.classifier.path} differs between machines", "the same mien, weights and models on all"
            )
        return pipeline

    def facts(self, pipeline: Pipeline) -> dict[str, Any]:
        """Return what decides the rows, by name: files by their sha256, wherever they are."""
        known = record.facts(pipeline, {name: one for name, one in self.options.items() if name not in FILES})
        base = pipeline.baseline
        named = sha256_of(pipeline.baseline_file) if pipeline.baseline_file else base and base.name
        settings = {name: one for name, one in known["settings"].items() if not name.startswith("event")}
        measures = known["measures"] and {name: file["sha256"] for name, file in known["measures"].items()}
        detector = {"detector": known["detector"]["name"], "detector_sha256": known["detector"]["sha256"]}
        weights = {"mien": __version__, "weights": pipeline.card.name, "weights_sha256": known["weights"]["sha256"]}
        return settings | weights | detector | asdict(self.clip) | {"measures": measures, "baseline": named}


def digest_of(facts: Mapping[str, Any]) -> str:
    """Return the sha256 of facts, as 64 hexadecimal digits, whatever their order."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()
