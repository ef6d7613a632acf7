"""Metrics against scikit-learn, against a published matrix, and where raters tie."""

import time
import warnings
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from sklearn import metrics as reference

from mien.evaluation import metrics
from mien.labels import ORDERS

PUBLISHED = """308 3 34 20 49 9 44
13 36 2 1 3 1 0
38 0 284 11 84 32 47
11 0 10 797 12 15 50
56 0 54 19 425 8 91
7 0 26 16 7 351 8
31 0 21 39 78 9 429"""  # the matrix behind a claim of 73.28 % on FER2013, rows true, in FER2013's order

TABLES = [(n, k, seed) for seed, (n, k) in enumerate([(2, 2), (5, 8), (30, 3), (60, 8), (400, 7), (3000, 8)])]


def random_table(n: int, k: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return probabilities, one-hot targets and labels; few samples leave labels without any."""
    rng = np.random.default_rng(seed)
    label = rng.choice(k, n, p=rng.dirichlet(np.ones(k)))
    probs = rng.dirichlet(np.ones(k), n)
    probs[np.arange(n), label] += rng.random(n)
    return probs / probs.sum(1, keepdims=True), np.eye(k)[label], label


def mean_over_classes(score: Callable[..., float], target: np.ndarray, probs: np.ndarray) -> float:
    present = np.flatnonzero(target.any(0))
    return float(np.mean([score(target[:, k], probs[:, k]) for k in present]))


def coincidence_alpha(label: np.ndarray, predicted: np.ndarray, k: int) -> float:
    """Krippendorff's alpha as in his textbook: from the coincidences of all ordered pairs of values of a unit."""
    together = np.zeros((k, k))
    for one, other in zip(label, predicted, strict=True):
        together[one, other] += 1
        together[other, one] += 1
    values = together.sum(0)
    n = values.sum()
    observed, expected = n - np.trace(together), (n * n - (values**2).sum()) / (n - 1)
    return float(1 - observed / expected)


def from_matrix(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    k = len(matrix)
    cell = np.repeat(np.arange(k * k), matrix.ravel())
    return np.eye(k)[cell % k], np.eye(k)[cell // k]


@pytest.mark.parametrize(("n", "k", "seed"), TABLES)
def test_equal_to_scikit_learn(n: int, k: int, seed: int) -> None:
    probs, target, label = random_table(n, k, seed)
    predicted, every = probs.argmax(1), list(range(k))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of labels without samples
        wanted = {
            "accuracy": reference.accuracy_score(label, predicted),
            "balanced_accuracy": reference.balanced_accuracy_score(label, predicted),
            "macro_f1": reference.f1_score(label, predicted, average="macro", zero_division=0),
            "kappa": reference.cohen_kappa_score(label, predicted),
            "pr_auc": mean_over_classes(reference.average_precision_score, target, probs),
            "nll": reference.log_loss(label, probs, labels=every),
            "brier": ((probs - target) ** 2).sum(1).mean(),
        }
        present = np.unique([label, predicted])
        for key, score in (("macro_precision", reference.precision_score), ("macro_recall", reference.recall_score)):
            wanted[key] = score(label, predicted, labels=present, average="macro", zero_division=0)
        if len(np.unique(label)) == k:
            wanted["roc_auc"] = reference.roc_auc_score(target, probs, average="macro")
        if k > 2:
            wanted["top2"] = reference.top_k_accuracy_score(label, probs, k=2, labels=every)
        rows = reference.precision_recall_fscore_support(label, predicted, labels=every, zero_division=0)
    for key, value in wanted.items():
        assert metrics.METRICS[key](probs, target) == pytest.approx(value, abs=1e-9, nan_ok=True), key
    matrix = metrics.confusion(probs, target)
    assert (matrix == reference.confusion_matrix(label, predicted, labels=every)).all()
    names = tuple(map(str, every))
    ours = [list(row.values()) for row in metrics.per_class(matrix, names).values()]
    undefined = np.array(
        [
            [not predicted_, not true, not (predicted_ or true), False]
            for predicted_, true in zip(matrix.sum(0), matrix.sum(1), strict=True)
        ]
    )
    assert (np.equal(np.array(ours, object), None) == undefined).all()
    known = np.where(undefined, 0, np.array(ours, object)).astype(float)
    assert known == pytest.approx(np.array(rows).T)


def test_brier_is_scikit_learns_with_two_classes() -> None:
    probs, target, label = random_table(200, 2, 9)
    assert metrics.brier(probs, target) == pytest.approx(2 * reference.brier_score_loss(label, probs[:, 1]))


def test_a_published_matrix_to_the_digits_printed() -> None:
    matrix = np.array([[int(cell) for cell in row.split()] for row in PUBLISHED.splitlines()])
    probs, target = from_matrix(matrix)
    assert (metrics.confusion(probs, target) == matrix).all()
    printed = {
        "accuracy": (0.732795, 6),
        "balanced_accuracy": (0.70984, 5),
        "macro_f1": (0.72504, 5),
        "kappa": (0.67615, 5),
        "alpha": (0.67613, 5),
        "kappa_norm": (0.66147, 5),
        "macro_f1_norm": (0.8045, 4),
    }
    for key, (value, digits) in printed.items():
        assert round(metrics.METRICS[key](probs, target), digits) == value, key
    assert metrics.recalls(matrix).round(4).tolist() == [0.6595, 0.6429, 0.5726, 0.8905, 0.6508, 0.8458, 0.7068]
    assert metrics.f1s_norm(matrix).round(4).tolist() == [0.7716, 0.7822, 0.7068, 0.9229, 0.7523, 0.9050, 0.7909]
    per_class = metrics.per_class(matrix, ORDERS["fer2013"])
    assert [row["support"] for row in per_class.values()] == [467, 56, 496, 895, 653, 415, 607]  # that of PublicTest


@pytest.mark.parametrize(
    ("probs", "target", "label", "right"),
    [
        ([0.6, 0.3, 0.1], [0.5, 0.5, 0.0], 0, True),
        ([0.3, 0.6, 0.1], [0.5, 0.5, 0.0], 1, True),
        ([0.1, 0.3, 0.6], [0.5, 0.5, 0.0], 0, False),  # right neither way: the first of those tied
        ([0.1, 0.3, 0.6], [0.0, 0.5, 0.5], 2, True),
        ([0.3, 0.3, 0.4], [0.4, 0.35, 0.25], 0, False),  # no tie
        ([0.3, 0.6, 0.1], [0.48, 0.46, 0.06], 0, False),  # nearly one, which is none
        ([0.2, 0.5, 0.3], [1 / 3, 1 / 3, 1 / 3], 1, True),
    ],
)
def test_where_raters_tie_any_of_the_tied_is_right(
    probs: list[float], target: list[float], label: int, right: bool
) -> None:
    p, t = np.array([probs], np.float32), np.array([target], np.float32)
    assert metrics.top1(p, t)[0].tolist() == [label]
    assert metrics.accuracy(p, t) == float(right)
    assert metrics.confusion(p, t)[label].sum() == 1


def test_top2_counts_any_tied_label_among_the_first_two() -> None:
    target = np.array([[0.0, 0.5, 0.5]])
    assert metrics.top2(np.array([[0.5, 0.4, 0.1]]), target) == 1.0
    assert metrics.top2(np.array([[0.5, 0.1, 0.4]]), target) == 1.0


def test_votes_are_scored_as_distributions() -> None:
    votes = np.array([[0.7, 0.3]])
    entropy = -(0.7 * np.log(0.7) + 0.3 * np.log(0.3))
    assert metrics.nll(votes, votes) == pytest.approx(entropy)
    assert metrics.nll(np.array([[0.9, 0.1]]), votes) > entropy
    assert metrics.brier(votes, votes) == 0.0


def test_a_label_without_samples_counts_only_where_it_is_predicted() -> None:
    probs, target = np.eye(3)[[0, 1, 2, 0]], np.eye(3)[[0, 1, 1, 0]]  # class 2 has none, but is predicted once
    assert metrics.macro_f1(probs, target) == pytest.approx((1 + 2 / 3 + 0) / 3)
    assert metrics.macro_f1(probs[:2], target[:2]) == 1.0
    assert metrics.balanced_accuracy(probs, target) == pytest.approx((1 + 1 / 2) / 2)


def test_sure_and_wrong_costs_much_but_not_everything() -> None:
    assert 30 < metrics.nll(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])) < 40


def test_ece_of_one_bin_per_sample_is_the_mean_gap() -> None:
    probs, target, label = random_table(metrics.BINS, 4, 3)
    gap = np.abs(probs.max(1) - (probs.argmax(1) == label))
    assert metrics.ece(probs, target) == pytest.approx(gap.mean())


@pytest.mark.parametrize("n", [1, 14, 15, 16, 3589])
def test_reliability_bins_hold_equally_many(n: int) -> None:
    probs, target, _ = random_table(n, 7, n)
    confidence, right, count = metrics.reliability(probs, target)
    assert count.sum() == n
    assert count.max() - count.min() <= 1
    assert len(count) == min(n, metrics.BINS)
    assert (np.diff(confidence) >= 0).all()
    assert right @ count / n == pytest.approx(metrics.accuracy(probs, target))


def test_equal_confidences_share_a_bin() -> None:
    probs, target = np.tile([0.8, 0.2], (100, 1)), np.eye(2)[[0] * 80 + [1] * 20]
    assert [column.tolist() for column in metrics.reliability(probs, target)] == [[pytest.approx(0.8)], [0.8], [100]]
    assert metrics.ece(probs, target) == pytest.approx(0.0)


@pytest.mark.parametrize(("n", "k", "seed"), TABLES[1:])
def test_alpha_is_krippendorffs(n: int, k: int, seed: int) -> None:
    probs, target, label = random_table(n, k, seed)
    assert metrics.METRICS["alpha"](probs, target) == pytest.approx(coincidence_alpha(label, probs.argmax(1), k))


def test_alpha_of_two_coders_is_the_textbooks() -> None:
    """Krippendorff, Computing Krippendorff's alpha-reliability (2011), section B: two observers, ten articles."""
    one = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0]
    other = [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
    matrix = np.bincount(np.array(one) * 2 + other, minlength=4).reshape(2, 2)
    assert round(float(metrics.alpha_of(matrix)), 3) == 0.095


def test_curves_where_scores_tie() -> None:
    rng = np.random.default_rng(0)
    probs = rng.integers(1, 4, (300, 4)).astype(float)
    probs /= probs.sum(1, keepdims=True)
    target = np.eye(4)[rng.integers(4, size=300)]
    wanted = mean_over_classes(reference.average_precision_score, target, probs)
    assert metrics.METRICS["pr_auc"](probs, target) == pytest.approx(wanted)
    assert metrics.METRICS["roc_auc"](probs, target) == pytest.approx(reference.roc_auc_score(target, probs))


@pytest.mark.parametrize("equal", ["mass", "width"])
def test_calibration_errors_are_the_plain_loops(equal: str) -> None:
    probs, target, label = random_table(500, 7, 4)
    confidence, right = probs.max(1), probs.argmax(1) == label
    if equal == "mass":
        bins = np.array_split(np.argsort(confidence), metrics.BINS)
        bins = [rows for rows in bins if len(rows)]
        value = metrics.METRICS["ece"](probs, target)
    else:
        edges = np.linspace(0, 1, metrics.BINS + 1)
        ends = pairwise(edges)
        bins = [np.flatnonzero((confidence > low) & (confidence <= high)) for low, high in ends]
        value = metrics.METRICS["ece_width"](probs, target)
    wanted = sum(abs(confidence[rows].mean() - right[rows].mean()) * len(rows) / 500 for rows in bins if len(rows))
    assert value == pytest.approx(wanted, abs=2e-3 if equal == "mass" else 1e-12)  # 500 / 15 leaves a rest to share


def test_top2_f1_enters_a_label_among_the_top_two_as_predicted() -> None:
    probs, target, label = random_table(400, 7, 11)
    two = np.argsort(-probs, axis=1)[:, :2]
    predicted = np.where((two == label[:, None]).any(1), label, two[:, 0])
    wanted = reference.f1_score(label, predicted, average="macro")
    assert metrics.METRICS["top2_f1"](probs, target) == pytest.approx(wanted)
    assert np.trace(metrics.top2_confusion(probs, target)) == metrics.METRICS["top2"](probs, target) * 400


def test_skew_normalised_figures_are_those_of_a_test_set_with_equally_many() -> None:
    """Every class against the rest, positives weighted to weigh as much as negatives, by scikit-learn."""
    probs, target, label = random_table(900, 5, 5)
    matrix, predicted = metrics.confusion(probs, target), probs.argmax(1)
    for k in range(5):
        true, predicted_k = label == k, predicted == k
        weight = np.where(true, 1 / true.sum(), 1 / (~true).sum())
        weighed = {"sample_weight": weight}
        assert metrics.f1s_norm(matrix)[k] == pytest.approx(reference.f1_score(true, predicted_k, **weighed))
        assert metrics.precisions_norm(matrix)[k] == pytest.approx(
            reference.precision_score(true, predicted_k, **weighed)
        )
        assert metrics.accuracies_norm(matrix)[k] == pytest.approx(
            reference.accuracy_score(true, predicted_k, **weighed)
        )
        assert metrics.kappas_norm(matrix)[k] == pytest.approx(
            reference.cohen_kappa_score(true, predicted_k, **weighed)
        )
    weight = 1 / np.bincount(label)[label]
    wanted = reference.cohen_kappa_score(label, predicted, sample_weight=weight)
    assert metrics.METRICS["kappa_norm"](probs, target) == pytest.approx(wanted)
    assert metrics.METRICS["accuracy_norm"](probs, target) == pytest.approx(
        reference.accuracy_score(label, predicted, sample_weight=weight)
    )


@pytest.mark.parametrize("seed", [0, 1])
def test_under_sampling_comes_to_the_closed_form(seed: int) -> None:
    matrix = np.array([[int(cell) for cell in row.split()] for row in PUBLISHED.splitlines()])
    closed = {
        metrics.balanced_accuracy_of: metrics.balanced_accuracy_of(matrix),
        metrics.kappa_of: metrics.kappa_norm_of(matrix),
        metrics.alpha_of: metrics.alpha_norm_of(matrix),
    }
    for statistic, wanted in closed.items():
        assert metrics.undersampled(matrix, statistic, seed=seed) == pytest.approx(float(wanted), abs=0.006)
    f1s = [
        metrics.undersampled(
            one, lambda drawn: 2 * drawn[:, 0, 0] / (2 * drawn[:, 0, 0] + drawn[:, 0, 1] + drawn[:, 1, 0])
        )
        for one in metrics.one_vs_rest(matrix)
    ]
    assert f1s == pytest.approx(metrics.f1s_norm(matrix).tolist(), abs=0.006)


def test_under_sampling_keeps_the_rarest_class_whole_and_repeats_with_its_seed() -> None:
    seen: list[np.ndarray] = []

    def statistic(drawn: np.ndarray) -> np.ndarray:
        seen.append(drawn)
        return np.trace(drawn, axis1=1, axis2=2)

    first = metrics.undersampled([[2, 1, 0], [0, 8, 2], [0, 0, 0]], statistic, draws=50)
    assert first == metrics.undersampled([[2, 1, 0], [0, 8, 2], [0, 0, 0]], statistic, draws=50)
    assert seen[0].shape == (50, 3, 3)
    assert (seen[0][:, 0] == [2, 1, 0]).all()
    assert seen[0].sum(2).tolist() == [[3, 3, 0]] * 50
    assert np.isnan(metrics.undersampled(np.zeros((2, 2)), metrics.macro_f1_of))


def test_matrix_figures_take_many_matrices_at_once() -> None:
    many = np.random.default_rng(0).integers(0, 30, (20, 6, 6))
    many[3, 2] = 0  # a class without samples
    figures = [metrics.macro_f1_of, metrics.balanced_accuracy_of, metrics.kappa_of, metrics.alpha_of]
    for of in (*figures, metrics.kappa_norm_of, metrics.alpha_norm_of):
        assert of(many) == pytest.approx(np.array([float(of(one)) for one in many]))


def test_all_metrics_of_an_epoch_take_less_than_60_ms() -> None:
    rng = np.random.default_rng(0)
    probs = rng.dirichlet(np.ones(8), 3589).astype(np.float32)
    target = np.eye(8, dtype=np.float32)[rng.integers(8, size=3589)]
    spent = []
    for _ in range(5):
        start = time.process_time()
        for metric in metrics.METRICS.values():
            metric(probs, target)
        spent.append(time.process_time() - start)
    assert min(spent) < 0.06


def test_calibration_errors_have_fifteen_bins() -> None:
    """Where the error alternates, every other count of bins gives another figure."""
    confidence = np.linspace(0.51, 0.99, 15)
    probs, right = np.stack([confidence, 1 - confidence], 1), np.arange(15) % 2 == 0
    target = np.eye(2)[np.where(right, 0, 1)]
    assert metrics.ece(probs, target) == pytest.approx(np.abs(confidence - right).mean())
    twice = np.concatenate([probs, probs + np.array([1e-4, -1e-4])]), np.concatenate([target, 1 - target])
    assert metrics.ece(*twice) == pytest.approx((confidence + 5e-5 - 0.5).mean())  # a right and a wrong one in each


def test_bins_of_equal_width_hold_their_upper_edge() -> None:
    probs = np.array([[0.6, 0.4], [0.55, 0.45], [0.62, 0.38]])  # the ninth of fifteen ends at 0.6
    assert metrics.bin_of(probs.max(1), equal="width").tolist() == [8, 8, 9]
    target = np.eye(2)[[0, 1, 0]]
    assert metrics.METRICS["ece_width"](probs, target) == pytest.approx((2 * abs(0.575 - 0.5) + 0.38) / 3)
    assert metrics.bin_of(np.array([0.0, 1.0]), equal="width").tolist() == [0, 14]


def test_skew_normalised_kappa_is_over_the_classes_that_have_samples() -> None:
    assert float(metrics.kappa_norm_of([[2, 1, 0], [0, 2, 1], [0, 0, 0]])) == pytest.approx(3 / 7)
    matrix = np.array([[50, 0, 50], [0, 50, 50], [0, 0, 0]])  # half of the predictions are of a class without samples
    assert float(metrics.kappa_norm_of(matrix)) == pytest.approx(1 / 3)
    assert metrics.undersampled(matrix, metrics.kappa_of) == pytest.approx(1 / 3)


def test_skew_normalised_alpha_is_that_of_endlessly_many_of_each_class() -> None:
    matrix = np.array([[90, 10, 0], [60, 40, 0], [5, 2, 3]])
    many = (matrix / matrix.sum(1, keepdims=True) * 1e9).round()
    assert float(metrics.alpha_norm_of(matrix)) == pytest.approx(float(metrics.alpha_of(many)), abs=1e-8)
