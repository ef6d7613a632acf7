"""`mien explain`: which parts of a face, and which movements, speak for its expression."""

from pathlib import Path
from typing import Annotated

import typer

from mien.cli.options import (
    Detector,
    DetectorFile,
    FaceDevice,
    FacePrior,
    FaceWeights,
    Force,
    Json,
    MaxPixels,
    Measures,
    MeshFile,
    MinScore,
    Rotate,
    input_option,
    output_option,
)
from mien.cli.printing import show, show_written


def explain(
    context: typer.Context,
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="a photo")],
    face: Annotated[int | None, input_option(metavar="N", help="one face, counted from the left")] = None,
    expression: Annotated[str | None, input_option(metavar="LABEL", help="another than the top-1")] = None,
    rotate: Rotate = "off",
    max_pixels: MaxPixels = 100_000_000,
    detector: Detector = "yunet",
    detector_file: DetectorFile = None,
    min_score: MinScore = None,
    weights: FaceWeights = "ferplus",
    prior: FacePrior = "natural",
    device: FaceDevice = "cpu",
    measures: Measures = False,
    mesh_file: MeshFile = None,
    out: Annotated[Path | None, output_option(metavar="DIR", help="for explain.html, .jpg and .json")] = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Explain an expression: which parts of the face speak for it."""
    from mien.inference.explain.explanation import explain as explain_faces
    from mien.inference.explain.text import KEPT, keep, to_text
    from mien.inference.media.native_stderr import silenced
    from mien.inference.pipeline import Pipeline
    from mien.outputs.result_folder import result_folder

    inputs = [image, *filter(None, (detector_file, mesh_file))]
    with result_folder("explain", out, KEPT, inputs, context.params) as writing, silenced():
        reading = {"rotate": rotate, "max_pixels": max_pixels, "device": device, "prior": prior}
        finding = {"detector": detector, "detector_file": detector_file, "min_score": min_score}
        measuring = {"measures": measures, "mesh_file": mesh_file}
        pipeline = Pipeline(weights, **reading, **finding, **measuring)  # type: ignore[arg-type]
        explained = explain_faces(pipeline, image, face, expression)
        show(explained, to_text, as_json)
        if out:
            with writing() as outputs:
                show_written(keep(explained, outputs))
