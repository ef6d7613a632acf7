"""Fairness: every figure of two groups worked out by hand, what is too small, and what `mien fairness` writes."""

import csv
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mien.errors import DataError, UsageError
from mien.evaluation.fairness import fairness
from mien.evaluation.fairness.report import ColumnAudit, ErrorRates
from mien.evaluation.fairness.text import to_text
from mien.evaluation.provenance import mismatch_reason
from mien.evaluation.result import Provenance, Result
from mien.evaluation.statistics.intervals import wilson

LABELS = ("neutral", "happiness")
CASES = {  # by group: (label, predicted, how many)
    "a": [(0, 0, 18), (0, 1, 2), (1, 1, 16), (1, 0, 4)],
    "b": [(0, 0, 10), (0, 1, 10), (1, 1, 20)],
    "c": [(0, 0, 5), (1, 0, 7)],
}


def drawn(cases: dict[str, list[tuple[int, int, int]]], sure: float = 0.8) -> tuple[Result, np.ndarray]:
    rows = [(g, label, predicted) for g, runs in cases.items() for label, predicted, n in runs for _ in range(n)]
    groups, label, predicted = zip(*rows, strict=True)
    probs = np.where(np.eye(2)[list(predicted)] > 0, sure, 1 - sure)
    ids = [f"{k:04d}" for k in range(len(rows))]
    about = {"weights": "net", "dataset": "fer2013", "split": "test"}
    return Result(probs, np.eye(2)[list(label)], LABELS, ids, provenance=Provenance(**about)), np.array(groups)


def audited(cases: dict[str, list[tuple[int, int, int]]] = CASES, min_group: int = 15) -> ColumnAudit:
    result, groups = drawn(cases)
    return fairness(result, {"sex": groups}, min_group).columns[0]


def test_two_groups_by_hand() -> None:
    column = audited()
    a, b, _ = column.groups
    assert (a.n, a.enough, a.accuracy) == (40, True, 34 / 40)
    assert a.accuracy_interval == list(wilson(34, 40))
    assert b.accuracy == 30 / 40
    assert (a.ece, b.ece) == (pytest.approx(0.05, abs=1e-6), pytest.approx(0.05, abs=1e-6))
    rates = {(g.group, w): (r.n, r.fpr, r.fnr) for g in (a, b) for w, r in g.per_class.items()}
    assert rates == {
        ("a", "neutral"): (20, 4 / 20, 2 / 20),
        ("a", "happiness"): (20, 2 / 20, 4 / 20),
        ("b", "neutral"): (20, 0.0, 10 / 20),
        ("b", "happiness"): (20, 10 / 20, 0.0),
    }
    assert a.per_class["neutral"].fnr_interval == list(wilson(2, 20))
    assert a.per_class["neutral"].fpr_interval == list(wilson(4, 20))
    assert (column.gap.worst_group, column.gap.best_group) == ("b", "a")
    assert column.gap.gap == pytest.approx(0.1)
    low, high = column.gap.gap_interval
    assert -0.1 < low < 0 < 0.1 < high < 0.3
    assert column.equalised_odds_gap == pytest.approx(0.4)


def test_the_tests_and_their_correction() -> None:
    stats = pytest.importorskip("scipy.stats")
    tests = {test.what: test for test in audited().tests}
    assert list(tests) == [
        "accuracy",
        *(f"false {kind} of {label}" for label in LABELS for kind in ("negatives", "positives")),
    ]
    accuracy = stats.chi2_contingency([[34, 30], [6, 10]], correction=False).pvalue
    assert tests["accuracy"].p == pytest.approx(accuracy)
    assert tests["accuracy"].p_holm == pytest.approx(accuracy), "accuracy is a question of its own"
    wrong = stats.chi2_contingency([[2, 10], [18, 10]], correction=False).pvalue
    few = stats.fisher_exact([[4, 0], [16, 20]]).pvalue
    assert tests["false negatives of neutral"].p == tests["false positives of happiness"].p == pytest.approx(wrong)
    assert tests["false positives of neutral"].p == pytest.approx(few)
    assert tests["false negatives of neutral"].p_holm == pytest.approx(4 * wrong)
    assert tests["false positives of neutral"].p_holm == pytest.approx(2 * few)


def test_correction_runs_over_all_columns() -> None:
    result, groups = drawn(CASES)
    once = fairness(result, {"sex": groups}, 15).columns[0].tests[0]
    twice = [column.tests[0] for column in fairness(result, {"sex": groups, "age": groups}, 15).columns]
    assert [test.p_holm for test in twice] == [pytest.approx(2 * once.p)] * 2


def test_small_groups_keep_their_counts_and_nothing_else() -> None:
    column = audited()
    small = column.groups[2]
    assert (small.group, small.n, small.enough) == ("c", 12, False)
    assert (small.accuracy, small.accuracy_interval, small.ece, small.ece_interval) == (None,) * 4
    none = [None] * 4
    assert small.per_class == {"neutral": ErrorRates(5, *none), "happiness": ErrorRates(7, *none)}
    assert "too few to conclude: 12 < 15 in c" in column.conclusion


@pytest.mark.parametrize("people", [None, 20])
def test_the_equalised_odds_gap_stands_beside_what_chance_makes(people: int | None) -> None:
    """Where groups are alike it is exceeded in few draws, though the gap is wide; a real difference exceeds it."""
    gaps, chances = [], []
    for seed in range(40):
        result, groups = alike(seed, people)
        column = fairness(result, {"sex": groups}).columns[0]
        gaps.append(column.equalised_odds_gap)
        chances.append(column.equalised_odds_chance)
    assert np.mean(gaps) > 0.05
    assert sum(np.array(gaps) > np.array(chances)) <= 6
    assert np.mean(chances) < 2.5 * np.mean(gaps)
    result, groups = alike(0, people, worse=0.5)
    column = fairness(result, {"sex": groups}).columns[0]
    assert column.equalised_odds_gap > column.equalised_odds_chance
    assert "and no test: where groups are alike, 95 of 100" in to_text(fairness(result, {"sex": groups}))


def alike(seed: int, people: int | None, worse: float = 0.0) -> tuple[Result, np.ndarray]:
    """Return a result of two groups that differ by `worse` in accuracy, of so many people with two levels."""
    rng = np.random.default_rng(seed)
    person = np.arange(600) % (people or 600)
    label, sex = rng.integers(2, size=600), person % 2
    rate = np.where(rng.random(people or 600) < 0.5, 0.6, 0.9)[person] if people else 0.75
    predicted = np.where(rng.random(600) < rate - worse * sex, label, 1 - label)
    group = None if people is None else person.astype(str)
    probs = np.where(np.eye(2)[predicted] > 0, 0.8, 0.2)
    return Result(probs, np.eye(2)[label], LABELS, np.arange(600).astype(str), group=group), sex.astype(str)


def test_rates_of_few_samples_are_not_reported() -> None:
    """40 images are enough for a group, 20 of an expression are not."""
    column = audited(min_group=30)
    for group in column.groups[:2]:
        assert group.accuracy is not None
        assert {rate for row in group.per_class.values() for rate in (row.fpr, row.fnr)} == {None}
    assert [test.what for test in column.tests] == ["accuracy"]
    assert (column.equalised_odds_gap, column.equalised_odds_chance) == (None, None)


@pytest.mark.parametrize(
    ("cases", "conclusion"),
    [
        ({"a": CASES["a"], "c": CASES["c"]}, "too few to conclude: 12 < 15 in c"),
        ({"c": CASES["c"]}, "too few to conclude: 12 < 15 in c"),
        ({"a": CASES["a"]}, "too few to conclude: there are not two groups"),
    ],
)
def test_refuses_to_conclude_from_one_group(cases: dict[str, Any], conclusion: str) -> None:
    column = audited(cases)
    assert column.conclusion == conclusion
    assert column.tests == ()
    assert (column.gap, column.equalised_odds_gap) == (None, None)
    assert {column.to_dict()[key] for key in ("worst_group", "best_group", "gap")} == {None}


def test_a_real_difference_is_concluded() -> None:
    column = audited({"a": [(0, 0, 450), (1, 1, 450), (0, 1, 100)], "b": [(0, 0, 350), (1, 1, 450), (0, 1, 200)]})
    assert column.conclusion.startswith(
        "accuracy differs between the groups (p < 0.001 after Holm): b is 10.0 points below a (95 %: 6.9 to 13.1); "
        "different between the groups: false negatives of neutral (p < 0.001)"
    )


def test_no_difference_is_not_called_fair() -> None:
    column = audited({"a": CASES["a"], "b": CASES["a"]})
    assert column.gap.gap == 0
    assert {column.gap.worst_group, column.gap.best_group} == {"a", "b"}
    assert column.conclusion.startswith("no difference in accuracy is shown (p = 1.000 after Holm)")


def test_the_gap_of_many_groups_holds_for_all_pairs() -> None:
    """Ten groups alike but for chance: the extremes differ, and the interval knows it."""
    rng = np.random.default_rng(0)
    cases = {f"g{k}": [(0, 0, int(n)), (0, 1, 100 - int(n))] for k, n in enumerate(rng.binomial(100, 0.7, 10))}
    column = audited(cases)
    assert column.gap.gap > 0.08
    assert column.gap.gap_interval[0] < 0


def test_unknown_groups_are_left_out_and_counted() -> None:
    result, groups = drawn(CASES)
    report = fairness(result, {"sex": np.where(groups == "c", "", groups), "age": ["x"] * 5 + [""] * 87}, 15)
    assert (report.n, report.left_out, report.min_group) == (92, 12, 15)
    assert [column.left_out for column in report.columns] == [12, 87]
    assert [group.group for group in report.columns[0].groups] == ["a", "b"]


def test_split_votes_count_as_accuracy_counts_them() -> None:
    """Where votes tie, either is right: the same rule as in the metrics."""
    target = np.array([[0.5, 0.5]] * 40 + [[1.0, 0.0]] * 40)
    probs = np.array([[0.1, 0.9]] * 40 + [[0.9, 0.1]] * 40)
    result = Result(probs, target, LABELS, [str(k) for k in range(80)])
    groups = fairness(result, {"sex": ["a"] * 40 + ["b"] * 40}).columns[0].groups
    assert [group.accuracy for group in groups] == [1.0, 1.0]


def test_bad_input() -> None:
    result, groups = drawn(CASES)
    with pytest.raises(UsageError, match="`min_group` 0"):
        fairness(result, {"sex": groups}, 0)
    with pytest.raises(DataError, match="no column"):
        fairness(result, {})
    with pytest.raises(DataError, match=r"expected \(92,\)"):
        fairness(result, {"sex": groups[:-1]})


def test_shape_of_the_document() -> None:
    result, groups = drawn(CASES)
    figures = json.loads(json.dumps(fairness(result, {"sex": groups}, 15).to_dict()))
    assert set(figures) == {"weights", "dataset", "split", "answers", "columns", "min_group", "n", "left_out"}
    column = figures["columns"][0]
    assert set(column) >= {
        *("column", "groups", "tests", "worst_group", "gap", "gap_interval", "equalised_odds_gap", "conclusion")
    }
    shape = {"group", "n", "enough", "accuracy", "accuracy_interval", "ece", "ece_interval", "per_class"}
    assert set(column["groups"][0]) == shape
    assert set(column["groups"][0]["per_class"]["neutral"]) == {"n", "fpr", "fpr_interval", "fnr", "fnr_interval"}
    assert set(column["tests"][0]) == {"what", "p", "p_holm"}


def test_text_for_a_terminal() -> None:
    result, groups = drawn(CASES)
    text = str(fairness(result, {"sex": groups}, 15))
    assert "92 images, 0 of them in no group; nothing is concluded from fewer than 15" in text
    assert re.search(r"^a +40 +85\.00 %", text, re.MULTILINE)
    assert re.search(r"^c +12  too few to conclude: 12 < 15$", text, re.MULTILINE)
    assert re.search(r"^b +50\.0 +0\.0$", text, re.MULTILINE)
    assert re.search(r"equalised-odds gap: 40\.0 points; the largest of .* no test: where .* stay below \d\d\.\d", text)
    assert "accuracy: p = 0.26" in text
    assert "ECE adds up gaps that chance alone opens" in text


def test_html_for_a_notebook() -> None:
    result, groups = drawn(CASES)
    html = fairness(result, {"<sex>": groups}, 15)._repr_html_()
    assert re.search(r"&lt;sex&gt;: a</th><td>40</td><td>85.0 %</td>", html)
    assert "too few to conclude: 12 &lt; 15 in c" in html


def test_images_of_no_group_stand_in_the_table() -> None:
    result, groups = drawn(CASES)
    ages = np.where(groups == "a", "old", "")
    text = to_text(fairness(result, {"sex": np.where(groups == "c", "", groups), "age": ages}, 15))
    assert "12 of them in no group by any column" in text
    assert re.findall(r"^\(no group\) +(\d+)$", text, re.MULTILINE) == ["12", "52"]


def test_an_audit_records_its_predictions() -> None:
    result, groups = drawn(CASES)
    figures = fairness(result, {"sex": groups}, 15).to_dict()
    assert mismatch_reason(figures, result) == ""
    assert mismatch_reason(json.loads(json.dumps(figures)), result.take(np.arange(len(result)))) == ""
    assert "other predictions (fer2013 test)" in mismatch_reason(figures, result.take(np.arange(1, len(result))))
    assert "other predictions" in mismatch_reason(figures, drawn(CASES, 0.7)[0])


def mien(*words: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "mien.cli", "fairness", *map(str, words)], capture_output=True, text=True
    )


def test_command(tmp_path: Path) -> None:
    result, groups = drawn(CASES)
    result.save(tmp_path / "run" / "result.npz")
    with (tmp_path / "people.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["path", "sex", "age"], *zip(result.ids, groups, range(92), strict=True)])
    words = ("--groups", tmp_path / "people.csv", "--min-group", 15)
    done = mien(tmp_path / "run", *words, "--json", "--out", tmp_path / "o")
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert [column["column"] for column in figures["columns"]] == ["sex"]
    assert "images from column path" in done.stderr
    assert "column age is left out, it holds 92 different numbers" in done.stderr
    assert json.loads((tmp_path / "o" / "fairness.json").read_text()) == figures
    page = (tmp_path / "o" / "fairness.html").read_text()
    assert "net on fer2013 test by group" in page
    assert "12 &lt; 15 in c" in page
    assert not re.search(r"(src|href)=\"(?!data:|#)", page)
    assert done.stderr.endswith(f"wrote {tmp_path / 'o' / 'fairness.json'}\nwrote {tmp_path / 'o' / 'fairness.html'}\n")
    drawn(CASES, 0.7)[0].save(tmp_path / "other.npz")
    kept = mien(tmp_path / "other.npz", *words, "--out", tmp_path / "o")
    assert (kept.returncode, kept.stdout, kept.stderr.count("\n")) == (2, "", 1)
    assert "fairness.json is of net on fer2013 test; expected another folder" in kept.stderr
    none = mien(tmp_path / "run", "--groups", tmp_path / "none.csv", "--min-group", 0)
    assert (none.returncode, none.stderr.count("\n")) == (2, 1)
    assert "--min-group" in none.stderr
    done = mien(tmp_path / "run" / "result.npz", *words, "--by", "sex")
    assert "too few to conclude: 12 < 15" in done.stdout
    refused = mien(tmp_path / "run", *words, "--by", "age")
    assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (2, "", 1)
    assert "cut it into ranges" in refused.stderr


@pytest.mark.parametrize(("right", "differs"), [(31, False), (29, True)])
def test_groups_differ_below_five_in_a_hundred(right: int, differs: bool) -> None:
    cases = {"a": [(0, 0, 40), (0, 1, 20)], "b": [(0, 0, right), (0, 1, 60 - right)]}
    column = audited(cases, min_group=30)
    p = column.tests[0].p_holm
    assert 0.01 < p < 0.1
    assert (p < 0.05) == differs
    assert column.conclusion.startswith("accuracy differs" if differs else "no difference in accuracy is shown")
