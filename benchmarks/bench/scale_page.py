"""results/SCALE.md, from what benchmarks/scale.py, growth.py, streaming.py and affectnet.py kept."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from math import log
from typing import Any

from bench.training import wrapped

Kept = Mapping[str, Any]
PHOTOS = 10**9
CORES = 1_000  # for which hours are given
FILES_A_RUN = 1_000_000
BLOCK = 10_000


def page(archives: Kept, growth: Kept, training: Sequence[str], photos: Kept) -> str:
    """Return SCALE.md; `photos` is what photos.py kept."""
    ray = [_ray(archives)] if archives["ray"] else []  # it is measured where it is installed
    trained = ["## Training", "", *training]
    sums = [_million(archives, growth, photos), _billion(archives, photos)]
    parts = [_archives(archives), *ray, _listing(archives), _growth(growth), trained, *sums]
    head = ["# Scale", "", "Written by `benchmarks/scale.py --page`; each benchmark's beginning says what is counted."]
    head += ["Every figure was measured, but where it says `assumed` or shows its sum.", ""]
    return "\n".join([*head, *(line for part in parts for line in [*part, ""])]).rstrip() + "\n"


def _archives(kept: Kept) -> list[str]:
    plain = {row["images"]: row for row in kept["rows"] if row["system"] == "plain command"}
    lines = [
        f"| {row['system']}{', earlier' * row.get('earlier', False)} | {row['images']:,} | {row['runs']} "
        f"| {row['wall']:.1f} | {_of(row, plain, 'wall')} | {row['cpu']:.1f} | {_of(row, plain, 'cpu')} "
        f"| {row['load']:.1f} |"
        for row in kept["rows"]
    ]
    starts = [
        f"{row['start']:.1f} s ({row['system']}, load {row['load']:.1f})" for row in kept["rows"] if "start" in row
    ]
    cluster = f"Starting a cluster of one node took {', '.join(starts)}; it is not in the table."
    return [
        "## Archives on one machine",
        "",
        f"Images are copies of one photograph ({kept['photo']}, one face), on {kept['facts']['cores']} cores.",
        "Medians of runs that took turns; `earlier` rows did not take turns with those of today.",
        "`load` is the load average after a run. Above 2, other work ran at the same time, and the clock's seconds say"
        " little.",
        "",
        "| system | images | runs | s | of plain | CPU s | of plain | load |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
        *lines,
        *(["", cluster] if starts else []),
    ]


def _of(row: Kept, plain: Mapping[int, Kept], key: str) -> str:
    """Return the ratio to the plain command, where it took turns with it."""
    other = plain[row["images"]]
    return f"{row[key] / other[key]:.2f}" if row.get("earlier") == other.get("earlier") else "-"


def _ray(kept: Kept) -> list[str]:
    """Return what Ray costs at the start, and from how many images on a cluster is sooner than one child process."""
    few, many = sorted({row["images"] for row in kept["ray"]})
    rows = {(row["system"].startswith("Ray"), row["images"]): row for row in kept["ray"]}
    alone = (rows[False, many]["wall"] - rows[False, few]["wall"]) / (many - few)
    core = (rows[True, many]["cpu"] - rows[True, few]["cpu"]) / (many - few)
    fixed = rows[True, few]["wall"] - rows[False, few]["wall"]
    sooner = (f"{fixed / (alone - core / n):,.0f} images ({n} cores)" for n in (4, 8, 16, 64))
    return [
        "## Ray's fixed cost",
        "",
        "The same photograph, one run each at the highest priority, so that other work hardly changes the seconds:",
        "",
        "| system | images | s | CPU s |",
        "|---|--:|--:|--:|",
        *(f"| {row['system']} | {row['images']:,} | {row['wall']:.1f} | {row['cpu']:.1f} |" for row in kept["ray"]),
        "",
        f"Joining a cluster and loading weights in its workers takes {fixed:.1f} s more than one child process. That"
        f" reads an image in {1000 * alone:.1f} ms; Ray takes {1000 * core:.1f} ms of one core, whatever the number of"
        " cores (assumed beyond the two measured).",
        f"So a cluster is sooner than one child from {', '.join(sooner)}."
        " On one machine of as many cores, more children (`--workers`) need no cluster at all.",
    ]


def _listing(kept: Kept) -> list[str]:
    rows = kept["listings"]
    slopes = _slopes([row["files"] for row in rows], [row["cpu"] for row in rows])
    return [
        "## Listing",
        "",
        "Empty files in folders of 1,000: the processor's seconds and the memory before the first image is read.",
        "",
        "| files | blocks | CPU s | slope | MiB |",
        "|--:|--:|--:|--:|--:|",
        *(
            f"| {r['files']:,} | {r['blocks']:,} | {r['cpu']:.2f} | {slope} | {r['mib']:.0f} |"
            for r, slope in zip(rows, slopes, strict=True)
        ),
    ]


def _growth(kept: Kept) -> list[str]:
    stages: dict[str, list[Kept]] = {}
    for row in kept["rows"]:
        stages.setdefault(row["stage"], []).append(row)
    return [
        "## How cost grows",
        "",
        "Generated images, 48 x 48 and grey, and for `predict` copies of the photograph (`benchmarks/growth.py`).",
        "`slope` is that of log CPU over log images from the row above: 1 is linear, 2 quadratic. `MiB` is memory",
        "beyond the images themselves, which lie in files. A stage ends at the largest number that was run; nothing is",
        "said of larger ones.",
        "",
        "| stage | images | CPU s | slope | ms an image | MiB | load |",
        "|---|--:|--:|--:|--:|--:|--:|",
        *(line for name, rows in stages.items() for line in _stage(name, rows)),
    ]


def _stage(name: str, rows: list[Kept]) -> Iterator[str]:
    slopes = _slopes([row["images"] for row in rows], [row["cpu"] for row in rows])
    for row, slope in zip(rows, slopes, strict=True):
        each = 1000 * row["cpu"] / row["images"]
        yield (
            f"| {name} | {row['images']:,} | {row['cpu']:.2f} | {slope} | {each:.3f} | {row['mib']:,} "
            f"| {row['load']:.1f} |"
        )


def _slopes(counts: Sequence[int], seconds: Sequence[float]) -> list[str]:
    """Return the slope on log-log axes from each point to the next, and first a dash.

    >>> _slopes([10, 100, 1000], [1, 10, 1000])
    ['-', '1.00', '2.00']
    """
    pairs = pairwise(zip(counts, seconds, strict=True))
    return ["-", *(f"{log(t / s) / log(n / m):.2f}" for (m, s), (n, t) in pairs)]


def _small(kept: Kept) -> tuple[float, str]:
    """Return the CPU seconds of a small photo in a child process, its start not counted, and the sum."""
    rows = {row["images"]: row for row in kept["rows"] if row["system"] == "1 child process"}
    few, many = rows[min(rows)], rows[max(rows)]
    each = (many["cpu"] - few["cpu"]) / (many["images"] - few["images"])
    sum_ = f"({many['cpu']:.2f} s - {few['cpu']:.2f} s) / ({many['images']:,} - {few['images']:,})"
    return each, f"{sum_} = {1000 * each:.2f} ms"


def _million(kept: Kept, growth: Kept, photos: Kept) -> list[str]:
    """Return how long FILES_A_RUN photos take by their size."""
    small, how = _small(kept)
    listing = kept["listings"][-1]
    listed = FILES_A_RUN * listing["cpu"] / listing["files"]
    most = [row for row in growth["rows"] if row["stage"] == "predict"][-1]
    sizes = [(f"the photograph above: {how}", small)]
    for row in photos["rows"]:
        name = f"JPEGs of {row['megapixels']} megapixels, {row['megabytes']:.1f} MB (BENCH.md, made of photographs)"
        sizes.append((name, row["cpu_ms"]["mien"] / 1000))
    about = f"""Sums; nothing of this size was run: {FILES_A_RUN:,} x CPU ms / 3,600,000. Listing takes {listed:.0f} s
        more. Hours on 2 and 16 cores are core hours / cores, as if nothing kept the cores waiting. The first row is of
        `--shards` with one child process. Its photograph took {1000 * most["cpu"] / most["images"]:.1f} ms in the run
        of {most["images"]:,} above, beside other work (load {most["load"]:.1f}). The other rows are of one process that
        reads photos with two to three faces each and writes nothing."""
    return [
        "## A million photos",
        "",
        *wrapped(about),
        "",
        "| photos | CPU ms | core hours | on 2 cores | on 16 cores |",
        "|---|--:|--:|--:|--:|",
        *(
            f"| {name} | {1000 * each:.2f} | {hours:.1f} | {hours / 2:.1f} | {hours / 16:.1f} |"
            for name, each in sizes
            for hours in [FILES_A_RUN * each / 3600]
        ),
    ]


def _billion(kept: Kept, photos: Kept) -> list[str]:
    """Return the sums for PHOTOS photos of the smallest size in `photos`, from the largest listing."""
    phone = photos["rows"][0]
    each = phone["cpu_ms"]["mien"] / 1000
    shard = kept["row"]["bytes"] / kept["row"]["rows"]
    listing = kept["listings"][-1]
    listed, memory = listing["cpu"] / listing["files"], listing["mib"] / listing["files"] * 2**20
    hours, runs = PHOTOS * each / 3600, PHOTOS // FILES_A_RUN
    took, came = hours / CORES, PHOTOS * phone["megabytes"] * 1e6
    return [
        "## A billion photos",
        "",
        f"Sums of the figures above, for JPEGs of {phone['megapixels']} megapixels; nothing of this size was run.",
        "",
        f"1. Reading: {PHOTOS:,} x {1000 * each:.2f} ms of CPU = {hours:,.0f} core hours: {took:.1f} hours on"
        f" {CORES:,} cores.",
        f"2. Bytes in: {PHOTOS:,} x {phone['megabytes']:.1f} MB = {came / 1e15:.1f} PB, which is"
        f" {came / (took * 3600) / 1e9:.0f} GB/s over those hours, or {came / (hours * 3600) / 1e6:.0f} MB/s a core.",
        f"3. Bytes out: {PHOTOS:,} x {shard:.0f} bytes a row (of {kept['row']['rows']} different crops) ="
        f" {PHOTOS * shard / 1e9:,.0f} GB of shards; more with more faces, or with measures.",
        f"4. Listing: {PHOTOS:,} x {1e6 * listed:.0f} us = {PHOTOS * listed / 3600:.0f} hours in one process, and"
        f" {memory:.0f} bytes each = {PHOTOS * memory / 1e9:,.0f} GB of memory. **This breaks first**: every run, also"
        " one with `--shard`, lists everything in one process. Files of this machine were listed, none over a network.",
        f"5. So {runs:,} runs of {FILES_A_RUN:,} photos, a folder of the archive each, with a folder of shards each:"
        f" {FILES_A_RUN * listed:.0f} s and {FILES_A_RUN * memory / 1e6:.0f} MB of listing a run.",
        f"6. Shards: with `--block {BLOCK}` {PHOTOS // BLOCK:,} in all and {FILES_A_RUN // BLOCK:,} a run; with the"
        f" usual 200 there would be {PHOTOS // 200:,}.",
        f"7. What is lost with a machine is the block that each core reads, of at most 2 x {BLOCK:,} photos ="
        f" {2 * BLOCK * each / 60:.0f} minutes of its work.",
    ]
