"""Options that several commands share: each has one name, one metavar, one text and one panel of `--help`."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

input_option = partial(typer.Option, rich_help_panel="Input")
output_option = partial(typer.Option, rich_help_panel="Output")
run_option = partial(typer.Option, rich_help_panel="Run")
detection_option = partial(typer.Option, rich_help_panel="Detection")
measures_option = partial(typer.Option, rich_help_panel="Measures")
weights_option = partial(typer.Option, rich_help_panel="Classification")

Root = Annotated[Path | None, input_option(metavar="DIR", help="the data; MIEN_DATA when not given")]
Data = Annotated[str | None, input_option(metavar="NAME", help="a data set", show_default="the one trained on")]
Split = Annotated[str, input_option(metavar="SPLIT", help="val or test")]
Force = Annotated[bool, output_option("--force", help="overwrite files that mien did not write")]
Json = Annotated[bool, output_option("--json", help="print one JSON document")]
Device = Annotated[str, run_option(metavar="DEVICE", help="auto, cpu or cuda")]
RunFolders = Annotated[Path, output_option(metavar="DIR", help="for run folders, new or resumed")]

Prior = Annotated[str, run_option(metavar="PRIOR", help="uniform, or label=P,...")]
Weights = Annotated[str, typer.Argument(metavar="WEIGHTS", help="name, ONNX file or run folder")]
DataOptions = Annotated[list[str] | None, typer.Argument(metavar="KEY=VALUE", help="e.g. labels=distribution")]

Rotate = Annotated[str, input_option(metavar="off|auto", help="auto: try images turned, too")]
MaxPixels = Annotated[int, input_option(metavar="N", help="refuse larger images")]
Detector = Annotated[str, detection_option(metavar="NAME", help="yunet, haar or whole")]
DetectorFile = Annotated[Path | None, detection_option(metavar="FILE", help="your copy of its file")]
MinScore = Annotated[float | None, detection_option(metavar="P", help="minimum detector score, 0 to 1")]
FaceWeights = Annotated[str, weights_option(metavar="NAME|FILE|RUN", help="see `mien list weights`")]
FacePrior = Annotated[str, weights_option(metavar="PRIOR", help="uniform, or label=P,...")]
Measures = Annotated[bool, measures_option("--measures", help="head pose, eyes, mouth, action units")]
MeshFile = Annotated[Path | None, measures_option(metavar="FILE", help="your copy of mesh.onnx")]
Landmarks = Annotated[Path | None, measures_option(metavar="FILE", help="an .npz of meshes, blendshapes")]
FaceDevice = Annotated[str, weights_option(metavar="DEVICE", help="cpu or cuda")]


def given(context: typer.Context, *names: str) -> list[str]:
    """Return which of a command's parameters stand on its command line."""
    return [name for name in names if (source := context.get_parameter_source(name)) and source.name == "COMMANDLINE"]
