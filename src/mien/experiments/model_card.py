"""Model cards of weights, in Markdown: what they are for, what they were trained on, how good they are.

    mien card RUN                                       # of any run, or of an ONNX file with a card
    python -m mien.experiments.model_card results       # writes results/NAME/README.md for every shipped name

After Mitchell et al., Model Cards for Model Reporting (2019).  Every score comes from the file's own card and from
results; missing measurements are listed as missing.  Only the energy is an estimate: the time of training times an
assumed power, both of which are given.
"""

import sys
from collections.abc import Mapping, Sequence
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
from mien.experiments import other_labs
from mien.experiments.table import grid
from mien.html.page import NOTICE, percent
from mien.inference.classify import Classifier, names
from mien.reading.digest import sha256_of
from mien.reliability import RULE, WEAK, is_weak
from mien.training.finalize import scored
from mien.training.runlog import read_json

WATTS = {"cpu": 10.0, "cuda": 700.0}
"""Assumed power in W: of a busy CPU thread with its part of the machine, and of a whole data centre GPU."""

AGREEMENT = ((0.95, "95 % or more"), (0.75, "75 to 95 %"), (0.55, "55 to 75 %"), (0.0, "less than 55 %"))
"""Smallest fraction of the annotators who named an expression that chose the most frequent one, in words."""

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
with its uncertainty, never as the result itself.  Not meant for decisions about a person; for people at work or in
education; for detecting lies, intent, illness or identity; or for children, drawings and animals, which were not
measured separately.  {whose}  Accuracy is lower on covered,
sidelong and tiny faces, and cultures name expressions differently.
"""

WEB = "Its expressions are those that annotators of web photographs named."
OWN = "Its expressions are the labels of its training data."

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
        elsewhere=other_labs.of(results, sha256_of(classifier.path)),
    )
    path = folder / "README.md"
    outputs.write(path, content.encode())
    return path


def card_of(weights: str | Path) -> tuple[str, Card]:
    """Return the model card of a shipped name, an ONNX file or a run folder as text, and the card in the file.

    A run's scores come from its metrics.json, those of a file from its card.
    """
    classifier = Classifier(weights)
    run = classifier.path.parent
    measured = scored(run) if (run / "metrics.json").is_file() else None
    scores = measured.splits if measured else classifier.card.metrics
    test = Result.load(run / "test.npz") if "test" in scores and (run / "test.npz").is_file() else None
    megabytes = classifier.path.stat().st_size / 1e6
    return text(classifier.card, scores, {}, test, megabytes=megabytes, elsewhere=None), classifier.card


def agreed(test: Result, results: Path) -> dict[str, NDArray[np.str_]]:
    """Return a column of how far annotators agreed on each image, by its votes or those in results/ferplus.

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
    scores: Mapping[str, Any],
    groups: Mapping[str, NDArray[np.str_]],
    test: Result | None,
    *,
    megabytes: float,
    stress: Mapping[str, Any] | None = None,
    elsewhere: Sequence[dict[str, Any]] | None = (),
) -> str:
    """Return a model card.

    `scores` holds the scores of the splits "val" and "test" that were measured, as JSON has them.  `test` is the result
    behind the latter, and `groups` columns of words for its samples, as `fairness` takes them.  `stress` is the content
    of stress.json, `elsewhere` the lines of other_labs.jsonl on these weights, None where that file is not at hand.
    """
    parts = [HEAD.format(name=card.name, notes=card.notes, notice=NOTICE), facts(card, megabytes), meant(card)]
    parts += [data(card, scores), headline(scores)]
    parts += [per_class(scores[split], split) for split in ("test", "val") if "per_class" in scores.get(split, ())][:1]
    parts.append(by_group(test, groups) if test is not None else "")
    parts += [robustness(stress) if stress else "", other_labs.section(elsewhere), energy(card)]
    return "\n".join(part.strip("\n") + "\n" for part in parts if part)


def meant(card: Card) -> str:
    """Return what weights are for and what not."""
    return MEANT.format(whose=WEB if _web(card) else OWN)


def _web(card: Card) -> bool:
    recipe = card.recipe.get("data", {})
    return bool({recipe.get("name"), (recipe.get("auxiliary") or {}).get("name")} & {"fer2013", "ferplus"})


def facts(card: Card, megabytes: float) -> str:
    """Return what goes in, what comes out, and under which licences and terms."""
    recipe = card.recipe
    made = (
        f"`{recipe['model'].get('name')}`, recipe `{recipe.get('name')}`, seed {recipe.get('seed')}" if recipe else "-"
    )
    lines = [
        ("network", made),
        ("takes", f"one face, cropped: {card.size} x {card.size} pixels, {card.channels} channel(s), 0 to 255"),
        ("gives", f"probabilities of {', '.join(card.labels)}"),
        ("calibration", f"temperature {card.temperature:.3f}, fitted on val, for photographs like those"),
        (
            "abstains",
            "-" if card.threshold is None else f"below {percent(card.threshold)} with `--abstain auto`, likewise",
        ),
        ("priors", priors(card)),
        ("file", f"ONNX, {megabytes:.2f} MB"),
        *licences(card.model_dump()).items(),
    ]
    return grid(("", ""), lines)


def priors(card: Card) -> str:
    """Return the priors under which the file gives probabilities, and how it does."""
    if card.prior is None:
        return "natural only"
    fitted = f"strength {card.prior.strength:.2f}, temperature {card.prior.temperature:.2f}, fitted on val with copies"
    return f"natural; uniform, or fractions of your own, by division by the training prior ({fitted})"


def data(card: Card, scores: Mapping[str, Any]) -> str:
    """Return what the weights were trained, selected and measured on."""
    if not (card.data or card.recipe):
        return "\n## Data\n\nThe file does not state what it was trained on.\n"
    recipe = card.recipe.get("data", {})
    name = card.data.get("name", recipe.get("name", "unknown"))
    second = (recipe.get("auxiliary") or {}).get("name")
    more = f" A second head was trained on {second} labels of the same images and then removed." if second else ""
    sizes = ", ".join(f"{split} {scores[split]['n']:,}" for split in ("val", "test") if split in scores)
    source = ""
    if _web(card):
        source = (
            "  The images are FER2013's (Goodfellow et al., 2013): 48 x 48 grey faces from web searches for words "
            "of emotion; val is PublicTest and test PrivateTest.  People agree with its labels about two times "
            "in three (65 +- 5 %, published there); FERPlus (Barsoum et al., 2016) is ten people's votes on them."
        )
    distilled = card.recipe.get("distill") or {}
    teachers = distilled.get("weights", ())
    count = 1 if isinstance(teachers, str) else len(teachers)
    if count:
        who = "a teacher" if count == 1 else f"the mean of {count} teachers"
        weight = percent(distilled.get("weight", 0.5))
        more += f" The targets have a weight of {weight} of the probabilities of {who} for the same images."
    if init := card.provenance.get("init"):
        more += f" Training started from the weights {init['weights']}."
    opened = "opened once for this file, after earlier files had been scored" if card.name in names() else "not opened"
    opened = "opened once" if "test" in scores and card.name not in names() else opened
    return (
        f"\n## Data\n\nTrained on the training split of {name} only, without other images.{more}  Epoch, "
        f"temperature and threshold were selected on val; test was {opened}.  "
        f"Images measured: {sizes or 'none'}.{source}\n"
    )


def headline(scores: Mapping[str, Any]) -> str:
    """Return the table of headline scores, with and without near-duplicates."""
    if not scores:
        return "\n## Scores\n\nNothing was measured.\n"
    columns = [(split, scores[split]) for split in ("val", "test") if split in scores]
    columns += [
        (f"{split} without near-duplicates", each["clean"]) for split, each in columns if each["clean"]["n"] is not None
    ]
    head = ("", *(f"{name}, {each['n']:,}" for name, each in columns))
    rows = [[word, *(with_interval(each, key) for _, each in columns)] for key, word in SCORES.items()]
    note = "95 % intervals in brackets.  A near-duplicate is an image that is also, or nearly, in the training split."
    return f"\n## Scores\n\n{note}  {ECE_NOTE}\n\n{grid(head, rows)}"


SCORES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro-F1",
    "top2": "top-2 accuracy",
    "ece": "calibration error (ECE)",
}


def with_interval(scores: Mapping[str, Any], key: str) -> str:
    """Return a fraction in percent with its interval.

    >>> with_interval({"ece": 0.02, "ece_interval": [0.01, 0.031]}, "ece"), with_interval({}, "ece")
    ('2.0 % (1.0 to 3.1)', '-')
    """
    if scores.get(key) is None:
        return "-"
    low, high = scores.get(f"{key}_interval") or (None, None)
    ends = "" if low is None or high is None else f" ({100 * low:.1f} to {100 * high:.1f})"
    return f"{100 * scores[key]:.1f} %{ends}"


def per_class(scores: Mapping[str, Any], split: str) -> str:
    """Return a row per expression, and the one with the lowest F1 and, by the confusion, what it is mistaken for."""
    known = scores["per_class"]

    def named(label: str) -> str:
        return f"{label}, {WEAK}" if is_weak(known[label]) else label

    rows = [
        [
            named(label),
            *(percent(known[label][key]) for key in ("precision", "recall", "f1")),
            f"{known[label]['support']:,}",
        ]
        for label in scores.get("labels", known)
    ]
    worst = min((label for label in known if known[label]["support"]), key=lambda label: known[label]["f1"])
    note = f"Lowest F1: {worst}{mistaken(scores, worst) if 'confusion' in scores else ''}."
    note += f"  {RULE[0].upper()}{RULE[1:]}." if any(map(is_weak, known.values())) else ""
    return f"\n### Per expression, on {split}\n\n{note}\n\n{grid(('', 'precision', 'recall', 'F1', 'images'), rows)}"


def mistaken(scores: Mapping[str, Any], label: str) -> str:
    """Return what an expression is most often mistaken for, and how often; empty where it never is."""
    row = scores["confusion"][scores["labels"].index(label)]
    others = ((other, n) for other, n in zip(scores["labels"], row, strict=True) if other != label)
    taken, times = max(others, key=lambda pair: pair[1])
    support = scores["per_class"][label]["support"]
    return f", most often mistaken for {taken} ({times:,} of {support:,})" if times else ""


def agreement(votes: NDArray[np.integer]) -> NDArray[np.str_]:
    """Return how far those who named an expression agreed on each image, in words (N,); "" where nobody named one.

    `votes` are counts (N, K).

    >>> agreement(np.array([[10, 0], [2, 6], [0, 0]])).tolist()
    ['95 % or more', '75 to 95 %', '']
    """
    total = votes.sum(1)
    agreed = votes.max(1) / np.maximum(total, 1)
    words = np.select([agreed >= minimum for minimum, _ in AGREEMENT], [word for _, word in AGREEMENT], "")
    return np.where(total > 0, words, "").astype(np.str_)


def by_group(test: Result, groups: Mapping[str, NDArray[np.str_]]) -> str:
    """Return accuracy by group, and a note about groups of people that the data do not name."""
    rows = []
    order = {word: k for k, word in enumerate(ORDER)}
    for audit in fairness(test, groups).columns if groups else ():
        for group in sorted(audit.groups, key=lambda group: (order.get(group.group, 0), group.group)):
            scores = asdict(group)
            accuracy = with_interval(scores, "accuracy") if group.enough else "too few"
            rows.append([f"{audit.column}: {group.group}", f"{group.n:,}", accuracy, with_interval(scores, "ece")])
    table = grid(("", "images", "accuracy", "ECE"), rows) if rows else ""
    if AGREED in groups:
        table = f"Of the ten annotators of FERPlus who named an expression, how many named the same.\n\n{table}"
    return f"\n### Per group, on test\n\n{table}\n\n{UNKNOWN_PEOPLE}\n"


def robustness(stress: Mapping[str, Any]) -> str:
    """Return mean accuracy by family of corruptions."""
    families: dict[str, list[float]] = {}
    for corruption in stress["corruptions"]:
        families.setdefault(corruption["family"], []).extend(s["accuracy"] for s in corruption["severities"])
    rows = [[name, percent(mean(values))] for name, values in families.items()]
    rows.append(["all", percent(mean(value for values in families.values() for value in values))])
    clean = f"On {stress['n']:,} images of {stress['split']}, {percent(stress['clean']['accuracy'])} as they are."
    note = f"{clean}  Mean accuracy over five strengths of each corruption:"
    return f"\n### Corrupted images\n\n{note}\n\n{grid(('corruption', 'accuracy'), rows)}"


def energy(card: Card) -> str:
    """Return the time of training, with an estimate of the energy."""
    facts, used = card.provenance, kilowatt_hours(card.provenance)
    time = f"{facts['seconds'] / 60:.0f} min" if "seconds" in facts else "-"
    device = f"{facts.get('device', '-')}, {facts.get('threads', '-')} thread(s)"
    note = (
        f"Estimated, not metered: {WATTS['cpu']:.0f} W for each busy CPU thread, {WATTS['cuda']:.0f} W for a GPU.  "
        "Earlier runs and the training of its teachers are not included."
    )
    row = (device, time, "unknown" if used is None else f"{used:.3f} kWh")
    return f"\n## Energy of training\n\n{note}\n\n{grid(('device', 'time', 'energy'), [row])}"


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
