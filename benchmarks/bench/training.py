"""The figures of streaming.py and affectnet.py as lines of SCALE.md."""

import textwrap
from collections.abc import Mapping
from typing import Any

import numpy as np

ALL, VAL, PER_CLASS = 450_000, 4_000, 15_000
"""Images of AffectNet with labels by hand, how many of them are val, what a class is thinned out or filled up to."""

COUNTS = (74_874, 134_415, 25_459, 14_090, 6_378, 3_803, 24_882, 3_750)
"""Images of neutral, happiness, sadness, surprise, fear, disgust, anger, contempt (arXiv 1708.03985, training)."""

PLACES = {"memory": "memory", "disk": "disk", "cold": "disk, nothing in the system's cache"}
NETWORKS = {
    "none": "none: reading and augmenting alone",
    "small": "`cnn2` on windows of 48 pixels",
    "resnet18": "`resnet18`",
}
SIDES = {"alexnet": 256}


def lines(kept: Mapping[str, Any]) -> list[str]:
    """Return what results/scale_training.json says, for the section of SCALE.md on training."""
    return [*streaming(kept["streaming"]), "", *affectnet(kept["affectnet"]["rows"])]


def streaming(found: Mapping[str, Any]) -> list[str]:
    """Return the rates beside those in memory, and the run under a cap."""
    cap = found["capped"]
    rows = []
    for network, row in found["rates"].items():
        for place in PLACES:
            of = (f"{row[place].get(f'of_memory_{key}', 1):.2f}" for key in ("wall", "cpu"))
            figures = (f"{row[place]['wall']:.1f}", next(of), f"{row[place]['cpu']:.1f}", next(of))
            rows.append(f"| {NETWORKS[network]} | {PLACES[place]} | {' | '.join(figures)} | {row['load']:.1f} |")
    about = f"""{found["images"]:,} drawn images of 224 pixels, RGB, 7.5 GB (`benchmarks/streaming.py`). Memory and
        disk took turns in one process; ratios are medians over turns. Each image read is compared with its
        digest. The clock's seconds are those of a machine with other work on it."""
    capped = f"""Under a cap of {cap["cap_mib"]:,} MiB on its whole address space (RLIMIT_AS), a run took
        {cap["rows"]:,} random rows of the {cap["images"]:,} ({cap["rows"] / cap["images"]:.2f} epochs), chose the
        {cap["held"]} by itself, and had {cap["VmHWM_mib"]:,} MiB
        resident at most; its address space reached {cap["VmPeak_mib"]:,} MiB. The network is the small one."""
    head = ["| network | images on | images/s | of memory | images per CPU s | of memory | load |"]
    return [*wrapped(about), "", *head, "|---|---|--:|--:|--:|--:|--:|", *rows, "", *wrapped(capped)]


def wrapped(text: str) -> list[str]:
    """Return text as lines of a page."""
    return textwrap.wrap(" ".join(text.split()), 120, break_on_hyphens=False)


def rows_per_epoch(recipe: str) -> int:
    """Return how many images an epoch shows of all of AffectNet but val, classes as often as published."""
    counts = np.array(COUNTS) * (ALL - VAL) / sum(COUNTS)
    if recipe == "alexnet-down":
        counts = np.minimum(counts, PER_CLASS)
    if recipe == "alexnet-up":
        counts = np.maximum(counts, PER_CLASS)
    return round(counts.sum())


def affectnet(rows: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the cost of each recipe as measured, and what it makes of all images."""
    measured, projected = [], []
    for recipe, row in rows.items():
        peaks = (row[part]["peak_mib"] for part in ("train", "export and scores"))
        spent = (f"{row[part]['cpu']:.1f}" for part in ("read", "train", "export and scores"))
        cells = [f"{row['drawn']:,}", f"{row['rows']:,}", *spent, *(f"{mib:,.0f}" for mib in peaks), row["precision"]]
        measured.append(f"| `{recipe}` | {' | '.join(cells)} | {row['load']:.1f} |")
        each, epoch = row["train"]["cpu"] / row["rows"], rows_per_epoch(recipe)
        hours = each * epoch / 3600
        side = SIDES.get(recipe.partition("-")[0], 224)
        disk = ALL * 3 * (224**2 + (side**2 if side != 224 else 0)) / 1e9
        cells = [
            f"{1000 * each:.1f}",
            f"{epoch:,}",
            f"{hours:.1f}",
            f"{row['epochs']}",
            f"{hours * row['epochs']:,.0f}",
        ]
        projected.append(f"| `{recipe}` | {' | '.join(cells)} | {row['train']['peak_mib'] / 1024:.1f} | {disk:.0f} |")
    about = """Drawn faces in AffectNet's layout, its classes as often as published; each recipe at its document's
        settings for one epoch, images on disk, in a process of its own (`benchmarks/affectnet.py`). Seconds are the
        processor's; other work on the machine (`load`) makes them more, too. Memory is the process's largest,
        in MiB."""
    arithmetic = f"""{ALL:,} images, by arithmetic: ms a row = train / rows trained (a pass over val and the
        checkpoints are in it); hours an epoch = ms a row x rows an epoch / 3,600,000; hours in all = that x
        the document's epochs, on one core of this processor; export and scores at the end are not in them.
        Rows an epoch: the published counts in proportion to {ALL:,} less {VAL:,} of val; `down` and `up` bring
        classes to {PER_CLASS:,}. Memory is that of the first table, since images stay on disk; labels and
        names are not counted. Disk: 3 bytes a pixel at 224 pixels, and again at the recipe's size where that is
        another."""
    names = (
        "images | rows trained | read | train | export and scores | memory in training | in all | computes in | load"
    )
    more = "ms a row | rows an epoch | hours an epoch | epochs | hours in all | memory GiB | disk GB"
    return [
        *("### AffectNet", "", *wrapped(about), "", f"| recipe | {names} |", f"|---{'|--:' * 7}|---|--:|"),
        *(*measured, "", *wrapped(arithmetic), "", f"| recipe | {more} |", f"|---{'|--:' * 7}|", *projected),
    ]
