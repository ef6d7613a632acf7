"""Rows of fine-tuning beside random weights and files that ship, from results/fine_tuning.json, for TABLE.md.

`benchmarks/fine_tuning.py` measures them.
"""

from pathlib import Path

from pydantic import Field

from mien.errors import UsageError
from mien.reading.guard import parsing
from mien.reading.shape import Facts, fits
from mien.training.runlog import read_json

FILE = "fine_tuning.json"
HEAD = ("trained from", "what is trained", "seeds", "val, %", "points above random weights", "points above the file")
INTRODUCTION = """
## Fine-tuning on {images:,} images

Trained on {images:,} images of FERPlus Training under {groups} groups of its expressions ({labels}; recipe
`mien/three-groups`), scored on {n:,} val images, on which the epoch was selected.  Differences are paired by image,
with 95 % intervals over images.  The file is the one trained from, as it ships: its probabilities added up by group.
"""


class Difference(Facts):
    """A difference of accuracies, a fraction, and its 95 % interval."""

    difference: float
    interval: tuple[float, float] = Field(strict=False)


class Mapped(Facts):
    """What a file that ships reaches without training."""

    accuracy: float
    interval: tuple[float, float] = Field(strict=False)


class ToMapped(Difference):
    """The difference to a file that ships."""

    file: str


class Arm(Facts):
    """One way to train: the overrides of its recipe, its accuracies by seed, and differences to others."""

    overrides: list[str]
    accuracy: list[float]
    mean: float
    std: float
    to_mapped: ToMapped
    to_scratch: Difference

    @property
    def frozen(self) -> bool:
        """Whether the last layer alone is trained."""
        return "freeze=0" not in self.overrides


class FineTuning(Facts):
    """The content of the file."""

    n: int
    images: int
    labels: list[str]
    mapped: dict[str, Mapped]
    arms: dict[str, Arm]


def read(results: Path) -> FineTuning | None:
    """Return what was measured, None where it was not; UsageError for a file of something else."""
    path = results / FILE
    if not path.is_file():
        return None
    with parsing(path, "what benchmarks/fine_tuning.py wrote", UsageError, "remove it"):
        return fits(FineTuning, read_json(path))


def introduction(found: FineTuning) -> str:
    """Return the heading, and what was measured on which images."""
    facts = {"n": found.n, "images": found.images, "groups": len(found.labels), "labels": ", ".join(found.labels)}
    return INTRODUCTION.format(**facts)


def lines(found: FineTuning) -> list[list[str]]:
    """Return a row for each way to train, and one for each file as it ships."""
    rows = []
    for name, arm in found.arms.items():
        scratch = name == "scratch"
        accuracy = f"{100 * arm.mean:.2f} +- {100 * arm.std:.2f}"
        own = ["-", "-"] if scratch else [points(arm.to_scratch), points(arm.to_mapped)]
        start = "random weights" if scratch else arm.to_mapped.file
        rows.append([start, "the last layer" if arm.frozen else "all", str(len(arm.accuracy)), accuracy, *own])
    for name, file in found.mapped.items():
        low, high = (100 * end for end in file.interval)
        rows.append([name, "nothing", "-", f"{100 * file.accuracy:.2f} ({low:.2f} to {high:.2f})", "-", "-"])
    return rows


def points(gap: Difference) -> str:
    """Return a difference in points with its interval, and in words whether that leaves zero out.

    >>> points(Difference(difference=0.1638, interval=(0.1462, 0.1815)))
    '+16.4 (+14.6 to +18.1): better'
    >>> points(Difference(difference=-0.0152, interval=(-0.023, -0.0075)))
    '-1.5 (-2.3 to -0.8): worse'
    """
    low, high = gap.interval
    verdict = "better" if low > 0 else "worse" if high < 0 else "may be noise"
    return f"{100 * gap.difference:+.1f} ({100 * low:+.1f} to {100 * high:+.1f}): {verdict}"
