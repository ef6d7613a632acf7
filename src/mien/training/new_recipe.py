"""A commented recipe for one's own images: what was found in a folder or table, and settings to begin with.

    made = new_recipe(Path("my-faces"), {})
    made.text        # YAML, which `mien train` takes

The settings are those of fine-tuning on little data: from weights that ship, whose crops are 48 pixels and grey.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from mien.data import load_splits
from mien.data.apart import check_apart
from mien.data.folder import listing as list_folder
from mien.data.own.listing import Listing
from mien.data.own.options import Options
from mien.data.own.splits import split_of
from mien.data.own.words import NUMBER, meaning
from mien.data.samples import Samples
from mien.data.table import candidates
from mien.data.table import listing as list_table
from mien.errors import DataError
from mien.html.page import count
from mien.labels import is_label, spelled_as_label
from mien.reading.documents import parse_yaml
from mien.training.recipe import parse

START = "ferplus-nano"
"""Weights to start from, which the network below is."""

CROP = {"size": 48, "channels": 1}
"""The crops that they take."""

PART = 0.2
"""Fraction of the images that becomes a split where there is none."""

PER_EPOCH, MAX_REPEAT = 2500, 20
"""Images that an epoch of few images shows by repeating them, and how often at most."""

SETTINGS = """
init: {start}                # weights to start from; null starts from random ones, then freeze: 0, more epochs
freeze: 5                           # only the last layer is trained, best with few images; 0 trains all of the network
model:
  name: mienet
  options: {{width: 0.75, depths: [1, 1, 1, 1], stem_stride: 2, dropout: 0.1, symmetric: true}}
{heads}augment:                        # random changes to the training images
  flip: 0.5
  shift: 0.08
  rotate: 10
  scale: [0.9, 1.1]
  fill: edge
  brightness: 0.2
  contrast: 0.2
optim: {{name: adamw, lr: 0.01, weight_decay: 0.01, warmup: 1, clip: 1.0}}   # with freeze: 0, lr: 0.002
epochs: 20
batch: {batch}
ema: 0.98
views: {{flip: false}}
"""


@dataclass(frozen=True)
class NewRecipe:
    """A recipe for a folder or table.

    Attributes:
        name, text: what it is called, and its YAML.
        data: the data set that reads the images, `folder` or `table`; options: how.
        counts: images by split and label; notes: what was found, in words.
    """

    name: str
    text: str
    data: str
    options: Mapping[str, Any]
    counts: Mapping[str, Mapping[str, int]]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return what was found, as JSON has it."""
        counts = {split: dict(each) for split, each in self.counts.items()}
        return {"name": self.name, "data": self.data, "options": dict(self.options), "counts": counts} | {
            "notes": list(self.notes)
        }


def new_recipe(root: Path, given: Mapping[str, Any]) -> NewRecipe:
    """Return a recipe for the images under `root`, read with the options that are `given`; DataError for other files.

    Words that name no expression become labels of one's own.  A missing val is drawn from train; without any splits,
    test is drawn as well.
    """
    data = "table" if candidates(root) else "folder"
    wanted = Options.of(data, given)
    listing = (list_table if data == "table" else list_folder)(root, wanted)
    options, notes = _labels(listing, wanted, given)
    options |= {key: value for key, value in CROP.items() if key not in options} | _parts(listing, wanted)
    splits, _ = load_splits(data, root, options, required=("train", "val"))
    train = splits["train"]
    _check_apart(train, splits["val"], notes)
    notes += [note for note in train.about.split("; ") if note]
    name = re.sub(r"[^\w-]+", "-", root.resolve().stem).strip("-_") or "mine"
    text = _text(name, root, data, options, splits, notes)
    parse(parse_yaml(text), name)
    return NewRecipe(name, text, data, options, {split: each.counts() for split, each in splits.items()}, tuple(notes))


def _parts(listing: Listing, options: Options) -> dict[str, float]:
    """Return the options that draw val, and test where there is none, of images whose files have no val."""
    there = set() if options.ignore_splits else {split_of(word) for word in listing.splits}
    if "val" in there or options.val or options.folds:
        return {}
    return {"val": PART} if "test" in there or options.test else {"val": PART, "test": PART}


def _labels(listing: Listing, options: Options, given: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the options, with words that name no expression as labels, and notes on those."""
    unknown = {} if listing.words is None else meaning(listing.words, options, listing.names, listing.codes).unknown
    if not unknown or options.labels or any(NUMBER.fullmatch(word.strip()) for word in unknown):
        return dict(given), []
    spelled = {word: spelled for word in sorted(unknown) if is_label(spelled := spelled_as_label(word))}
    labels = {label: [word for word, own in spelled.items() if own == label] for label in spelled.values()}
    notes = [f"{', '.join(words)}: a label of your own{unknown[words[0]]}" for words in labels.values()]
    return {**given, **({"labels": labels} if labels else {})}, notes


def _check_apart(train: Samples, val: Samples, notes: Sequence[str]) -> None:
    """Refuse what `mien train` would refuse; a label that may be a slip of the pen is named as well."""
    try:
        check_apart(train, val)
    except DataError as error:
        slips = [note for note in notes if "did you mean" in note]
        raise DataError("; ".join([str(error), *slips])) from None


def _text(
    name: str, root: Path, data: str, options: Mapping[str, Any], splits: Mapping[str, Samples], notes: list[str]
) -> str:
    train = splits["train"]
    head = [f"Training on the images in {root.name}, as `mien init` found them:"]
    head += [f"{split}: {count(len(each), 'image')}; {_counts(each)}" for split, each in splits.items()]
    repeat = min(MAX_REPEAT, max(1, round(PER_EPOCH / len(train))))
    spec = {"name": data, "options": dict(options), **({"repeat": repeat} if repeat > 1 else {})}
    section = yaml.safe_dump({"name": name, "data": spec}, sort_keys=False, allow_unicode=True, width=100)
    heads = {"valence_arousal": train.regression, "action_units": train.units}
    there = [f"  {head}: 1.0" for head, target in heads.items() if target is not None]
    shown = "".join(f"{line}\n" for line in ["heads:", *there]) if there else ""
    batch = min(64, max(8, len(train) * repeat // 40))
    comments = "".join(f"# {' '.join(line.split())}\n" for line in [*head, *notes, *ADVICE])
    return comments + section + SETTINGS.format(start=START, heads=shown, batch=batch)


ADVICE = (
    f"{START} takes grey crops of 48 pixels.  For colour or larger crops set channels: 3, size: 112, init: null.",
    "Subjects or clips in file names: group: '^S[0-9]+' keeps each in one split.  docs/howto has more.",
)


def _counts(samples: Samples) -> str:
    return ", ".join(f"{label} {number:,}" for label, number in samples.counts().items())


def to_text(made: NewRecipe) -> str:
    """Return what was found as lines for a terminal, without what the readers have reported already."""
    labels = list(next(iter(made.counts.values())))
    rows = [["", *made.counts]]
    rows += [[label, *(f"{each[label]:,}" for each in made.counts.values())] for label in labels]
    rows += [["all", *(f"{sum(each.values()):,}" for each in made.counts.values())]]
    lines = [row[0].ljust(20) + "".join(cell.rjust(9) for cell in row[1:]) for row in rows]
    return "\n".join([*lines, *(note for note in made.notes if " = " not in note)])
