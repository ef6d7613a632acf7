"""results/BENCH.md: one table per part of the benchmark, from its JSON, and which promises it keeps."""

from collections.abc import Iterable, Sequence
from typing import Any

from bench.targets import bars

Report = dict[str, Any]
INTRODUCTION = """# Speed

Written by `benchmarks/run.py` from the JSON beside it (`make bench`; peers by `make peers`).  Everything in a table was
measured in one run, the systems taking turns; only ratios mean anything on another machine.  CPU time is that of all
threads of a process.  The top of each script says what is counted, `benchmarks/NAME.py`."""
OURS = {"fer2013": "FER2013", "ferplus": "FERPlus"}


def page(parts: dict[str, Report], shown: Sequence[str] = ()) -> str:
    """Return the page; `shown` are images by their path beside it."""
    lines = [INTRODUCTION, ""]
    if any(report["quick"] for report in parts.values()):
        lines += ["**Made with --quick: these figures mean nothing.**", ""]
    lines += [f"![{path}]({path})\n" for path in shown]
    report = bars(parts)
    if report:
        rows = [(bar.promise, bar.figure, "met" if bar.met else "**missed**") for bar in report]
        lines += ["## Promises", "", *table(("promise", "measured", ""), rows), ""]
    places = {part: _place(about) for part, about in parts.items() if part not in OWN_PLACES}
    same = len(set(places.values())) == 1
    lines += [f"Measured on {next(iter(places.values()))}.", ""] if same else []
    for part, about in parts.items():
        lines += [*SECTIONS[part](about), ""]
        lines += [] if same or part in OWN_PLACES else [f"Measured on {places[part]}.", ""]
    return "\n".join(lines)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Return the lines of a Markdown table, figures to the right.

    >>> table(("a", "b"), [("x", 1.5)])
    ['| a | b |', '|---|--:|', '| x | 1.5 |']
    """
    cells = [[str(cell) for cell in row] for row in rows]
    right = [bool(cells) and all(_figure(row[k]) for row in cells) for k in range(len(head))]
    rule = "|" + "".join("--:|" if side else "---|" for side in right)
    return ["| " + " | ".join(head) + " |", rule, *("| " + " | ".join(row) + " |" for row in cells)]


def _figure(cell: str) -> bool:
    return cell.replace(",", "").replace(".", "").removeprefix("-").isdigit() or cell == "-"


def _place(about: Report) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in about["versions"].items())
    return f"{about['processor']}, {about['cores']} cores, Python {about['python']}, {versions}"


def faces(report: Report) -> list[str]:
    """Return accuracy beside cost per face and faces per second, and who is beaten."""
    systems = list(dict.fromkeys(row["system"] for row in report["rows"]))
    cost = {(row["system"], row["threads"], row["batch"]): row for row in report["rows"]}
    cases = list(dict.fromkeys((row["threads"], row["batch"]) for row in report["rows"]))
    lines = ["## Faces", "", "CPU ms per face; 48 px crops in memory.", ""]
    heads = [f"{threads} thr., batch {batch}" for threads, batch in cases]

    def cells(name: str, key: str, form: str) -> list[str]:
        return [form.format(cost[name, *case][key]) for case in cases]

    rows = [[name, *_accuracies(report, name), *cells(name, "cpu_ms", "{:.3f}")] for name in systems]
    lines += [*table(["system", *_accuracy_heads(report), *heads], rows), "", "Faces per second on the clock:", ""]
    rows = [[name, *cells(name, "faces_per_second", "{:,.0f}")] for name in systems]
    lines += [*table(["system", *heads], rows), ""]
    lines += ["The JavaScript packages compute on one thread in Node, whatever the setting.", ""]
    return [*lines, *_beaten(report)]


def _accuracy_heads(report: Report) -> list[str]:
    return [
        f"{OURS[data]}, % (n {part['n']:,}{', clean' if kind == 'clean' else ''})"
        for data, parts in report["accuracy"].items()
        for kind, part in parts.items()
    ]


def _accuracies(report: Report, name: str) -> list[str]:
    parts = [part for kinds in report["accuracy"].values() for part in kinds.values()]
    return [f"{100 * part['systems'][name]['accuracy']:.2f}" if name in part["systems"] else "-" for part in parts]


def _beaten(report: Report) -> list[str]:
    lines = []
    for data in report["accuracy"]:
        cases = [case for case in report["fronts"] if case["data"] == data]
        lost = {(name, by) for case in cases for name, others in case["beaten"].items() for by in others}
        always = {pair for pair in lost if all(pair[1] in case["beaten"].get(pair[0], ()) for case in cases)}
        names = list(dict.fromkeys(row["system"] for row in report["rows"]))
        front = [name for name in names if not any(name in case["beaten"] for case in cases)]
        lines += [f"On {OURS[data]}, beaten in neither cost nor accuracy at any setting: {', '.join(front) or 'none'}."]
        for name in names:
            by = [other for other in names if (name, other) in lost]
            shown = [other if (name, other) in always else f"{other} (at some settings)" for other in by]
            lines += [f"- {name} is beaten by {', '.join(shown)}"] if by else []
        lines += [""]
    return lines


def video(report: Report) -> list[str]:
    """Return frames per second, CPU time and faces detected for each clip, side by side."""
    by = {(row["system"], row["size"], row["faces"]): row for row in report["rows"]}
    rows = []
    for name, size, faces in by:
        if name != "mien":
            continue
        ours, other = by[name, size, faces], by.get(("fer", size, faces))
        rows.append([size, faces, *_speed(ours), *(_speed(other) if other else "---"), _times(ours, other)])
    head = ("clip", "faces", "mien frames/s", "CPU ms", "detected", "fer frames/s", "CPU ms", "detected", "ratio")
    lines = [
        "## Video",
        "",
        f"Drawn clips of {report['frames']} frames: the background stands still; CPU ms and faces per frame.",
        "",
        *table(head, rows),
        "",
    ]
    for (name, size, faces), row in by.items():
        if name not in ("mien", "fer"):
            speed, cpu, _ = _speed(row)
            lines += [f"{name} (images, zip and mp4), {size}, faces: {faces}: {speed} frames/s, {cpu} CPU ms."]
    return lines


def recorded(report: Report) -> list[str]:
    """Return frames per second through recordings, beside those of decoding alone."""
    by = {(row["system"], row["size"], row["faces"]): row for row in report["rows"]}
    rows = []
    for size, faces in dict.fromkeys(key[1:] for key in by):
        alone, ours = by["decoding", size, faces], by["mien", size, faces]
        part = ours["frames_per_second"] / alone["frames_per_second"]
        work = alone["cpu_ms"] / ours["cpu_ms"]
        rows.append([size, faces, *_speed(alone)[:2], *_speed(ours), f"{part:.2f}", f"{work:.2f}"])
    head = ("clip", "faces", "decoding frames/s", "CPU ms", "mien frames/s", "CPU ms", "detected", "ratio", "CPU ratio")
    before, after = report["load"]
    return [
        "## Recordings",
        "",
        f"A recording of a real person, repeated to {report['frames']} frames; decoding is to RGB, nothing else.",
        "CPU ms and faces detected per frame.",
        "",
        *table(head, rows),
        "",
        f"Load of the machine before and after: {before:g}, {after:g}. Above 1, others had a part of the cores.",
    ]


def photos(report: Report) -> list[str]:
    """Return what large photos cost, decoded small first and whole."""
    rows = []
    for row in report["rows"]:
        cpu = [f"{row['cpu_ms'][name]:.0f}" for name in ("mien", "whole", "floor")]
        size = [f"{row['megapixels']}", f"{row['photos']}", f"{row['megabytes']:.1f}"]
        rows.append(
            [*size, *cpu, f"{row['ratio']:.1f}", *(f"{row[key]}" for key in ("faces", "same_face", "same_label"))]
        )
    head = (
        "megapixels",
        "photos",
        "MB",
        "CPU ms",
        "decoded whole",
        "libjpeg alone",
        "ratio",
        "faces",
        "same",
        "same label",
    )
    before, after = report["load"]
    return [
        "## Large photos",
        "",
        f"Photos made of {report['portraits']} portraits of real people, one to four faces of 2 to 20 % of the width.",
        "CPU ms a photo. libjpeg alone decodes it at an eighth of its size: every bit still has to be read.",
        "Decoded whole means at most 24 megapixels: above, it is halved.",
        "",
        *table(head, rows),
        "",
        f"Load of the machine before and after: {before:g}, {after:g}.",
    ]


def _speed(row: Report) -> list[str]:
    return [f"{row['frames_per_second']:.1f}", f"{row['cpu_ms']:.1f}", f"{row['faces_found']:.1f}"]


def _times(ours: Report, other: Report | None) -> str:
    return f"{ours['frames_per_second'] / other['frames_per_second']:.1f}" if other else "-"


def measures(report: Report) -> list[str]:
    """Return what measures cost, beside MediaPipe."""
    rows = [[row["clip"], row["system"], *_speed(row), _cost(row)] for row in report["rows"]]
    head = ("720p, one face", "system", "frames/s", "CPU ms a frame", "detected", "CPU ms of the measures a face")
    before, after = report["load"]
    return [
        "## Measures",
        "",
        f"Clips of {report['frames']} frames. MediaPipe is {report['mediapipe']}: one face, blendshapes and pose.",
        "",
        *table(head, rows),
        "",
        f"Load of the machine before and after: {before:g}, {after:g}. Above 1, others had a part of the cores: only",
        "ratios hold.",
    ]


def _cost(row: Report) -> str:
    return f"{row['measures_cpu_ms']:.1f}" if "measures_cpu_ms" in row else "-"


def folder(report: Report) -> list[str]:
    """Return photos per second."""
    rows = [
        [
            row["system"],
            f"{row['photos']:,.0f}",
            f"{row['photos_per_second']:.1f}",
            f"{row['cpu_ms']:.1f}",
            f"{row['faces_found']:.2f}",
        ]
        for row in report["rows"]
    ]
    head = ("system", "photos", "photos/s", "CPU ms per photo", "faces detected per photo")
    return ["## A folder", "", *table(head, rows)]


def cold(report: Report) -> list[str]:
    """Return the time to the first prediction."""
    rows = [[row["system"], f"{row['wall']:.2f}", f"{row['cpu']:.2f}"] for row in report["rows"]]
    head = ("system", "s to the first prediction", "CPU s")
    return ["## Cold start", "", *table(head, rows)]


def browser(report: Report) -> list[str]:
    """Return frames per second of the page's private mode, and seconds and bytes to its first face."""
    first, (before, after) = report["first"], report["load"]
    median, slowest, size = first["seconds"], first["slowest"], first["bytes"] / 1e6
    rows = [
        [
            row["system"],
            row["weights"],
            row["side"],
            f"{row['frames_per_second']:.1f}",
            f"{row['ms']:.1f}" if "ms" in row else "-",
        ]
        for row in report["rows"]
    ]
    head = ("camera, 640x480, one face", "weights", "detector's long side", "frames/s", "ms a frame in the worker")
    return [
        "## The page",
        "",
        f"In headless Chromium {report['chromium']}, one thread, private mode.  First face {median:.2f} s after the",
        f"page has loaded (median of {report['rounds']} new browsers; slowest {slowest:.2f} s); until then",
        f"{size:.2f} MB were sent, compressed.",
        "",
        *table(head, rows),
        "",
        "The page's scripts beside the Pipeline: all weights, priors natural and uniform.",
        "",
        *_parity(report["parity"]),
        "",
        f"Load of the machine before and after: {before:g}, {after:g}.  Others wanted the cores too; the session of",
        f"this part had the scheduler's priority nice {report['nice']}.",
    ]


def _parity(parity: Report) -> list[str]:
    rows = [
        [
            name,
            f"{row['faces']:,}",
            f"{100 * row['expression'] / row['faces']:.2f} %",
            f"{100 * row['abstained'] / row['faces']:.2f} %",
            f"{row['probability_99']:.4f}",
            f"{row['probability']:.4f}",
            f"{row['box']:.2f}",
        ]
        for name, row in parity.items()
    ]
    same = ("the same label", "both or neither abstained")
    return table(("faces of", "pairs", *same, "probabilities, 99 % within", "largest", "boxes, largest, px"), rows)


def ceiling(report: Report) -> list[str]:
    """Return the fraction of the machine's ceilings, and where the time goes."""
    lines = ["## The machine's ceiling", ""]
    rows = [
        [
            row["system"],
            row["threads"],
            f"{row['mflop_per_face']:.1f}",
            f"{row['gflops']:.0f}",
            *(f"{row[f'peak_{kind}']:.0f}" for kind in ("float32", "int8")),
            *(f"{row[f'share_{kind}']:.2f}" for kind in ("float32", "int8")),
            ", ".join(f"{kind} {100 * share:.0f} %" for kind, share in list(row["nodes"].items())[:4]),
        ]
        for row in report["weights"]
    ]
    head = ("weights", "threads", "MFLOP per face", "GFLOP/s", "float32 ceiling", "int8 ceiling")
    lines += table((*head, "fraction of float32", "fraction of int8", "time by kind of node"), rows)
    lines += ["", "The graphs compute in int8, so a fraction of the float32 ceiling above 1 is possible.", ""]
    stages = list(report["video"][0]["stages"])
    rows = [
        [
            f"{row['size']}, faces: {row['faces']}",
            f"{row['cpu_ms_per_frame']:.1f}",
            f"{row['detections_per_frame']:.2f}",
            *(f"{row['stages'][stage]:.2f}" for stage in stages),
        ]
        for row in report["video"]
    ]
    caption = "Stages of the video path, CPU ms per frame, each measured alone; the rest is what the whole takes more."
    return [*lines, caption, "", *table(("clip", "all", "looks of the detector per frame", *stages), rows)]


def serve(report: Report) -> list[str]:
    """Return photos per second beside the pipeline, and how long requests take."""
    rows = [[row["system"], f"{row['photos_per_second']:.1f}", f"{row['cpu_ms']:.1f}"] for row in report["rows"]]
    lines = ["## The service", "", f"{report['photos']} photos, {report['rounds']} turns each.", ""]
    lines += [*table(("system", "photos/s", "CPU ms per photo"), rows), ""]
    loads = {
        f"full: {report['clients']} clients": report["full"],
        f"half: {report['half']['rate']:.0f} photos/s": report["half"],
        "half, beside a client that sends a byte at a time": report["slow"],
    }
    rows = [[name, f"{one['p50_ms']:.0f}", f"{one['p99_ms']:.0f}"] for name, one in loads.items()]
    before, after = report["load"]
    ready = ", ".join(f"{kind} {seconds:.2f} s" for kind, seconds in report["recovery_seconds"].items())
    return [
        *lines,
        *table(("load", "p50, ms", "p99, ms"), rows),
        "",
        f"Until the next photo is read after a kill, the longest of five: {ready}.",
        f"Memory of all processes: {report['megabytes']:.0f} MB. Load of the machine before and after: {before:g},",
        f"{after:g}. Above 1, others had a part of the cores: only ratios hold.",
    ]


def speedrun(report: Report) -> list[str]:
    """Return how fast mien trains: the race on a GPU, beside a plain loop on the CPU, minutes to a score on val."""
    lines = ["## Training", ""]
    lines += _race(report["race"]) if "race" in report else ["The speed run on a GPU is not measured yet.", ""]
    lines += _loops(report["ratio"]) if "ratio" in report else []
    if "minutes" in report:
        run, (before, after) = report["minutes"], report["minutes"]["load"]
        best = f"not reached; the best is {100 * run['best']:.1f} %"
        there = f"{run['minutes']:.1f} minutes" if run["minutes"] else best
        how = f"{_words(run)}, {run['precision']}, {run['threads']} threads, load {before} to {after}"
        lines += [f"To {100 * run['goal']:g} % on val: {there} ({how}). Measured on {_place(run)}."]
    return lines


def _race(report: Report) -> list[str]:
    figures = report["summary"]
    cells = [figures["n"], *(_spread(figures["seconds"], 1, "{:.2f}"), f"{report['warm_seconds']:.1f}")]
    cells += [f"{figures['together']:.1f}", *(_spread(figures[key], 100, "{:.2f}") for key in ("val", "test", "clean"))]
    head = ("runs", "seconds", "once, compiling", "together", "val, %", "test, %", "clean test, %")
    stated = f", {100 * share:.1f} % of the stated dense bfloat16" if (share := figures["share_stated"]) else ""
    lines = [f"From new weights on {report['device']} (`benchmarks/speedrun.py` says what is counted):", ""]
    lines += [*table(head, [cells]), ""]
    lines += [
        f"{figures['reaching']} of {figures['n']} runs reach 70.5 % on test. {report['operations'] / 1e15:.2f} PFLOP "
        f"a run, {figures['tflops']:.1f} TFLOP/s: {100 * figures['share_of_product']:.1f} % of a large matrix product "
        f"there{stated}.",
        "",
    ]
    return lines


def _loops(report: Report) -> list[str]:
    before, after = report["load"]
    lines = [
        f"An epoch of {_words(report)}, {report['images']:,} images, on the CPU with {report['threads']} "
        f"thread{'s' if report['threads'] > 1 else ''}, {report['rounds']} turns each, load {before} to {after}; and "
        "a Dataset and a DataLoader as they are usually written. CPU ms per image; feeding and the network also alone.",
        "",
    ]
    parts = ("epoch_cpu_ms", "feed_cpu_ms", "network_cpu_ms")
    rows = [
        [row["system"], f"{row['images_per_second']:,.0f}", *(f"{row[part]:.3f}" for part in parts)]
        for row in report["rows"]
    ]
    lines += [*table(("loop", "images/s", "CPU ms", "feeding", "network"), rows), ""]
    by = {"wall": "images per second", "cpu": "processor time"}
    for row in report["ratios"]:
        between = f"{row['least']:.2f} to {row['most']:.2f}"
        lines += [f"- {row['system']}: {row['median']:.2f} times {row['against']} in {by[row['by']]} ({between})"]
    return [*lines, "", f"Measured on {_place(report)}.", ""]


def _words(report: Report) -> str:
    return " ".join((f"`{report['recipe']}`", *(f"`{word}`" for word in report["overrides"])))


def _spread(figure: Report, times: float, form: str) -> str:
    return f"{form.format(times * figure['mean'])} +- {form.format(times * figure['std'])}"


SECTIONS = {
    "faces": faces,
    "video": video,
    "recorded": recorded,
    "photos": photos,
    "measures": measures,
    "folder": folder,
    "cold": cold,
    "browser": browser,
    "ceiling": ceiling,
    "serve": serve,
    "speedrun": speedrun,
}
OWN_PLACES = ("speedrun",)
"""Parts that say themselves where they were measured: on several machines."""
