"""Quantiles, prototypes and compound expressions from the blendshapes of FERPlus's images (benchmarks/blendshapes.py).

    python benchmarks/units.py SHAPES              prints what it measured
    python benchmarks/units.py SHAPES --write      and writes reference.json and results/units.json

Training gives the quantiles and the fits.  PublicTest (val) measures them, and says whether a fit keeps movements; the
test split is not read.  The fits it prints stand in src/mien/compound.py; a test holds them against results/units.json.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize

from mien.compound import KINDS, Fit, features, probabilities
from mien.data import load
from mien.evaluation import metrics
from mien.inference.classify import Classifier
from mien.inference.measures import files
from mien.inference.measures.movements import LEVELS, REFERENCE, fractions, raw
from mien.labels import EXPRESSIONS
from mien.prototypes import PROTOTYPES, prototype_probs
from mien.reading.digest import sha256_of
from mien.units import MEASURES, UNITS

RESULTS = Path(__file__).parents[1] / "results" / "units.json"
WEIGHTS = ("ferplus", "ferplus-nano", "fer2013", "fer2013-nano")
FITTED_ON = {"ferplus": "ferplus", "fer2013": "fer2013"}
"""The weights whose probabilities each fit is made of, by the data set that they were trained on."""
CORES = {unit: [label for label, core in PROTOTYPES.items() if unit in core] for unit in UNITS}


def read(folder: Path, split: str) -> dict[str, np.ndarray]:
    """Return rows, ids and blendshapes of a split, in the order of its images."""
    parts = [np.load(path) for path in sorted(folder.glob(f"{split}-*.npz"))]
    joined = {key: np.concatenate([part[key] for part in parts]) for key in ("row", "blendshapes")}
    order = np.argsort(joined["row"])
    return {key: value[order] for key, value in joined.items()}


def quantiles(values: np.ndarray) -> dict[str, list[float]]:
    """Return the quantiles of each measure, with four digits that count."""
    table = np.quantile(values, LEVELS, axis=0).T
    return {name: [float(f"{value:.4g}") for value in row] for name, row in zip(MEASURES, table, strict=True)}


def probs_of(name: str, split: str, folder: Path) -> tuple[tuple[str, ...], np.ndarray]:
    """Return the labels of weights and their probabilities of a split's images, which the folder keeps."""
    classifier, path = Classifier(name), folder / f"probs-{name}-{split}.npy"
    if not path.exists():
        images = load("ferplus", None, split, labels="distribution").images
        np.save(
            path, np.concatenate([classifier.heads(images[k : k + 128])["probs"] for k in range(0, len(images), 128)])
        )
    return classifier.card.labels, np.load(path).astype(float)


def split_over(target: np.ndarray) -> np.ndarray:
    """Return which compound expression the votes of each image split over exactly, len(KINDS) where over none."""
    chosen, found = target > 0, np.full(len(target), len(KINDS))
    for k, kind in enumerate(KINDS.values()):
        pair = [EXPRESSIONS.index(label) for label in kind.pair]
        found[chosen[:, pair].all(1) & (chosen.sum(1) == 2)] = k
    return found


def fit(x: np.ndarray, label: np.ndarray) -> Fit:
    """Return the coefficients with the least log loss on probabilities alone."""
    every = np.concatenate([x, np.ones((*x.shape[:2], 1))], -1)
    return Fit(*_least(lambda w: probabilities(Fit(*w), x), every, label))


def with_movement(alone: Fit, x: np.ndarray, means: np.ndarray, label: np.ndarray) -> Fit:
    """Return a fit to which the movements of the faces that have them are added; the rest is that of all faces."""
    every = np.stack([np.ones_like(means), means], -1)
    found = _least(lambda w: probabilities(replace(alone, offset=w[0], movement=w[1]), x, means), every, label)
    return replace(alone, offset=found[0], movement=found[1])


def _least(model: Callable[[np.ndarray], np.ndarray], every: np.ndarray, label: np.ndarray) -> list[float]:
    wanted = np.eye(len(KINDS) + 1)[label][:, :-1]

    def loss(w: np.ndarray) -> tuple[float, np.ndarray]:
        found = model(w)
        return log_loss(found, label), np.einsum("nk,nkd->d", found - wanted, every) / len(label)

    best = minimize(loss, np.zeros(every.shape[-1]), jac=True, method="L-BFGS-B")
    return [round(float(value), 3) for value in best.x]


def log_loss(found: np.ndarray, label: np.ndarray) -> float:
    """Return the mean negative log-likelihood of which compound expression it is, none included."""
    every = np.hstack([found, 1 - found.sum(1, keepdims=True)])
    return float(-np.log(np.clip(every[np.arange(len(label)), label], 1e-12, 1)).mean())


def measured(found: np.ndarray, label: np.ndarray) -> dict[str, float]:
    """Return how good probabilities (N, 12) are: log loss, calibration of any split, AUC, and which pair it is."""
    any_split, split = found.sum(1), label < len(KINDS)
    both = [np.stack([1 - one, one], 1) for one in (any_split, split.astype(float))]
    bins = np.array_split(np.argsort(any_split), metrics.BINS)
    ece = sum(abs(any_split[rows].mean() - split[rows].mean()) * len(rows) for rows in bins) / len(label)
    right = found[split].argmax(1) == label[split]
    return {
        "log_loss": round(log_loss(found, label), 4),
        "ece": round(float(ece), 4),
        "auc": round(metrics.METRICS["roc_auc"](*both), 4),
        "pair_accuracy": round(float(right.mean()), 4),
    }


def compound_rows(
    shapes: dict[str, dict[str, np.ndarray]], table: dict[str, list[float]], folder: Path
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the fits that are kept, and what was measured of each set of weights on val."""
    sets = {split: load("ferplus", None, split, labels="distribution") for split in shapes}
    label = {split: split_over(samples.target) for split, samples in sets.items()}
    base = np.bincount(label["train"], minlength=len(KINDS) + 1)[:-1] / len(label["train"])
    means = {split: _core_means(one, table) for split, one in shapes.items()}
    rows = {split: one["row"][np.isfinite(one["blendshapes"]).all(1)] for split, one in shapes.items()}
    fits: dict[str, list[Fit]] = {}
    for data, name in FITTED_ON.items():
        names, probs = probs_of(name, "train", folder)
        x, seen = features(names, probs), rows["train"]
        alone = fit(x, label["train"])
        fits[data] = [alone, with_movement(alone, x[seen], means["train"], label["train"][seen])]
    out: dict[str, Any] = {}
    seen = rows["val"]
    for name in WEIGHTS:
        names, probs = probs_of(name, "val", folder)
        alone, moved = fits[name.removesuffix("-nano")]
        x, pair = features(names, probs), [[names.index(one) for one in kind.pair] for kind in KINDS.values()]
        product = 2 * probs[:, [a for a, _ in pair]] * probs[:, [b for _, b in pair]]
        out[name] = {
            "base_rates": measured(np.tile(base, (len(x), 1)), label["val"]),
            "product": measured(product, label["val"]),
            "probabilities": measured(probabilities(alone, x), label["val"]),
            "probabilities_measured_faces": measured(probabilities(alone, x[seen]), label["val"][seen]),
            "with_movements": measured(probabilities(moved, x[seen], means["val"]), label["val"][seen]),
        }
    kept = {data: [alone, moved if _helps(out[FITTED_ON[data]]) else alone] for data, (alone, moved) in fits.items()}
    counts = {split: {"n": len(one), "split": int((one < len(KINDS)).sum())} for split, one in label.items()}
    facts = {"images": counts, "measured": {split: len(one) for split, one in rows.items()}}
    return {data: [astuple(one) for one in pair] for data, pair in kept.items()}, {**facts, "val": out}


def _helps(row: dict[str, dict[str, float]]) -> bool:
    """Return whether movements lower the log loss on the same faces of val."""
    return row["with_movements"]["log_loss"] < row["probabilities_measured_faces"]["log_loss"]


def units_of(shapes: np.ndarray, table: dict[str, list[float]]) -> np.ndarray:
    """Return the movement measures (N, M) of blendshapes (N, 52) without NaN."""
    steps = np.array([table[name] for name in MEASURES])
    return np.array([fractions(row, steps) for row in raw(files_names(), shapes)])


def _core_means(one: dict[str, np.ndarray], table: dict[str, list[float]]) -> np.ndarray:
    known = one["blendshapes"][np.isfinite(one["blendshapes"]).all(1)]
    units, names = units_of(known, table), list(MEASURES)
    return np.stack([units[:, [names.index(unit) for unit in kind.core]].mean(1) for kind in KINDS.values()], 1)


def prototype_row(val: dict[str, np.ndarray], table: dict[str, list[float]], folder: Path) -> dict[str, Any]:
    """Return how prototypes do on val by majority, beside the networks on the same faces and AUC of each unit."""
    samples = load("ferplus", None, "val", labels="majority")
    every = load("ferplus", None, "val", labels="distribution").ids
    place = {id: k for k, id in enumerate(every.tolist())}
    rows = np.array([place[id] for id in samples.ids.tolist()])
    shapes = val["blendshapes"][rows]
    seen = np.isfinite(shapes).all(1)
    units = units_of(shapes[seen], table)
    target = samples.target[seen]
    guesses = np.array([list(prototype_probs(dict(zip(MEASURES, row, strict=True))).values()) for row in units])
    figures = {"prototypes": _figures(guesses, target)}
    for name in ("ferplus", "ferplus-nano"):
        figures[name] = _figures(probs_of(name, "val", folder)[1][rows][seen], target)
    counts = target.sum(0)
    figures["most_frequent"] = _figures(np.tile(counts / counts.sum(), (len(target), 1)), target)
    return {"n": len(samples), "measured": int(seen.sum()), "systems": figures, "auc": _unit_areas(units, target)}


def _figures(probs: np.ndarray, target: np.ndarray) -> dict[str, float]:
    keys = ("accuracy", "macro_f1", "balanced_accuracy", "top2")
    return {key: round(metrics.METRICS[key](probs, target), 4) for key in keys}


def _unit_areas(units: np.ndarray, target: np.ndarray) -> dict[str, float]:
    """Return the AUC of each unit for the expressions that have it at their core, against the others."""
    found = {}
    for unit, labels in CORES.items():
        if labels:
            value = units[:, list(MEASURES).index(unit)]
            core = target[:, [EXPRESSIONS.index(label) for label in labels]].sum(1)
            found[unit] = round(metrics.METRICS["roc_auc"](*(np.stack([1 - one, one], 1) for one in (value, core))), 3)
    return found


def files_names() -> tuple[str, ...]:
    """Return the names of the blendshapes."""
    from mien.inference.measures.mesh import Networks

    return Networks(files.locate()).names


def main(folder: Path, write: bool) -> None:
    """Measure, print, and write when told to."""
    shapes = {split: read(folder, split) for split in ("train", "val")}
    samples = load("ferplus", None, "train", labels="distribution")
    train = shapes["train"]["blendshapes"]
    known = train[np.isfinite(train).all(1)]
    table = quantiles(raw(files_names(), known))
    where = files.locate()
    facts = {
        "population": "FERPlus Training, images whose most frequent choice is an expression, a random sample",
        "images": len(train),
        "measured": len(known),
        "fingerprint": samples.fingerprint,
        "mesh_sha256": sha256_of(where.mesh),
        "blendshapes_sha256": sha256_of(where.blendshapes),
    }
    fits, compound = compound_rows(shapes, table, folder)
    results = {
        "reference": facts,
        "prototypes": prototype_row(shapes["val"], table, folder),
        "compound": {"fits": fits, **compound},
    }
    print(json.dumps(results, indent=1))
    if write:
        lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(row)}" for name, row in table.items())
        head = json.dumps(facts, indent=1).removesuffix("\n}")
        REFERENCE.write_text(f'{head},\n "quantiles": {{\n{lines}\n}}}}\n', encoding="utf-8")
        RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shapes", type=Path)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    main(given.shapes, given.write)
