"""results/BENCH.md: one table per part of the benchmark, from its JSON, and which promises it keeps."""

from collections.abc import Iterable, Sequence
from typing import Any

from bench.targets import bars

Told = dict[str, Any]
INTRODUCTION = """# Speed

Written by `benchmarks/run.py` from the JSON beside it (`make bench`; peers by `make peers`).  Everything in a table was
measured in one run, the systems taking turns; only ratios mean anything on another machine.  CPU time is that of all
threads of a process.  What is counted is said at the top of each script, `benchmarks/NAME.py`."""
OURS = {"fer2013": "FER2013", "ferplus": "FERPlus"}


def page(parts: dict[str, Told], shown: Sequence[str] = ()) -> str:
    """Return the page; `shown` are images by their path beside it."""
    lines = [INTRODUCTION, ""]
    if any(told["quick"] for told in parts.values()):
        lines += ["**Made with --quick: these figures mean nothing.**", ""]
    lines += [f"![{path}]({path})\n" for path in shown]
    told = bars(parts)
    if told:
        rows = [(bar.promise, bar.figure, "met" if bar.met else "**missed**") for bar in told]
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


def _place(about: Told) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in about["versions"].items())
    return f"{about['processor']}, {about['cores']} cores, Python {about['python']}, {versions}"


def faces(told: Told) -> list[str]:
    """Return accuracy beside cost per face and faces per second, and who is beaten."""
    systems = list(dict.fromkeys(row["system"] for row in told["rows"]))
    cost = {(row["system"], row["threads"], row["batch"]): row for row in told["rows"]}
    cases = list(dict.fromkeys((row["threads"], row["batch"]) for row in told["rows"]))
    lines = ["## Faces", "", "CPU ms per face; 48 px crops in memory.", ""]
    heads = [f"{threads} thr., batch {batch}" for threads, batch in cases]

    def cells(name: str, key: str, form: str) -> list[str]:
        return [form.format(cost[name, *case][key]) for case in cases]

    rows = [[name, *_accuracies(told, name), *cells(name, "cpu_ms", "{:.3f}")] for name in systems]
    lines += [*table(["system", *_accuracy_heads(told), *heads], rows), "", "Faces per second on the clock:", ""]
    rows = [[name, *cells(name, "faces_per_second", "{:,.0f}")] for name in systems]
    lines += [*table(["system", *heads], rows), ""]
    lines += ["The JavaScript packages compute on one thread in Node, whatever is asked.", ""]
    return [*lines, *_beaten(told)]


def _accuracy_heads(told: Told) -> list[str]:
    return [
        f"{OURS[data]}, % (n {part['n']:,}{', without twins' if kind == 'clean' else ''})"
        for data, parts in told["accuracy"].items()
        for kind, part in parts.items()
    ]


def _accuracies(told: Told, name: str) -> list[str]:
    parts = [part for kinds in told["accuracy"].values() for part in kinds.values()]
    return [f"{100 * part['systems'][name]['accuracy']:.2f}" if name in part["systems"] else "-" for part in parts]


def _beaten(told: Told) -> list[str]:
    lines = []
    for data in told["accuracy"]:
        cases = [case for case in told["fronts"] if case["data"] == data]
        lost = {(name, by) for case in cases for name, others in case["beaten"].items() for by in others}
        always = {pair for pair in lost if all(pair[1] in case["beaten"].get(pair[0], ()) for case in cases)}
        names = list(dict.fromkeys(row["system"] for row in told["rows"]))
        front = [name for name in names if not any(name in case["beaten"] for case in cases)]
        lines += [f"On {OURS[data]}, beaten in neither cost nor accuracy at any setting: {', '.join(front) or 'none'}."]
        for name in names:
            by = [other for other in names if (name, other) in lost]
            shown = [other if (name, other) in always else f"{other} (at some settings)" for other in by]
            lines += [f"- {name} is beaten by {', '.join(shown)}"] if by else []
        lines += [""]
    return lines


def video(told: Told) -> list[str]:
    """Return frames per second, CPU time and faces found for each clip, side by side."""
    by = {(row["system"], row["size"], row["faces"]): row for row in told["rows"]}
    rows = []
    for name, size, faces in by:
        if name != "mien":
            continue
        ours, other = by[name, size, faces], by.get(("fer", size, faces))
        rows.append([size, faces, *_speed(ours), *(_speed(other) if other else "---"), _times(ours, other)])
    head = ("clip", "faces", "mien frames/s", "CPU ms", "found", "fer frames/s", "CPU ms", "found", "ratio")
    lines = [
        "## Video",
        "",
        f"Clips of {told['frames']} frames; CPU ms and faces found per frame.",
        "",
        *table(head, rows),
        "",
    ]
    for (name, size, faces), row in by.items():
        if name not in ("mien", "fer"):
            speed, cpu, _ = _speed(row)
            lines += [f"{name} (images, zip and mp4), {size}, faces: {faces}: {speed} frames/s, {cpu} CPU ms."]
    return lines


def _speed(row: Told) -> list[str]:
    return [f"{row['frames_per_second']:.1f}", f"{row['cpu_ms']:.1f}", f"{row['faces_found']:.1f}"]


def _times(ours: Told, other: Told | None) -> str:
    return f"{ours['frames_per_second'] / other['frames_per_second']:.1f}" if other else "-"


def folder(told: Told) -> list[str]:
    """Return photos per second."""
    rows = [
        [
            row["system"],
            f"{row['photos']:,.0f}",
            f"{row['photos_per_second']:.1f}",
            f"{row['cpu_ms']:.1f}",
            f"{row['faces_found']:.2f}",
        ]
        for row in told["rows"]
    ]
    head = ("system", "photos", "photos/s", "CPU ms per photo", "faces found per photo")
    return ["## A folder", "", *table(head, rows)]


def cold(told: Told) -> list[str]:
    """Return the time to the first prediction."""
    rows = [[row["system"], f"{row['wall']:.2f}", f"{row['cpu']:.2f}"] for row in told["rows"]]
    head = ("system", "s to the first prediction", "CPU s")
    return ["## Cold start", "", *table(head, rows)]


def ceiling(told: Told) -> list[str]:
    """Return the share of the machine's ceilings, and where the time goes."""
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
        for row in told["weights"]
    ]
    head = ("weights", "threads", "MFLOP per face", "GFLOP/s", "float32 ceiling", "int8 ceiling")
    lines += table((*head, "share of float32", "share of int8", "time by kind of node"), rows)
    lines += ["", "The graphs compute in int8, so a share of the float32 ceiling above 1 is possible.", ""]
    stages = list(told["video"][0]["stages"])
    rows = [
        [
            f"{row['size']}, faces: {row['faces']}",
            f"{row['cpu_ms_per_frame']:.1f}",
            f"{row['detections_per_frame']:.2f}",
            *(f"{row['stages'][stage]:.2f}" for stage in stages),
        ]
        for row in told["video"]
    ]
    said = "Stages of the video path, CPU ms per frame, each measured alone; the rest is what the whole takes more."
    return [*lines, said, "", *table(("clip", "all", "looks of the detector per frame", *stages), rows)]


def speedrun(told: Told) -> list[str]:
    """Return how fast mien trains: the race on a GPU, beside a plain loop on the CPU, minutes to a score on val."""
    lines = ["## Training", ""]
    lines += _race(told["race"]) if "race" in told else ["The speed run on a GPU is not measured yet.", ""]
    lines += _loops(told["ratio"]) if "ratio" in told else []
    if "minutes" in told:
        run, (before, after) = told["minutes"], told["minutes"]["load"]
        best = f"not reached; the best is {100 * run['best']:.1f} %"
        there = f"{run['minutes']:.1f} minutes" if run["minutes"] else best
        how = f"{_words(run)}, {run['precision']}, {run['threads']} threads, load {before} to {after}"
        lines += [f"To {100 * run['goal']:g} % on val: {there} ({how}). Measured on {_place(run)}."]
    return lines


def _race(told: Told) -> list[str]:
    figures = told["summary"]
    cells = [figures["n"], *(_spread(figures["seconds"], 1, "{:.2f}"), f"{told['warm_seconds']:.1f}")]
    cells += [f"{figures['together']:.1f}", *(_spread(figures[key], 100, "{:.2f}") for key in ("val", "test", "clean"))]
    head = ("runs", "seconds", "once, compiling", "together", "val, %", "test, %", "test without twins, %")
    stated = f", {100 * share:.1f} % of the stated dense bfloat16" if (share := figures["share_stated"]) else ""
    lines = [f"From new weights on {told['device']} (`benchmarks/speedrun.py` says what is counted):", ""]
    lines += [*table(head, [cells]), ""]
    lines += [
        f"{figures['reaching']} of {figures['n']} runs reach 70.5 % on test. {told['operations'] / 1e15:.2f} PFLOP "
        f"a run, {figures['tflops']:.1f} TFLOP/s: {100 * figures['share_of_product']:.1f} % of a large matrix product "
        f"there{stated}.",
        "",
    ]
    return lines


def _loops(told: Told) -> list[str]:
    before, after = told["load"]
    lines = [
        f"An epoch of {_words(told)}, {told['images']:,} images, on the CPU with {told['threads']} "
        f"thread{'s' if told['threads'] > 1 else ''}, {told['rounds']} turns each, load {before} to {after}; beside a "
        "Dataset and a DataLoader as they are usually written. CPU ms per image; feeding and the network also alone.",
        "",
    ]
    parts = ("epoch_cpu_ms", "feed_cpu_ms", "network_cpu_ms")
    rows = [
        [row["system"], f"{row['images_per_second']:,.0f}", *(f"{row[part]:.3f}" for part in parts)]
        for row in told["rows"]
    ]
    lines += [*table(("loop", "images/s", "CPU ms", "feeding", "network"), rows), ""]
    by = {"wall": "images per second", "cpu": "processor time"}
    for row in told["ratios"]:
        between = f"{row['least']:.2f} to {row['most']:.2f}"
        lines += [f"- {row['system']}: {row['median']:.2f} times {row['against']} in {by[row['by']]} ({between})"]
    return [*lines, "", f"Measured on {_place(told)}.", ""]


def _words(told: Told) -> str:
    return " ".join((f"`{told['recipe']}`", *(f"`{word}`" for word in told["overrides"])))


def _spread(figure: Told, times: float, form: str) -> str:
    return f"{form.format(times * figure['mean'])} +- {form.format(times * figure['std'])}"


SECTIONS = {
    "faces": faces, "video": video, "folder": folder, "cold": cold, "ceiling": ceiling, "speedrun": speedrun
}  # fmt: skip
OWN_PLACES = ("speedrun",)
"""Parts that say themselves where they were measured: on several machines."""
