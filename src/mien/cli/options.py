"""Options that several commands share: each has one name, one metavar, one text and one panel of `--help`."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

input_option = partial(typer.Option, rich_help_panel="Input")
output_option = partial(typer.Option, rich_help_panel="Output")
run_option = partial(typer.Option, rich_help_panel="Run")

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
