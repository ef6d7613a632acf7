"""Cards: three licences kept apart, and files of 0.1.0, which name one."""

import json
import tomllib
from pathlib import Path

import pytest

from mien.card import KEY, Card, licences
from mien.data import DATASETS
from mien.data.terms import terms_of
from mien.errors import WeightsError
from mien.inference.classify import WEIGHTS, Classifier, names

ROOT = Path(__file__).parents[1]
OLD = {"name": "mine", "labels": ["neutral", "happiness"]}


@pytest.mark.parametrize(
    ("fields", "code"), [({"licence": "Apache-2.0"}, "Apache-2.0"), ({}, ""), ({"code_licence": "MIT"}, "MIT")]
)
def test_older_files_load_and_claim_nothing_about_the_weights(fields: dict[str, str], code: str) -> None:
    card = Card.from_metadata({KEY: json.dumps({**OLD, **fields})}, "mine.onnx")
    assert (card.code_licence, card.weights_licence, card.data_terms) == (code, "", {})
    assert licences(card.model_dump())["licence of the weights"] == "not stated in the file"
    assert licences({**OLD, **fields})["licence of the code"] == (code or "not stated in the file")


@pytest.mark.parametrize("name", names())
def test_shipped_weights_are_for_research_and_the_code_is_not_them(name: str) -> None:
    card = Classifier(name).card
    assert card.code_licence == "Apache-2.0"
    assert card.weights_licence.startswith("research use only")
    assert set(card.data_terms) == {"fer2013", "ferplus"}
    assert "research only" in card.data_terms["fer2013"]
    assert "MIT" in card.data_terms["ferplus"]
    shown = (ROOT / "results" / name / "README.md").read_text(encoding="utf-8")
    for what, words in licences(card.model_dump()).items():
        assert f"| {what} | {words} |" in shown


def test_the_package_names_both_licences_and_brings_their_texts() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["license"] == "Apache-2.0 AND MIT AND LicenseRef-FER2013-research-only"
    texts = [(ROOT / file).read_text(encoding="utf-8") for file in project["license-files"]]
    assert "Apache License" in texts[0]
    assert all(name in texts[1] for name in names())
    assert all(licence in texts[2] for licence in ("Apache License, Version 2.0", "MIT License"))
    assert (WEIGHTS / "LICENSE").is_file()


@pytest.mark.parametrize("name", DATASETS)
def test_every_data_set_has_terms(name: str) -> None:
    """One that has none of its own says so."""
    assert terms_of(name)[name]


def test_labels_of_ones_own() -> None:
    """They follow the vocabulary; each becomes a column, so words that mean something else there are refused."""
    assert Card(name="mine", labels=("neutral", "anger", "bored", "very_tired")).labels[-1] == "very_tired"
    for wrong in (["bored", "neutral"], ["neutral", "very tired"], ["neutral", "unknown"], ["neutral", "happy"]):
        with pytest.raises(WeightsError, match="labels"):
            Card.from_metadata({KEY: json.dumps({"name": "mine", "labels": wrong})}, "mine.onnx")
