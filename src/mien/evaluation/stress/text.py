"""A stress measurement as a table for a terminal, as a figure, and as a sheet of corrupted images to look at."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.evaluation.statistics.clusters import by
from mien.evaluation.stress.corruptions import CORRUPTIONS
from mien.evaluation.stress.robustness import Subject
from mien.html.chart import heatmap
from mien.outputs import Outputs, into

CELL = 96
"""Side in pixels of an image on the sheet."""

HEAD = 24
"""Pixels above the first row of the sheet."""

LOOKED_AT = 200
"""Images of which the sheet shows one."""


def to_text(figures: dict[str, Any]) -> str:
    """Return the figures of `stress` as lines for a terminal: corruptions worst first, then attacks."""
    f, rows = figures, {row["name"]: row for row in figures["corruptions"]}
    low, high = (100 * v for v in f["clean"]["accuracy_interval"])
    told = f"95 % {by(f.get('groups'))}".rstrip()
    lines = [
        f"{f['weights']} on {f['n']:,} images of {f['dataset']} {f['split']}: accuracy "
        f"{100 * f['clean']['accuracy']:.1f} % ({told}: {low:.1f} to {high:.1f}) as they are, seed {f['seed']}",
        "",
        f"{'accuracy in %':16s}{'family':12s}"
        + "".join(f"{f'at {k}':>7s}" for k in range(1, 6))
        + f"{'mean':>8s}{'lost':>7s}"
        + (f"{'CE':>7s}" if f["baseline"] else ""),
    ]
    for place in f["ranking"]:
        row = rows[place["name"]]
        lines.append(
            f"{row['name']:16s}{row['family']:12s}"
            + "".join(f"{100 * score['accuracy']:7.1f}" for score in row["severities"])
            + f"{100 * (1 - row['error']):8.1f}{100 * place['drop']:7.1f}"
            + (f"{100 * row['relative']:7.1f}" if f["baseline"] else "")
        )
    if f["baseline"]:
        told = f"mean corruption error {100 * f['mce']:.1f} % of that of {f['baseline']} (less is better)"
        lines += ["", f"{told}; CE: the error at all strengths, likewise"]
    lines += ["", "at: strength; lost: points of accuracy, on average", *map(_attack, f["attacks"])]
    lines.append(f"measured in {f['seconds']:.0f} s")
    return "\n".join(lines)


KEPT = ("stress.json", "stress.svg", "corruptions.png")
"""What `keep` writes."""


def keep(subject: Subject, figures: dict[str, Any], out: Path | Outputs) -> list[Path]:
    """Write stress.json, stress.svg and corruptions.png, a sheet of one of the images; return their paths."""
    outputs = into(out)
    outputs.write("stress.json", f"{json.dumps(figures, indent=2)}\n".encode())
    outputs.write("stress.svg", figure(figures).encode())
    with outputs.staged("corruptions.png") as path:
        sheet(subject.images[_plainest(subject)], path, figures["seed"])
    return [outputs.folder / name for name in KEPT]


def figure(figures: dict[str, Any]) -> str:
    """Return an SVG file of accuracy by corruption, worst first, and severity, as a shaded table."""
    rows, clean = {row["name"]: row for row in figures["corruptions"]}, figures["clean"]["accuracy"]
    return heatmap(
        f"{figures['weights']}: accuracy in % on {figures['n']:,} corrupted images",
        ("as is", *map(str, range(1, 6))),
        [
            (name.replace("_", " "), [clean, *(score["accuracy"] for score in rows[name]["severities"])])
            for name in (place["name"] for place in figures["ranking"])
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


def _plainest(subject: Subject) -> int:
    """Return the image that is read rightly with most confidence, the likeliest to show a plain face."""
    own = (subject.read(subject.images[:LOOKED_AT]) * subject.target[:LOOKED_AT]).sum(1)
    return int(own.argmax())


def _attack(row: dict[str, Any]) -> str:
    low, high = (100 * v for v in row["accuracy_interval"])
    asked = f", {row['queries']} questions each" if row["queries"] else ""
    return (
        f"{row['name']:16s}every pixel by at most {255 * row['epsilon']:.0f} of 255: accuracy "
        f"{100 * row['accuracy']:.1f} % (95 %: {low:.1f} to {high:.1f}) on {row['n']} images, "
        f"{100 * row['clean_accuracy']:.1f} % without{asked}"
    )
