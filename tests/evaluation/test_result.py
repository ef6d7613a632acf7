"""Results: refused when wrong, the same after a round trip, harmless when hostile."""

import dataclasses
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mien.errors import DataError
from mien.evaluation.result import Provenance, Result

LABELS = ("neutral", "happiness", "fear")


def parts(n: int = 6) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    return {
        "probs": rng.dirichlet(np.ones(3), n),
        "target": np.eye(3)[np.arange(n) % 3],
        "labels": LABELS,
        "ids": [f"p{k}" for k in range(n)],
    }


def with_row(array: np.ndarray, rows: list[int], value: list[float]) -> np.ndarray:
    array = array.copy()
    array[rows] = value
    return array


def test_holds_single_precision_and_strings() -> None:
    result = Result(**parts(), group=[1, 1, 2, 2, 3, 3])
    assert (result.probs.dtype, result.target.dtype) == (np.float32, np.float32)
    assert result.ids.dtype.kind == result.group.dtype.kind == "U"
    assert len(result) == 6
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.probs = result.target


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"probs": with_row(parts()["probs"], [2], [np.nan, 0.5, 0.5])}, "probs in row 2"),
        ({"probs": with_row(parts()["probs"], [0, 4], [0.5, 0.5, 0.5])}, r"probs in 2 rows \(0, 4\)"),
        ({"probs": with_row(parts()["probs"], [3], [1.5, -0.5, 0])}, "probs in row 3"),
        ({"probs": with_row(parts()["probs"], [3], [np.inf, 0, 0])}, "probs in row 3"),
        ({"target": with_row(parts()["target"], [0, 1, 2, 5], [0, 0, 0])}, r"target in 4 rows \(0, 1, 2, \.\.\.\)"),
        ({"target": np.eye(3)[[0, 1]]}, "differ in length"),
        ({"target": np.eye(4)[[0] * 6]}, r"target of shape \(6, 4\)"),
        ({"probs": np.full(6, 1.0)}, r"probs of shape \(6,\)"),
        ({"ids": ["a", "b", "c", "d", "b", "e"]}, r"ids repeated in 2 rows \(1, 4\)"),
        ({"ids": ["a"]}, "differ in length"),
        ({"group": ["s1"] * 5}, "differ in length"),
        ({"regression": np.zeros((2, 2))}, "differ in length"),
        ({"labels": ("neutral", "happiness")}, "probs of shape"),
        ({"labels": ("happiness", "neutral", "fear")}, "this order"),
        ({"labels": ("neutral", "joy", "fear")}, "the label 'joy'"),
        ({"labels": ("neutral", "neutral", "fear")}, "each once"),
        ({"labels": ("neutral",)}, "two or more"),
    ],
)
def test_refuses_arrays_that_are_not_a_result(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        Result(**{**parts(), **changes})
    assert "\n" not in str(caught.value)


def test_comes_back_from_disk_as_it_went(tmp_path: Path) -> None:
    first = Result(
        **parts(),
        group=["s1", "s1", "s2", "s2", "s3", "ß日"],
        regression=np.linspace(-1, 1, 12).reshape(6, 2),
        units=np.zeros((6, 4)),
        provenance=Provenance(weights="x", twins=["p1"], options={"labels": "majority"}),
    )
    path = first.save(tmp_path / "deep" / "result.npz")
    again = Result.load(path)
    for field in dataclasses.fields(Result):
        assert np.array_equal(getattr(first, field.name), getattr(again, field.name)), field.name
    assert [p.name for p in path.parent.iterdir()] == ["result.npz"]


def test_what_is_absent_stays_absent(tmp_path: Path) -> None:
    again = Result.load(Result(**parts()).save(tmp_path / "result.npz"))
    assert (again.group, again.regression, again.units, again.provenance) == (None, None, None, Provenance())


def test_clean_has_no_near_duplicates() -> None:
    assert Result(**parts(), provenance=Provenance(twins=["p1"])).clean is None  # in which training data is unknown
    facts = {"training": {"name": "fer2013", "fingerprint": "0"}, "twins": ["p1", "p4", "elsewhere"]}
    result = Result(**parts(), group=list("aabbcc"), provenance=Provenance(**facts))
    assert result.clean.tolist() == [True, False, True, True, False, True]
    clean = result.take(result.clean)
    assert clean.ids.tolist() == ["p0", "p2", "p3", "p5"]
    assert clean.group.tolist() == ["a", "b", "b", "c"]
    assert len(result.take(np.zeros(6, bool))) == 0


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"not a zip", pickle.dumps({"probs": 1})])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "result.npz"
    path.write_bytes(content)
    with pytest.raises(DataError, match="is not a result") as caught:
        Result.load(path)
    assert "\n" not in str(caught.value)
    assert "pickle" not in str(caught.value)  # numpy tells how to run it


@pytest.mark.parametrize("name", ["api.csv", "api.tsv", "api.parquet"])
def test_tables_get_a_hint_how_to_become_results(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("id,happy\n")
    with pytest.raises(DataError, match="`mien compare TABLE --data NAME --out DIR` makes results of tables"):
        Result.load(tmp_path / name)


def test_other_archives_are_refused(tmp_path: Path) -> None:
    bare, cut, extra = (tmp_path / name for name in ("bare.npz", "cut.npz", "extra.npz"))
    np.savez(bare, probs=np.zeros(3))
    cut.write_bytes(Result(**parts(500)).save(tmp_path / "whole.npz").read_bytes()[:-300])
    np.savez(extra, provenance=np.array("{}"), surprise=np.zeros(2), **parts())
    for path in (bare, cut, extra, tmp_path):
        with pytest.raises(DataError, match="is not a result"):
            Result.load(path)
    with pytest.raises(DataError, match="no file"):
        Result.load(tmp_path / "absent.npz")


def test_nothing_in_a_file_is_executed(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "ran",)

    path = tmp_path / "bomb.npz"
    np.savez(path, probs=np.array([Bomb()], dtype=object), provenance=np.array("{}"))
    with pytest.raises(DataError):
        Result.load(path)
    assert not (tmp_path / "ran").exists()


def test_a_file_holds_no_pixels(tmp_path: Path) -> None:
    path = Result(**parts()).save(tmp_path / "result.npz")
    names = set(zipfile.ZipFile(path).namelist())
    assert names == {"probs.npy", "target.npy", "ids.npy", "labels.npy", "provenance.npy"}


def test_votes_and_truths_of_other_heads_survive_a_round_trip(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    more = {
        "votes": rng.integers(0, 10, (6, 3)),
        "regression": rng.uniform(-1, 1, (6, 2)),
        "regression_target": np.full((6, 2), np.nan),
        "units": rng.random((6, 4)),
        "units_target": rng.integers(0, 2, (6, 4)),
    }
    result = Result(**parts(), **more)
    again = Result.load(result.save(tmp_path / "r.npz")).take([4, 1])
    assert again.votes is not None
    assert again.votes.dtype == np.int16
    assert (again.votes == more["votes"][[4, 1]]).all()
    assert again.units_target is not None
    assert again.units_target.tolist() == more["units_target"][[4, 1]].tolist()
    assert np.isnan(again.regression_target).all()


@pytest.mark.parametrize("votes", [np.ones((6, 4)), np.ones(6), -np.ones((6, 3)), np.ones((5, 3))])
def test_votes_of_another_shape_are_refused(votes: np.ndarray) -> None:
    with pytest.raises(DataError):
        Result(**parts(), votes=votes)
