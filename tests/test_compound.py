"""Compound expressions: a ranked list, never one name; on request only, and only where it is calibrated."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from mien.compound import FITTED, KINDS, SHOWN, compounds, core_means, features, probabilities
from mien.errors import UsageError
from mien.face import Face
from mien.inference.output import terminal
from mien.inference.output.formats import FORMATS
from mien.inference.output.image_card import shot
from mien.inference.output.rows import Extra, columns, rows
from mien.inference.pipeline import Pipeline
from mien.inference.prediction import Prediction
from mien.labels import EXPRESSIONS
from mien.units import UNITS

FITS = FITTED["fer2013"]


def probs(**parts: float) -> np.ndarray:
    rest = (1 - sum(parts.values())) / (len(EXPRESSIONS) - len(parts))
    return np.array([parts.get(label, rest) for label in EXPRESSIONS], np.float32)


@pytest.mark.parametrize("name", KINDS)
def test_two_equal_probabilities_rank_their_mix_first(name: str) -> None:
    ranked = compounds(FITTED["ferplus"], EXPRESSIONS, probs(**dict.fromkeys(KINDS[name].pair, 0.48)), None)
    assert ranked[0].label == name
    assert len(ranked) == SHOWN
    assert [one.probability for one in ranked] == sorted((one.probability for one in ranked), reverse=True)
    assert sum(one.probability for one in ranked) <= 1


def test_one_clear_expression_is_no_mix() -> None:
    assert compounds(FITTED["ferplus"], EXPRESSIONS, probs(happiness=0.999), None)[0].probability < 0.02


def test_labels_may_lack_contempt_and_come_in_any_number() -> None:
    seven = EXPRESSIONS[:7]
    rows = np.stack([probs(fear=0.5, surprise=0.4)[:7], probs(anger=0.9)[:7]])
    found = probabilities(FITS[0], features(seven, rows))
    assert found.shape == (2, len(KINDS))
    assert (found.sum(1) < 1).all()
    assert list(KINDS)[found[0].argmax()] == "fearfully surprised"


def test_movements_of_the_core_raise_a_mix() -> None:
    mixed = probs(anger=0.4, disgust=0.3)
    weak, strong = (
        {one.label: one.probability for one in compounds(FITS, EXPRESSIONS, mixed, dict.fromkeys(UNITS, level))}
        for level in (0.1, 0.9)
    )
    assert strong["angrily disgusted"] > weak["angrily disgusted"]
    assert core_means(dict.fromkeys(UNITS, 0.25)).tolist() == [0.25] * len(KINDS)


def test_a_face_has_it_on_request_only() -> None:
    face = Face(np.zeros(4, np.float32), 1.0).read(EXPRESSIONS, probs(happiness=0.5, surprise=0.4))
    assert face.compound is None
    assert face.to_dict()["compound"] is None
    asked = replace(face, compound_fits=FITS)
    assert asked.to_dict()["compound"][0]["label"] == "happily surprised"
    head = replace(asked, action_units=dict.fromkeys(UNITS, 1.0), action_units_source="head")
    assert head.compound == asked.compound  # a head's probabilities are not what was fitted
    measured = replace(head, action_units_source="blendshapes")
    assert measured.compound != asked.compound
    assert replace(asked, probs=None).compound is None


def test_people_see_the_first_on_request_only() -> None:
    face = Face(np.zeros(4, np.float32), 1.0).read(EXPRESSIONS, probs(happiness=0.5, surprise=0.4))
    asked = replace(face, compound_fits=FITTED["ferplus"])
    image = np.zeros((9, 9, 3), np.uint8)
    place = terminal.layout(io.BytesIO())
    for one, there in {face: False, asked: True, replace(asked, level="group").shown(): False}.items():
        seen = Prediction("a.png", faces=(one,))
        assert ("or happily surprised" in terminal.lines(place, seen)) == there
        assert ("happily surprised" in str(shot(seen, image))) == there


def test_tables_have_a_column_on_request_only() -> None:
    face = Face(np.zeros(4, np.float32), 1.0).read(EXPRESSIONS, probs(happiness=0.5, surprise=0.4))
    (row,) = rows(Prediction("a.png", faces=(replace(face, compound_fits=FITTED["ferplus"]),)))
    first, second, third = row["compound"].split("; ")
    assert first.startswith("happily surprised 0.")
    assert second.split()[-1] >= third.split()[-1]
    assert all(len(part.rpartition(".")[2]) == 4 for part in (first, second, third))
    card = Pipeline("ferplus-nano").card
    assert "compound" not in columns(card)
    assert list(columns(card, Extra(compound=True)))[-1] == "compound"


def test_what_rounds_to_nothing_is_left_out_in_every_format() -> None:
    asked = Face(np.zeros(4, np.float32), 1.0, compound_fits=FITTED["ferplus"])
    mixed, sure = (asked.read(EXPRESSIONS, probs(**one)) for one in ({"happiness": 0.9, "fear": 0.001}, {"neutral": 1}))
    known = columns(Pipeline("ferplus-nano").card, Extra(compound=True))
    files = {name: io.BytesIO() for name in ("json", "csv", "parquet")}
    for name, file in files.items():
        with FORMATS[name](file, known) as write:
            write(Prediction("a.png", faces=(mixed, sure)))
        file.seek(0)
    first, second = (face["compound"] for face in json.load(files["json"])[0]["faces"])
    assert all(one["probability"] for one in first)
    text = "; ".join(f"{one['label']} {one['probability']:.4f}" for one in first)
    assert pq.read_table(files["parquet"])["compound"].to_pylist() == [text, None]
    assert [row["compound"] for row in csv.DictReader(io.TextIOWrapper(files["csv"]))] == [text, ""]
    assert (bool(text), second) == (True, None)


def test_it_is_refused_where_it_is_not_calibrated(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="`compound` with `prior` uniform"):
        Pipeline("ferplus-nano", prior="uniform", compound=True)
    import onnx

    weights = onnx.load(str(Pipeline("ferplus-nano").classifier.path))
    (entry,) = [prop for prop in weights.metadata_props if prop.key == "mien"]
    card = json.loads(entry.value)
    card["recipe"]["data"]["name"] = "rafdb"
    entry.value = json.dumps(card)
    onnx.save(weights, str(tmp_path / "other.onnx"))
    with pytest.raises(UsageError, match="weights trained on rafdb; expected weights trained on ferplus or fer2013"):
        Pipeline(tmp_path / "other.onnx", compound=True)
