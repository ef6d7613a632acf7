"""results/TABLE.md: published and measured scores, from the files of the rows and nothing else.

`python -m mien.experiments.table results` writes it and figures/ again; so do `mien reproduce` and shipping weights.
"""

import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev

from mien.errors import UsageError
from mien.evaluation.text import span
from mien.experiments import by_class, figures, fine_tuning, sweep
from mien.experiments.record import form, outdated, read_row
from mien.experiments.schema import Machine, NamedRow, Published, Row, RowScores, Shortened, SubsetScores, Sweep
from mien.html.page import count
from mien.inference.classify import WEIGHTS
from mien.outputs import write
from mien.training.runlog import read_json

HEAD = (
    "id", "published, %", "data", "ours: val, %", "ours: test, %", "test without near-duplicates, %", "n", "macro-F1",
    "ECE", "device", "minutes", "seeds", "figures", "note",
)  # fmt: skip

CONCORDANCES = ("ccc.valence", "ccc.arousal")
"""What is published of valence and arousal that is shown."""

AVERAGED = "macro-F1"
"""The metric of a record that `averaged` made of published scores by class."""

INTRODUCTION = """# Measured

Written by `mien reproduce`, or `python -m mien.experiments.table results`, from the files beside it.  Accuracy has its
95 % interval (Wilson), or is the mean +- standard deviation over seeds.  Published scores name the metric unless it is
accuracy, and the split on which they were measured; where it is another metric, ours of it stands behind our accuracy.
Test is opened once per file, when the weights are fixed; what earlier files had scored on it was known when later ones
were trained.
*Without near-duplicates* leaves out test images that are also, or nearly, in Training.  n is that of val / test / test
without near-duplicates.  Macro-F1 and ECE are of the whole test split, in percent.
FER2013 and FERPlus: val is PublicTest, test is PrivateTest; every recipe is trained on Training alone.
"""


def draw(results: Path) -> Path:
    """Write TABLE.md and figures/ from the rows in a folder, and return the table's path."""
    groups = collect(results)
    for id, group in groups.items():
        figures.draw(results, id, group)
    for name, swept in sweeps(results).items():
        figures.sweep(swept, results / "figures" / f"sweep-{name}.svg")
    results.mkdir(parents=True, exist_ok=True)
    path = results / "TABLE.md"
    write(path, markdown(groups, results).encode())
    return path


def sweeps(results: Path) -> dict[str, Sweep]:
    """Return the sweeps below results/sweeps, by the names of their folders."""
    return {path.parent.name: sweep.read(path) for path in sorted(results.glob("sweeps/*/sweep.json"))}


def collect(results: Path) -> dict[str, list[Row]]:
    """Return the rows by id, each id's in order of the seeds."""
    groups: dict[str, list[Row]] = defaultdict(list)
    paths = [path for path in results.glob("*/[0-9]*.json") if path.stem.isdecimal()]
    for path in sorted(paths, key=lambda path: (path.parent.name, int(path.stem))):
        if "recipe" in read_json(path):  # other numbered files are left alone
            groups[path.parent.name].append(read_row(path, NamedRow).row)
    return dict(groups)


def markdown(groups: dict[str, list[Row]], results: Path) -> str:
    """Return the table's text."""
    sources: list[str] = []
    shipped = [id for id in groups if (WEIGHTS / f"{id}.onnx").is_file()]
    parts = [INTRODUCTION, grid(HEAD, [line(groups[id], results, sources) for id in groups if id not in shipped])]
    parts += [""] + [f"[{number}] {source}  " for number, source in enumerate(sources, 1)]
    if shipped:
        parts += ["\n## Shipped weights\n", grid(HEAD, [line(groups[id], results, sources) for id in shipped])]
    parts += by_expression(groups)
    if tuned := fine_tuning.read(results):
        parts += [fine_tuning.introduction(tuned), grid(fine_tuning.HEAD, fine_tuning.lines(tuned))]
    for name, swept in sweeps(results).items():
        keys = ", ".join(key.rpartition(".")[2] for key in swept.keys)
        seeds = f"{swept.seeds} seed{'s' * (swept.seeds > 1)} each; val only"
        parts += [f"\n## Sweep of {keys}: {swept.title}\n", f"{seeds}; [figure](figures/sweep-{name}.svg).\n"]
        parts += [grid(sweep.head(swept), [*map(sweep.line, swept.cells)])]
    return "\n".join(parts) + "\n"


def by_expression(groups: dict[str, list[Row]]) -> list[str]:
    """Return the section of what sources print by expression, beside ours."""
    measured = (alike([row for row in group if row.figures]) for group in groups.values())
    tables = [(done[0], lines) for done in measured if (lines := by_class.lines(done))]
    parts = ["\n## By expression\n", "Published / ours; - where the source prints none, or nothing was predicted so."]
    for row, lines in tables:
        parts += [f"\n`{row.name}`: {'; '.join([by_class.title(row), *part_run(row)])}\n", grid(by_class.HEAD, lines)]
    return parts if tables else []


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

    UsageError for a measured row without its hardware.
    """
    done = alike([row for row in group if row.figures])
    if any(row.environment.device is None for row in done):
        where = results / group[0].name / "*.json"
        raise UsageError(f"a row of {where} lacks 'device'", "JSON that mien wrote", "remove it")
    return cells(group, done, results, sources)


def cells(group: Sequence[Row], done: Sequence[Row], results: Path, sources: list[str]) -> list[str]:
    """Return the cells of an id's rows, of which those `done` are averaged."""
    first = done[0] if done else group[0]
    val, test = part(done, "val"), part(done, "test")
    clean: list[SubsetScores] = [scores.clean for scores in test]
    others = sum(bool(row.figures) and form(row) != form(first) for row in group)
    note = "; ".join(notes(first) + [f"{count(others, 'row')} of another recipe left out"] * bool(others))
    drawn = [f"[{kind}](figures/{path.name})" for kind, path in figures.paths(results, first.name).items()]
    sizes = [scores[0].n for scores in (val, test, clean) if scores]
    return [
        first.name,
        "; ".join(quoted(record, sources) for record in headlines(first)) or "-",
        first.recipe.data.name,
        "; ".join(measured(first, val)),
        "; ".join(measured(first, test)),
        accuracy(clean),
        " / ".join("-" if n is None else str(n) for n in sizes) or "-",
        percentage([scores.macro_f1 for scores in test]),
        percentage([scores.ece for scores in test]),
        device(first.environment) if done else "-",
        minutes(done),
        str(len(done)) if done else "-",
        " ".join(drawn) or "-",
        note or "-",
    ]


def alike(group: list[Row]) -> list[Row]:
    """Return the rows that may be averaged: of today's recipe, if any is, and full, or else as short as the first.

    Rows do not say when they were measured, so of several earlier recipes it is that with full rows, then most rows.
    """

    def length(row: Row) -> tuple[int | None, int | None]:
        return row.recipe.epochs, row.recipe.steps

    forms: dict[str, list[Row]] = defaultdict(list)
    for row in group:
        forms[form(row)].append(row)
    most = max(forms.values(), key=lambda rows: (any(not row.shortened for row in rows), len(rows)), default=[])
    group = forms.get("", most)
    full = [row for row in group if not row.shortened]
    return full or [row for row in group if length(row) == length(group[0])]


def part(group: Sequence[Row], split: str) -> list[RowScores]:
    """Return the scores on a split of all rows that have them."""
    return [row.figures[split] for row in group if split in row.figures]


def headlines(row: Row) -> list[Published]:
    """Return at most one published score per split to compare a row with: of its own data set, or else of any.

    Without an accuracy it is the mean F1 of the expressions, else the concordances of valence and arousal.
    """
    data = row.recipe.data.name
    records = [record for record in row.published if record.split.split()[1:2] != ["train"]]
    own = [record for record in records if record.split.startswith((f"{data} val", f"{data} test"))]
    by_split: dict[str, Published] = {}
    for record in own or records:
        if record.metric == "accuracy":
            by_split.setdefault(record.split, record)
    first = list(by_split.values())[:2]  # more would be other protocols of the same source
    return first or averaged(own or records) or [record for record in own or records if record.metric in CONCORDANCES]


def averaged(records: Sequence[Published]) -> list[Published]:
    """Return the macro-F1 of the published F1 scores of the classes as one record, or nothing."""
    values = [record.value for record in records if record.metric.startswith("f1.")]
    return [records[0].model_copy(update={"metric": AVERAGED, "value": mean(values)})] if values else []


def measured(row: Row, scores: Sequence[RowScores]) -> list[str]:
    """Return our accuracy as a cell, and our mean of each metric that the row's published scores have instead."""
    metrics = [record.metric for record in headlines(row) if record.metric != "accuracy"]
    ours = {metric: percentage([same_metric(metric, each) for each in scores]) for metric in metrics}
    return [accuracy(scores), *(f"{metric} {value}" for metric, value in ours.items() if value != "-")]


def same_metric(metric: str, scores: RowScores) -> float | None:
    """Return our value of a published metric that is not accuracy."""
    if metric == AVERAGED:
        return scores.macro_f1
    values = {"ccc.valence": scores.valence, "ccc.arousal": scores.arousal}[metric]
    return values.ccc if values else None


def quoted(record: Published, sources: list[str]) -> str:
    """Return a published score as a cell, and note its source."""
    if record.source not in sources:
        sources.append(record.source)
    return f"{unsourced(record)} [{sources.index(record.source) + 1}]"


def unsourced(record: Published) -> str:
    """Return a published score as a cell, without its source."""
    name = "" if record.metric == "accuracy" else f"{record.metric} "
    return f"{name}{100 * record.value:.2f} ({record.split.partition(' (')[0]})"


def notes(row: Row) -> list[str]:
    """Return what a reader must know to compare a row's scores."""
    lines, data, used = [], row.recipe.data, headlines(row)
    lines += part_run(row)
    if row.needs:
        lines.append(f"needs the data set: {row.needs}")
    if data.limit:
        lines.append(f"trained on {data.limit} images")
    if row.file not in (None, "model"):
        lines.append(f"measured on {row.file}.onnx")
    lines += unlike(row)
    if val := row.figures.get("val"):
        lines += beside(val)
    protocols = (record.split.partition(" (")[2].rstrip(")") for record in used)
    remarks = dict.fromkeys((*protocols, *(record.note for record in used)))
    return lines + [f"source: {remark}" for remark in remarks if remark]


def part_run(row: Row) -> list[str]:
    """Return that a row is not one of the whole of today's recipe."""
    lines = ["shortened to " + shortened(row.shortened)] if row.shortened else []
    lines += ["of an earlier recipe"] * outdated(row)
    measured_here = row.figures and row.file in (None, "model")  # rows of shipped files name the file instead
    return lines + ["form of the recipe not recorded"] * bool(measured_here and row.digest is None)


def unlike(row: Row) -> list[str]:
    """Return why a published score is not at once comparable: measured on other data, or averaged by us."""
    data, used = row.recipe.data.name, headlines(row)
    lines = []
    if used and not any(record.split.startswith(data) for record in used):
        lines.append(f"published on {used[0].split.split()[0]}, ours on {data}")
    if any(record.metric == AVERAGED for record in used):
        classes = sum(record.metric.startswith("f1.") for record in row.published)
        lines.append(f"published {AVERAGED}: our mean of the {classes} F1 that the source prints by class")
    return lines


def beside(scores: RowScores) -> list[str]:
    """Return what is measured on val beside the expression, as notes: by group, and where votes split over two.

    >>> val = SubsetScores(accuracy=0.5, accuracy_interval=[0.4, 0.6])
    >>> beside(RowScores(n=9, accuracy=0.4, clean=val, group_level=val, mixed={"average_precision": 0.5}))
    ['val by group 50.00 (40.00 to 60.00)', 'val with mixed labels: average precision 50.00']
    """
    lines = [f"val by group {accuracy([scores.group_level])}"] if scores.group_level else []
    names = {"average_precision": "average precision", "pairs": "both of two named"}
    known = scores.mixed or {}
    mixed = [f"{name} {100 * value:.2f}" for key, name in names.items() if (value := known.get(key)) is not None]
    return lines + ([f"val with mixed labels: {', '.join(mixed)}"] if mixed else [])


def shortened(short: Shortened) -> str:
    """Return how much of a recipe was run.

    >>> shortened(Shortened(epochs=3, of=30, of_steps=900)), shortened(Shortened(steps=5, of_steps=90))
    ('3 of 30 epochs', '5 of 90 steps')
    """
    return f"{short.steps} of {short.of_steps} steps" if short.steps else f"{short.epochs} of {short.of} epochs"


def minutes(done: Sequence[Row]) -> str:
    """Return how long training took, the mean over the seeds."""
    if not done:
        return "-"
    value = mean(row.environment.seconds for row in done) / 60
    return f"{value:.1f}" if value < 10 else f"{value:.0f}"


def device(machine: Machine) -> str:
    """Return the hardware of a row in words."""
    name, threads = machine.device or "-", machine.threads
    return f"{name}, {threads} thread{'s' * (threads > 1)}" if name.startswith("cpu") else name


def accuracy(scores: Sequence[SubsetScores]) -> str:
    """Return accuracy in percent: of one row with its interval, of several as mean +- standard deviation.

    >>> half, more = SubsetScores(accuracy=0.5, accuracy_interval=[0.4, 0.6]), SubsetScores(accuracy=0.6)
    >>> accuracy([half]), accuracy([half, more])
    ('50.00 (40.00 to 60.00)', '55.00 +- 7.07')
    """
    values = [100 * each.accuracy for each in scores if each.accuracy is not None]
    if len(values) > 1:
        return f"{mean(values):.2f} +- {stdev(values):.2f}"
    if not values:
        return "-"
    return f"{values[0]:.2f} ({span(scores[0].accuracy_interval)})"


def percentage(values: Sequence[float | None]) -> str:
    """Return the mean of fractions in percent, or a dash."""
    known = [value for value in values if value is not None]
    return f"{100 * mean(known):.2f}" if known else "-"


if __name__ == "__main__":
    print(draw(Path(sys.argv[1] if sys.argv[1:] else "results")))
