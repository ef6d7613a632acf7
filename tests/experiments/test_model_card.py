"""Model cards: from files alone, without a figure that nobody measured."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs mien[train]")

from mien.card import Card  # noqa: E402
from mien.evaluation.result import Provenance, Result  # noqa: E402
from mien.evaluation.scores import score  # noqa: E402
from mien.experiments import model_card, other_labs  # noqa: E402
from mien.inference.classify import names  # noqa: E402
from mien.prior import Adjustment  # noqa: E402

RESULTS = Path(__file__).parents[2] / "results"
LABELS = ("neutral", "happiness", "fear")


def card(**more: Any) -> Card:
    recipe = {"name": "mine", "seed": 3, "model": {"name": "cnn2"}, "data": {"name": "faces"}}
    return Card(name="mine", labels=LABELS, recipe=recipe, notes="For research.", **more)


def result(votes: bool = False) -> Result:
    """90 predictions: of each expression 30, where fear is mistaken for neutral 10 times."""
    label = np.repeat([0, 1, 2], 30)
    predicted = np.where(np.arange(90) >= 80, 0, label)
    counts = np.eye(3, dtype=np.int16)[label] * np.where(np.arange(90) % 3 == 0, 10, 6)[:, None].astype(np.int16)
    counts[:, 0] += np.where(np.arange(90) % 3 == 0, 0, 4).astype(np.int16) * (label != 0)
    return Result(
        np.eye(3, dtype=np.float32)[predicted] * 0.7 + 0.1,
        np.eye(3, dtype=np.float32)[label],
        LABELS,
        np.array([f"{k}" for k in range(90)]),
        votes=counts if votes else None,
        provenance=Provenance(training={"name": "x", "fingerprint": "y"}, twins=["0", "1"]),
    )


def written(card: Card, **more: Any) -> str:
    test = result()
    return model_card.text(card, {"test": score(test).to_dict()}, more.pop("groups", {}), test, megabytes=1.5, **more)


def test_what_a_card_says() -> None:
    text = written(card(provenance={"device": "cpu: a CPU", "threads": 2, "seconds": 1800.0}, threshold=0.71))
    assert text.startswith("# Model card: mine\n\nFor research.")
    assert "Art. 5(1)(f)" in text
    assert "| network | `cnn2`, recipe `mine`, seed 3 |" in text
    assert "below 71 % with `--abstain auto`" in text
    assert "| accuracy | 88.9 % (80.7 to 93.9) |" in text
    assert "test without near-duplicates, 88" in text
    assert "Lowest F1: fear, most often mistaken for neutral (10 of 30)." in text
    assert "| neutral | 75 % | 100 % | 86 % | 30 |" in text
    assert "weak" not in text.lower()
    assert "| priors | natural only |" in text
    assert "| cpu: a CPU, 2 thread(s) | 30 min | 0.010 kWh |" in text
    assert "mien fairness" in text


def test_weak_expressions_and_priors_are_in_the_card() -> None:
    prior = Adjustment(training=dict.fromkeys(LABELS, 1 / 3), strength=1.25, temperature=0.9)
    scores = {"labels": LABELS, "confusion": np.eye(3).tolist(), "per_class": {}}
    for label, f1 in zip(LABELS, (0.5, 0.49, None), strict=True):
        scores["per_class"][label] = {"precision": 0.5, "recall": 0.5, "f1": f1, "support": 3 if f1 else 0}
    text = model_card.per_class(scores, "val")
    assert f"| {LABELS[1]}, weak | 50 % |" in text
    assert f"| {LABELS[0]} | 50 % |" in text
    assert "Weak: F1 below 50 %." in text
    assert "(strength 1.25, temperature 0.90, fitted on val with copies)" in written(card(prior=prior))


@pytest.mark.parametrize("name", names())
def test_a_shipped_file_alone_gives_a_card(name: str) -> None:
    text, own = model_card.card_of(name)
    assert "### Per expression, on test" in text
    assert "The file does not hold this." in text
    assert "Not measured" not in text
    assert ("contempt, weak" in text) == ("contempt" in own.labels)


def test_what_was_not_measured_is_not_there() -> None:
    text = model_card.text(card(), {}, {}, None, megabytes=1.5)
    assert "Nothing was measured." in text
    assert "| -, - thread(s) | - | unknown |" in text
    assert "Corrupted" not in text
    assert "Per group" not in text
    assert " % (" not in text


def test_groups_too_small_have_no_figure() -> None:
    words = np.array(["less than 55 %"] * 4 + ["95 % or more"] * 56 + ["75 to 95 %"] * 30)
    text = written(card(), groups={"people who agreed": words})
    assert "| people who agreed: 95 % or more | 56 | 100.0 % (93.6 to 100.0)" in text
    assert "| people who agreed: less than 55 % | 4 | too few | - |" in text
    assert text.index("95 % or more |") < text.index("75 to 95 % |") < text.index("less than 55 % |")


def test_teachers_are_named() -> None:
    recipe = {"distill": {"weights": ["big", "other.onnx"], "weight": 0.7}}
    assert "a weight of 70 % of the probabilities of the mean of 2 teachers" in model_card.data(
        Card(name="a", labels=LABELS, recipe=recipe), {}
    )
    assert "teacher" not in model_card.data(card(), {})
    known = {"recipe": recipe | {"data": {"name": "ferplus"}}}
    assert model_card.data(Card(name="a", labels=LABELS, **known), {}).count("teachers") == 1
    assert "Goodfellow et al., 2013" in model_card.data(Card(name="a", labels=LABELS, **known), {})


def test_groups_of_any_kind_and_an_expression_that_is_never_mistaken() -> None:
    test = result()
    text = model_card.by_group(test, {"sex": np.array(["m", "f"] * 45)})
    assert text.index("sex: f") < text.index("sex: m")
    assert "FERPlus" not in text
    right = model_card.per_class(score(test.take(np.arange(90) < 60)).to_dict(), "test")
    assert "mistaken for" not in right


AGREED = [
    ([10, 0, 0], "95 % or more"),
    ([0, 9, 1], "75 to 95 %"),
    ([3, 7, 0], "55 to 75 %"),
    ([3, 3, 4], "less than 55 %"),
    ([5, 0, 5], "less than 55 %"),
    ([0, 0, 8], "95 % or more"),
    ([0, 0, 0], ""),
]


@pytest.mark.parametrize(("votes", "word"), AGREED)
def test_agreement(votes: list[int], word: str) -> None:
    assert model_card.agreement(np.array([votes])).tolist() == [word]


def test_votes_come_from_the_same_images(tmp_path: Path) -> None:
    voted = result(votes=True)
    voted.take(np.arange(90) < 60).save(tmp_path / "ferplus" / "0-test.npz")
    words = model_card.agreed(result(), tmp_path)[model_card.AGREED]
    assert words[0] == "95 % or more"
    assert words[31] == "55 to 75 %"
    assert set(words[60:]) == {model_card.NONE}
    assert set(model_card.agreed(voted, tmp_path)[model_card.AGREED]) == {"95 % or more", "55 to 75 %"}
    assert model_card.agreed(result(), tmp_path / "elsewhere") == {}


@pytest.mark.parametrize("name", names())
def test_shipped_cards_are_those_of_their_files(name: str, tmp_path: Path) -> None:
    for path in RESULTS.glob("*fer*/[0-9s]*"):
        if path.parent.name in names():
            copy = tmp_path / path.parent.name / path.name
            copy.parent.mkdir(exist_ok=True)
            copy.write_bytes(path.read_bytes())
    (tmp_path / "other_labs.jsonl").write_bytes((RESULTS / "other_labs.jsonl").read_bytes())
    assert model_card.write(tmp_path, name).read_text() == (RESULTS / name / "README.md").read_text()


def test_weights_that_were_not_measured_elsewhere_say_so() -> None:
    assert other_labs.of(RESULTS, "0" * 64) == []
    assert other_labs.section([]).split("\n\n")[-1] == f"{other_labs.UNMEASURED}\n"
