"""Result: what weights predict on a data set, stored as one `.npz` that holds no pixels and needs no pickle.

Everything that is printed about a model (metrics, comparisons, reports) is computed from results, so a number can
always be traced to the probabilities it came from and computed again without the images.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import ConfigDict

from mien.errors import DataError
from mien.frame import frame
from mien.labels import label_fault
from mien.outputs import staged
from mien.reading import arrays
from mien.reading.documents import parse_json
from mien.reading.guard import parsing
from mien.reading.shape import Facts, fits

_ARRAYS = ("probs", "target", "ids", "group", "regression", "units", "votes", "regression_target", "units_target")
_MORE = {"regression": np.float32, "units": np.float32, "votes": np.int16}


class Provenance(Facts):
    """What a result knows of its origin; what is unknown is None, and facts under other names are kept.

    Attributes:
        weights, weights_sha256: name and digest of the file that made the predictions; table: of other systems, theirs.
        dataset, split, options, fingerprint: what they were made on, and how it was read; split_from: none, where the
            data set has no splits.
        about: how the data was read in words, beyond what the options say.
        classes: the labels that the weights' recipe selected or merged.
        left_out: how many images were left out for want of a label, or for one of `labels_left_out`.
        answer_labels, truth_labels: the expressions that the weights can predict, and that the data know.
        labels_only: whether the predictions are labels without probabilities.
        training: name and fingerprint of the weights' own training data that was searched for near-duplicates; twins:
            ids that have one in it; not_searched: why it was not searched.
        may_hold_training: why some images may be training images, where that cannot be known.
        prior: the prior under which the probabilities are given, None for the natural one; adjustment: the card's, by
            which another prior can take its place.
        units: names of the columns of the result's units.
        run, folds: of a system that is compared, which of its runs this is, and how many folds it joins.
        stopped: after which epoch the training stood that had not ended; None where it had, or no run is known.
        trained: recipe, seed, commit, hardware and time of the weights; version: mien's when they were measured.
    """

    model_config = ConfigDict(extra="allow")

    weights: str | None = None
    weights_sha256: str | None = None
    dataset: str | None = None
    split: str | None = None
    options: dict[str, Any] | None = None
    classes: list[str] | dict[str, list[str]] | None = None
    fingerprint: str | None = None
    split_from: str | None = None
    about: str | None = None
    left_out: int = 0
    labels_left_out: list[str] | None = None
    answer_labels: Sequence[str] | None = None
    truth_labels: Sequence[str] | None = None
    threshold: float | None = None
    prior: str | None = None
    adjustment: dict[str, Any] | None = None
    units: list[str] | None = None
    version: str | None = None
    trained: dict[str, Any] | None = None
    training: dict[str, str] | None = None
    twins: list[str] | None = None
    not_searched: str | None = None
    may_hold_training: str | None = None
    table: str | None = None
    path: str | None = None
    labels_only: bool = False
    run: str | None = None
    stopped: int | None = None
    folds: int = 1
    notes: list[str] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the facts that were given, as JSON carries them."""
        return self.model_dump(exclude_unset=True)

    def updated(self, **changes: Any) -> "Provenance":
        """Return the facts with some of them changed or added."""
        return Provenance(**{**self.to_dict(), **changes})

    def without(self, *names: str) -> "Provenance":
        """Return the facts without some of them."""
        return Provenance(**{name: value for name, value in self.to_dict().items() if name not in names})

    @property
    def measured_on(self) -> str:
        """The data set and its split in words, as far as they are known; else empty."""
        return " ".join(filter(None, (self.dataset, self.split)))


@dataclass(frozen=True, eq=False)
class Result:
    """What weights predict on the samples of one split; checked when made, DataError names the wrong rows.

    Attributes:
        probs, target: float32 (N, K), every row a distribution over `labels`.
        labels: K expressions in vocabulary order.
        ids: (N,) strings, each once.
        group: (N,) strings, the subject or clip of each sample, or None.
        regression: float32 (N, 2) valence and arousal as predicted, or None; units: float32 (N, A) likewise.
        votes: int16 (N, K), how many people chose each label, or None.
        regression_target, units_target: labels of regression and units, NaN where unknown, or None.
        provenance: facts on weights, data, versions.
    """

    probs: NDArray[np.float32]
    target: NDArray[np.float32]
    labels: tuple[str, ...]
    ids: NDArray[np.str_]
    group: NDArray[np.str_] | None = None
    regression: NDArray[np.float32] | None = None
    units: NDArray[np.float32] | None = None
    votes: NDArray[np.int16] | None = None
    regression_target: NDArray[np.float32] | None = None
    units_target: NDArray[np.float32] | None = None
    provenance: Provenance = field(default_factory=Provenance)

    def __post_init__(self) -> None:
        checked = {
            "labels": _labels(self.labels),
            "probs": _distributions("probs", self.probs, len(self.labels)),
            "target": _distributions("target", self.target, len(self.labels)),
            "ids": _unique(self.ids),
            "group": None if self.group is None else np.asarray(self.group, np.str_),
        }
        for name in _ARRAYS[4:]:
            kind = _MORE[name.removesuffix("_target")]
            checked[name] = None if (value := getattr(self, name)) is None else _numbers(name, value, kind)
        for name, value in checked.items():
            object.__setattr__(self, name, value)  # the class is frozen
        if self.votes is not None and (self.votes.shape[1:] != (len(self.labels),) or (self.votes < 0).any()):
            raise DataError(f"votes of shape {self.votes.shape}", f"counts (N, {len(self.labels)}), a column per label")
        sizes = {name: len(value) for name in _ARRAYS if (value := getattr(self, name)) is not None}
        if len(set(sizes.values())) > 1:
            raise DataError(f"a result whose arrays differ in length: {sizes}", "one row per sample in each")

    def __len__(self) -> int:
        return len(self.probs)

    def __repr__(self) -> str:
        facts = self.provenance
        known = [repr(facts.weights or facts.table)] if facts.weights or facts.table else []
        known += [repr(facts.measured_on)] if facts.measured_on else []
        known += [f"prior={facts.prior!r}"] if facts.prior else []
        return f"Result({', '.join([*known, f'n={len(self)}', f'labels={self.labels}'])})"

    @property
    def clean(self) -> NDArray[np.bool_] | None:
        """Which samples have no near-duplicate in the training data, bool (N,); None where that was not searched."""
        if not self.provenance.training:
            return None
        return ~np.isin(self.ids, np.asarray(self.provenance.twins or [], np.str_))

    def take(self, rows: ArrayLike) -> "Result":
        """Return the result of some samples only; `rows` is a boolean mask or indices."""
        chosen = np.asarray(rows)
        chosen = chosen if chosen.size else np.zeros(chosen.shape, np.intp if chosen.dtype != bool else bool)
        arrays = {name: None if (v := getattr(self, name)) is None else v[chosen] for name in _ARRAYS}
        return Result(labels=self.labels, provenance=self.provenance, **arrays)  # type: ignore[arg-type]

    def in_order(self) -> "Result":
        """Return the result sorted by id, so that resampling draws the same samples whatever order they came in."""
        order = np.argsort(self.ids, kind="stable")
        return self if (order[:-1] < order[1:]).all() else self.take(order)

    def to_frame(self) -> Any:
        """Return a table with a row per image: id, label, expression, confidence and a probability per expression.

        It is a DataFrame of pandas or polars where one is installed, else an Arrow table.
        """
        label, top = self.target.argmax(1), self.probs.argmax(1)
        return frame(
            [
                {
                    "id": str(self.ids[k]),
                    "label": self.labels[label[k]],
                    "expression": self.labels[top[k]],
                    "confidence": float(row[top[k]]),
                    **{f"prob_{name}": float(p) for name, p in zip(self.labels, row, strict=True)},
                }
                for k, row in enumerate(self.probs)
            ]
        )

    def save(self, path: Path) -> Path:
        """Write the result as a compressed `.npz`, whole or not at all, and return its path."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        arrays = {name: value for name in _ARRAYS if (value := getattr(self, name)) is not None}
        with staged(path) as scratch, scratch.open("wb") as file:
            facts = np.array(json.dumps(self.provenance.to_dict()))
            np.savez_compressed(file, allow_pickle=False, labels=np.array(self.labels), provenance=facts, **arrays)
        return path

    @classmethod
    def load(cls, path: Path) -> "Result":
        """Read a result; DataError where the file is not one.  Nothing in the file is ever executed."""
        path, wanted = Path(path), "a result.npz written by `mien evaluate --out`"
        table = path.suffix.lower() in (".csv", ".tsv", ".parquet")
        do = "`mien compare TABLE --data NAME --out DIR` makes results of tables" if table else ""
        stored = arrays.read(path, wanted, says="is not a result", do=do)
        with parsing(path, wanted, do=do, says="is not a result"):
            if missing := sorted({"labels", "provenance", "probs", "target", "ids"} - stored.keys()):
                raise ValueError(f"it lacks {', '.join(missing)}")
            facts = fits(Provenance, parse_json(str(stored.pop("provenance"))))
            try:
                return cls(labels=tuple(map(str, stored.pop("labels"))), provenance=facts, **stored)
            except DataError as error:
                raise DataError(f"{path}: {error}") from None


def load(path: Path) -> Result:
    """Read a result from a file, or from the folder that `mien evaluate --out` wrote it to."""
    return Result.load(path / "result.npz" if path.is_dir() else path)


def _labels(labels: Sequence[str]) -> tuple[str, ...]:
    if fault := label_fault(labels):
        raise DataError(f"labels: {fault}")
    return tuple(labels)


def _distributions(name: str, values: ArrayLike, k: int) -> NDArray[np.float32]:
    array = np.asarray(values, np.float32)
    if array.ndim != 2 or array.shape[1] != k:
        raise DataError(f"{name} of shape {array.shape}", f"(N, {k}), a column per label")
    wrong = ~np.isfinite(array).all(1) | (array < 0).any(1) | (np.abs(array.sum(1) - 1) > 1e-3)
    if wrong.any():
        raise DataError(f"{name} in {_rows(wrong)}", "finite values >= 0 that sum to one in every row")
    return array


def _numbers(name: str, values: ArrayLike, kind: Any) -> NDArray[Any]:
    array = np.asarray(values)
    if array.ndim != 2 or array.dtype.kind not in ("iu" if kind == np.int16 else "iuf"):
        raise DataError(f"{name} of shape {array.shape} and {array.dtype}", "numbers, a row per sample")
    if name.startswith("regression") and array.shape[1] != 2:
        raise DataError(f"{name} of shape {array.shape}", "(N, 2), valence and arousal")
    return array.astype(kind)


def _unique(ids: ArrayLike) -> NDArray[np.str_]:
    array = np.asarray(ids).astype(np.str_)
    if array.ndim != 1:
        raise DataError(f"ids of shape {array.shape}", "(N,)")
    _, where, count = np.unique(array, return_inverse=True, return_counts=True)
    if (count > 1).any():
        raise DataError(f"ids repeated in {_rows(count[where] > 1)}", "every id once")
    return array


def _rows(wrong: NDArray[np.bool_]) -> str:
    """Name the first rows that are wrong: `row 3`, or `5 rows (0, 1, 2, ...)`."""
    rows = np.flatnonzero(wrong)
    if len(rows) == 1:
        return f"row {rows[0]}"
    return f"{len(rows)} rows ({', '.join(map(str, rows[:3]))}{', ...' if len(rows) > 3 else ''})"
