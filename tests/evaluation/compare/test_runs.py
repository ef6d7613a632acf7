"""Seeds and folds of a recipe as one system."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
import pytest

from mien.errors import UsageError
from mien.evaluation import metrics
from mien.evaluation.compare import Comparison, Request, compare, keep, to_text
from mien.evaluation.compare.page import to_html
from mien.evaluation.compare.text import to_rows
from mien.evaluation.result import Result

from ..conftest import system

METRICS = ("accuracy", "macro_f1", "nll", "ece")
Save = Callable[..., list[Result]]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """The function `save(name, skill, seeds)` that writes runs as `mien train --runs` does and returns results."""

    def write(name: str, skill: float, seeds: Sequence[int], **facts: Any) -> list[Result]:
        results = []
        for seed in seeds:
            own = {"weights": name, "trained": {"recipe": name, "seed": seed}, **facts}
            results.append(system(seed + round(100 * skill), skill, **own))
            folder = tmp_path / name / f"{seed}-20260101-00000{seed}"
            results[-1].save(folder / "test.npz")
            (folder / "recipe.yaml").write_text(f"seed: {seed}\nepochs: 3\n", encoding="utf-8")
        return results

    return write


def run(tmp_path: Path, *names: str, **options: Any) -> Comparison:
    return compare(Request(tuple(tmp_path / name for name in names), **options))


def test_seeds_are_averaged_and_their_deviation_is_beside_the_mean(save: Save, tmp_path: Path) -> None:
    a, b = save("a", 2.0, (0, 1, 2)), save("b", 1.0, (0, 1, 2))
    comparison = run(tmp_path, "a", "b")
    part = comparison.full
    assert comparison.n == part.n == 300
    assert part.by is None
    names = ["a (3 runs)", "b (3 runs)"]
    assert list(part.systems) == list(comparison.paths) == names
    assert comparison.paths[names[0]] == str(tmp_path / "a")
    for key in METRICS:
        of_a, of_b = ([metrics.METRICS[key](r.probs, r.target) for r in runs] for runs in (a, b))
        scores, gap = part.systems[names[0]], part.pairs[0].differences[key]
        assert scores.values[key] == pytest.approx(mean(of_a))
        assert scores.deviations[key] == pytest.approx(stdev(of_a))
        assert gap.difference == pytest.approx(mean(of_a) - mean(of_b))
        assert gap.deviation == pytest.approx(stdev(np.subtract(of_a, of_b)))
        low, high = scores.intervals[key] or (None, None)
        assert low is not None
        assert high is not None
        assert low <= scores.values[key] <= high
    assert part.systems[names[0]].runs == 3
    assert comparison.disagreement == []


@pytest.mark.parametrize("group", [None, np.array([f"s{k // 2}" if k < 150 else "" for k in range(300)])])
def test_runs_that_say_the_same_add_no_images(save: Save, tmp_path: Path, group: Any) -> None:
    (one,) = save("one", 1.0, (0,))
    one = replace(one, group=group)
    one.save(next((tmp_path / "one").rglob("test.npz")))
    for seed in range(4):
        facts = one.provenance.updated(trained={"recipe": "x", "seed": seed}, weights="x")
        replace(one, provenance=facts).save(tmp_path / "x" / f"{seed}-test.npz")
    other = system(7, 2.0, weights="other").save(tmp_path / "other.npz")
    alone, four = (compare(Request((tmp_path / name, other))).full for name in ("one", "x"))
    single, many = alone.systems["one"], four.systems["x (4 runs)"]
    assert many.values == pytest.approx(single.values)
    for key in METRICS[1:]:
        assert many.intervals[key] == pytest.approx(single.intervals[key], abs=0.005)
    width, wilson = (np.ptp(scores.intervals["accuracy"]) for scores in (many, single))
    assert width == pytest.approx(wilson, rel=0.05)
    assert four.pairs[0].differences["nll"].interval == pytest.approx(alone.pairs[0].differences["nll"].interval)
    assert (four.pairs[0].a_only, four.pairs[0].b_only) == (alone.pairs[0].a_only, alone.pairs[0].b_only)
    assert set(many.deviations.values()) == {0.0}


def test_runs_whose_predictions_vary_have_narrower_intervals_than_one_of_them(save: Save, tmp_path: Path) -> None:
    save("a", 1.0, range(6))
    save("b", 1.0, (8,))
    part = run(tmp_path, "a", "b").full
    assert list(part.systems) == ["a (6 runs)", "b"] or list(part.systems) == ["b", "a (6 runs)"]
    six, one = (np.ptp(part.systems[name].intervals["accuracy"]) for name in ("a (6 runs)", "b"))
    assert six < 0.9 * one
    assert part.pairs[0].p > 0.05


@pytest.mark.parametrize(("seeds", "known"), [(((0, 1), (3,)), True), (((0, 1), (1, 2)), False)])
def test_a_difference_has_a_deviation_where_seeds_match(save: Save, tmp_path: Path, seeds: Any, known: bool) -> None:
    save("a", 2.0, seeds[0])
    save("b", 1.0, seeds[1])
    gap = run(tmp_path, "a", "b").full.pairs[0].differences["accuracy"]
    assert (gap.deviation is not None) is known


def test_groups_of_images_are_drawn_with_all_runs(save: Save, tmp_path: Path) -> None:
    for name, skill in (("a", 2.0), ("b", 1.0)):
        for k, run_ in enumerate(save(name, skill, (0, 1))):
            grouped = replace(run_, group=np.array([f"s{i // 10}" for i in range(300)]))
            grouped.save(tmp_path / name / f"{k}-20260101-00000{k}" / "test.npz")
    part = run(tmp_path, "a", "b").full
    assert (part.n, part.by, part.pairs[0].by) == (300, 30, 30)
    assert "n 300, intervals and tests by 30 subjects or clips" in to_text(run(tmp_path, "a", "b"))


def test_text_json_table_and_page_name_the_runs(save: Save, tmp_path: Path) -> None:
    save("a", 2.0, (0, 1, 2))
    save("b", 1.0, (0,))
    comparison = run(tmp_path, "a", "b")
    text, page = to_text(comparison), to_html(comparison, None)
    assert "all images, n 300\n" in text
    assert "  deviation over 3 runs " in text
    assert "a (3 runs) right in more of its runs " in text
    assert "mean of 3 runs (seed 0, seed 1, seed 2) on the same 300 images" in comparison.notes[0]
    for shown in (text, page):
        assert "Values of several runs are means" in shown
        assert "deviation " in shown
    scores = json.loads(json.dumps(comparison.to_dict()))["full"]["systems"]
    assert (scores["a (3 runs)"]["runs"], scores["b"]["runs"]) == (3, 1)
    assert scores["a (3 runs)"]["accuracy_deviation"] > 0
    assert "accuracy_deviation" not in scores["b"]
    rows = [line.split(",") for line in to_rows(comparison).splitlines()]
    assert {len(row) for row in rows} == {len(rows[0])}
    assert rows[0][-2:] == ["runs", "deviation"]
    assert rows[1][-2] == "3"
    assert keep(comparison, tmp_path / "out")


def folds(tmp_path: Path, whole: Result, parts: Sequence[slice], seeds: Sequence[int] = (0, 0, 0)) -> Path:
    for k, (rows, seed) in enumerate(zip(parts, seeds, strict=True)):
        part = whole.take(np.arange(300)[rows])
        facts = whole.provenance.updated(
            trained={"recipe": "r", "seed": seed},
            options={"folds": 3, "fold": k},
            fingerprint=str(k),
            training={"name": "r", "fingerprint": str(k)},
            twins=part.ids[:5].tolist(),
        )
        own = Result(part.probs, part.target, part.labels, part.ids, provenance=facts)
        own.save(tmp_path / "r" / str(k) / "test.npz")
        text = f"seed: {seed}\ndata: {{options: {{folds: 3, fold: {k}}}}}\n"
        (tmp_path / "r" / str(k) / "recipe.yaml").write_text(text, encoding="utf-8")
    return tmp_path / "r"


THIRDS = (slice(0, 100), slice(100, 200), slice(200, 300))


def test_folds_are_joined_to_all_images(tmp_path: Path, good: Result, poor: Result) -> None:
    paths = folds(tmp_path, good, THIRDS), poor.save(tmp_path / "poor.npz"), good.save(tmp_path / "good.npz")
    comparison = compare(Request(paths))
    joined, whole = (comparison.full.systems[name] for name in ("system1 (3 folds)", "system1"))
    assert comparison.n == 300
    assert joined.values == whole.values
    assert joined.intervals == whole.intervals
    assert (joined.folds, joined.runs, whole.folds) == (3, 1, 1)
    assert "3 folds (seed 0 fold 0, seed 0 fold 1, seed 0 fold 2) joined, 300 images" in comparison.notes[0]
    assert compare(Request(paths[:1])).clean.n == 285, "each fold's own near-duplicates"
    assert "system1 (3 folds)" in to_text(comparison)


def test_joined_folds_of_val_say_that_they_chose_their_epoch_on_it(tmp_path: Path, good: Result) -> None:
    said = "each fold chose its epoch and temperature on the images it is measured on"
    assert not any(said in note for note in compare(Request((folds(tmp_path, good, THIRDS),))).notes)
    own = replace(good, provenance=good.provenance.updated(split="val"))
    assert any(said in note for note in compare(Request((folds(tmp_path, own, THIRDS),))).notes)


def test_runs_that_were_stopped_are_not_averaged_with_those_that_ended(save: Save, tmp_path: Path) -> None:
    whole = save("a", 2.0, (0, 1, 2))
    path = tmp_path / "a" / "1-20260101-000001"
    early = replace(whole[1], provenance=whole[1].provenance.updated(stopped=4))
    early.save(path / "test.npz")
    comparison = run(tmp_path, "a")
    assert list(comparison.full.systems) == ["a (2 runs)"]
    assert f"{path}: stopped after epoch 4, left out; `mien train --resume` ends it" in comparison.notes
    alone = compare(Request((path / "test.npz",)))
    assert [note for note in alone.notes if "stopped after epoch 4, `mien" in note]
    for folder in path.parent.iterdir():
        early.save(folder / "test.npz")
    with pytest.raises(UsageError, match="none of its 3 runs has ended"):
        run(tmp_path, "a")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": "other"}, "differ in weights; expected runs of one recipe"),
        ({"split": "val"}, "differ in split"),
        ({"dataset": "ferplus"}, "differ in dataset"),
        ({"prior": "uniform"}, "differ in prior"),
        ({"options": {"labels": "votes"}}, "differ in options.labels"),
        ({"trained": {"recipe": "other", "seed": 1}}, "differ in trained"),
        ({"trained": {"recipe": "a", "seed": 0}}, "are the same run, seed 0; expected runs with different seeds"),
    ],
)
def test_runs_of_different_systems_are_refused(save: Save, tmp_path: Path, change: Any, message: str) -> None:
    save("a", 2.0, (0,))
    facts = {"weights": "a", "trained": {"recipe": "a", "seed": 1}, **change}
    system(5, 2.0, **facts).save(tmp_path / "a" / "1-later" / "test.npz")
    (tmp_path / "a" / "1-later" / "recipe.yaml").write_text("seed: 1\nepochs: 3\n", encoding="utf-8")
    with pytest.raises(UsageError, match=message) as caught:
        run(tmp_path, "a")
    assert "\n" not in str(caught.value)


def test_runs_with_other_settings_are_refused(save: Save, tmp_path: Path) -> None:
    save("a", 2.0, (0, 1))
    recipe = tmp_path / "a" / "1-20260101-000001" / "recipe.yaml"
    recipe.write_text("seed: 1\nepochs: 4\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"0-2.* and 1-2.* differ in recipe.epochs"):
        run(tmp_path, "a")


@pytest.mark.parametrize(
    ("parts", "seeds"),
    [
        ((slice(0, 150), slice(100, 200), slice(200, 300)), (0, 0, 0)),
        ((slice(0, 100), slice(0, 100), slice(100, 300)), (0, 1, 0)),
    ],
    ids=["folds that overlap", "seeds among folds"],
)
def test_folds_that_share_images_are_refused(
    tmp_path: Path, good: Result, parts: Sequence[slice], seeds: Sequence[int]
) -> None:
    with pytest.raises(UsageError, match="the same images in all runs, or none twice"):
        compare(Request((folds(tmp_path, good, parts, seeds),)))
