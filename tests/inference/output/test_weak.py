"""A weak expression is marked wherever its prediction is printed, and the line below says how weak it is."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mien import reliability
from mien.inference.pipeline import Pipeline

Mien = Callable[..., Any]


@pytest.fixture
def strict(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every expression be weak."""
    monkeypatch.setattr(reliability, "LEVELS", (("good", 1.0), ("fair", 0.999), ("weak", 0.0)))


@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize(
    ("words", "shown"),
    [((), "happiness* "), (("--abstain", "1"), "(happiness)* "), (("--prior", "uniform"), "happiness ")],
)
def test_the_table_marks_it_under_the_prior_that_was_measured(
    words: tuple[str, ...], shown: str, mien: Mien, photo: Path
) -> None:
    ran = mien("predict", photo, *words)
    assert shown in ran.out.decode().splitlines()[1]
    noted = "mien: * weak: happiness (F1 95 % on 893 images of ferplus test)" in ran.err.splitlines()
    assert noted == ("*" in shown)


def test_what_is_predicted_well_has_no_mark(mien: Mien, photo: Path) -> None:
    ran = mien("predict", photo)
    assert "*" not in ran.out.decode()
    assert "weak" not in ran.err


@pytest.mark.usefixtures("strict")
def test_a_video_s_people_and_events_are_marked(
    mien: Mien, tmp_path: Path, astronaut: np.ndarray, film: Callable[..., Path]
) -> None:
    ran = mien("predict", film(tmp_path / "clip.mp4", [astronaut[:320, 60:380]] * 16), "--event-min", "0.2")
    text = ran.out.decode()
    assert "on screen: happiness* 0.8 s" in text
    assert "highest probability, neutral aside: happiness* " in text
    assert "event: happiness* " in text
    assert "mien: * weak: happiness (" in ran.err


@pytest.mark.usefixtures("strict")
def test_files_and_report_have_it(mien: Mien, photo: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert mien("predict", photo, "--out", out).code == 0
    (row,) = csv.DictReader((out / "predictions.csv").open(encoding="utf-8"))
    assert row["reliability"] == "weak"
    page = (out / "report.html").read_text(encoding="utf-8")
    assert page.count("happiness, weak<") == 1  # the table; the image's card has its confidence between
    assert ", weak</span>" in page
    assert "contempt (F1 11 % on 16 images of ferplus test)" in page
    told = json.loads(mien("predict", photo, "--format", "json").out)[0]["faces"][0]
    assert told["reliability"] == "weak"


def test_another_prior_has_none(astronaut: np.ndarray) -> None:
    natural, uniform = Pipeline(), Pipeline(prior="uniform")
    assert [face.reliability for pipeline in (natural, uniform) for face in pipeline(astronaut)] == ["good", None]
    assert dict(zip(natural.card.labels, natural.classifier.reliabilities, strict=True)) == {
        "neutral": "good", "happiness": "good", "sadness": "fair", "surprise": "good", "fear": "fair",
        "disgust": "weak", "anger": "good", "contempt": "weak",
    }  # fmt: skip
