"""Published figures: complete, sourced, and borne out by their own matrices."""

import re

import numpy as np
import pytest

from mien.evaluation import metrics
from mien.evaluation.published import PUBLISHED, Published, about, published
from mien.evaluation.published.affectnet import BASELINE, GOOGLENET, RESNET18, RESNET34, WEIGHTED
from mien.labels import EXPRESSIONS

IDS = """svm cnn2 cnn4 nsl-a nsl-b nsl-c nsl-d nsl-final nsl-three-class resnet18 resnet34 googlenet alexnet-imbalanced
alexnet-down alexnet-up alexnet-weighted preact-resnet18 feratt-cls feratt-rep-cls
preact-resnet18-ckplus feratt-cls-ckplus feratt-rep-cls-ckplus
preact-resnet18-synthetic feratt-cls-synthetic feratt-rep-cls-synthetic"""
SIZES = np.array(
    [737, 1357, 253, 141, 65, 42, 261, 53]
)  # what the cells of the three AffectNet matrices are fractions of
PRIVATE = {"anger": 491, "disgust": 55, "fear": 528, "happiness": 879, "sadness": 594, "surprise": 416, "neutral": 626}


def value(id: str, metric: str, split: str = "") -> float:
    (value,) = (p.value for p in published(id) if p.metric == metric and p.split.startswith(split))
    return value


@pytest.mark.parametrize("id", IDS.split())
def test_every_system_of_the_documents_has_its_figures(id: str) -> None:
    assert published(id)
    assert published(f"papers/{id}") == published(id)


def test_nothing_is_published_about_a_recipe_of_ours() -> None:
    assert published("mien/ferplus") == ()


@pytest.mark.parametrize("record", PUBLISHED, ids=lambda r: f"{r.id}-{r.metric}")
def test_records_are_whole(record: Published) -> None:
    assert record.what
    assert record.source
    assert re.match(r"[a-z0-9]+", record.split)
    kind = record.metric.partition(".")[0]
    assert record.value > 1 if kind in {"loss", "epoch"} else 0 <= record.value <= 1
    label = record.metric.partition(".")[2]
    assert not label or label in (*EXPRESSIONS, "valence", "arousal", "mean", "least")
    if record.matrix:
        assert record.labels is not None
        assert set(map(len, (record.matrix, *record.matrix))) == {len(record.labels)}


def test_no_record_stands_twice() -> None:
    keys = [(r.id, r.what, r.metric, r.split, r.source, r.value) for r in PUBLISHED]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(
    ("matrix", "low", "high"),
    [
        (RESNET18, 0.986, 1.004),
        (RESNET34, 0.987, 1.0),
        (GOOGLENET, 0.992, 1.0),
        (BASELINE, 1, 1),
        (WEIGHTED, 0.999, 1.002),
    ],
)
def test_rows_of_shares_sum_to_one_as_nearly_as_printed(
    matrix: tuple[tuple[float, ...], ...], low: float, high: float
) -> None:
    sums = np.array(matrix).sum(1)
    assert low - 1e-6 <= sums.min()
    assert sums.max() <= high + 1e-6


@pytest.mark.parametrize(
    ("id", "matrix", "accuracy", "macro_f1"),
    [
        ("resnet18", RESNET18, 0.695, 0.427),
        ("resnet34", RESNET34, 0.723, 0.534),
        ("googlenet", GOOGLENET, 0.760, 0.546),
    ],
)
def test_the_notes_tell_what_the_matrices_say(
    id: str, matrix: tuple[tuple[float, ...], ...], accuracy: float, macro_f1: float
) -> None:
    shares = np.array(matrix)
    counts = shares * SIZES[:, None]
    recall, precision = np.diag(shares), np.diag(counts) / counts.sum(0)
    f1 = 2 * recall * precision / (recall + precision)
    assert recall @ SIZES / SIZES.sum() == pytest.approx(accuracy, abs=6e-4)
    assert f1.mean() == pytest.approx(macro_f1, abs=6e-4)
    assert value(id, "accuracy", "affectnet test") == pytest.approx(accuracy, abs=1e-3)
    assert value(id, "weighted_f1") == pytest.approx(f1 @ SIZES / SIZES.sum(), abs=2e-3)
    notes = {p.metric: p.note for p in published(id) if p.matrix}
    assert f"{accuracy:.3f}" in notes["accuracy"]
    assert f"{macro_f1:.3f}" in notes["weighted_f1"]


def test_the_authors_matrices_give_the_means_that_are_quoted() -> None:
    assert np.diag(np.array(BASELINE)).mean() == pytest.approx(value("alexnet-imbalanced", "balanced_accuracy"))
    assert np.diag(np.array(WEIGHTED)).mean() == pytest.approx(value("alexnet-weighted", "balanced_accuracy"), abs=5e-5)


def test_a_matrix_of_counts_gives_its_accuracy() -> None:
    (record,) = (p for p in PUBLISHED if p.id == "vgg-73.28")
    matrix = np.array(record.matrix)
    assert metrics.accuracy_of(matrix) == pytest.approx(record.value, abs=5e-5)
    assert matrix.sum(1).tolist() == [467, 56, 496, 895, 653, 415, 607]  # PublicTest
    assert record.split == "fer2013 val"


@pytest.mark.parametrize("id", ["cnn4", "nsl-final"])
def test_rows_by_class_agree_with_the_accuracy(id: str) -> None:
    recalls = {label: value(id, f"recall.{label}") for label in PRIVATE}
    mean = sum(recalls[label] * n for label, n in PRIVATE.items()) / 3589
    assert mean == pytest.approx(value(id, "accuracy", "fer2013 test"), abs=2e-3)
    for label in PRIVATE:
        p, r = value(id, f"precision.{label}"), recalls[label]
        assert value(id, f"f1.{label}") == pytest.approx(2 * p * r / (p + r), abs=0.012)  # both are rounded


def test_the_wrong_predictions_counted_are_the_accuracy() -> None:
    assert pytest.approx(value("nsl-final", "accuracy", "fer2013 test"), abs=5e-6) == 1 - 1059 / 3589


def test_f1_of_the_attention_nets_is_that_of_the_means() -> None:
    cells = {}
    systems = ("preact-resnet18", "feratt-cls", "feratt-rep-cls")
    for id in (f"{system}{data}" for system in systems for data in ("", "-ckplus", "-synthetic")):
        for p in published(id):
            cells.setdefault((id, p.split), {}).setdefault(p.metric, p.value)
    rows = [cell for cell in cells.values() if "f1_of_means" in cell]
    assert len(rows) == 12
    for cell in rows:
        p, r = cell["macro_precision"], cell["balanced_accuracy"]
        assert cell["f1_of_means"] == pytest.approx(2 * p * r / (p + r), abs=6e-4)


def test_the_table_of_four_ways_of_sampling_is_complete() -> None:
    arms = ("alexnet-imbalanced", "alexnet-down", "alexnet-up", "alexnet-weighted")
    for kind in ("f1", "f1_norm", "top2_f1", "top2_f1_norm"):
        assert all(value(arm, f"{kind}.{label}") for arm in arms for label in EXPRESSIONS)
    assert value("alexnet-weighted", "f1_norm.contempt") == 0.59
    assert value("alexnet-down", "top2_f1.disgust") == 0.74


def test_figures_about_a_data_set_are_best_first_and_never_of_training() -> None:
    records = about("fer2013")
    assert [p.value for p in records] == sorted((p.value for p in records), reverse=True)
    assert all(p.metric == "accuracy" and not p.split.endswith("train") for p in records)
    assert {0.6415, 0.6520, 0.67484, 0.7169, 0.7328} <= {p.value for p in records}
    assert about("nowhere") == ()
