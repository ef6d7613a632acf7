"""`mien sample`: faces of a result for people to label."""

from pathlib import Path
from typing import Annotated

import typer

from mien.cli.options import Force, Json, input_option, output_option, run_option
from mien.cli.printing import show, show_written


def sample(
    context: typer.Context,
    result: Annotated[Path, typer.Argument(metavar="RESULT", help="a folder of `mien predict --out`")],
    per_person: Annotated[int, input_option(metavar="N", help="faces of every person in a video")] = 5,
    max_faces: Annotated[int, input_option(metavar="N", help="faces in all")] = 200,
    subject: Annotated[
        str | None, input_option(metavar="REGEX", help="finds the person in file names, e.g. '^p[0-9]+'")
    ] = None,
    seed: Annotated[int, run_option(metavar="N", help="random seed")] = 0,
    out: Annotated[
        Path | None, output_option(metavar="DIR", help="for rate.html and mien.csv", show_default="RESULT/sample")
    ] = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Draw faces of a result for people to label."""
    from mien.inference.media.native_stderr import silenced
    from mien.inference.sample.drawing import KEPT, Plan, check_same_faces, draw, keep, to_text
    from mien.outputs.result_folder import result_folder
    from mien.printable import say

    plan = Plan(per_person, max_faces, subject, seed)
    target = out or result / "sample"
    with result_folder("sample", target, KEPT, [result], context.params) as writing, silenced():
        drawn = draw(result, plan)
        say(*(f"mien: {line}" for line in drawn.gone))
        if not force:
            check_same_faces(drawn, target)
        show(drawn.to_dict(), to_text, as_json)
        with writing() as outputs:
            show_written(keep(drawn, outputs))
