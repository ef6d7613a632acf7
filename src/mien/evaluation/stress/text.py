"""A stress measurement as a table for a terminal, as a figure, and as a sheet of corrupted images to look at."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.evaluation.records.stress import AttackScores, Corruption, StressReport
from mien.evaluation.statistics.clusters import by
from mien.evaluation.stress.corruptions import CORRUPTIONS
from mien.evaluation.stress.subject import Subject
from mien.html.chart import heatmap
from mien.outputs import Outputs, into

CELL = 96
"""Side in pixels of an image on the sheet."""

HEAD = 24
"""Pixels above the first row of the sheet."""

CANDIDATES = 200
"""Images that the one on the sheet is chosen from."""


def to_text(report: StressReport) -> str:
    """Return the report as lines for a terminal: corruptions worst first, then attacks."""
    rows = {row.name: row for row in report.corruptions}
    lines = [_headline(report), *filter(None, [report.may_hold_training]), "", _head(report)]
    lines += [_row(rows[place.name], place.drop, report.baseline is not None) for place in report.ranking]
    if report.baseline and report.mce is not None:
        mce = f"mean corruption error {100 * report.mce:.1f} % of that of {report.baseline} (less is better)"
        lines += ["", f"{mce}; CE: the error at all severities, likewise"]
    lines += ["", "lost: points of accuracy, on average over severities", *map(_attack, report.attacks or ())]
    lines.append(f"measured in {report.seconds:.0f} s")
    return "\n".join(lines)


KEPT = ("stress.json", "stress.svg", "corruptions.png")
"""What `keep` writes."""


def keep(subject: Subject, report: StressReport, out: Path | Outputs) -> list[Path]:
    """Write stress.json, stress.svg and corruptions.png, a sheet of one of the images; return their paths."""
    outputs = into(out)
    outputs.write("stress.json", f"{json.dumps(report.to_dict(), indent=2)}\n".encode())
    outputs.write("stress.svg", figure(report).encode())
    with outputs.staged("corruptions.png") as path:
        sheet(subject.images[_clearest(subject)], path, report.seed or 0)
    return [outputs.folder / name for name in KEPT]


def figure(report: StressReport) -> str:
    """Return an SVG file of accuracy by corruption, worst first, and severity, as a shaded table."""
    rows = {row.name: row for row in report.corruptions}
    ordered = [rows[place.name] for place in report.ranking]
    return heatmap(
        f"{report.weights}: accuracy in % on {report.n:,} corrupted images",
        ("as is", *map(str, range(1, 6))),
        [
            (row.name.replace("_", " "), [report.clean.accuracy, *(score.accuracy for score in row.severities)])
            for row in ordered
        ],
        "severity",
    )


def sheet(image: NDArray[np.uint8], path: Path, seed: int = 0) -> None:
    """Write an image, uint8 (H, W, C), as it is and in every corruption (a row each) and severity (a column each)."""
    import cv2
    from PIL import Image, ImageDraw

    page = Image.new("RGB", (130 + 6 * (CELL + 4), HEAD + len(CORRUPTIONS) * (CELL + 4)), "white")
    pen = ImageDraw.Draw(page)
    for place, words in enumerate(("as it is", *(f"severity {k}" for k in range(1, 6)))):
        pen.text((130 + place * (CELL + 4) + CELL // 2, HEAD // 2), words, fill="black", anchor="mm")
    for number, (name, corrupt) in enumerate(CORRUPTIONS.items()):
        top = HEAD + number * (CELL + 4)
        pen.text((6, top + CELL // 2 - 6), name.replace("_", " "), fill="black")
        corrupted = [corrupt(image[None], k, np.random.default_rng([seed, number, k]))[0] for k in range(1, 6)]
        for place, one in enumerate([image, *corrupted]):
            colours = one if one.shape[2] == 3 else np.repeat(one, 3, axis=2)
            large = cv2.resize(colours, (CELL, CELL), interpolation=cv2.INTER_AREA)
            page.paste(Image.fromarray(np.asarray(large, np.uint8)), (130 + place * (CELL + 4), top))
    page.save(path, "PNG")


def _clearest(subject: Subject) -> int:
    """Return the image with the highest probability of its own label, most likely to show a clear face."""
    own = (subject.read(subject.images[:CANDIDATES]) * subject.target[:CANDIDATES]).sum(1)
    return int(own.argmax())


def _headline(report: StressReport) -> str:
    interval = f"95 % {by(report.groups)}".rstrip()
    return (
        f"{report.weights} on {report.n:,} images of {report.dataset} {report.split}: accuracy "
        f"{100 * report.clean.accuracy:.1f} % ({interval}: {_points(report.clean.accuracy_interval)}) "
        f"as they are, seed {report.seed}" + (f", prior {report.prior}" if report.prior else "")
    )


def _head(report: StressReport) -> str:
    severities = "".join(f"{f'at {k}':>7s}" for k in range(1, 6))
    relative = f"{'CE':>7s}" if report.baseline else ""
    return f"{'accuracy in %':16s}{'family':12s}{severities}{'mean':>8s}{'lost':>7s}{relative}"


def _row(row: Corruption, drop: float, relative: bool) -> str:
    scores = "".join(f"{100 * score.accuracy:7.1f}" for score in row.severities)
    error = f"{100 * (row.relative or 0):7.1f}" if relative else ""
    return f"{row.name:16s}{row.family:12s}{scores}{100 * (1 - row.error):8.1f}{100 * drop:7.1f}{error}"


def _attack(row: AttackScores) -> str:
    queries = f", {row.queries} queries each" if row.queries else ""
    return (
        f"{row.name:16s}every pixel by at most {255 * row.epsilon:.0f} of 255: accuracy "
        f"{100 * (row.accuracy or 0):.1f} % (95 %: {_points(row.accuracy_interval)}) on {row.n} images, "
        f"{100 * (row.clean_accuracy or 0):.1f} % without{queries}"
    )


def _points(ends: Sequence[float | None] | None) -> str:
    low, high = (None if end is None else 100 * end for end in ends or (None, None))
    return "not known" if low is None or high is None else f"{low:.1f} to {high:.1f}"
