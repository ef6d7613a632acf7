"""A result on the drawn data set, a run folder with everything that can lie in one, and a page parser."""

import csv
import json
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from mien.data import load
from mien.evaluation.provenance import source_facts
from mien.evaluation.result import Provenance, Result
from mien.evaluation.scores import score

VOID = {"meta", "link", "img", "input", "br", "line", "circle", "polyline", "polygon", "rect"}


def made(root: Path, seed: int = 0, **facts: Any) -> Result:
    """Return random predictions, often right, on the drawn FER2013's test split."""
    samples = load("fer2013", root, "test")
    rng = np.random.default_rng(seed)
    probs = rng.dirichlet(np.ones(7), len(samples)) + 0.6 * samples.target * (rng.random((len(samples), 1)) < 0.5)
    known = {
        "weights": "tiny",
        "weights_sha256": "0" * 64,
        "dataset": "fer2013",
        "split": "test",
        "options": {},
        "fingerprint": samples.fingerprint,
        "left_out": 0,
        "labels_left_out": [],
        "version": "0.1.0",
        "training": {"name": "fer2013", "fingerprint": "0" * 16},
        "twins": samples.ids[:5].tolist(),
        **facts,
    }
    normal = probs / probs.sum(1, keepdims=True)
    return Result(normal, samples.target, samples.labels, samples.ids, provenance=Provenance(**known))


def stress_figures() -> dict[str, Any]:
    severities = [{"severity": k, "accuracy": 0.7 - 0.1 * k, "macro_f1": 0.5, "ece": 0.1} for k in range(1, 6)]
    kinds = [("gaussian_blur", "blur"), ("low_light", "light"), ("mask", "occlusion")]
    return {
        "weights": "tiny",
        "weights_sha256": "0" * 64,
        "dataset": "fer2013",
        "split": "val",
        "n": 40,
        "clean": {"accuracy": 0.7, "accuracy_interval": [0.55, 0.82]},
        "baseline": "ferplus",
        "corruptions": [
            {"name": name, "family": family, "severities": severities, "error": 0.6, "relative": 1.1}
            for name, family in kinds
        ],
        "mce": 1.1,
        "attacks": [
            {
                "name": "pgd-10",
                "epsilon": 4 / 255,
                "n": 40,
                "accuracy": 0.1,
                "accuracy_interval": [0, 0.2],
                "queries": None,
            },
            {
                "name": "square",
                "epsilon": 8 / 255,
                "n": 40,
                "accuracy": 0.2,
                "accuracy_interval": [0.1, 0.3],
                "queries": 500,
            },
        ],
        "ranking": [{"name": "low_light", "drop": 0.4}, {"name": "mask", "drop": -0.02}],
        "seconds": 1.0,
        "seed": 0,
    }


def fairness_figures() -> dict[str, Any]:
    rates = {"fear": {"n": 20, "fpr": 0.1, "fpr_interval": [0.0, 0.2], "fnr": None, "fnr_interval": None}}
    groups = [
        {"group": f"<{name}>", "n": n, "enough": n > 30, "accuracy": 0.6, "accuracy_interval": [0.4, 0.8], "ece": 0.1}
        | {"ece_interval": [0.0, 0.2], "per_class": rates}
        for name, n in (("a", 90), ("b", 9))
    ]
    column = {
        "column": "age",
        "groups": groups,
        "tests": [{"what": "accuracy", "p": 0.0004, "p_holm": 0.2}],
        "worst_group": "<a>",
        "gap": 0.1,
        "gap_interval": [0.0, 0.2],
        "equalised_odds_gap": 0.3,
        "conclusion": "no difference in accuracy is shown",
    }
    return {"columns": [column], "min_group": 30, "n": 99, "left_out": 2}


def write_run(run: Path, result: Result, steps: int = 500) -> Path:
    """Write a run folder with all that a report picks up."""
    run.mkdir(parents=True, exist_ok=True)
    result.save(run / "test.npz")
    recipe = {"name": "papers/tiny", "seed": 3, "epochs": 8, "select": "accuracy", "data": {"name": "fer2013"}}
    (run / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    environment = {"commit": "abc123", "device": "cpu: A", "threads": 2, "seconds": 90.0, "versions": {"mien": "0.1.0"}}
    figures = score(result).to_dict()
    (run / "metrics.json").write_text(json.dumps({"weights": "x", "val": figures, "test": figures}))
    for name, content in (
        ("env", environment),
        ("stress", stress_figures()),
        ("fairness", fairness_figures() | source_facts(result)),
    ):
        (run / f"{name}.json").write_text(json.dumps(content))
    epochs = [{"epoch": k, "loss": 2 - k / 8, "val_accuracy": k / 9, "val_nll": 1.9 - k / 9} for k in range(1, 9)]
    each = [{"step": k, "loss": 2 / k, "accuracy": 1 - 1 / k, "val_accuracy": None} for k in range(1, steps)]
    for name, rows in (("log", epochs), ("steps", each)):
        with (run / f"{name}.csv").open("w", newline="") as file:
            table = csv.DictWriter(file, list(rows[0]))
            table.writeheader()
            table.writerows(rows)
    return run


@pytest.fixture(scope="session")
def make_result(tiny_fer2013: Path) -> Callable[..., Result]:
    """The function `make_result(seed=0, **provenance) -> Result` about the drawn FER2013's test split."""
    return lambda seed=0, **facts: made(tiny_fer2013, seed, **facts)


@pytest.fixture(scope="session")
def run_writer() -> Callable[..., Path]:
    """The function `write_run(folder, result, steps=500) -> folder`."""
    return write_run


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory, make_result: Callable[..., Result]) -> Path:
    """A complete run folder; only to be read."""
    return write_run(tmp_path_factory.mktemp("runs") / "0-20260101-000000", make_result())


class Balance(HTMLParser):
    """Fails on tags left open and on anything that would be fetched; collects text, headings and tags."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.levels: list[int] = []
        self.ids: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        for key in ("src", "href", "action"):
            assert (attributes.get(key) or "data:").startswith(("data:", "#")), attributes
        assert tag != "script"
        assert tag != "img" or attributes.get("alt")
        if tag in {f"h{k}" for k in range(1, 7)}:
            self.levels.append(int(tag[1]))
        self.ids += [attributes["id"]] if attributes.get("id") else []
        self.links += [attributes["href"][1:]] if (attributes.get("href") or "").startswith("#") else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in VOID

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="session")
def checked() -> Callable[[str], Balance]:
    """The function that parses a page, failing where it is not well-formed or would fetch something."""

    def check(text: str) -> Balance:
        page = Balance()
        page.feed(text)
        assert page.open == []
        assert len(page.ids) == len(set(page.ids))
        assert set(page.links) <= set(page.ids)
        assert all(after <= before + 1 for before, after in pairwise(page.levels))
        return page

    return check
