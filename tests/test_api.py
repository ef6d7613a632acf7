"""The public functions: typed results that print, on a small data set."""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

import mien

SHIPPED = "fer2013-nano"


@pytest.fixture(scope="module")
def photo() -> Path:
    spec = find_spec("skimage")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "data/astronaut.png"


def test_the_public_names_have_docstrings() -> None:
    for name in mien.__all__:
        assert name == "__version__" or getattr(mien, name).__doc__, name


@pytest.fixture(scope="module")
def evaluation(tiny_fer2013: Path) -> mien.Evaluation:
    return mien.evaluate(SHIPPED, root=tiny_fer2013)


def test_an_evaluation_prints_and_is_saved_and_loaded(
    evaluation: mien.Evaluation, tiny_fer2013: Path, tmp_path: Path
) -> None:
    assert isinstance(evaluation.scores, mien.Scores)
    assert str(evaluation).startswith(f"{SHIPPED} on fer2013 val")
    assert repr(evaluation).startswith(f"Evaluation('{SHIPPED}', n=")
    assert repr(evaluation.scores).startswith(f"Scores('{SHIPPED}', n=")
    assert re.fullmatch(rf"Result\('{SHIPPED}', '\w+ \w+', n=\d+, labels=\([a-z', ]+\)\)", repr(evaluation.result))
    assert evaluation._repr_html_() == evaluation.scores._repr_html_()
    assert {path.name for path in evaluation.save(tmp_path / "out", tiny_fer2013)} == {
        "result.npz",
        "metrics.json",
        "report.html",
    }
    loaded = mien.load(tmp_path / "out")
    assert isinstance(loaded, mien.Result)
    assert (loaded.probs == evaluation.result.probs).all()
    comparison = mien.compare(tmp_path / "out")
    assert isinstance(comparison, mien.Comparison)
    assert SHIPPED in str(comparison)
    assert repr(comparison).startswith(f"Comparison(n={len(loaded)}, accuracy={{'{SHIPPED}': ")


def test_a_result_is_a_table(evaluation: mien.Evaluation) -> None:
    table = evaluation.to_frame()
    assert len(table) == evaluation.scores.n
    assert list(table.columns[:4]) == ["id", "label", "expression", "confidence"]
    assert (table.label == table.expression).mean() == pytest.approx(evaluation.scores.accuracy)


def test_with_a_split_data_is_loaded(tiny_fer2013: Path) -> None:
    samples = mien.load("fer2013", split="train", root=tiny_fer2013)
    assert isinstance(samples, mien.Samples)
    assert (samples.name, samples.split) == ("fer2013", "train")


def test_a_folder_without_a_result_is_refused(tmp_path: Path) -> None:
    with pytest.raises(mien.MienError, match=r"holds no result; expected one of test.npz"):
        mien.load(tmp_path)


def test_a_training_returns_its_run(tiny_fer2013: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch", reason="training needs mien[train]")
    run = mien.train("papers/svm", "steps=2", "batch=16", root=tiny_fer2013, out=tmp_path, device="cpu")
    assert isinstance(run, mien.Run)
    assert not capsys.readouterr().out
    assert str(run).startswith("val  n ")
    assert str(run).endswith(str(run.folder))
    assert isinstance(mien.load(run.folder), mien.Result)
    assert mien.evaluate(run.weights, root=tiny_fer2013).scores.n == len(mien.load(run.folder))


@pytest.mark.parametrize("absent", [(), ("pandas",), ("pandas", "polars")])
def test_predictions_are_a_table_of_what_is_installed(
    absent: tuple[str, ...], photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mien.frame.find_spec", lambda name: None if name in absent else find_spec(name))
    if absent == ("pandas",) and find_spec("polars") is None:
        pytest.skip("polars is not installed")
    table = mien.Pipeline(SHIPPED).predict([photo, tmp_path / "none.jpg"]).to_frame()
    names = list(getattr(table, "column_names", None) or table.columns)
    assert names[:4] == ["source", "frame", "seconds", "width"]
    assert names[-1] == "arousal_estimate"
    assert len(table) == 2
    assert type(table).__module__.split(".")[0] == ("pandas", "polars", "pyarrow")[len(absent)]


def test_integers_and_booleans_with_gaps_keep_their_types(photo: Path, tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    table = mien.Pipeline(SHIPPED).predict([photo, tmp_path / "none.jpg"]).to_frame()
    kinds = {"frame": "Int64", "width": "Int32", "face": "Int32", "track_id": "Int64", "abstained": "boolean"}
    assert {name: str(table[name].dtype) for name in kinds} == kinds
    assert table.width[0] == 512
    assert table.width.isna().tolist() == [False, True]
    assert table.abstained.fillna(True).tolist() == [False, True]
    assert str(table.confidence.dtype) == "float32"


def test_one_prediction_is_a_table(photo: Path) -> None:
    (prediction,) = mien.Pipeline(SHIPPED).predict(photo)
    assert list(prediction.to_frame().expression) == ["happiness"]


def test_reading_can_be_stopped(photo: Path) -> None:
    predictions = mien.Pipeline(SHIPPED).predict([photo] * 50)
    assert next(predictions).faces
    predictions.close()
    assert not list(predictions)
