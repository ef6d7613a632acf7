"""One published score, and how the tables of the sources are written down here."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

Matrix = tuple[tuple[float | None, ...], ...]


@dataclass(frozen=True)
class Published:
    """A score as its source prints it; nothing here was measured by mien.

    Attributes:
        id: the recipe that rebuilds the system, or a short name of its own.
        what: the system in a few words.
        metric: a key such as accuracy or macro_f1; of one class `f1.fear`, of another kind `loss`.
        value: a fraction, not percent.
        split: data set and split, the data set's key first: `fer2013 test`.
        source: author, title, year.
        note: what to know before quoting it.
        matrix: (K, K), rows true and columns predicted in the order of `labels`; None where not printed.
        labels: the expressions of the matrix, or those of a task with fewer than the data set has.
    """

    id: str
    what: str
    metric: str
    value: float
    split: str
    source: str
    note: str = ""
    matrix: Matrix | None = None
    labels: tuple[str, ...] | None = None

    @property
    def dataset(self) -> str:
        """The data set's key."""
        return self.split.split()[0]

    def __str__(self) -> str:
        """Return the record as a line, fractions in percent."""
        plain = self.metric.partition(".")[0] in ("ccc", "loss", "epoch", "nll", "rmse")
        value = f"{self.value:g}" if plain else f"{100 * self.value:.2f} %"
        note = f"; {self.note}" if self.note else ""
        return f"{value:>8s}  {self.metric}  {self.id}: {self.what} [{self.split}] {self.source}{note}"


def matrix(text: str, scale: float = 1.0) -> Matrix:
    """Return a matrix written as lines of numbers, each divided by `scale`; a dash is a cell the source leaves out.

    >>> matrix("50 - \\n 25 75", scale=100)
    ((0.5, None), (0.25, 0.75))
    """
    rows = (line.split() for line in text.strip().splitlines())
    return tuple(tuple(None if cell == "-" else float(cell) / scale for cell in row) for row in rows)


def by_class(
    id: str, what: str, metrics: Sequence[str], table: str, split: str, source: str, note: str = ""
) -> Iterator[Published]:
    """Yield a record per class and metric of a table whose lines are a label and one number per metric."""
    for line in table.strip().splitlines():
        label, *values = line.split()
        for metric, value in zip(metrics, values, strict=True):
            yield Published(id, what, f"{metric}.{label}", float(value), split, source, note)
