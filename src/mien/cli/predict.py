"""`mien predict`: images, videos and cameras to faces with expressions."""

from functools import partial
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
    Landmarks,
    MaxPixels,
    Measures,
    MeshFile,
    MinScore,
    Rotate,
    output_option,
    weights_option,
)

video_option = partial(typer.Option, rich_help_panel="Video")
archive_option = partial(typer.Option, rich_help_panel="Archives")


def predict(
    context: typer.Context,
    sources: Annotated[list[str], typer.Argument(metavar="SOURCE", help="files, folders, globs, camera:0")],
    rotate: Rotate = "off",
    max_pixels: MaxPixels = 100_000_000,
    detector: Detector = "yunet",
    detector_file: DetectorFile = None,
    min_score: MinScore = None,
    weights: FaceWeights = "ferplus",
    abstain: Annotated[str | None, weights_option(metavar="P|auto", help="minimum confidence, 0 to 1")] = None,
    prior: FacePrior = "natural",
    level: Annotated[str, weights_option(metavar="NAME", help="or group")] = "expression",
    device: FaceDevice = "cpu",
    measures: Measures = False,
    mesh_file: MeshFile = None,
    landmarks: Landmarks = None,
    compound: Annotated[bool, weights_option("--compound", help="rank mixes, e.g. happily surprised")] = False,
    every: Annotated[int, video_option(metavar="N", help="read every N-th frame")] = 1,
    start: Annotated[float, video_option(metavar="SECONDS", help="where to start reading")] = 0.0,
    end: Annotated[float | None, video_option(metavar="SECONDS", help="where to stop reading")] = None,
    max_fps: Annotated[float | None, video_option(metavar="N", help="read at most N frames per second")] = None,
    smooth: Annotated[float, video_option(metavar="SECONDS", help="average probabilities over time")] = 0.0,
    baseline: Annotated[str | None, video_option(metavar="3s|...", help="3s, median, image: neutral face")] = None,
    event_high: Annotated[float, video_option(metavar="P", help="probability an event reaches")] = 0.6,
    event_low: Annotated[float, video_option(metavar="P", help="probability an event keeps")] = 0.4,
    event_min: Annotated[float, video_option(metavar="SECONDS", help="shorter events are bursts")] = 0.5,
    format: Annotated[str, output_option(metavar="NAME", help="table, json, jsonl, csv or parquet")] = "table",
    out: Annotated[Path | None, output_option(metavar="DIR", help="for annotated media, tables, report.html")] = None,
    force: Force = False,
    frames: Annotated[bool, output_option("--frames", help="table: one line per video frame")] = False,
    excel: Annotated[bool, output_option("--excel", help="write CSV that Excel opens")] = False,
    debug: Annotated[bool, output_option("--debug", help="raise unexpected errors with a traceback")] = False,
    shards: Annotated[str | None, archive_option(metavar="OUT", help="folder or s3://...: rows as shards")] = None,
    workers: Annotated[int, archive_option(metavar="N", help="child processes; 0: this process")] = 1,
    ray: Annotated[str | None, archive_option(metavar="ADDRESS", help="a Ray cluster, or auto")] = None,
    shard: Annotated[str | None, archive_option(metavar="K/N", help="a part, for job arrays")] = None,
    block: Annotated[int, archive_option(metavar="N", help="images in a shard, about")] = 200,
    deadline: Annotated[float, archive_option(metavar="SECONDS", help="without a result, then give up")] = 300.0,
    max_memory: Annotated[float | None, archive_option(metavar="GIB", help="of a child process")] = None,
    as_json: Annotated[bool, archive_option("--json", help="print the summary as JSON")] = False,
) -> None:
    """Read apparent facial expressions in photos, videos or a camera."""
    from mien.cli import archive
    from mien.inference import run
    from mien.inference.media.native_stderr import silenced
    from mien.inference.media.video import Clip
    from mien.inference.output.landmarks import check as check_landmarks
    from mien.inference.output.stdout import leave_pipe
    from mien.inference.pipeline import Pipeline

    if archive.wanted(context):
        return archive.predict(context)
    run.check_format(format, out is not None, frames, excel, force and landmarks is None)
    if landmarks is not None:
        check_landmarks(landmarks, measures, force)
    clip, threshold = Clip(every, start, end, max_fps), run.min_confidence(abstain)
    reading = (weights, detector, detector_file, min_score, threshold, device, smooth, rotate, max_pixels)
    rules = (event_high, event_low, event_min, debug)
    pipeline = Pipeline(*reading, *rules, prior, measures, mesh_file, level, baseline, compound)
    request = run.Request(sources, format, out, clip, force, context.params, frames, excel, landmarks)
    try:
        with silenced():
            failures = run.run(pipeline, request)
    except BrokenPipeError:
        return leave_pipe()
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    if failures:
        raise typer.Exit(2)
