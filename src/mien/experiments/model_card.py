"""Model cards of the shipped weights, in Markdown: what each is, for what, what it learnt from, how good, for whom.

    python -m mien.experiments.model_card results       # writes results/NAME/README.md for every shipped name

After Mitchell et al., Model Cards for Model Reporting (2019).  Every figure comes from the file's own card and from
results; what was not measured is said to be missing.  Energy is the one estimate: the time that training took, times an
assumed power, with both beside it.
"""

import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien import outputs
from mien.card import Card, licences
from mien.evaluation.fairness import fairness
from mien.evaluation.result import Result
from mien.evaluation.statistics.intervals import ECE_NOTE
from mien.experiments.table import grid
from mien.html.page import NOTICE, percent
from mien.inference.classify import Classifier, names
from mien.training.runlog import read_json

WATTS = {"cpu": 10.0, "cuda": 700.0}
"""Assumed power in W: of a busy CPU thread with its share of the machine, and of a whole data centre GPU."""

AGREEMENT = ((0.95, "95 % or more"), (0.75, "75 to 95 %"), (0.55, "55 to 75 %"), (0.0, "less than 55 %"))
"""Least share that the most frequent answer has of those who named an expression, and what that is called."""

AGREED = "people who agreed"
NONE = "no majority, or no face"
ORDER = [*(word for _, word in AGREEMENT), NONE]

HEAD = """# Model card: {name}

{notes}

{notice}
"""

MEANT = """
## Use

Meant for research on images and recordings of consenting people: as a measurement among others of how faces look,
with its uncertainty, never as the finding itself.  Not meant for: decisions about a person; people at work or in
education; detecting lies, intent, illness or identity; children's faces, drawings and animals, of which nothing was
measured by itself.  What it calls an expression is what annotators of web photographs called so; covered, sidelong and
tiny faces are read worse, and cultures name expressions differently.
"""

UNKNOWN_PEOPLE = (
    "The data say nothing about the sex, age, origin or skin of the people in them, so no figure here can say for whom "
    "these weights are worse.  `mien fairness` measures it on images whose groups are known; do that before relying "
    "on them for anyone in particular."
)


def draw(results: Path) -> list[Path]:
    """Write the cards of the shipped weights that have a row in a folder, and return their paths."""
    return [write(results, name) for name in names() if (results / name / "0.json").is_file()]


def write(results: Path, name: str) -> Path:
    """Write results/NAME/README.md from what lies beside it and the file's own card."""
    classifier, folder = Classifier(name), results / name
    stress = folder / "stress.json"
    test = Result.load(folder / "0-test.npz") if (folder / "0-test.npz").is_file() else None
    content = text(
        classifier.card,
        read_json(folder / "0.json")["figures"],
        agreed(test, results) if test is not None else {},
        test,
        megabytes=classifier.path.stat().st_size / 1e6,
        stress=read_json(stress) if stress.is_file() else None,
    )
    path = folder / "README.md"
    outputs.write(path, content.encode())
    return path


def agreed(test: Result, results: Path) -> dict[str, NDArray[np.str_]]:
    """Return the column that says how far people agreed on each image, by its votes or those in results/ferplus.

    Empty where no votes are known.
    """
    path = results / "ferplus" / "0-test.npz"
    voted = Result.load(path) if test.votes is None and path.is_file() else test
    if voted.votes is None or not set(voted.ids.tolist()) & set(test.ids.tolist()):
        return {}
    words = dict(zip(voted.ids.tolist(), agreement(voted.votes).tolist(), strict=True))
    return {AGREED: np.array([words.get(id, NONE) or NONE for id in test.ids.tolist()], np.str_)}


def text(
    card: Card,
    figures: Mapping[str, Any],
    groups: Mapping[str, NDArray[np.str_]],
    test: Result | None,
    *,
    megabytes: float,
    stress: Mapping[str, Any] | None = None,
) -> str:
    """Return a model card.

    `figures` holds what `describe` says of the splits "val" and "test", where they were measured; `test` is the result
    behind the latter, and `groups` columns of words for its samples, as `fairness` takes them.  `stress` is what
    `mien stress` found.
    """
    parts = [HEAD.format(name=card.name, notes=card.notes, notice=NOTICE), facts(card, megabytes), MEANT]
    parts += [data(card, figures), scores(figures)]
    if "test" in figures:
        parts.append(per_class(figures["test"]))
    parts.append(by_group(test, groups) if test is not None else "")
    parts += [robustness(stress) if stress else "", energy(card)]
    return "\n".join(part.strip("\n") + "\n" for part in parts if part)


def facts(card: Card, megabytes: float) -> str:
    """Return what goes in, what comes out, and under which licences and terms."""
    recipe = card.recipe
    made = f"`{recipe.get('model', {}).get('name')}`, recipe `{recipe.get('name')}`, seed {recipe.get('seed')}"
    lines = [
        ("network", made),
        ("takes", f"one face, cropped: {card.size} x {card.size} pixels, {card.channels} channel(s), 0 to 255"),
        ("gives", f"probabilities of {', '.join(card.labels)}"),
        ("calibration", f"temperature {card.temperature:.3f}, fitted on val"),
        ("abstains", "-" if card.threshold is None else f"below {percent(card.threshold)} with `--abstain auto`"),
        ("file", f"ONNX, {megabytes:.2f} MB"),
        *licences(card.model_dump()).items(),
    ]
    return grid(("", ""), lines)


def data(card: Card, figures: Mapping[str, Any]) -> str:
    """Return what was learnt from, chosen on and measured on."""
    recipe = card.recipe.get("data", {})
    name = card.data.get("name", recipe.get("name", "unknown"))
    second = (recipe.get("auxiliary") or {}).get("name")
    more = f" A second head learnt from {second} on the same images and was thrown away." if second else ""
    sizes = ", ".join(f"{split} {figures[split]['n']:,}" for split in ("val", "test") if split in figures)
    source = ""
    if {name, second} & {"fer2013", "ferplus"}:
        source = (
            "  The images are FER2013's (Goodfellow et al., 2013): 48 x 48 grey faces found by searching the web for "
            "words of emotion; val is PublicTest and test PrivateTest.  People agree with its labels about two times "
            "in three (65 +- 5 %, published there); FERPlus (Barsoum et al., 2016) is ten people's votes on them."
        )
    taught = card.recipe.get("distill") or {}
    words = taught.get("weights", ())
    count = 1 if isinstance(words, str) else len(words)
    if count:
        teachers = "a teacher" if count == 1 else f"the mean of {count} teachers"
        more += f" The targets are by {percent(taught.get('weight', 0.5))} those of {teachers} of the same images."
    return (
        f"\n## Data\n\nLearnt from the training split of {name} alone, no images from elsewhere.{more}  Epoch, "
        "temperature and threshold were chosen on val; test was opened once for this file, when those before it had "
        f"been scored.  Images measured: {sizes or 'none'}.{source}\n"
    )


def scores(figures: Mapping[str, Any]) -> str:
    """Return the table of headline figures, all and without twins."""
    if not figures:
        return "\n## Figures\n\nNothing was measured.\n"
    columns = [(split, figures[split]) for split in ("val", "test") if split in figures]
    columns += [
        (f"{split} without twins", found["clean"]) for split, found in columns if found["clean"]["n"] is not None
    ]
    head = ("", *(f"{name}, {found['n']:,}" for name, found in columns))
    rows = [[word, *(with_interval(found, key) for _, found in columns)] for key, word in SCORES.items()]
    told = "95 % intervals in brackets.  A twin is an image that also is, or nearly is, in the training split."
    return f"\n## Figures\n\n{told}  {ECE_NOTE}\n\n{grid(head, rows)}"


SCORES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro-F1",
    "top2": "right among the first two",
    "ece": "calibration error (ECE)",
}


def with_interval(found: Mapping[str, Any], key: str) -> str:
    """Return a share in percent with its interval.

    >>> with_interval({"ece": 0.02, "ece_interval": [0.01, 0.031]}, "ece"), with_interval({}, "ece")
    ('2.0 % (1.0 to 3.1)', '-')
    """
    if found.get(key) is None:
        return "-"
    low, high = found.get(f"{key}_interval") or (None, None)
    ends = "" if low is None or high is None else f" ({100 * low:.1f} to {100 * high:.1f})"
    return f"{100 * found[key]:.1f} %{ends}"


def per_class(found: Mapping[str, Any]) -> str:
    """Return a row per expression, and which is read worst and for what it is taken."""
    known = found["per_class"]
    rows = [
        [label, *(percent(known[label][key]) for key in ("precision", "recall", "f1")), f"{known[label]['support']:,}"]
        for label in found["labels"]
    ]
    worst = min((label for label in known if known[label]["support"]), key=lambda label: known[label]["f1"])
    row = found["confusion"][found["labels"].index(worst)]
    taken, times = max(
        ((label, n) for label, n in zip(found["labels"], row, strict=True) if label != worst), key=lambda pair: pair[1]
    )
    told = f"Worst: {worst}"
    told += f", most often taken for {taken} ({times:,} of {known[worst]['support']:,})." if times else "."
    return f"\n### Per expression, on test\n\n{told}\n\n{grid(('', 'precision', 'recall', 'F1', 'images'), rows)}"


def agreement(votes: NDArray[np.integer]) -> NDArray[np.str_]:
    """Return how many of those who named an expression agreed on each image, in words, (N,); "" where nobody did.

    `votes` are counts (N, K).

    >>> agreement(np.array([[10, 0], [2, 6], [0, 0]])).tolist()
    ['95 % or more', '75 to 95 %', '']
    """
    total = votes.sum(1)
    share = votes.max(1) / np.maximum(total, 1)
    words = np.select([share >= least for least, _ in AGREEMENT], [word for _, word in AGREEMENT], "")
    return np.where(total > 0, words, "").astype(np.str_)


def by_group(test: Result, groups: Mapping[str, NDArray[np.str_]]) -> str:
    """Return accuracy by group, and what is not known about people."""
    rows = []
    order = {word: k for k, word in enumerate(ORDER)}
    for audit in fairness(test, groups).columns if groups else ():
        for group in sorted(audit.groups, key=lambda group: (order.get(group.group, 0), group.group)):
            scores = asdict(group)
            accuracy = with_interval(scores, "accuracy") if group.enough else "too few"
            rows.append([f"{audit.column}: {group.group}", f"{group.n:,}", accuracy, with_interval(scores, "ece")])
    table = grid(("", "images", "accuracy", "ECE"), rows) if rows else ""
    if AGREED in groups:
        table = f"Of FERPlus's ten, those who named an expression: how many named the same.\n\n{table}"
    return f"\n### Per group, on test\n\n{table}\n\n{UNKNOWN_PEOPLE}\n"


def robustness(stress: Mapping[str, Any]) -> str:
    """Return mean accuracy by family of corruptions."""
    families: dict[str, list[float]] = {}
    for corruption in stress["corruptions"]:
        families.setdefault(corruption["family"], []).extend(s["accuracy"] for s in corruption["severities"])
    rows = [[name, percent(mean(values))] for name, values in families.items()]
    rows.append(["all", percent(mean(value for values in families.values() for value in values))])
    told = f"On {stress['n']:,} images of {stress['split']}, {percent(stress['clean']['accuracy'])} as they are."
    note = f"{told}  Mean accuracy over five strengths of each corruption:"
    return f"\n### Corrupted images\n\n{note}\n\n{grid(('corruption', 'accuracy'), rows)}"


def energy(card: Card) -> str:
    """Return what training took, with an estimate of the energy."""
    facts, used = card.provenance, kilowatt_hours(card.provenance)
    share = f"{facts['seconds'] / 60:.0f} min" if "seconds" in facts else "-"
    device = f"{facts.get('device', '-')}, {facts.get('threads', '-')} thread(s)"
    told = (
        f"Estimated, not metered: {WATTS['cpu']:.0f} W for each busy CPU thread, {WATTS['cuda']:.0f} W for a GPU.  "
        "Runs that were tried before this one, and the training of its teachers, are not in it."
    )
    row = (device, share, "unknown" if used is None else f"{used:.3f} kWh")
    return f"\n## Energy of training\n\n{told}\n\n{grid(('device', 'time', 'energy'), [row])}"


def kilowatt_hours(provenance: Mapping[str, Any]) -> float | None:
    """Return the energy that training took by the assumed power, or None where its time is not known.

    >>> kilowatt_hours({"device": "cpu: a CPU", "threads": 2, "seconds": 1800.0}), kilowatt_hours({})
    (0.01, None)
    """
    if "seconds" not in provenance or "device" not in provenance:
        return None
    cpu = str(provenance["device"]).startswith("cpu")
    watts = WATTS["cpu"] * provenance.get("threads", 1) if cpu else WATTS["cuda"]
    return float(watts * provenance["seconds"] / 3_600_000)


if __name__ == "__main__":
    for path in draw(Path(sys.argv[1] if sys.argv[1:] else "results")):
        print(path)
