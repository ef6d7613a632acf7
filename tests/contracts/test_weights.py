"""The weights that ship: four, small, honest about themselves, and what results/ says was measured on them."""

import hashlib
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from mien.evaluation.evaluate import evaluate
from mien.evaluation.metrics import METRICS
from mien.evaluation.result import Result
from mien.evaluation.scores import Scores, score
from mien.inference.classify import WEIGHTS, Classifier, names
from mien.labels import EXPRESSIONS
from mien.prior import chosen

ROOT = Path(__file__).parents[2]
SHIPPED = {"ferplus": 8, "fer2013": 7, "ferplus-nano": 8, "fer2013-nano": 7}


def record(name: str) -> dict[str, dict[str, dict[str, object]]]:
    content: dict[str, dict[str, dict[str, object]]] = json.loads((ROOT / "results" / name / "0.json").read_text())
    return content


def test_four_ship_in_twelve_megabytes_the_default_first() -> None:
    assert names()[0] == "ferplus"
    assert set(names()) == set(SHIPPED)
    assert sum(path.stat().st_size for path in WEIGHTS.glob("*.onnx")) <= 12e6


@pytest.mark.parametrize("name", SHIPPED)
def test_card_and_results_agree(name: str) -> None:
    card, measured = Classifier(name).card, record(name)["figures"]
    assert card.name == name
    assert card.labels == EXPRESSIONS[: SHIPPED[name]]
    assert card.recipe["name"] == f"mien/{name}"
    assert "Art. 5" in card.notes
    assert card.threshold is not None
    sha = hashlib.sha256((WEIGHTS / f"{name}.onnx").read_bytes()).hexdigest()
    for split in ("val", "test"):
        assert card.metrics[split]["accuracy"] == measured[split]["accuracy"]
        assert measured[split]["weights_sha256"] == sha
        assert card.metrics[split]["per_class"] == measured[split]["per_class"]
        kept = Result.load(ROOT / "results" / name / f"0-{split}.npz").provenance
        assert (kept.weights_sha256, kept.adjustment) == (sha, card.prior.model_dump())


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("split", ["val", "test"])
def test_figures_follow_from_the_kept_probabilities(name: str, split: str) -> None:
    result, measured = Result.load(ROOT / "results" / name / f"0-{split}.npz"), record(name)["figures"][split]
    again = score(result)
    assert again.n == measured["n"]
    assert again.confusion == measured["confusion"]
    assert again.accuracy == pytest.approx(measured["accuracy"])
    assert again.clean.accuracy == pytest.approx(measured["clean"]["accuracy"])
    assert again.ece == pytest.approx(measured["ece"])


@pytest.fixture(scope="module")
def on_val(mien_data: Path) -> Callable[[str], tuple[Result, Scores]]:
    """Measure weights on the real val once; returns their result and scores."""
    return cache(lambda name: evaluate(name, None, mien_data, "val"))


@pytest.mark.parametrize("name", SHIPPED)
def test_weights_still_answer_so_on_val(name: str, on_val: Callable[[str], tuple[Result, Scores]]) -> None:
    _, scores = on_val(name)
    # int8 kernels differ between processors by a rounding here and there
    assert scores.accuracy == pytest.approx(record(name)["figures"]["val"]["accuracy"], abs=0.003)


@pytest.mark.parametrize("name", SHIPPED)
def test_any_number_of_faces_at_once(name: str) -> None:
    crops = np.random.default_rng(0).integers(0, 256, (65, 48, 48, 1), np.uint8)
    weights = Classifier(name)
    together = weights(crops)
    np.testing.assert_allclose(together, np.concatenate([weights(crops[k : k + 1]) for k in range(65)]), atol=1e-5)
    np.testing.assert_allclose(together.sum(1), 1, atol=1e-5)


def test_table_is_what_the_results_say() -> None:
    pytest.importorskip("torch", reason="the table reads recipes, which needs mien[train]")
    from mien.experiments import table

    results = ROOT / "results"
    told = table.markdown(table.collect(results), results)
    assert (results / "TABLE.md").read_text(encoding="utf-8") == told


@pytest.mark.parametrize("name", SHIPPED)
def test_the_uniform_prior_reads_rare_expressions_better(
    name: str, on_val: Callable[[str], tuple[Result, Scores]]
) -> None:
    result, natural = on_val(name)
    probs = chosen("uniform", result.labels, Classifier(name).card.prior, name).applied(result.probs)
    assert METRICS["balanced_accuracy"](probs, result.target) > natural.values["balanced_accuracy"]
    assert METRICS["accuracy"](probs, result.target) < natural.accuracy  # val has the prior of the training images


def test_evaluate_measures_under_the_uniform_prior(
    mien_data: Path, on_val: Callable[[str], tuple[Result, Scores]]
) -> None:
    name = "ferplus-nano"
    result, natural = on_val(name)
    under, even = evaluate(name, None, mien_data, "val", prior="uniform")
    assert (natural.provenance.prior, even.provenance.prior) == (None, "uniform")
    adjustment = Classifier(name).card.prior
    expected = chosen("uniform", result.labels, adjustment, name).applied(result.probs)
    np.testing.assert_allclose(under.probs, expected, atol=1e-5)
    assert adjustment is not None
    assert even.provenance.threshold == adjustment.threshold
    assert natural.provenance.threshold == Classifier(name).card.threshold
