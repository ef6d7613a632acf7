"""Intervals by subject or clip: wide enough where plain ones are not, everywhere, and reported."""

import html
import json
import re
from pathlib import Path

import numpy as np
import pytest

from mien.data.samples import Samples
from mien.evaluation import evaluate as module
from mien.evaluation.calibration import recalibrate
from mien.evaluation.compare import Request, compare
from mien.evaluation.fairness import fairness
from mien.evaluation.report import write
from mien.evaluation.report.collect import gather
from mien.evaluation.result import Provenance, Result
from mien.evaluation.scores import score
from mien.evaluation.statistics import clusters
from mien.evaluation.statistics.intervals import proportion_interval, wilson
from mien.evaluation.text import to_text

LABELS = ("neutral", "happiness", "anger")


def drawn(seed: int, groups: int = 30, each: int = 20, spread: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    """Return whether samples are right, and their group: some groups are easy, others hard."""
    rng = np.random.default_rng(seed)
    easy = 1 / (1 + np.exp(-(0.8 + spread * rng.standard_normal(groups))))
    group = np.repeat(np.arange(groups), each)
    return rng.random(len(group)) < easy[group], group


def result(seed: int = 0, groups: int | None = 30, **facts: object) -> Result:
    right, group = drawn(seed)
    rng = np.random.default_rng(seed)
    label = rng.integers(3, size=len(right))
    predicted = np.where(right, label, (label + 1) % 3)
    probs = 0.7 * np.eye(3)[predicted] + 0.1
    own = None if groups is None else group.astype(str)
    return Result(
        probs, np.eye(3)[label], LABELS, np.arange(len(right)).astype(str), group=own, provenance=Provenance(**facts)
    )


def covers(draws: int, by_group: bool, groups: int = 30, each: int = 20) -> float:
    true = np.concatenate([drawn(seed, 4000, 1)[0] for seed in range(5)]).mean()
    covered = []
    for seed in range(draws):
        right, group = drawn(1000 + seed, groups, each)
        low, high = proportion_interval(right, group if by_group else None)
        covered.append(low <= true <= high)
    return float(np.mean(covered))


def test_intervals_by_group_hold_the_value_and_plain_ones_do_not() -> None:
    assert covers(120, by_group=False) < 0.75
    assert 0.88 <= covers(120, by_group=True) <= 1


@pytest.mark.slow
def test_intervals_by_group_hold_the_value_in_95_percent() -> None:
    assert covers(1000, by_group=False) < 0.65
    assert 0.925 <= covers(1000, by_group=True) <= 0.975


@pytest.mark.slow
@pytest.mark.parametrize(("groups", "least"), [(2, 0.6), (3, 0.72), (4, 0.82), (5, 0.9), (8, 0.92)])
def test_intervals_of_few_groups_hold_the_value_from_five_on(
    groups: int, least: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clusters, "MIN_GROUPS", 2)
    held = covers(600, by_group=True, groups=groups, each=16)
    assert least <= held
    assert (held >= 0.9) == (groups >= 5)


@pytest.mark.parametrize("hits", [(10, 8), (10, 10), (16, 16), (16, 15, 9, 12)])
def test_fewer_than_five_groups_have_no_interval(hits: tuple[int, ...]) -> None:
    right = np.concatenate([np.arange(16) < n for n in hits])
    assert np.isnan(proportion_interval(right, np.repeat(np.arange(len(hits)), 16))).all()
    assert np.isnan(clusters.ends(np.linspace(0, 1, 2001), len(hits))).all()


@pytest.mark.parametrize("hits", [(16, 16, 16, 16, 15), (10, 10, 11, 10, 10, 10), (8,) * 5])
def test_groups_that_are_alike_by_chance_are_no_better_than_single_images(hits: tuple[int, ...]) -> None:
    right = np.concatenate([np.arange(16) < n for n in hits])
    low, high = proportion_interval(right, np.repeat(np.arange(len(hits)), 16))
    lowest, highest = wilson(sum(hits), len(right))
    assert low <= lowest < highest <= high


@pytest.mark.parametrize("group", [None, np.arange(40).astype(str)])
def test_without_groups_or_with_one_sample_each_they_are_wilsons(group: np.ndarray | None) -> None:
    right = np.arange(40) % 3 > 0
    assert proportion_interval(right, group) == wilson(int(right.sum()), 40)


def test_groups_that_are_all_alike_count_as_one_sample_each() -> None:
    assert proportion_interval([True] * 500, np.arange(500) % 5) == pytest.approx(wilson(5, 5))
    assert proportion_interval([True] * 500, np.arange(500) % 8) == pytest.approx(wilson(8, 8))


def test_every_interval_of_a_result_is_by_group_and_says_so() -> None:
    by_group, plain = (score(result(groups=groups)) for groups in (30, None))
    assert (by_group.groups, plain.groups) == (30, None)
    for key in ("accuracy", "balanced_accuracy", "macro_f1", "kappa", "top2", "nll", "brier"):
        ends, narrow = by_group.intervals[key], plain.intervals[key]
        assert by_group.values[key] == plain.values[key]
        assert ends[0] < by_group.values[key] < ends[1] or key == "top2"
        assert ends[1] - ends[0] > 1.5 * (narrow[1] - narrow[0]), key
    assert by_group.intervals["ece"][0] <= by_group.ece <= by_group.intervals["ece"][1]
    facts = {"weights": "w", "dataset": "d", "split": "test", "left_out": 0, "labels_left_out": []}
    text = to_text(score(result(**facts)))
    assert re.search(r"\(95 % by 30 subjects or clips: \d\d\.\d\d to", text)
    assert "by 30" not in to_text(score(result(groups=None, **facts)))


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_few_subjects_have_dashes_everywhere(groups: int, tmp_path: Path) -> None:
    facts = {"weights": "w", "dataset": "d", "split": "test", "left_out": 0, "labels_left_out": []}
    one = result(**facts).take(np.arange(20 * groups))
    scores = score(one)
    assert scores.groups == groups
    assert scores.accuracy_interval == scores.intervals["accuracy"] == scores.intervals["macro_f1"] == [None, None]
    json.dumps(scores.to_dict(), allow_nan=False)
    assert f"(95 % by {clusters.by(groups).removeprefix('by ')}: -)" in to_text(scores)
    other = Result(
        np.roll(one.probs, 1, 1), one.target, LABELS, one.ids, group=one.group, provenance=Provenance(weights="v")
    )
    (difference,) = compare(Request((one.save(tmp_path / "one.npz"), other.save(tmp_path / "two.npz")))).full.pairs
    assert set(map(tuple, (own.interval for own in difference.differences.values()))) == {(None, None)}
    page = write(gather([tmp_path / "one.npz"], None), tmp_path / "page.html").read_text()
    assert not re.search(r"nan|\( ?\)|: \)", page)
    audit = fairness(one, {"half": np.where(np.arange(len(one)) % 2, "a", "b")}, min_group=5)
    assert audit.columns[0].gap.gap_interval == [None, None]
    assert "(95 %: -)" in str(audit)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    facts = {"weights": "one", "dataset": "d", "split": "test"}
    first = result(**facts)
    worse = first.probs.copy()
    rows = np.isin(first.group, ["0", "1", "2"])  # three of thirty subjects, all their images
    worse[rows] = np.roll(first.target[rows], 1, axis=1)
    second = Result(
        worse, first.target, LABELS, first.ids, group=first.group, provenance=Provenance(**facts | {"weights": "two"})
    )
    return first.save(tmp_path / "one.npz"), second.save(tmp_path / "two.npz")


def test_a_comparison_is_by_group(pair: tuple[Path, Path]) -> None:
    comparison = compare(Request(pair))
    (difference,) = comparison.full.pairs
    assert (comparison.full.by, difference.by) == (30, 30)
    assert difference.a_only > 30
    assert difference.p >= 0.25  # three subjects are too few; McNemar on their images would give p < 0.001
    assert not difference.significant
    low, high = difference.differences["accuracy"].interval
    assert low is not None
    assert high is not None
    assert low <= 0 < high
    text = str(comparison)
    assert "all images, n 600, intervals and tests by 30 subjects or clips" in text
    assert "McNemar" not in text


def test_flipping_groups_is_mcnemar_where_each_sample_is_its_own() -> None:
    from mien.evaluation.statistics.mcnemar import mcnemar

    first = np.arange(40) < 16
    second = (np.arange(40) >= 16) & (np.arange(40) < 20)
    assert clusters.flipped_p(first, second, np.arange(40)) == pytest.approx(mcnemar(16, 4), abs=0.003)


def test_a_report_says_it(pair: tuple[Path, Path], tmp_path: Path) -> None:
    page = write(gather([pair[0]], None), tmp_path / "page.html").read_text()
    assert "95 % by 30 subjects or clips: " in html.unescape(page).replace("\xa0", " ")


def test_groups_of_people_are_compared_by_subject() -> None:
    """Women and men are as good, but few people: by image the difference would be significant."""
    by_subject, by_image = [], []
    for seed in range(12):
        one = result(seed)
        sex = np.where(one.group.astype(int) % 2, "woman", "man")
        (by_group,) = fairness(one, {"sex": sex}).columns
        plain = fairness(result(seed, groups=None), {"sex": sex}).columns[0]
        by_subject.append(by_group.tests[0].p < 0.05)
        by_image.append(plain.tests[0].p < 0.05)
        assert by_group.by == 30
        assert np.ptp(by_group.gap.gap_interval) > np.ptp(plain.gap.gap_interval)
        assert np.ptp(by_group.groups[0].accuracy_interval) > np.ptp(plain.groups[0].accuracy_interval)
    assert sum(by_subject) <= 3 < sum(by_image)
    assert "intervals and tests by 30 subjects or clips" in str(fairness(one, {"sex": sex}))


def test_a_difference_within_subjects_is_detected_within_subjects() -> None:
    """Each subject in light and in the dark, where all are misread more often."""
    rng = np.random.default_rng(0)
    code = np.repeat(np.arange(20), 30)
    dark = np.tile(np.arange(30) % 2 > 0, 20)
    right = rng.random(600) < np.where(dark, 0.5, 0.7)
    words = np.where(dark, "dark", "light")
    assert clusters.permuted_p(words, right, code) < 0.01
    assert clusters.permuted_p(rng.permutation(words), right, code) > 0.01
    assert clusters.permuted_p(words, right, 3 * code) == clusters.permuted_p(words, right, code)  # some groups absent


def test_calibration_is_measured_by_group() -> None:
    first, second = result(0, split="val"), result(1, split="test")
    second = Result(second.probs, second.target, LABELS, [f"t{k}" for k in second.ids], group=second.group)
    plain = Result(second.probs, second.target, LABELS, second.ids)
    wide, narrow = (recalibrate(first, one) for one in (second, plain))
    for name in ("lac", "aps"):
        a, b = (np.ptp(report.conformal[name].coverage_interval) for report in (wide, narrow))
        assert a >= b


def test_groups_flow_from_the_reader_to_the_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    n = 24
    samples = Samples(
        np.random.default_rng(0).integers(256, size=(n, 48, 48, 1)).astype(np.uint8),
        np.eye(7, dtype=np.float32)[np.arange(n) % 7],
        ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger"),
        np.arange(n).astype(str),
        group=np.array([f"S{k % 6:03}" for k in range(n)]),
        name="ckplus",
        split="val",
    )
    monkeypatch.setattr(module, "load_for", lambda *_, **__: samples)
    measured, scores = module.evaluate("fer2013-nano", "ckplus", None, "val")
    assert measured.group is not None
    assert scores.groups == 6
    assert "by 6 subjects or clips" in to_text(scores)


def test_ends_lie_further_out_the_fewer_the_groups() -> None:
    values = np.linspace(0, 1, 2001)
    assert clusters.ends(values, 10) == pytest.approx((0.0086, 0.9914), abs=5e-4)
    assert clusters.ends(values, 100_000) == pytest.approx((0.025, 0.975), abs=1e-4)


def test_words_are_dealt_to_whole_subjects_or_their_signs_turned() -> None:
    """A person's sex can be of another person only; light is of the image, not of the person in it."""
    rng, code = np.random.default_rng(0), np.repeat(np.arange(20), 10)
    sex = np.where(code < 10, "a", "b")
    assert clusters.permuted_p(sex, code < 10, code) < 0.002
    three = np.isin(code, [8, 9, 7, 10, 11, 12])  # of three against three, two of twenty ways are as extreme
    assert clusters.permuted_p(sex[three], code[three] < 10, code[three]) == pytest.approx(0.1, abs=0.03)
    level = rng.uniform(0.2, 0.9, 20)[code]
    light = np.tile(["bright"] * 5 + ["dark"] * 5, 20)
    assert clusters.permuted_p(light, rng.random(200) < level, code) > 0.05
    assert clusters.permuted_p(light, light == "bright", code) < 0.002


def test_a_difference_between_subjects_is_detected_though_words_vary_within_them() -> None:
    """One mistyped cell, or sex and light in one column, fix nobody's sex: dealing words within subjects would."""
    rng, code = np.random.default_rng(0), np.repeat(np.arange(40), 20)
    sex = np.where(code % 2, "m", "f")
    right = rng.random(800) < np.where(sex == "f", 0.9, 0.6)
    typed = sex.copy()
    typed[3] = "m"
    light = np.where(np.arange(800) % 3, "+dark", "+light")
    for words in (sex, typed, np.char.add(sex, light)):
        assert clusters.permuted_p(words, right, code) < 0.001
    assert clusters.permuted_p(light, right, code) > 0.05


@pytest.mark.parametrize("groups", [10, 40])
def test_words_that_mix_between_and_within_subjects_seldom_differ_by_chance(groups: int) -> None:
    differ = 0
    for seed in range(120):
        right, code = drawn(seed, groups)
        words = np.where(code % 2, "m", "f")
        words[np.random.default_rng(seed).integers(len(code), size=3)] = "m"
        differ += clusters.permuted_p(words, right, code) < 0.05
    assert differ <= 12


def test_a_p_value_is_small_enough_for_the_tests_of_ten_columns() -> None:
    code = np.repeat(np.arange(40), 10)
    words = np.where(code % 2, "m", "f")
    assert 160 * clusters.permuted_p(words, words == "f", code) < 0.05


def test_an_audit_says_how_small_a_p_value_can_be() -> None:
    one = result()
    sex = np.where(one.group.astype(int) % 2, "woman", "man")
    floor = "none is below 0.00005; after Holm 0.00005 for accuracy, 0.00030 for error rates"
    assert f"p values are of 20,000 random draws: {floor}" in str(fairness(one, {"sex": sex}))
    assert "random draws" not in str(fairness(result(groups=None), {"sex": sex}))
