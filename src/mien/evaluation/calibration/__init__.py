"""Fit calibration on one result and measure it on another: what `mien calibrate VAL TEST` tells.

Fitted are a temperature, a temperature per class, the confidence for `--abstain` and conformal sets.  All of it is
fitted on the first result alone, and every figure told is of the second.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mien.errors import DataError
from mien.evaluation import label_sets, metrics
from mien.evaluation.calibration import conformal
from mien.evaluation.calibration.selective import answered
from mien.evaluation.calibration.temperature import fit_temperature, fit_temperatures, fit_threshold, logs, softmax
from mien.evaluation.result import Result
from mien.evaluation.statistics import clusters
from mien.labels import columns

TOLD = ("accuracy", "ece", "nll", "brier")
ANSWERED_RIGHT = 0.9
"""Accuracy among the answered that the threshold aims at, as the one in the weights' card does."""


def recalibrate(first: Result, second: Result, coverage: float = 0.9) -> dict[str, Any]:
    """Return what is fitted on the first result and what it is worth on the second: `mien calibrate --json`.

    `coverage` is that of the conformal sets.  DataError for results of different weights or labels, of common samples,
    or fitted on a test split.
    """
    _check(first, second)
    labels = label_sets.answerable(first)
    fitted, target = _answerable(first, labels)
    temperature, temperatures = fit_temperature(logs(fitted), target), fit_temperatures(fitted, target)
    z = logs(second.probs[:, columns(second.labels, labels)])
    variants: dict[str, metrics.Floats] = {
        "as_is": second.probs,
        "temperature": label_sets.spread(softmax(z, temperature), labels, second.labels),
        "temperatures": label_sets.spread(softmax(z, temperatures), labels, second.labels),
    }
    threshold = fit_threshold(first.probs, first.target, ANSWERED_RIGHT)
    return {
        "weights": first.provenance.weights or first.provenance.table,
        "fitted_on": _about(first),
        "measured_on": _about(second),
        "groups": clusters.count(second.group),
        "temperature": temperature,
        "temperatures": dict(zip(labels, temperatures.tolist(), strict=True)),
        "calibration": {
            name: {key: float(metrics.METRICS[key](probs, second.target)) for key in TOLD}
            for name, probs in variants.items()
        },
        "abstention": None if threshold is None else answered(second.probs, second.target, threshold, second.group),
        "coverage": coverage,
        "conformal": {
            name: conformal.measure(
                second.probs,
                second.target,
                conformal.fit_quantile(first.probs, first.target, coverage, score),
                score,
                second.group,
            )
            for name, score in conformal.SCORES.items()
        },
    }


def _answerable(result: Result, labels: Sequence[str]) -> tuple[metrics.Floats, metrics.Floats]:
    """Return probabilities and targets over the labels that the system can answer, of the samples labelled so.

    No temperature makes an expression possible that a system cannot answer: the others are measured, not fitted on.
    """
    if tuple(labels) == result.labels:
        return result.probs, result.target
    wide = columns(result.labels, labels)
    target = result.target[:, wide].astype(np.float64)
    kept = target.sum(1) > 0.5
    if not kept.any():
        raise DataError("no sample has a label that the system can answer", "at least one")
    return result.probs[kept][:, wide], target[kept] / target[kept].sum(1, keepdims=True)


def load(path: Path) -> Result:
    """Read a result from a file, or from the folder that `mien evaluate --out` wrote it to."""
    return Result.load(path / "result.npz" if path.is_dir() else path)


def to_text(figures: dict[str, Any]) -> str:
    """Return the figures of `recalibrate` as lines for a terminal."""
    f = figures
    names = {
        "as_is": "as they are",
        "temperature": f"temperature {f['temperature']:.3f}",
        "temperatures": "one per class",
    }
    lines = [
        f"{f['weights']}: fitted on {_named(f['fitted_on'])}, measured on {_named(f['measured_on'])}",
        *([f"intervals {clusters.by(f['groups'])}"] if f["groups"] else []),
        "",
        f"{'':20s}{'accuracy':>10s}{'ECE':>9s}{'NLL':>8s}{'Brier':>8s}",
    ]
    for key, row in f["calibration"].items():
        told = f"{100 * row['accuracy']:8.2f} %{100 * row['ece']:7.2f} %{row['nll']:8.3f}{row['brier']:8.3f}"
        lines.append(f"{names[key]:20s}{told}")
    told = ", ".join(f"{label} {value:.2f}" for label, value in f["temperatures"].items())
    lines += ["", f"temperatures: {told}", "", _abstention(f["abstention"]), ""]
    lines.append(f"{'sets that should hold':22s}{'measured':>10s}{'95 %':>16s}{'size':>7s}{'95 %':>14s}")
    for name, row in f["conformal"].items():
        low, high = (100 * v for v in row["coverage_interval"])
        size = "" if None in row["size_interval"] else "{:.2f} to {:.2f}".format(*row["size_interval"])
        wanted, held = f"{100 * f['coverage']:g} % ({name})", f"{low:.2f} to {high:.2f}"
        lines.append(f"{wanted:22s}{100 * row['coverage']:8.2f} %{held:>16s}{row['size']:7.2f}{size:>14s}".rstrip())
    lines += ["", *(f"{name}: {conformal.MEANINGS[name]}" for name in f["conformal"])]
    return "\n".join(lines)


def _check(first: Result, second: Result) -> None:
    if first.provenance.split == "test":
        swapped = second.provenance.split == "val"
        got = f"the first result is of {_named(_about(first))}, and nothing is fitted on test"
        raise DataError(got, "VAL, then TEST", "the two are swapped" if swapped else "")
    if first.labels != second.labels:
        raise DataError(f"results with the labels {', '.join(first.labels)} and {', '.join(second.labels)}", "the same")
    if not len(first) or not len(second):
        raise DataError(f"results of {len(first)} and {len(second)} samples", "at least one in each")
    names = [result.provenance.weights for result in (first, second)]
    tables = [result.provenance.table for result in (first, second)]
    if any(tables) and not all(tables):
        told = " and of ".join(
            f"the table {table}" if table else str(name) for table, name in zip(tables, names, strict=True)
        )
        raise DataError(f"results of {told}", "answers of one system on val and on another split")
    if all(names) and names[0] != names[1]:
        raise DataError(f"results of {names[0]} and of {names[1]}", "the same weights on val and on another split")
    files = [result.provenance.weights_sha256 for result in (first, second)]
    if all(files) and files[0] != files[1]:  # seeds of a recipe share its name
        raise DataError(
            f"results of two files called {names[0]}",
            "answers of one and the same",
            "run `mien evaluate WEIGHTS --out DIR`",
        )
    common = np.intersect1d(first.ids, second.ids)
    if len(common):
        told = ", ".join(common[:3].tolist())
        raise DataError(f"{len(common)} samples in both results ({told}, ...)", "results without a common sample")


def _about(result: Result) -> dict[str, Any]:
    return {"dataset": result.provenance.dataset, "split": result.provenance.split, "n": len(result)}


def _named(about: dict[str, Any]) -> str:
    what = " ".join(str(about[key]) for key in ("dataset", "split") if about[key]) or "a result"
    return f"{what} ({about['n']:,})"


def _abstention(row: dict[str, Any] | None) -> str:
    if row is None:
        return f"no confidence reaches {100 * ANSWERED_RIGHT:g} % accuracy on the first result"
    if not row["n"]:
        return f"answering from a confidence of {row['threshold']:.3f}: nothing reaches it"
    low, high = (100 * v for v in row["accuracy_interval"])
    told = (
        f"{100 * row['coverage']:.1f} % answered, {100 * row['accuracy']:.2f} % right (95 %: {low:.2f} to {high:.2f})"
    )
    return f"answering from a confidence of {row['threshold']:.3f}: {told}"
