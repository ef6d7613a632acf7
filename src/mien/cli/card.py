"""`mien card`: the model card of weights and runs, and a card for an ONNX file of others."""

import json
from pathlib import Path
from typing import Annotated

import typer

from mien.cli.options import Force, Json, given, input_option, output_option
from mien.cli.printing import show, show_written
from mien.errors import UsageError
from mien.outputs.files import check_new, write

Numbers = Annotated[str, input_option(metavar="A,B,C", help="of its pixels, one or one a channel")]
FRONT = ("mean", "std", "pixels", "size", "framing", "temperature", "gives", "name")
"""What describes an ONNX file of others, beside its labels."""


def card(
    context: typer.Context,
    weights: Annotated[str, typer.Argument(metavar="WEIGHTS", help="name, ONNX file or run folder")],
    labels: Annotated[str | None, input_option(metavar="A,B,C", help="of an ONNX file without a card")] = None,
    mean: Numbers = "0",
    std: Numbers = "1",
    pixels: Annotated[float, input_option(metavar="1|255", help="largest value of its pixels")] = 1.0,
    size: Annotated[int | None, input_option(metavar="N", help="of its images", show_default="its own")] = None,
    framing: Annotated[str, input_option(metavar="NAME", help="how its crops frame a face")] = "fer2013",
    temperature: Annotated[float, input_option(metavar="T", help="its logits are divided by")] = 1.0,
    gives: Annotated[str, input_option(metavar="KIND", help="logits or probs", show_default="inferred")] = "",
    name: Annotated[str, input_option(metavar="NAME", help="for the card", show_default="the file's")] = "",
    out: Annotated[Path | None, output_option(metavar="FILE", help="for the card, or the new ONNX file")] = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Print a model card; with --labels, give an ONNX file one."""
    if labels is None:
        if front := given(context, *FRONT):
            raise UsageError(f"`{front[0]}` without `labels`", "the labels of an ONNX file without a card")
        from mien.experiments.model_card import card_of

        text, made = card_of(weights)
        if out is None:
            return typer.echo(json.dumps(made.model_dump(mode="json")) if as_json else text, nl=False)
        check_new(out, force)
        write(out, text.encode())
        return show_written([out])

    from mien.training.foreign import Front, with_card

    source, target = Path(weights), out or Path(f"{Path(weights).stem}-mien.onnx")
    check_new(target, force, source)
    described = numbers("mean", mean), numbers("std", std), pixels, size, framing, temperature, gives, name
    made = with_card(source, target, Front(tuple(labels.split(",")), *described))
    show(made.model_dump(mode="json"), lambda _: f"{made.name}: {', '.join(made.labels)}", as_json)
    show_written([target])


def numbers(name: str, text: str) -> tuple[float, ...]:
    """Return the numbers between commas; UsageError names the option."""
    try:
        return tuple(float(word) for word in text.split(","))
    except ValueError:
        raise UsageError(f"`{name}` {text!r}", "numbers, such as 0.485,0.456,0.406") from None
