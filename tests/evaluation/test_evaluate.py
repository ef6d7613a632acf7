"""`mien evaluate` on drawn faces and, where it is at hand, on FER2013's validation split (never on its test split)."""

import html
import json
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mien import prior
from mien.card import Card
from mien.data import load
from mien.data.fer2013.votes import CHOICES
from mien.data.samples import Samples
from mien.errors import DataError, MienError, OutputError, UsageError, WeightsError
from mien.evaluation import evaluate as module
from mien.evaluation import stress
from mien.evaluation.evaluate import evaluate
from mien.evaluation.inputs import predict
from mien.evaluation.keep import keep
from mien.evaluation.metrics import METRICS, MIXED, PEOPLE, VOTES
from mien.evaluation.result import Provenance, Result
from mien.evaluation.scores import Scores, score, score_subset
from mien.evaluation.stress import robustness
from mien.evaluation.text import to_html, to_text
from mien.evaluation.training_duplicates import Search
from mien.evaluation.weights import find_weights
from mien.hierarchy import GROUP_OF, group_probs
from mien.inference.classify import Classifier, locate

from ..own_files import write_classes

CONTRACT = (
    "dataset split n accuracy accuracy_interval macro_f1 balanced_accuracy top2 ece nll kappa per_class confusion "
    "labels clean"
)
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command line in this process: exit code, stdout, stderr."""
    from mien.cli import main

    def go(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["mien", *map(str, words)])
        code = 0
        try:
            main()
        except SystemExit as left:
            code = int(left.code or 0)
        return code, *capsys.readouterr()

    return go


def trained_here(name: str, root: Path | None, **options: str) -> Classifier:
    """Return shipped weights whose card says that they were trained on the data under a root."""
    classifier = Classifier(name)
    spec = classifier.card.data["name"]
    train = load(spec, root, "train", **(options or classifier.card.recipe["data"]["train"]))
    data = {"name": spec, "fingerprint": train.fingerprint}
    classifier.card = classifier.card.model_copy(update={"data": data})
    return classifier


@pytest.fixture(scope="module")
def measured(tiny_fer2013: Path) -> tuple[Result, Scores]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "Classifier", lambda _, **__: trained_here("ferplus", tiny_fer2013))
        return evaluate("ferplus", "ferplus", tiny_fer2013, "val")


def test_figures_are_those_of_the_result(measured: tuple[Result, Scores]) -> None:
    result, scores = measured
    assert set(CONTRACT.split()) <= set(scores.to_dict())
    assert scores.n == len(result) == sum(row["support"] for row in scores.per_class.values())
    assert scores.accuracy == METRICS["accuracy"](result.probs, result.target)
    assert scores.intervals["accuracy"][0] < scores.accuracy < scores.intervals["accuracy"][1]
    assert scores.intervals["macro_f1"][0] <= scores.macro_f1 <= scores.intervals["macro_f1"][1]
    assert np.trace(scores.confusion) == round(scores.accuracy * scores.n)
    assert tuple(scores.per_class) == scores.labels == result.labels
    assert json.loads(json.dumps(scores.to_dict(), allow_nan=False)) == scores.to_dict()


def test_probabilities_are_the_classifiers_for_the_samples(measured: tuple[Result, Scores], tiny_fer2013: Path) -> None:
    result, scores = measured
    samples = load("ferplus", tiny_fer2013, "val")
    assert result.ids.tolist() == samples.ids.tolist()
    assert np.allclose(result.probs, Classifier("ferplus")(np.asarray(samples.images)), atol=1e-6)
    assert np.allclose(result.target, samples.target, atol=1e-6)
    assert scores.provenance.fingerprint == samples.fingerprint


def test_clean_leaves_out_near_duplicates(measured: tuple[Result, Scores]) -> None:
    result, scores = measured
    duplicates = result.provenance.twins
    assert 0 < len(duplicates) < len(result)  # the drawn data set has five of its forty
    assert scores.clean.n == len(result) - len(duplicates)
    clean = result.take(~np.isin(result.ids, duplicates))
    assert scores.clean.accuracy == METRICS["accuracy"](clean.probs, clean.target)
    assert "twins" not in scores.to_dict()


OTHER = [
    ({"name": "ferplus", "fingerprint": "another"}, "the weights saw another"),
    ({"name": "ferplus"}, "lacks what they were trained on"),
    ({}, "lacks what they were trained on"),
    ({"name": "ckplus", "fingerprint": "0"}, r"their training data \(ckplus\) cannot be read here"),
]


@pytest.mark.parametrize(("data", "why"), OTHER)
def test_near_duplicates_are_not_searched_in_data_the_weights_never_saw(
    data: dict[str, str], why: str, tiny_fer2013: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = Classifier("ferplus")
    other.card = other.card.model_copy(update={"data": data})
    monkeypatch.setattr(module, "Classifier", lambda _, **__: other)
    result, scores = evaluate("ferplus", "fer2013", tiny_fer2013, "val")
    assert result.clean is None
    assert result.provenance.twins is None
    assert scores.clean.accuracy is None
    assert (scores.clean.n, scores.restricted.clean.n) == (None, None)
    assert re.search(f"without near-duplicates  not searched: .*{why}", to_text(scores))
    assert re.search(f"not searched: .*{why}", html.unescape(keep(result, scores, tmp_path)[2].read_text()))
    assert "without a near-duplicate in training" not in (tmp_path / "report.html").read_text()
    json.dumps(scores.to_dict(), allow_nan=False)


@pytest.fixture
def own_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of faces; shipped weights say that they were trained on it, with splits that were drawn."""
    root = tmp_path / "faces"
    write_classes(root, {"happy": 20, "sad": 20})
    options = {"val": 0.2, "test": 0.2}
    classifier = Classifier("ferplus")
    train = load("folder", root, "train", **options)
    data = {"name": "folder", "fingerprint": train.fingerprint}
    recipe = {"data": {"name": "folder", "options": options}}
    classifier.card = classifier.card.model_copy(update={"data": data, "recipe": recipe})
    monkeypatch.setattr(module, "Classifier", lambda _, **__: classifier)
    return root


def test_the_data_of_the_weights_keeps_their_splits_also_where_it_is_named(own_weights: Path, tmp_path: Path) -> None:
    for data in (None, "folder"):
        result, scores = evaluate("ferplus", data, own_weights, "test")
        assert result.ids.tolist() == load("folder", own_weights, "test", val=0.2, test=0.2).ids.tolist()
        assert result.provenance.options == {"val": 0.2, "test": 0.2}
        assert "no splits" not in to_text(scores)
    write_classes(tmp_path / "others", {"happy": 6, "sad": 6}, seed=5)
    result, scores = evaluate("ferplus", "folder", tmp_path / "others", "test")
    assert len(result) == 12
    assert "\nno splits: every image is read\n" in to_text(scores)
    assert "No splits: every image is read." in html.unescape(keep(result, scores, tmp_path / "out")[2].read_text())
    assert len(evaluate("ferplus", "folder", tmp_path / "others", "test", test=0.5)[0]) == 6


def test_a_split_that_is_drawn_from_other_images_than_the_weights_saw_is_refused(own_weights: Path) -> None:
    with pytest.raises(DataError, match=r"may hold images that .* was trained on"):
        evaluate("ferplus", None, own_weights, "test", val=0.5)
    next((own_weights / "happy").iterdir()).unlink()
    for split in ("val", "test"):
        with pytest.raises(DataError, match=rf"^{split} as drawn here may hold images.*the weights saw .*train again"):
            evaluate("ferplus", None, own_weights, split)


@pytest.mark.parametrize("options", [{}, {"val": 0.2, "test": 0.2, "seed": 4}], ids=["no splits", "drawn"])
def test_a_folder_that_may_be_that_of_the_training_is_not_scored_without_a_word(
    own_weights: Path, tmp_path: Path, options: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One more image, and weights without env.json beside them: whether it is the folder of the training is unknown."""
    said = "some of these images may be training images: the weights were trained on a `folder` that is not here"
    assert "may be training images" not in to_text(evaluate("ferplus", "folder", own_weights, "test")[1])
    write_classes(own_weights, {"happy": 21}, seed=8)
    result, scores = evaluate("ferplus", "folder", own_weights, "test", **options)
    assert said in to_text(scores)
    assert scores.to_dict()["may_hold_training"].startswith(said)
    kept = keep(result, scores, tmp_path / "out")
    assert said in html.unescape(kept[2].read_text())
    assert said in to_text(score(Result.load(kept[0])))
    monkeypatch.setattr(robustness, "Classifier", module.Classifier)
    how = {"images": 4, "attacks": lambda _: [], "options": options, "out": tmp_path / "stressed"}
    subject, report = stress.stress("ferplus", "folder", own_weights, "test", **how)
    assert said in stress.to_text(report)
    stress.keep(subject, report, tmp_path / "stressed")
    assert json.loads((tmp_path / "stressed/stress.json").read_text())["may_hold_training"].startswith(said)


def test_a_foreign_folder_is_measured_as_it_is(own_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By weights that were not trained on images of one's own, or where their training images can be searched."""
    write_classes(own_weights.parent / "others", {"happy": 6, "sad": 6}, seed=5)
    monkeypatch.setattr(module, "trained_root", lambda _: own_weights)
    searched = evaluate("ferplus", "folder", own_weights.parent / "others", "test")[1]
    assert searched.clean.n is not None
    assert "may be training images" not in to_text(searched)
    monkeypatch.setattr(module, "Classifier", Classifier)
    assert "may be training images" not in to_text(evaluate("ferplus", "folder", own_weights, "test")[1])


@pytest.mark.parametrize(("weights", "data"), [("ferplus", "fer2013"), ("fer2013", "ferplus")])
def test_near_duplicates_are_searched_in_the_data_of_the_weights_whatever_is_measured(
    weights: str, data: str, tiny_fer2013: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "Classifier", lambda _, **__: trained_here(weights, tiny_fer2013))
    scores = evaluate(weights, data, tiny_fer2013, "val")[1]
    assert scores.provenance.training["name"] == weights
    assert 0 < scores.clean.n < scores.n


@pytest.mark.parametrize("target", [[1, 0, 0], [0.5, 0.5, 0]], ids=["one class", "ties"])
@pytest.mark.parametrize("n", [1, 5])
def test_what_is_not_defined_is_null_in_json(target: list[float], n: int) -> None:
    facts = {"weights": "w", "dataset": "d", "split": "val", "labels_left_out": [], "left_out": 0}
    labels, ids = ("neutral", "happiness", "anger"), np.arange(n).astype(str)
    scores = score(Result([[0.8, 0.1, 0.1]] * n, [target] * n, labels, ids, provenance=Provenance(**facts)))
    assert scores.values["kappa"] is None
    assert scores.intervals["kappa"] == [None, None]
    json.dumps(scores.to_dict(), allow_nan=False)
    assert "accuracy 100.00 %" in to_text(scores)


def test_a_saved_result_tells_the_same(measured: tuple[Result, Scores], tmp_path: Path) -> None:
    result, scores = measured
    assert score(Result.load(result.save(tmp_path / "result.npz"))) == scores


def test_an_expression_that_no_image_has_stays_a_wrong_prediction(tiny_fer2013: Path) -> None:
    result, scores = evaluate("ferplus", "fer2013", tiny_fer2013, "val")
    samples = load("fer2013", tiny_fer2013, "val")
    whole = Classifier("ferplus")(np.asarray(samples.images))
    assert result.labels == Classifier("ferplus").card.labels
    assert np.allclose(result.probs, whole, atol=1e-6)
    assert not result.target[:, 7].any()
    assert (scores.provenance.left_out, scores.provenance.labels_left_out) == (0, [])
    assert scores.accuracy == (whole.argmax(1) == samples.target.argmax(1)).mean()
    assert np.shape(scores.confusion) == (8, 8)
    part, seven = scores.restricted, whole[:, :7] / whole[:, :7].sum(1, keepdims=True)
    assert part.name == "restricted to the 7 common labels, renormalised"
    assert (part.only_weights, part.only_data) == (["contempt"], [])
    assert part.predicted_so == (whole.argmax(1) == 7).sum()
    for key in METRICS:
        assert part.values[key] == pytest.approx(METRICS[key](seven, samples.target), abs=1e-5, nan_ok=True), key
        assert scores.values[key] == pytest.approx(METRICS[key](result.probs, result.target), nan_ok=True), key
    text = to_text(scores)
    assert "restricted to the 7 common labels, renormalised:" in text
    assert text.index("all images") < text.index("restricted")
    assert "\ncontempt" not in text.split("images by label")[1]  # no row: none is labelled so; but a column
    assert "contempt" in text.split("images by label")[1].splitlines()[1]


def test_a_label_that_the_weights_lack_is_always_wrong(tiny_fer2013: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = load("ferplus", tiny_fer2013, "val")
    outside = samples.target[:, samples.labels.index("contempt")] > 0.5
    whole = Classifier("ferplus")

    class Short(Classifier):
        def heads(self, crops: np.ndarray) -> dict[str, np.ndarray]:
            known = whole(crops)[:, :7]
            return {"probs": known / known.sum(1, keepdims=True)}

    short = Short("ferplus")
    short.card = short.card.model_copy(update={"labels": short.card.labels[:7]})
    monkeypatch.setattr(module, "Classifier", lambda _, **__: short)
    result, scores = evaluate("ferplus", "ferplus", tiny_fer2013, "val")
    assert outside.sum() > 0
    assert result.ids.tolist() == samples.ids.tolist()
    assert not result.probs[:, 7].any()
    right = np.trace(np.array(scores.confusion))
    assert scores.accuracy == right / len(samples)
    assert scores.per_class["contempt"]["recall"] == 0
    assert scores.per_class["contempt"]["precision"] is None
    part = scores.restricted
    assert (part.n, part.left_out, part.labelled_so) == ((~outside).sum(), outside.sum(), outside.sum())
    assert part.accuracy == pytest.approx(right / (~outside).sum())
    assert f"cannot predict contempt: {outside.sum()} images labelled so always count as wrong" in to_text(scores)


def test_the_same_labels_have_no_restricted_figure(measured: tuple[Result, Scores]) -> None:
    assert measured[1].restricted is None
    assert "restricted" not in to_text(measured[1])


def test_a_confident_prediction_that_no_image_has_is_never_right(tmp_path: Path) -> None:
    """981 faces, none of them neutral, all predicted neutral with .90: nothing is right."""
    labels = ("neutral", "happiness", "anger")
    target = np.pad(np.eye(2)[np.arange(981) % 2], ((0, 0), (1, 0)))
    probs = np.hstack([np.full((981, 1), 0.9), 0.1 * target[:, 1:]])
    facts = {"answer_labels": list(labels), "truth_labels": list(labels[1:])}
    scores = score(Result(probs, target, labels, np.arange(981).astype(str), provenance=Provenance(**facts)))
    assert (scores.accuracy, scores.macro_f1, scores.values["balanced_accuracy"], scores.values["top2"]) == (0, 0, 0, 1)
    assert scores.restricted.accuracy == 1
    assert scores.restricted.predicted_so == 981


def other_size(images: np.ndarray, name: str) -> np.ndarray:
    if name == "colour":
        return np.repeat(images, 3, axis=3)
    if name == "doubled":
        return images.repeat(2, axis=1).repeat(2, axis=2)
    return images.repeat(3, axis=2)  # three times as wide


@pytest.mark.parametrize("name", ["colour", "doubled", "wide"])
def test_images_of_other_sizes_are_brought_to_the_crop(name: str, tiny_fer2013: Path) -> None:
    images = np.asarray(load("fer2013", tiny_fer2013, "val").images[:6])
    target = np.eye(2, dtype=np.float32)[[0] * 6]
    samples = Samples(other_size(images, name), target, ("neutral", "happiness"), np.array(list("abcdef")))
    classifier = Classifier("ferplus")
    assert np.allclose(predict(classifier, samples)["probs"], classifier(images), atol=0.01)


def test_nothing_to_measure_is_none_everywhere(measured: tuple[Result, Scores]) -> None:
    result, scores = measured
    empty = score_subset(result.take(np.zeros(len(result), bool)))
    assert set(empty.to_dict()) == set(scores.clean.to_dict())
    assert {value for key, value in empty.to_dict().items() if key != "n"} == {None}
    every = replace(result, provenance=result.provenance.updated(twins=result.ids.tolist()))
    assert "without near-duplicates  none" in to_text(score(every))


def test_out_holds_the_result_the_figures_and_a_page(measured: tuple[Result, Scores], tmp_path: Path) -> None:
    result, scores = measured
    keep(result, scores, tmp_path / "deep" / "out")
    assert sorted(path.name for path in (tmp_path / "deep" / "out").iterdir()) == [
        "metrics.json",
        "report.html",
        "result.npz",
    ]
    assert json.loads((tmp_path / "deep" / "out" / "metrics.json").read_text()) == scores.to_dict()
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        keep(result, scores, blocked)


def test_a_run_folder_means_its_exported_weights(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "0-now"
    folder.mkdir(parents=True)
    (folder / "recipe.yaml").write_text("name: x\n")
    with pytest.raises(WeightsError, match=r"mien export .*0-now"):
        find_weights(folder)
    shutil.copy(locate("ferplus"), folder / "model.onnx")
    assert find_weights(folder) == folder / "model.onnx"
    assert find_weights("ferplus") == "ferplus"


def test_json_is_one_document_on_stdout(run: Run, tiny_fer2013: Path, tmp_path: Path) -> None:
    code, out, err = run(
        "evaluate", "ferplus", "--data", "fer2013", "--root", tiny_fer2013, "--json", "--out", tmp_path / "o"
    )
    printed = json.loads(out)
    written = [tmp_path / "o" / name for name in ("result.npz", "metrics.json", "report.html")]
    assert err.splitlines()[-3:] == [f"wrote {path}" for path in written]
    assert code == 0
    assert (printed["dataset"], printed["split"], printed["n"]) == ("fer2013", "val", 40)
    assert (tmp_path / "o" / "report.html").is_file()


def test_text_shows_the_headline_twice(run: Run, tiny_fer2013: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MIEN_DATA", raising=False)  # where the real Training is found
    code, out, _ = run("evaluate", "ferplus", "labels=distribution", "--data", "ferplus", "--root", tiny_fer2013)
    assert code == 0
    assert "all images" in out
    assert "without near-duplicates  not searched" in out  # the drawn Training is not that of the weights
    assert sum("accuracy" in line for line in out.splitlines() if not line.startswith("by group")) == 1
    assert all(name in out for name in ("contempt", "disgust"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nosuch",), "no weights are called"),
        (("ferplus", "--data", "ferplu"), "did you mean ferplus"),
        (("ferplus", "--split", "tset"), "did you mean test"),
        (("ferplus", "--split", "train"), "val or test"),
        (("ferplus", "labels=none", "--data", "ferplus"), "majority"),
        (("ferplus", "lables=majority", "--data", "ferplus"), "did you mean labels"),
        (("ferplus", "--root", "/nowhere"), "/nowhere"),
    ],
)
def test_mistakes_take_one_line(run: Run, tiny_fer2013: Path, words: tuple[str, ...], message: str) -> None:
    root = () if "--root" in words else ("--root", tiny_fer2013)
    code, out, err = run("evaluate", *words, *root)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def test_a_run_that_was_not_exported_takes_one_line(run: Run, tiny_fer2013: Path, tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text("name: x\n")
    code, _, err = run("evaluate", tmp_path, "--root", tiny_fer2013)
    assert code == 2
    assert f"mien export {tmp_path}" in err


def test_weights_and_data_without_common_labels_are_refused(
    tiny_fer2013: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Classifier("ferplus")
    other.card = other.card.model_copy(update={"labels": ("anger", "contempt")})
    monkeypatch.setattr(module, "Classifier", lambda _, **__: other)
    with pytest.raises(MienError, match="two or more expressions in common"):
        evaluate("ferplus", "fer2013", tiny_fer2013, "val")


def test_real_validation_split(mien_data: Path) -> None:
    result, scores = evaluate("ferplus", "ferplus", mien_data, "val")
    assert scores.n == 3199
    assert 2850 < scores.clean.n < 3000
    assert scores.accuracy > 0.8
    assert scores.intervals["accuracy"][1] - scores.intervals["accuracy"][0] == pytest.approx(0.026, abs=0.004)
    assert len(set(result.ids)) == 3199


def test_votes_are_scored_beside_the_people_who_cast_them(tiny_fer2013: Path, measured: tuple[Result, Scores]) -> None:
    result, scores = measured
    votes = load("ferplus", tiny_fer2013, "val").votes
    assert votes is not None
    assert result.votes is not None
    assert (result.votes == votes[:, :8]).all()
    assert set(scores.further["votes"]) == {"accuracy", "soft_accuracy", "within_top2", "kl"}
    assert scores.further["people"]["accuracy"] == PEOPLE["accuracy"](votes[:, :8])
    assert scores.further["votes"]["kl"] == VOTES["kl"](result.probs, votes[:, :8])
    assert "one rater with the others" in to_text(scores)


def test_groups_and_mixed_votes_are_scored(tiny_fer2013: Path, measured: tuple[Result, Scores]) -> None:
    result, scores = measured
    level = scores.further["group_level"]
    assert level["labels"] == ["neutral", "positive", "negative", "surprise"]
    named = [[GROUP_OF[result.labels[k]] for k in part.argmax(1)] for part in (result.probs, result.target)]
    assert level["accuracy"] >= scores.accuracy
    sums = group_probs(result.probs, result.labels).argmax(1)
    groups = [level["labels"].index(name) for name in named[1]]
    assert level["accuracy"] == pytest.approx((sums == groups).mean())
    low, high = level["accuracy_interval"]
    assert low < level["accuracy"] < high
    assert scores.further["mixed"] == {key: of(result.probs, result.votes) for key, of in MIXED.items()}
    assert 0 < scores.further["mixed"]["average_precision"] <= 1


def test_data_without_votes_have_no_such_figures(tiny_fer2013: Path) -> None:
    _, scores = evaluate("fer2013-nano", "fer2013", tiny_fer2013, "val")
    assert not {"votes", "mixed", "people", "valence", "units"} & set(scores.to_dict())
    assert "rater" not in to_text(scores)


def test_under_sampling_agrees_with_the_closed_form(measured: tuple[Result, Scores]) -> None:
    _, scores = measured
    assert scores.undersampled["accuracy"] == pytest.approx(scores.values["accuracy_norm"], abs=0.1)
    assert scores.undersampled["kappa"] == pytest.approx(scores.values["kappa_norm"], abs=0.1)


def test_other_heads_are_scored_where_their_target_is_known(measured: tuple[Result, Scores]) -> None:
    result, _ = measured
    rng = np.random.default_rng(0)
    target, units = rng.uniform(-1, 1, (len(result), 2)), rng.integers(0, 2, (len(result), 3))
    more = {"regression": target * [1, -1], "regression_target": target, "units": units, "units_target": units}
    scores = score_subset(replace(result, **more))
    assert scores.further["valence"]["ccc"] == pytest.approx(1)
    assert scores.further["arousal"]["corr"] == pytest.approx(-1)
    assert scores.further["arousal"]["sagr"] == 0
    units = scores.further["units"]
    assert [units[key] for key in ("f1", "auc", "icc")] == [[1.0] * 3, [1.0] * 3, pytest.approx([1.0] * 3)]
    assert all(len(units[f"{key}_interval"]) == 3 for key in ("f1", "auc", "icc"))
    assert "prototypes" not in scores.further  # three units do not make expressions
    noisy = replace(result, **(more | {"regression": target + rng.normal(0, 0.5, target.shape)}))
    known = score_subset(noisy).further["valence"]
    low, high = known["ccc_interval"]
    assert 0.3 < low < known["ccc"] < high < 0.95
    assert "CCC " + f"{known['ccc']:.3f} ({low:.3f} to {high:.3f})" in to_text(score(noisy))
    grouped = replace(noisy, group=np.arange(len(noisy)) // 10)
    wide = score_subset(grouped).further["valence"]["ccc_interval"]
    assert wide != known["ccc_interval"]


def test_prototypes_are_scored_beside_the_expression(measured: tuple[Result, Scores]) -> None:
    result, _ = measured
    names = ["au1", "au2", "au4", "au5", "au6", "au12", "au15", "au26"]
    units = np.array([[name in ("au6", "au12")] for name in names], float).T.repeat(len(result), 0)
    more = {"units": units, "units_target": units, "provenance": result.provenance.updated(units=names)}
    known = score(replace(result, **more)).further["prototypes"]
    assert known["n"] == len(result)
    happy = (result.target.argmax(1) == list(result.labels).index("happiness")).mean()
    assert known["accuracy"] == pytest.approx(happy, abs=0.05)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("fer2013-nano", "--split", "test"), ""),
        (("fer2013", "--split", "test"), "result.npz is of fer2013-nano on fer2013 test; expected another folder"),
        (("fer2013-nano", "--split", "val"), "result.npz is of fer2013-nano on fer2013 test (sha256 "),
    ],
)
def test_a_result_of_other_weights_is_not_written_over(
    words: tuple[str, ...], message: str, run: Run, tiny_fer2013: Path, tmp_path: Path
) -> None:
    first = ("evaluate", "fer2013-nano", "--split", "test", "--root", tiny_fer2013, "--out", tmp_path / "o")
    assert run(*first)[0] == 0
    held = tmp_path / "o" / "result.npz"
    before = held.read_bytes()
    code, out, err = run("evaluate", *words, "--root", tiny_fer2013, "--out", tmp_path / "o")
    if message:
        assert (code, out, err.count("\n"), held.read_bytes()) == (2, "", 1, before)
        assert message in err
    else:
        assert code == 0


def test_a_folder_that_cannot_be_written_to_is_refused_before_measuring(tiny_fer2013: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "recipe.yaml").write_text("name: x\n")
    for out, message in (("file", "is a file"), ("file/o", "is a file"), ("run", "is a run folder")):
        with pytest.raises(UsageError, match=message):
            evaluate("fer2013-nano", "fer2013", tiny_fer2013 / "nowhere", "test", tmp_path / out)


def test_a_result_is_not_taken_for_weights(run: Run, tiny_fer2013: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    for path, message in (
        (tmp_path / "full", "is a folder; expected an ONNX file, or a run folder"),
        (tmp_path / "full" / "result.npz", "is a result; expected the weights that made it; `mien report"),
    ):
        code, _, err = run("evaluate", path, "--root", tiny_fer2013)
        assert (code, err.count("\n")) == (2, 1)
        assert message in err
    (tmp_path / "full" / "result.npz").write_text("")
    assert "is a result" in run("stress", "ferplus", "--baseline", tmp_path / "full", "--root", tiny_fer2013)[2]


def test_a_shipped_name_wins_over_a_folder_so_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ferplus").mkdir()
    assert find_weights("ferplus") == "ferplus"


def test_a_notebook_shows_the_headlines_and_the_classes(measured: tuple[Result, Scores]) -> None:
    html = measured[1]._repr_html_()
    assert f"{100 * measured[1].accuracy:.1f} %</td>" in html
    assert all(label in html for label in measured[1].labels)
    assert html.count("<table") == 2


def test_units_are_printed(measured: tuple[Result, Scores]) -> None:
    text = str(measured[1])
    for unit in (r"macro-F1 [\d.]+ %", r"top-2 [\d.]+ %", r"ECE [\d.]+ %", "in % +precision"):
        assert re.search(unit, text)


class Stub:
    """Weights of a recipe that chose neutral, happiness and anger out of the data."""

    def __init__(self, path: Path) -> None:
        chosen = ("neutral", "happiness", "anger")
        self.path, self.card = (
            path,
            Card(name="stub", labels=chosen, data={"name": "drawn"}, action_units=("au1", "au12")),
        )
        self.card = self.card.model_copy(update={"recipe": {"data": {"classes": list(chosen)}}})
        self.threshold, self.prior = None, prior.chosen(prior.NATURAL, chosen, None, "stub")


def test_every_column_and_row_stays_with_its_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows without a label, or of which half or more lies outside, are left out; of what is left nothing is shifted."""
    target = np.array(
        [[0.1, 0, 0.9], [0, 1, 0], [np.nan] * 3, [0.25, 0.5, 0.25], [0.2, 0.45, 0.35], [1, 0, 0]], np.float32
    )
    votes = np.arange(6 * len(CHOICES)).reshape(6, -1)
    samples = Samples(
        np.zeros((6, 48, 48, 1), np.uint8), target, ("neutral", "sadness", "anger"), np.array(list("abcdef")), votes,
        regression=np.linspace(-1, 1, 12, dtype=np.float32).reshape(6, 2),
        units=np.linspace(0, 1, 18, dtype=np.float32).reshape(6, 3), unit_names=("au12", "au4", "au01"),
        group=np.array(list("uvwxyz")), name="drawn", split="val", fingerprint="f",
    )  # fmt: skip
    probs = np.array([[0.7, 0.2, 0.1]] * 3 + [[0.1, 0.2, 0.7]] * 3, np.float32)
    (tmp_path / "w.onnx").write_bytes(b"weights")
    searched = Search(np.array([True, True, False, True, False, True]), {"name": "drawn", "fingerprint": "t"})
    monkeypatch.setattr(module, "Classifier", lambda _, **__: Stub(tmp_path / "w.onnx"))
    monkeypatch.setattr(module, "load_for", lambda *_, **__: samples)
    affect, units = np.arange(12, dtype=np.float32).reshape(6, 2) / 12, np.arange(12, dtype=np.float32)[::-1] / 12
    outputs = {"probs": probs, "valence_arousal": affect, "action_units": units.reshape(6, 2)}
    monkeypatch.setattr(module, "predict", lambda *_: outputs)
    monkeypatch.setattr(module, "search", lambda *_: searched)
    result, scores = evaluate(tmp_path / "w.onnx", "drawn", None, "val")
    assert result.labels == ("neutral", "happiness", "anger")
    assert result.ids.tolist() == ["a", "e", "f"]
    np.testing.assert_allclose(result.target, [[0.1, 0, 0.9], [0.2 / 0.55, 0, 0.35 / 0.55], [1, 0, 0]], rtol=1e-6)
    np.testing.assert_allclose(result.probs, probs[[0, 4, 5]], rtol=1e-6)
    assert result.group is not None
    assert result.group.tolist() == ["u", "y", "z"]
    assert result.votes is not None
    columns = [CHOICES.index(label) for label in result.labels]
    np.testing.assert_array_equal(result.votes, votes[[0, 4, 5]][:, columns])
    kept = [0, 4, 5]
    np.testing.assert_array_equal(result.regression, affect[kept])
    np.testing.assert_array_equal(result.regression_target, samples.regression[kept])
    np.testing.assert_array_equal(result.units, outputs["action_units"][kept][:, ::-1])
    np.testing.assert_array_equal(result.units_target, samples.units[kept][:, [0, 2]])
    assert result.provenance.units == ["au12", "au01"]
    assert result.provenance.twins == ["a", "f"]
    assert (scores.n, scores.provenance.left_out, scores.clean.n) == (3, 3, 1)
    assert scores.clean.accuracy == 1.0  # of the second alone; on all it is a third
    assert scores.accuracy == pytest.approx(1 / 3)


@pytest.mark.parametrize(("weights", "data"), [("fer2013", "fer2013"), ("ferplus", "fer2013"), ("fer2013", "ferplus")])
@pytest.mark.parametrize("split", ["val", "test"])
def test_every_image_of_training_counts(
    split: str, weights: str, data: str, tiny_fer2013: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Val's first five images were drawn as near-duplicates of Training's rows 0 to 4, test's of its rows 40 to 44.

    FERPlus leaves out some of the latter, but not for those who trained on what it keeps: they lie in the data set.
    """
    monkeypatch.setattr(module, "Classifier", lambda _, **__: trained_here(weights, tiny_fer2013))
    result, _ = evaluate(weights, data, tiny_fer2013, split)
    first = load("fer2013", tiny_fer2013, split).ids[:5]
    assert result.provenance.twins == [name for name in result.ids if name in first]


@pytest.mark.parametrize("split", ["train", "Train", "training"])
def test_training_is_never_evaluated(split: str, tiny_fer2013: Path) -> None:
    with pytest.raises(MienError, match="split"):
        evaluate("fer2013-nano", "fer2013", tiny_fer2013, split)


def test_predictions_and_labels_that_only_one_side_knows_keep_their_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = np.eye(3, dtype=np.float32)
    samples = Samples(
        np.zeros((3, 48, 48, 1), np.uint8), target, ("neutral", "sadness", "anger"), np.array(list("abc")), name="other"
    )
    (tmp_path / "w.onnx").write_bytes(b"weights")
    stub = Stub(tmp_path / "w.onnx")
    stub.card = stub.card.model_copy(update={"recipe": {}})
    probs = np.array([[0.7, 0.2, 0.1], [0.5, 0.3, 0.2], [0.1, 0.2, 0.7]], np.float32)
    monkeypatch.setattr(module, "Classifier", lambda _, **__: stub)
    monkeypatch.setattr(module, "load_for", lambda *_, **__: samples)
    monkeypatch.setattr(module, "predict", lambda *_: {"probs": probs})
    result, scores = evaluate(tmp_path / "w.onnx", "other", None, "val")
    assert result.labels == ("neutral", "happiness", "sadness", "anger")
    np.testing.assert_allclose(result.probs, np.insert(probs, 2, 0, axis=1), rtol=1e-6)
    np.testing.assert_allclose(result.target, np.insert(target, 1, 0, axis=1))
    assert scores.accuracy == pytest.approx(2 / 3)


def test_weak_expressions_are_marked() -> None:
    probs = np.eye(3)[[0, 0, 0, 1, 0, 0]]
    target = np.eye(3)[[0, 0, 0, 1, 1, 1]]  # fear: precision 1, recall 1/3, F1 0.5; neutral: F1 0.75
    labels = ("neutral", "fear", "anger")
    ids = np.arange(6).astype(str)
    result = Result(probs, target, labels, ids, provenance=Provenance(weights="mine", dataset="tiny"))
    rows = {line.split()[0]: line for line in to_text(score(result)).splitlines() if line}
    assert "weak" not in rows["fear"] + rows["neutral"] + rows["anger"]
    worse = score(replace(result, probs=np.eye(3)[[0, 0, 1, 1, 0, 0]]))
    text = to_text(worse)
    assert [line.split()[0] for line in text.splitlines() if line.endswith("  weak")] == ["fear"]
    assert "\nweak: F1 below 50 %\n" in text
    assert "</span>fear, weak</" in to_html(worse)
