"""`mien predict --shards`: the same reading, into a folder of shards, by one process or many."""

from typing import TYPE_CHECKING, Any

import typer

from mien.cli.options import given
from mien.errors import UsageError

if TYPE_CHECKING:
    from mien.scale.run import Request

ONLY_WITH = ("workers", "ray", "shard", "block", "deadline", "max_memory", "as_json")
NOT_WITH = ("out", "force", "frames", "excel", "landmarks", "event_high", "event_low", "event_min")
READING = (
    "weights",
    "detector",
    "detector_file",
    "min_score",
    "device",
    "smooth",
    "rotate",
    "max_pixels",
    "debug",
    "prior",
    "measures",
    "mesh_file",
    "level",
    "baseline",
    "compound",
)
"""Options that are arguments of `Pipeline` under the same name."""


def wanted(context: typer.Context) -> bool:
    """Return whether shards are requested; UsageError for options that need or exclude them."""
    shards, format = context.params["shards"], context.params["format"]
    if shards is None:
        if alone := given(context, *ONLY_WITH):
            raise UsageError(f"`{alone[0]}` without `shards`", "`shards` as well")
        return False
    if beside := given(context, *NOT_WITH):
        raise UsageError(f"`{beside[0]}` with `shards`", "one of the two", "shards hold nothing but rows")
    if given(context, "format") and format != "parquet":
        raise UsageError(f"`format` {format} with `shards`", "parquet")
    return True


def predict(context: typer.Context) -> None:
    """Read into shards and print where they are, or the summary as JSON."""
    from mien.cli.printing import show
    from mien.inference.media.native_stderr import silenced
    from mien.scale.reader import SHARDS
    from mien.scale.run import run

    try:
        with silenced():
            summary = run(_request(context.params))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    if context.params["as_json"]:
        show(summary, str, as_json=True)
    else:
        typer.echo(f"{summary.shards.rstrip('/')}/{SHARDS}")
    if summary.failures or summary.failed:
        raise typer.Exit(2)


def _request(options: dict[str, Any]) -> "Request":
    from mien.inference.media.video import Clip
    from mien.inference.run import min_confidence
    from mien.scale.run import Request
    from mien.scale.settings import Settings

    reading = {name: options[name] for name in READING} | {"abstain": min_confidence(options["abstain"])}
    clip = Clip(options["every"], options["start"], options["end"], options["max_fps"])
    return Request(
        options["sources"],
        options["shards"],
        Settings(reading, clip),
        options["block"],
        options["workers"],
        options["ray"] or "",
        options["shard"],
        options["deadline"],
        options["max_memory"],
        options,
    )
