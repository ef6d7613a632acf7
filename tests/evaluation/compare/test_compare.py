"""Systems on the same images: what is joined, measured and refused."""

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mien.data import load
from mien.errors import DataError, OutputError, UsageError
from mien.evaluation import metrics
from mien.evaluation.compare import Comparison, Request, compare, judge, keep, to_rows, to_text
from mien.evaluation.compare.page import to_html
from mien.evaluation.fairness import fairness
from mien.evaluation.ids import keys
from mien.evaluation.result import Provenance, Result
from mien.evaluation.scores import score_subset
from mien.labels import EXPRESSIONS

Write = Callable[..., Path]
Saved = tuple[Path, Path]


def run(*paths: Path, **options: object) -> Comparison:
    return compare(Request(tuple(paths), **options))  # type: ignore[arg-type]


@pytest.fixture
def saved(tmp_path: Path, good: Result, poor: Result) -> tuple[Path, Path]:
    return good.save(tmp_path / "good.npz"), poor.save(tmp_path / "poor.npz")


def labels_of(result: Result) -> list[str]:
    return [result.labels[k] for k in result.probs.argmax(1)]


def changed(result: Result, **fields: object) -> Result:
    names = ("probs", "target", "labels", "ids", "provenance")
    return Result(**{**{name: getattr(result, name) for name in names}, **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["csv", "npz"])
def test_prototypes_are_a_row_where_there_are_units(good: Result, tmp_path: Path, kind: str) -> None:
    names = ["au1", "au02", "au4", "au05", "au06", "au12", "au15", "au26"]
    units = np.random.default_rng(0).uniform(0, 1, (len(good), len(names)))
    smiles = good.target[:, list(good.labels).index("happiness")] > 0.5
    units[smiles] = [float(name in ("au06", "au12")) for name in names]
    path = changed(good, units=units, provenance=good.provenance.updated(units=names)).save(tmp_path / "a.npz")
    if kind == "csv":
        path = tmp_path / "a.csv"
        rows = zip(good.ids, labels_of(good), labels_of(changed(good, probs=good.target)), units, strict=True)
        with path.open("w", newline="") as file:
            csv.writer(file).writerow(["id", "prediction", "truth", *names])
            csv.writer(file).writerows([one, label, truth, *row] for one, label, truth, row in rows)
    systems = run(path).full.systems
    assert len(systems) == 2
    own, prototypes = systems.values()
    assert own.values["accuracy"] == score_subset(good).values["accuracy"]
    assert prototypes.values["accuracy"] >= smiles.mean()
    assert "prototypes of" in to_text(run(path))


def test_the_order_of_images_and_of_systems_changes_no_digit(saved: Saved, good: Result, poor: Result) -> None:
    shuffled = np.random.default_rng(0).permutation(len(good))
    assert score_subset(good.take(shuffled)).to_dict() == score_subset(good).to_dict()
    groups = {"half": np.array(["a", "b"])[np.arange(len(good)) % 2]}
    audits = fairness(good.take(shuffled), {"half": groups["half"][shuffled]}), fairness(good, groups)
    assert audits[0].columns == audits[1].columns
    first, other = run(*saved), run(poor.take(shuffled).save(saved[1]), saved[0])
    assert other.full.systems == first.full.systems
    for key, own in first.full.pairs[0].differences.items():
        low, high = other.full.pairs[0].differences[key].interval
        if key != "ece":
            assert (-high, -low) == pytest.approx(tuple(own.interval), abs=1e-12), key


def test_each_systems_scores_are_those_of_evaluate(saved: Saved, good: Result) -> None:
    comparison = run(*saved)
    for subset, rows in (("full", np.ones(300, bool)), ("clean", good.clean)):
        part, wanted = getattr(comparison, subset), score_subset(good.take(rows)).to_dict()
        scores = part.systems["system1"].to_dict()
        assert part.n == rows.sum()
        for key in ("accuracy", "macro_f1", "nll", "ece", "roc_auc", "accuracy_interval", "macro_f1_interval"):
            assert scores[key] == pytest.approx(wanted[key]), key
        assert scores["nll_interval"] == pytest.approx(wanted["nll_interval"])


def test_pairs_are_tested_and_their_differences_contain_the_point_estimate(
    saved: Saved, good: Result, poor: Result
) -> None:
    (pair,) = run(*saved).full.pairs
    right = [metrics.top1(r.probs, r.target)[0] == r.probs.argmax(1) for r in (good, poor)]
    assert (pair.a_only, pair.b_only) == ((right[0] & ~right[1]).sum(), (right[1] & ~right[0]).sum())
    assert pair.p < 0.001
    assert pair.significant
    for key, own in pair.differences.items():
        gap = metrics.METRICS[key](good.probs, good.target) - metrics.METRICS[key](poor.probs, poor.target)
        low, high = own.interval
        assert own.difference == pytest.approx(gap)
        assert (low, high) == (None, None) if key == "ece" else low <= gap <= high


def test_a_difference_in_ece_has_no_interval_anywhere(saved: Saved) -> None:
    """Its interval held the true difference in 43 to 69 of 100 draws: the bias by chance is not the same for both."""
    comparison = run(*saved)
    assert re.search(r"^ +ECE, points +[+-][\d.]+  -$", str(comparison), re.MULTILINE)
    rows = [row for row in csv.DictReader(io.StringIO(to_rows(comparison))) if row["b"] and row["metric"] == "ece"]
    assert {(row["low"], row["high"]) for row in rows} == {("", "")}
    for text in (str(comparison), to_html(comparison, None)):
        assert "A difference in ECE has no interval" in text


def test_paired_intervals_are_narrower_than_the_systems_own(saved: Saved, tmp_path: Path, good: Result) -> None:
    close = changed(good, probs=0.98 * good.probs + 0.02 / 7, provenance=good.provenance.updated(weights="close"))
    part = run(saved[0], close.save(tmp_path / "close.npz")).full
    low, high = part.pairs[0].differences["nll"].interval
    own = part.systems["system1"].intervals["nll"]
    assert high - low < (own[1] - own[0]) / 4


def test_the_ranking_marks_gaps_that_may_be_noise(saved: Saved, tmp_path: Path, good: Result) -> None:
    probs = good.probs.copy()
    probs[:3] = np.roll(probs[:3], 1, axis=1)
    near = changed(good, probs=probs, provenance=good.provenance.updated(weights="near"))
    part = run(*saved, near.save(tmp_path / "near.npz")).full
    names = [rank.name for rank in part.ranking]
    assert set(names[:2]) == {"system1", "near"}
    assert [rank.noise for rank in part.ranking] == [True, False, None]
    assert part.groups == [names[:2], ["system2"]]
    assert len(part.pairs) == 3
    assert all(pair.p_holm >= pair.p for pair in part.pairs)
    assert "may be noise" in to_text(run(*saved, tmp_path / "near.npz"))


def test_disagreement_counts_every_image_once(saved: Saved, good: Result, poor: Result) -> None:
    (pair,) = run(*saved).disagreement
    cells = ("both", "a_only", "b_only", "neither")
    assert sum(getattr(pair, cell) for cell in cells) == 300
    for cell in cells:
        assert sum(row[cell] for row in pair.by_label.values()) == getattr(pair, cell)
    place = {id: k for k, id in enumerate(good.ids)}
    margins = [entry.margin for entry in pair.a_right]
    assert margins == sorted(margins, reverse=True)
    for side, winner, loser in (("a_right", good, poor), ("b_right", poor, good)):
        for entry in getattr(pair, side):
            k = place[entry.id]
            assert labels_of(winner)[k] == entry.label != labels_of(loser)[k]


@pytest.mark.parametrize("path", ["{}", "{}.png", "crops/test/{}.jpg", "C:\\crops\\{}.png", "./{}.jpeg"])
def test_tables_join_results_by_the_end_of_a_path(saved: Saved, table: Write, poor: Result, path: str) -> None:
    rows = [[path.format(id), label] for id, label in zip(poor.ids, labels_of(poor), strict=True)]
    order = np.random.default_rng(0).permutation(len(rows))
    comparison = run(saved[0], table("api.csv", ["file", "emotion"], [rows[k] for k in order]))
    api = comparison.full.systems["api"]
    assert api.values["accuracy"] == pytest.approx(metrics.METRICS["accuracy"](poor.probs, poor.target))
    assert api.values["macro_f1"] == pytest.approx(metrics.METRICS["macro_f1"](poor.probs, poor.target))
    assert (api.values["nll"], api.values["ece"], api.values["top2"], api.intervals["nll"]) == (None, None, None, None)
    assert set(comparison.full.pairs[0].differences) == {"accuracy", "balanced_accuracy", "macro_f1", "kappa"}
    assert json.dumps(comparison.to_dict())


OWN = [f"{name}/S{k}/frame1.jpg" for name in ("happiness", "anger") for k in range(20)]


def own(result: Result, ids: list[str]) -> Result:
    return changed(result.take(np.arange(len(ids))), ids=np.array(ids))


@pytest.mark.parametrize(
    "name",
    [
        lambda id: f"/home/me/faces/{id}",
        lambda id: f"./faces/{id}".replace(".jpg", ".png"),
        lambda id: "C:/faces/".replace("/", "\\") + id.replace("/", "\\"),
        lambda id: id.removesuffix(".jpg"),
    ],
)
def test_tables_join_paths_of_own_images(
    table: Write, tmp_path: Path, good: Result, name: Callable[[str], str]
) -> None:
    result = own(good, OWN)
    path = result.save(tmp_path / "own.npz")
    rows = [(name(id), label) for id, label in zip(OWN, labels_of(result), strict=True)]
    systems = run(path, table("api.csv", ["path", "prediction"], rows)).full.systems.values()
    assert len({scores.values["accuracy"] for scores in systems}) == 1


def test_a_name_that_several_images_end_in_is_refused(table: Write, tmp_path: Path, good: Result) -> None:
    path = own(good, [*OWN, "neutral/alone.jpg"]).save(tmp_path / "own.npz")
    rows = [(id.removeprefix("happiness/"), "anger") for id in OWN[:20]]
    for more in ([], [("alone.png", "neutral")]):
        with pytest.raises(DataError, match=r"'S0/frame1.jpg' may be several images of .*; expected more of its path"):
            run(path, table("api.csv", ["path", "prediction"], [*rows, *more]), intersect=True)


PEOPLE = [f"S{k % 4 + 1}/{k:03}.png" for k in range(40)]


@pytest.mark.parametrize("root", ["", "/home/me/"])
@pytest.mark.parametrize(
    ("wanted", "others", "n"),
    [
        (PEOPLE, [f"S7/{id[3:]}" for id in PEOPLE[10:]], 10),
        (PEOPLE[::4], [f"S{k}/{id[3:]}" for k in (2, 3, 4) for id in PEOPLE[::4]], 10),
        ([f"a/S1/{id[3:]}" for id in PEOPLE], [f"b/S1/{id[3:]}" for id in PEOPLE], 10),
    ],
)
def test_images_of_the_same_name_in_other_folders_are_other_images(
    table: Write, tmp_path: Path, good: Result, root: str, wanted: list[str], others: list[str], n: int
) -> None:
    path = own(good, wanted).save(tmp_path / "own.npz")
    rows = [(f"{root}{id}", "anger") for id in (*wanted[:n], *others)]
    api = table("api.csv", ["path", "prediction"], rows)
    with pytest.raises(DataError, match=f"has {len(others)} more|lacks"):
        run(path, api)
    comparison = run(path, api, intersect=True)
    assert comparison.full.n == n
    assert any(f"{len(others)} predictions match no " in note for note in comparison.notes)
    with pytest.raises(DataError, match=f"no image is known, the first is '{root}{others[0]}'"):
        run(path, table("api.csv", ["path", "prediction"], rows[n:]), intersect=True)


def test_ids_with_points_and_unlike_depths_are_matched_whole(table: Write, tmp_path: Path, good: Result) -> None:
    ids = [*(f"img.{k}" for k in range(9)), "0.png", *(f"{'deep/' * 9}{k}/0.png" for k in range(20))]
    path = own(good, ids).save(tmp_path / "own.npz")
    rows = [(f"/x/{id.removesuffix('.png')}.jpg", "anger") for id in ids]
    assert run(path, table("api.csv", ["path", "prediction"], rows)).full.n == len(ids)


def test_probabilities_of_a_table_are_scored_in_full(saved: Saved, table: Write, poor: Result) -> None:
    rows = [[id, *row] for id, row in zip(poor.ids, poor.probs.tolist(), strict=True)]
    kit = run(saved[0], table("kit.csv", ["id", *poor.labels], rows)).full.systems["kit"]
    assert kit.values["nll"] == pytest.approx(metrics.METRICS["nll"](poor.probs, poor.target), abs=1e-4)


def test_tables_with_their_own_labels_need_nothing_else(table: Write, good: Result) -> None:
    target = [good.labels[k] for k in good.target.argmax(1)]
    rows = list(zip(good.ids, labels_of(good), target, strict=True))
    one, two = (table(f"{name}.csv", ["id", "prediction", "truth"], rows) for name in "ab")
    comparison = run(one, two)
    assert comparison.full.pairs[0].p == 1.0
    assert comparison.full.groups == [["a", "b"]]
    assert comparison.clean.n is None
    assert "without near-duplicates in training: not searched (a: what it was trained on is not known; b: " in to_text(
        comparison
    )
    assert "near-duplicates in training: not searched" in to_html(comparison, None)


def test_one_system_alone_is_measured(saved: Saved) -> None:
    comparison = run(saved[0])
    assert comparison.full.pairs == []
    assert comparison.full.ranking[0].noise is None
    assert "system1" in to_text(comparison)


def test_systems_with_equal_names_are_named_by_their_paths(tmp_path: Path, good: Result) -> None:
    paths = [good.save(tmp_path / run / "test.npz") for run in ("one", "two")]
    comparison = run(*paths, paths[0])
    assert list(comparison.full.systems) == [
        "system1 (one/test.npz) #1",
        "system1 (two/test.npz)",
        "system1 (one/test.npz) #2",
    ]


def test_tables_without_any_labels_are_refused(table: Write) -> None:
    with pytest.raises(DataError, match=r"no system comes with labels.*`data`"):
        run(table("a.csv", ["id", "label"], [["1", "sad"]]))


def test_unequal_sets_of_images_are_refused_with_number_and_names(saved: Saved, tmp_path: Path, poor: Result) -> None:
    fewer = poor.take(np.arange(7, 300)).save(tmp_path / "fewer.npz")
    with pytest.raises(DataError, match=r"fewer.npz lacks 7 images \(1000, .* 1004, \.\.\.\).*`intersect`"):
        run(saved[0], fewer)
    with pytest.raises(DataError, match=r"good.npz has 7 more \(1000, "):
        run(fewer, saved[0])
    comparison = run(saved[0], fewer, intersect=True)
    assert comparison.n == 293
    assert any("293 images that all systems have predictions for, of 300" in note for note in comparison.notes)
    assert comparison.clean.n == 270


def test_images_without_a_match_are_refused_also_with_intersect(saved: Saved, table: Write) -> None:
    elsewhere = table("x.csv", ["id", "label"], [["elsewhere", "sad"]])
    with pytest.raises(DataError, match="no image is known, the first is 'elsewhere'"):
        run(saved[0], elsewhere, intersect=True)


def test_two_rows_for_one_image_are_refused(saved: Saved, table: Write) -> None:
    rows = [["a/1000.png", "sad"], ["b/1000.png", "sad"]]
    with pytest.raises(DataError, match=r"'a/1000.png' and 'b/1000.png' name the same image"):
        run(saved[0], table("x.csv", ["id", "label"], rows), intersect=True)


def test_results_with_other_labels_are_refused(saved: Saved, tmp_path: Path, poor: Result) -> None:
    target = poor.target.copy()
    target[:4] = np.roll(target[:4], 1, axis=1)
    other = changed(poor, target=target).save(tmp_path / "other.npz")
    with pytest.raises(DataError, match=r"has other labels for 4 images \(1000, 1001, .*`data`"):
        run(saved[0], other)


def test_other_expressions_are_compared_on_what_all_share(saved: Saved, tmp_path: Path, poor: Result) -> None:
    probs = np.hstack([0.9 * poor.probs, np.full((300, 1), 0.1)])
    wide = changed(poor, probs=probs, target=np.pad(poor.target, ((0, 0), (0, 1))), labels=EXPRESSIONS)
    comparison = run(saved[0], wide.save(tmp_path / "wide.npz"))
    assert comparison.labels == EXPRESSIONS
    assert comparison.target_labels == poor.labels
    assert any("no image is labelled contempt: such predictions count as wrong" in note for note in comparison.notes)
    wanted = metrics.METRICS["nll"](0.9 * poor.probs, poor.target)
    assert comparison.full.systems["system2"].values["nll"] == pytest.approx(wanted, abs=1e-4)
    beside = comparison.restricted
    assert beside.name == "restricted to the 7 common labels, renormalised"
    wanted = metrics.METRICS["nll"](poor.probs, poor.target)
    assert beside.full.systems["system2"].values["nll"] == pytest.approx(wanted, abs=1e-4)
    for shown in (to_text(comparison), to_html(comparison, None)):
        assert "estricted to the 7 common labels, renormalised" in shown
    rows = list(csv.DictReader(io.StringIO(keep(comparison, tmp_path / "out")[1].read_text())))
    assert {row["subset"] for row in rows} == {"full", "clean", "restricted_full", "restricted_clean"}


def test_predictions_of_an_expression_without_labels_count_as_wrong(table: Write) -> None:
    """A table of probabilities with neutral .90 for 981 faces, none of them labelled neutral."""
    names = ["happiness", "anger"]
    rows = [[k, 0.9, *(0.1 * (k % 2 == c) for c in (0, 1)), names[k % 2]] for k in range(981)]
    loud = table("loud.csv", ["id", "neutral", *names, "truth"], rows)
    comparison = run(loud)
    system = comparison.full.systems["loud"]
    assert (system.values["accuracy"], system.values["macro_f1"], system.recall["neutral"]) == (0, 0, None)
    assert comparison.restricted.full.systems["loud"].values["accuracy"] == 1
    assert re.search(r"\nloud +0\.00  0\.00 to 0\.39 ", to_text(comparison).split("restricted")[0])


def test_a_label_that_a_system_lacks_is_wrong_for_it_alone(saved: Saved, table: Write, good: Result) -> None:
    six = [name for name in good.labels if name != "fear"]
    keep_ = [k for k, name in enumerate(good.labels) if name != "fear"]
    probs = good.probs[:, keep_] / good.probs[:, keep_].sum(1, keepdims=True)
    kit = table("kit.csv", ["id", *six], ([id, *p] for id, p in zip(good.ids, probs.tolist(), strict=True)))
    comparison = run(saved[0], kit)
    fear = good.target.argmax(1) == good.labels.index("fear")
    assert comparison.n == 300
    assert comparison.full.systems["kit"].recall["fear"] == 0
    own = metrics.METRICS["accuracy"](good.probs, good.target)
    assert comparison.full.systems["system1"].values["accuracy"] == pytest.approx(own)
    assert any("kit.csv: cannot predict fear: images labelled so count as wrong" in note for note in comparison.notes)
    assert comparison.restricted.left_out == fear.sum()
    assert comparison.restricted.full.n == 300 - fear.sum()


def test_a_prediction_that_is_never_a_label_is_wrong(saved: Saved, table: Write, good: Result) -> None:
    predicted = labels_of(good)
    before = metrics.METRICS["accuracy"](good.probs, good.target)
    right = next(k for k in range(300) if good.target[k].argmax() == good.probs[k].argmax())
    predicted[right] = "contempt"
    comparison = run(saved[0], table("api.csv", ["id", "label"], zip(good.ids, predicted, strict=True)))
    assert comparison.full.systems["api"].values["accuracy"] == pytest.approx(before - 1 / 300)
    assert comparison.full.systems["system1"].values["accuracy"] == pytest.approx(before)
    other = metrics.METRICS["macro_f1"](good.probs, good.target)
    assert comparison.full.systems["system1"].values["macro_f1"] == pytest.approx(other, abs=1e-5)


def test_labels_can_come_from_a_data_set(tiny_fer2013: Path, table: Write) -> None:
    samples = load("fer2013", tiny_fer2013, "test")
    names = [samples.labels[k] for k in samples.target.argmax(1)]
    predicted = ["neutral", *names[1:]]
    path = table("api.csv", ["path", "label"], zip((f"x/{id}.png" for id in samples.ids), predicted, strict=True))
    comparison = run(path, data="fer2013", root=tiny_fer2013)
    assert comparison.n == len(samples) == 40
    assert comparison.full.systems["api"].values["accuracy"] == pytest.approx((39 + (names[0] == "neutral")) / 40)
    assert comparison.clean.n is None  # what it was trained on is not known
    fewer = table("fewer.csv", ["path", "label"], list(zip(samples.ids, predicted, strict=True))[3:])
    with pytest.raises(DataError, match="lacks 3 images"):
        run(fewer, data="fer2013", root=tiny_fer2013)
    more = table("more.csv", ["path", "label"], [*zip(samples.ids, predicted, strict=True), ("extra", "sad")])
    notes = run(more, data="fer2013", root=tiny_fer2013).notes
    assert any("1 prediction matches no labelled image of fer2013 test (extra), left out" in note for note in notes)


def test_labels_of_the_data_set_override_those_of_results(tiny_fer2013: Path, tmp_path: Path) -> None:
    samples = load("fer2013", tiny_fer2013, "test")
    wrong = np.roll(samples.target, 1, axis=1)
    one, two = (
        Result(samples.target, t, samples.labels, samples.ids, provenance=Provenance(weights=w))
        for w, t in (("one", wrong), ("two", samples.target))
    )
    comparison = run(one.save(tmp_path / "1.npz"), two.save(tmp_path / "2.npz"), data="fer2013", root=tiny_fer2013)
    assert {name: f.values["accuracy"] for name, f in comparison.full.systems.items()} == {"one": 1.0, "two": 1.0}


def test_published_results_are_listed_apart(saved: Saved) -> None:
    assert run(*saved).published is None
    comparison = run(*saved, published=True)
    assert all(record.source for record in comparison.published)
    assert "not measured here" in to_text(comparison)
    assert not set(comparison.full.systems) & {record.id for record in comparison.published}


def test_published_results_on_fewer_expressions_come_last_and_are_marked(saved: Saved) -> None:
    comparison = run(*saved, published=True)
    few = [record.labels is not None and len(record.labels) < 7 for record in comparison.published]
    assert few == sorted(few)
    assert sum(few) == 2
    assert to_text(comparison).count("(of 3 expressions only)") == 2
    assert to_html(comparison, None).count("(of 3 expressions only)") == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"source": "xml"}, "`source` 'xml'; expected auto or csv"),
        ({"source": "CSV"}, "`source` csv without a table"),
        ({"split": "tets"}, "`split` 'tets'; expected val or test"),
        ({"split": "train"}, "`split` 'train'; expected val or test"),
        ({"split": "val"}, "`split` val, but .*good.npz is of test; expected results of val"),
        ({"columns": ("happy=joy",)}, "`column` happiness=joy without such a table"),
    ],
)
def test_options_that_would_do_nothing_are_refused(saved: Saved, options: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        run(*saved, **options)


def test_a_split_of_tables_alone_is_refused(table: Write) -> None:
    path = table("a.csv", ["id", "label", "truth"], [["1", "sad", "sad"], ["2", "sad", "fear"]])
    assert run(path).n == 2
    with pytest.raises(UsageError, match="`split` of tables alone; expected `data`"):
        run(path, split="val")


def test_the_error_names_results_of_two_splits(saved: Saved, tmp_path: Path, poor: Result) -> None:
    ids = np.array([f"v{k}" for k in range(300)])
    other = changed(poor, ids=ids, provenance=poor.provenance.updated(split="val")).save(tmp_path / "val.npz")
    with pytest.raises(
        DataError, match=r"val.npz is of fer2013 val; expected predictions on fer2013 test, the labels of .*good.npz"
    ):
        run(saved[0], other)


def test_unknown_images_are_reported_with_intersect(saved: Saved, table: Write, poor: Result) -> None:
    names = [f"img_{id}" if k < 50 else id for k, id in enumerate(poor.ids)]
    comparison = run(
        saved[0], table("api.csv", ["id", "label"], zip(names, labels_of(poor), strict=True)), intersect=True
    )
    notes = "\n".join(comparison.notes)
    assert "api.csv: 50 predictions match no image of" in notes
    assert "good.npz (img_1000, img_1001, " in notes
    assert "api.csv: no prediction for 50 images (1000, 1001, " in notes
    assert (
        "250 images that all systems have predictions for, of 300: a system that leaves out hard images gains by it"
        in notes
    )
    assert "too few" not in notes
    page = to_html(comparison, None)
    assert page.index("50 predictions match no image") < page.index("<h2>All images")


def test_few_images_are_reported_as_too_few(saved: Saved, table: Write) -> None:
    two = table("two.csv", ["id", "label"], [["1000", "sad"], ["1001", "fear"]])
    assert "2 images in all: too few for conclusions" in run(saved[0], two, intersect=True).notes


@pytest.mark.parametrize("probabilities", [False, True])
def test_empty_predictions_are_left_out_only_with_intersect(
    saved: Saved, table: Write, poor: Result, probabilities: bool
) -> None:
    rows = [[id, *row] for id, row in zip(poor.ids, poor.probs.tolist(), strict=True)]
    head = ["id", *poor.labels]
    if not probabilities:
        head, rows = ["id", "label"], [[id, word] for id, word in zip(poor.ids, labels_of(poor), strict=True)]
    rows[5] = [rows[5][0], *("" for _ in rows[5][1:])]
    path = table("api.csv", head, rows)
    with pytest.raises(DataError, match=r"api.csv \(1 row of it without a prediction\) lacks 1 image \(1005\)"):
        run(saved[0], path)
    comparison = run(saved[0], path, intersect=True)
    assert comparison.n == 299
    wanted = poor.take(np.arange(300) != 5)
    accuracy = metrics.METRICS["accuracy"](wanted.probs, wanted.target)
    assert comparison.full.systems["api"].values["accuracy"] == pytest.approx(accuracy)


def test_a_table_with_its_own_labels_is_not_measured_on_its_predictions_alone(table: Write) -> None:
    rows = [["1", "sad", "sad"], ["2", "", "fear"], ["3", "fear", "fear"]]
    path = table("api.csv", ["id", "label", "truth"], rows)
    with pytest.raises(DataError, match=r"lacks 1 image \(2\)"):
        run(path)
    assert run(path, intersect=True).full.systems["api"].values["accuracy"] == 1.0


def test_tables_of_probabilities_become_results(saved: Saved, table: Write, poor: Result, tmp_path: Path) -> None:
    kit = table(
        "kit.csv", ["id", *poor.labels], ([id, *p] for id, p in zip(poor.ids, poor.probs.tolist(), strict=True))
    )
    labels = table("labels.csv", ["id", "label"], zip(poor.ids, labels_of(poor), strict=True))
    comparison, tables = judge(Request((saved[0], kit, labels, kit)))
    files = keep(comparison, tmp_path / "out", tables=tables)
    assert [file.name for file in files][3:] == ["kit.npz", "kit-2.npz"]  # labels alone have no confidence
    result = Result.load(files[3])
    assert result.probs == pytest.approx(poor.probs, abs=1e-6)
    assert (result.target == poor.target).all()
    assert result.provenance.table == "kit.csv"
    assert result.provenance.dataset == "fer2013"
    assert result.provenance.twins is None
    assert "not known" in result.provenance.not_searched
    assert result.provenance.path is None
    assert all("kit.csv" in note for note in result.provenance.notes)
    again = run(saved[0], files[3])
    assert again.full.systems["kit"].values["nll"] == pytest.approx(
        comparison.full.systems["kit (" + "/".join(kit.parts[-2:]) + ") #1"].values["nll"]
    )


@pytest.mark.parametrize(("systems", "several"), [(2, False), (3, True)])
def test_gaps_have_both_p_values_where_pairs_are_many(
    saved: Saved, tmp_path: Path, good: Result, systems: int, several: bool
) -> None:
    third = changed(good, provenance=good.provenance.updated(weights="third")).save(tmp_path / "third.npz")
    comparison = run(*[*saved, third][:systems])
    text, page = to_text(comparison), to_html(comparison, None)
    assert (f"corrected for {systems * (systems - 1) // 2} pairs" in text) is several
    for shown in (text, page):
        assert ("not corrected for the number of pairs" in shown) is several
        assert "accuracy %" in shown
        assert "accuracy, points" in shown
        assert "ECE %" in shown


@pytest.mark.parametrize(
    ("id", "wanted"),
    [
        ("7", ["7", "7"]),
        ("a.b/c.d.png", ["a.b/c.d.png", "c.d", "a.b/c.d"]),
        ("/x/y/z/q.jpg", ["/x/y/z/q.jpg", "q", "z/q", "y/z/q", "x/y/z/q"]),
    ],
)
def test_keys_of_a_path(id: str, wanted: list[str]) -> None:
    assert keys(id) == wanted


def test_files_are_written_and_hold_no_image_without_samples(saved: Saved, tmp_path: Path) -> None:
    comparison = run(*saved, published=True)
    files = keep(comparison, tmp_path / "out")
    assert json.loads(files[0].read_text()) == json.loads(json.dumps(comparison.to_dict()))
    rows = list(csv.DictReader(io.StringIO(files[1].read_text())))
    assert len(rows) == 2 * (2 * 8 + 8)
    assert {row["subset"] for row in rows} == {"full", "clean"}
    assert all(float(row["low"]) <= float(row["high"]) for row in rows if row["metric"] != "ece" or not row["b"])
    page = files[2].read_text()
    assert "data:image" not in page
    assert "://" not in page
    assert comparison.disagreement[0].a_right[0].id in page


def test_the_page_shows_images_where_they_are_known(tiny_fer2013: Path, tmp_path: Path) -> None:
    samples = load("fer2013", tiny_fer2013, "test")
    target = samples.target
    for name, probs in (("one", target), ("<two>", np.roll(target, 1, axis=1))):
        facts = {"weights": name, "dataset": "fer2013", "split": "test"}
        Result(probs, target, samples.labels, samples.ids, provenance=Provenance(**facts)).save(
            tmp_path / f"{len(name)}.npz"
        )
    comparison = run(tmp_path / "3.npz", tmp_path / "5.npz")
    page = keep(comparison, tmp_path / "out", samples)[2].read_text()
    assert page.count("data:image/png") == len(comparison.disagreement[0].a_right) == 12
    assert "<two>" not in page
    assert "&lt;two&gt;" in page


def test_a_folder_that_cannot_be_written_is_an_error(saved: Saved, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        keep(run(*saved), tmp_path / "file")


def test_differences_are_laid_out_narrowly_on_the_page(saved: Saved) -> None:
    page = to_html(run(*saved), None)
    assert page.count("<div class='pairs'><div class=\"scroll\"") == 2
    assert ".pairs tbody th{white-space:normal" in page


def test_a_prior_moves_results_that_carry_an_adjustment_and_leaves_others(
    tmp_path: Path, good: Result, poor: Result
) -> None:
    even = dict.fromkeys(good.labels, 1 / len(good.labels))
    given = even | {good.labels[0]: even[good.labels[0]] * 1.5, good.labels[1]: even[good.labels[1]] * 0.5}
    adjustment = {"training": given, "strength": 1.0, "temperature": 1.0, "threshold": 0.4}
    mine = changed(good, provenance=good.provenance.updated(adjustment=adjustment, threshold=0.8))
    paths = mine.save(tmp_path / "mine.npz"), poor.save(tmp_path / "poor.npz")
    as_they_are, uniform = run(*paths), run(*paths, prior="uniform")
    expected = mine.probs / np.array([given[label] for label in good.labels])
    expected /= expected.sum(1, keepdims=True)
    wanted = metrics.METRICS["nll"](expected, mine.target)
    name, other = good.provenance.weights, poor.provenance.weights
    assert list(uniform.paths) == [f"{name} (prior uniform)", other]
    assert uniform.full.systems[f"{name} (prior uniform)"].values["nll"] == pytest.approx(wanted, abs=1e-4)
    assert uniform.full.systems[other].values == as_they_are.full.systems[other].values
    assert f"{paths[0]}: predictions under the prior uniform" in uniform.notes
    assert f"{paths[1]}: predictions left as they are, since their prior is not known" in uniform.notes
    assert run(*paths, prior="natural").full.systems[name].values == as_they_are.full.systems[name].values
    with pytest.raises(UsageError, match="`prior` 'even'"):
        run(*paths, prior="even")
    with pytest.raises(UsageError, match="`prior` ''"):
        run(*paths, prior="")
    by_hand = run(*paths, prior=dict.fromkeys(good.labels, 1 / len(good.labels)))
    (values,) = (one.values for name, one in by_hand.full.systems.items() if "prior" in name)
    assert values["nll"] == pytest.approx(wanted, abs=1e-4)
    moved = changed(good, provenance=good.provenance.updated(prior="uniform")).save(tmp_path / "moved.npz")
    note = f"{moved}: predictions left as they are, since they have the prior uniform"
    assert note in run(moved, paths[1], prior="natural").notes


def test_results_of_the_same_weights_under_two_priors_are_told_apart(tmp_path: Path, good: Result) -> None:
    moved = changed(good, provenance=good.provenance.updated(prior="uniform"))
    comparison = run(good.save(tmp_path / "natural.npz"), moved.save(tmp_path / "uniform.npz"))
    name = str(good.provenance.weights)
    assert list(comparison.paths) == [name, f"{name} (prior uniform)"]
    for text in (to_text(comparison), to_html(comparison, None), json.dumps(comparison.to_dict())):
        assert f"{name} (prior uniform)" in text
    twice = run(tmp_path / "uniform.npz", moved.save(tmp_path / "again.npz"))
    assert [one.split(" (")[1:] for one in twice.paths] == [
        ["prior uniform)", f"{tmp_path.name}/uniform.npz)"],
        ["prior uniform)", f"{tmp_path.name}/again.npz)"],
    ]


def test_a_table_of_labels_has_no_note_on_a_prior(tmp_path: Path, good: Result) -> None:
    lines = [f"{id},{label}" for id, label in zip(good.ids.tolist(), labels_of(good), strict=True)]
    table = tmp_path / "labels.csv"
    table.write_text("\n".join(["id,label", *lines]) + "\n")
    comparison = run(good.save(tmp_path / "good.npz"), table, prior="uniform")
    left = [note for note in comparison.notes if "left as they are" in note]
    assert [note.split(":")[0] for note in left] == [str(tmp_path / "good.npz")]
    assert "labels" in comparison.paths


def test_a_comparison_prints_as_text_and_shows_its_scores_in_a_notebook(tmp_path: Path, good: Result) -> None:
    named = changed(good, provenance=good.provenance.updated(weights="<b>x</b>"))
    comparison = run(named.save(tmp_path / "x.npz"))
    assert str(comparison) == to_text(comparison)
    html = comparison._repr_html_()
    assert html.count("<table>") == 2
    assert "&lt;b&gt;x" in html
    assert "<b>x" not in html


def test_a_comparison_becomes_json_with_the_keys_of_the_contract(saved: Saved) -> None:
    comparison = run(*saved).to_dict()
    assert json.loads(json.dumps(comparison)) == comparison
    assert set(comparison["full"]["pairs"][0]) >= {"a", "b", "differences", "a_only", "b_only", "p", "told_apart"}
    assert "same_answer" in comparison["disagreement"][0]
    assert set(comparison) >= {"truth_labels", "paths", "full", "clean", "restricted", "disagreement", "notes"}
    assert "searched" not in comparison["full"]
    assert comparison["clean"]["searched"] == ["system1", "system2"]
