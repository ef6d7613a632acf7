"""results/TABLE.md: published figures beside measured ones, from the rows' files and nothing else.

`python -m mien.experiments.table results` writes it and figures/ anew; `mien reproduce` and shipping weights do so too.
"""

import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from mien.errors import UsageError
from mien.experiments import figures, sweep
from mien.experiments.schema import Measured
from mien.inference.classify import WEIGHTS
from mien.outputs import write
from mien.reading.guard import parsing
from mien.reading.shape import fits
from mien.training.runlog import read_json

Row = dict[str, Any]

HEAD = (
    "id", "published, %", "data", "ours: val, %", "ours: test, %", "test without twins, %", "n", "macro-F1", "ECE",
    "device", "minutes", "seeds", "figures", "note",
)  # fmt: skip

INTRODUCTION = """# Measured

Written by `mien reproduce`, or `python -m mien.experiments.table results`, from the files beside it.  Accuracy with its
95 % interval (Wilson), or mean +- standard deviation over seeds.  Published figures name the metric where it is not
accuracy, and the split on which they were measured.  Test is opened once, when the weights are fixed; *without twins*
leaves out test images that have a twin in Training.  n is that of val / test / test without twins; macro-F1 and ECE are
of the whole test split, in percent.
FER2013 and FERPlus: val is PublicTest, test is PrivateTest; every recipe learns from Training alone.
"""


def draw(results: Path) -> Path:
    """Write TABLE.md and figures/ from the rows in a folder, and return the table's path."""
    groups = collect(results)
    for id, group in groups.items():
        figures.draw(results, id, group)
    for name, found in sweeps(results).items():
        figures.sweep(found, results / "figures" / f"sweep-{name}.svg")
    results.mkdir(parents=True, exist_ok=True)
    path = results / "TABLE.md"
    write(path, markdown(groups, results).encode())
    return path


def sweeps(results: Path) -> dict[str, dict[str, Any]]:
    """Return what every sweep.json below results/sweeps holds, by its folder's name."""
    return {path.parent.name: read_json(path) for path in sorted(results.glob("sweeps/*/sweep.json"))}


def collect(results: Path) -> dict[str, list[Row]]:
    """Return the rows by id, each id's in order of the seeds."""
    groups: dict[str, list[Row]] = defaultdict(list)
    found = [path for path in results.glob("*/[0-9]*.json") if path.stem.isdecimal()]
    for path in sorted(found, key=lambda path: (path.parent.name, int(path.stem))):
        if "recipe" in (row := read_json(path)):
            with parsing(path, "a row that mien wrote", UsageError, "remove it"):
                fits(Measured, row)
            groups[path.parent.name].append(row)
    return dict(groups)


def markdown(groups: dict[str, list[Row]], results: Path) -> str:
    """Return the table's text."""
    sources: list[str] = []
    shipped = [id for id in groups if (WEIGHTS / f"{id}.onnx").is_file()]
    parts = [INTRODUCTION, grid(HEAD, [line(groups[id], results, sources) for id in groups if id not in shipped])]
    parts += [""] + [f"[{number}] {source}  " for number, source in enumerate(sources, 1)]
    if shipped:
        parts += ["\n## Shipped weights\n", grid(HEAD, [line(groups[id], results, sources) for id in shipped])]
    for name, found in sweeps(results).items():
        keys = ", ".join(key.rpartition(".")[2] for key in found["keys"])
        seeds = f"{found['seeds']} seed{'s' * (found['seeds'] > 1)} each; val only"
        parts += [f"\n## Sweep of {keys}: {found['title']}\n", f"{seeds}; [figure](figures/sweep-{name}.svg).\n"]
        parts += [grid(sweep.head(found), [*map(sweep.line, found["cells"])])]
    return "\n".join(parts) + "\n"


def grid(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table.

    >>> print(grid(("a", "b"), [("1", "x|y")]))
    | a | b |
    |---|---|
    | 1 | x\\|y |
    """
    cells = [[cell.replace("|", "\\|") for cell in row] for row in (head, *lines)]
    text = ["| " + " | ".join(row) + " |" for row in cells]
    return "\n".join([text[0], "|" + "---|" * len(head), *text[1:]])


def line(group: Sequence[Row], results: Path, sources: list[str]) -> list[str]:
    """Return the cells of an id's rows; sources that it names are appended to `sources`.

    UsageError when a row lacks what every row has.
    """
    try:
        return cells(group, results, sources)
    except KeyError as error:
        where = results / str(group[0].get("name", "*")) / "*.json"
        raise UsageError(f"a row of {where} lacks {error}", "JSON that mien wrote", "remove it") from None


def cells(group: Sequence[Row], results: Path, sources: list[str]) -> list[str]:
    """Return the cells of an id's rows."""
    done = alike([row for row in group if row.get("figures")])
    first = done[0] if done else group[0]
    test, note = part(done, "test"), "; ".join(notes(first))
    drawn = [f"[{kind}](figures/{path.name})" for kind, path in figures.paths(results, first["name"]).items()]
    shown = [share(part(done, "val")), share(test), share([f["clean"] for f in test])]
    sizes = [f[0]["n"] for f in (part(done, "val"), test, [f["clean"] for f in test]) if f]
    return [
        first["name"],
        "; ".join(quoted(record, sources) for record in headlines(first)) or "-",
        first["recipe"]["data"]["name"],
        *shown,
        " / ".join("-" if n is None else str(n) for n in sizes) or "-",
        number(test, "macro_f1"),
        number(test, "ece"),
        device(first["environment"]) if done else "-",
        minutes(done),
        str(len(done)) if done else "-",
        " ".join(drawn) or "-",
        note or "-",
    ]


def alike(group: list[Row]) -> list[Row]:
    """Return the rows that may be averaged: those in full, or else those shortened as much as the first."""

    def length(row: Row) -> tuple[int, int | None]:
        return row["recipe"]["epochs"], row["recipe"].get("steps")

    full = [row for row in group if not row.get("shortened")]
    return full or [row for row in group if length(row) == length(group[0])]


def part(group: Sequence[Row], split: str) -> list[dict[str, Any]]:
    """Return the figures on a split of all rows that have them."""
    return [row["figures"][split] for row in group if split in row["figures"]]


def headlines(row: Row) -> list[dict[str, Any]]:
    """Return the published figures to compare a row with: its own data set's, else the first of any; one per split."""
    data = row["recipe"]["data"]["name"]
    records = [r for r in row.get("published", []) if r["split"].split()[1:2] != ["train"]]
    own = [r for r in records if r["split"].startswith((f"{data} val", f"{data} test"))]
    found: dict[str, dict[str, Any]] = {}
    for record in own or records:
        if record["metric"] == "accuracy":
            found.setdefault(record["split"], record)
    return list(found.values())[:2] or averaged(own or records)  # more would be other protocols of the same source


def averaged(records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the macro-F1 that printed F1s of the classes give, as one record, or nothing."""
    values = [r["value"] for r in records if r["metric"].startswith("f1.")]
    return [{**records[0], "metric": "macro-F1", "value": mean(values)}] if values else []


def quoted(record: dict[str, Any], sources: list[str]) -> str:
    """Return a published figure as a cell, and note its source."""
    if record["source"] not in sources:
        sources.append(record["source"])
    metric, split = record["metric"], record["split"].partition(" (")[0]
    name = "" if metric == "accuracy" else f"{metric} "
    return f"{name}{100 * record['value']:.2f} ({split}) [{sources.index(record['source']) + 1}]"


def notes(row: Row) -> list[str]:
    """Return what a reader must know beside a row's numbers."""
    found, data = [], row["recipe"]["data"]
    if short := row.get("shortened"):
        found.append("shortened to " + shortened(short))
    if needs := row.get("needs"):
        found.append(f"needs the data set: {needs}")
    if data.get("limit"):
        found.append(f"learnt from {data['limit']} images")
    if row.get("file", "model") != "model":
        found.append(f"measured on {row['file']}.onnx")
    used = headlines(row)
    if used and not any(record["split"].startswith(data["name"]) for record in used):
        found.append(f"published on {used[0]['split'].split()[0]}, ours on {data['name']}")
    protocols = (record["split"].partition(" (")[2].rstrip(")") for record in used)
    told = dict.fromkeys((*protocols, *(record["note"] for record in used)))
    return found + [f"source: {text}" for text in told if text]


def shortened(short: dict[str, Any]) -> str:
    """Return how much of a recipe was run.

    >>> shortened({"epochs": 3, "of": 30, "steps": None, "of_steps": 900}), shortened({"steps": 5, "of_steps": 90})
    ('3 of 30 epochs', '5 of 90 steps')
    """
    if short["steps"]:
        return f"{short['steps']} of {short['of_steps']} steps"
    return f"{short['epochs']} of {short['of']} epochs"


def minutes(done: Sequence[Row]) -> str:
    """Return how long training took, the mean over the seeds.

    >>> minutes([{"environment": {"seconds": 90}}])
    '1.5'
    """
    if not done:
        return "-"
    value = mean(row["environment"]["seconds"] for row in done) / 60
    return f"{value:.1f}" if value < 10 else f"{value:.0f}"


def device(environment: dict[str, Any]) -> str:
    """Return the hardware of a row in words."""
    name, threads = environment["device"], environment["threads"]
    return f"{name}, {threads} thread{'s' * (threads > 1)}" if name.startswith("cpu") else str(name)


def share(found: Sequence[dict[str, Any]]) -> str:
    """Return accuracy in percent: one row's with its interval, several rows' mean +- standard deviation.

    >>> share([{"accuracy": 0.5, "accuracy_interval": [0.4, 0.6]}]), share([{"accuracy": 0.5}, {"accuracy": 0.6}])
    ('50.00 (40.00 to 60.00)', '55.00 +- 7.07')
    """
    values = [100 * f["accuracy"] for f in found if f.get("accuracy") is not None]
    if len(values) > 1:
        return f"{mean(values):.2f} +- {stdev(values):.2f}"
    if not values:
        return "-"
    low, high = found[0]["accuracy_interval"]
    return f"{values[0]:.2f} ({100 * low:.2f} to {100 * high:.2f})"


def number(found: Sequence[dict[str, Any]], key: str) -> str:
    """Return the mean of a share in percent, or a dash."""
    values = [f[key] for f in found if f.get(key) is not None]
    return f"{100 * mean(values):.2f}" if values else "-"


if __name__ == "__main__":
    print(draw(Path(sys.argv[1] if sys.argv[1:] else "results")))
