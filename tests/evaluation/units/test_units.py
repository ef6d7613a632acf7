"""mien evaluate --units: tables of four tools against coded units, with intervals by subject and one-line refusals."""

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from mien.errors import DataError, MienError, UsageError
from mien.evaluation.metrics import UNITS
from mien.evaluation.statistics.heads import action_unit
from mien.evaluation.statistics.units import _features, replicates, scores_of
from mien.evaluation.units import evaluate_units
from mien.evaluation.units.text import to_text

N, PEOPLE = 240, 12
RNG = np.random.default_rng(0)
SUBJECT = np.repeat(np.arange(PEOPLE), N // PEOPLE)
LEVEL = np.clip(RNG.poisson(0.8 + 0.3 * (SUBJECT % 4)), 0, 5)
STRONG = np.clip(LEVEL + RNG.normal(0, 0.8, N), 0, 5).round(3)
THERE = (STRONG > 1.5).astype(int)

Rows = Sequence[Sequence[object]]


def table(path: Path, head: Sequence[str], rows: Rows) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([head, *rows])
    return path


def coded(folder: Path, head: Sequence[str] = ("image", "subject", "AU12")) -> Path:
    return table(folder / "coded.csv", head, [(f"im{k}.png", f"s{SUBJECT[k]}", LEVEL[k]) for k in range(N)])


def place(k: int) -> str:
    return f"data/s{SUBJECT[k]}/im{k}.png"


TOOLS: dict[str, tuple[Sequence[str], Callable[[int], Sequence[object]], bool]] = {
    "mien": (("source", "frame", "au12", "au12_left"), lambda k: (place(k), "", STRONG[k] / 5, 9), False),
    "openface": (("file", " AU12_r", " AU12_c"), lambda k: (place(k), STRONG[k], THERE[k]), True),
    "py-feat": (("input", "AU12", "AU43"), lambda k: (place(k), STRONG[k] / 5, ""), False),
    "libreface": (("path", "au_12", "au_12_intensity"), lambda k: (place(k), THERE[k], STRONG[k]), True),
}


@pytest.mark.parametrize("tool", TOOLS)
def test_every_tool_is_read(tmp_path: Path, tool: str) -> None:
    head, row, has_presence = TOOLS[tool]
    path = table(tmp_path / f"{tool}.csv", head, [row(k) for k in range(N)])
    found = evaluate_units(path, coded(tmp_path))
    assert (found.n, found.groups, list(found.units)) == (N, PEOPLE, ["au12"])
    unit, present = found.units["au12"], LEVEL >= 2
    assert unit.present == present.sum()
    there = THERE if has_presence else STRONG / 5 >= 0.5
    assert unit.scores["f1"] == pytest.approx(f1_score(present, there))
    assert unit.scores["auc"] == pytest.approx(roc_auc_score(present, STRONG))
    assert unit.scores["pcc"] == pytest.approx(np.corrcoef(STRONG, LEVEL)[0, 1])
    assert unit.scores["icc"] == pytest.approx(UNITS["icc"](STRONG / 5, LEVEL / 5))
    assert found.mean.scores == unit.scores
    for key, (low, high) in unit.intervals.items():
        assert low is not None
        assert high is not None
        assert low < unit.scores[key] < high  # type: ignore[operator]
    assert "au12" in to_text(found)


def test_intervals_by_subject_are_wider_than_by_image(tmp_path: Path) -> None:
    """Everybody's images are alike, so that 240 images say no more than 12."""
    per_person = RNG.random(PEOPLE)
    rows = [(place(k), per_person[SUBJECT[k]]) for k in range(N)]
    path = table(tmp_path / "p.csv", ("source", "au12"), rows)
    labels = [(place(k), f"s{SUBJECT[k]}", int(SUBJECT[k] % 2)) for k in range(N)]
    by_person = evaluate_units(path, table(tmp_path / "a.csv", ("image", "subject", "AU12"), labels))
    by_image = evaluate_units(path, table(tmp_path / "b.csv", ("image", "note", "AU12"), labels))
    assert (by_person.groups, by_image.groups) == (PEOPLE, None)
    wide, narrow = (np.diff(found.units["au12"].intervals["auc"])[0] for found in (by_person, by_image))  # type: ignore[arg-type]
    assert wide > 2 * narrow


def test_frames_of_videos_are_matched_and_clips_are_the_groups(tmp_path: Path) -> None:
    rows = [(f"clips/c{SUBJECT[k]}.mp4", k % 20, STRONG[k] / 5) for k in range(N)]
    labels = [(f"c{SUBJECT[k]}.avi", k % 20, LEVEL[k]) for k in range(N) if k != 3]
    path = table(tmp_path / "p.csv", ("source", "frame", "au12"), rows)
    found = evaluate_units(path, table(tmp_path / "coded.csv", ("source", "frame", "AU12"), labels))
    assert (found.n, found.groups) == (N - 1, PEOPLE)
    assert any("no code for 1 predicted row" in note for note in found.notes)


@pytest.mark.parametrize(("first", "note"), [(0, "frame alone"), (1, "OpenFace counts frames from 1")])
def test_openface_counts_frames_from_one(tmp_path: Path, first: int, note: str) -> None:
    frames = range(40)
    seen = table(tmp_path / "p.csv", ("frame", "AU12_r"), [(f"{k + first}.0", STRONG[k]) for k in frames])
    labels = table(tmp_path / "coded.csv", ("source", "frame", "AU12"), [("c.mp4", k, LEVEL[k]) for k in frames])
    found = evaluate_units(seen, labels)
    assert found.n == 40
    assert found.units["au12"].scores["pcc"] == pytest.approx(np.corrcoef(STRONG[:40], LEVEL[:40])[0, 1])
    assert any(note in text for text in found.notes)
    assert any("matched by the frame alone" in text for text in found.notes)
    assert any("subtracted" in text for text in found.notes) == bool(first)


def test_frames_that_may_be_counted_otherwise_are_refused(tmp_path: Path) -> None:
    seen = table(tmp_path / "p.csv", ("source", "frame", "au12"), [("c.mp4", k, 0.5) for k in range(4)])
    labels = table(tmp_path / "coded.csv", ("source", "frame", "AU12"), [("c.mp4", k, 1) for k in range(1, 5)])
    with pytest.raises(
        DataError, match=r"coded\.csv counts frames from 1 and .*p\.csv from 0.*take 1 from column frame"
    ):
        evaluate_units(seen, labels)


def test_frames_of_another_video_are_noted(tmp_path: Path) -> None:
    seen = table(tmp_path / "p.csv", ("source", "frame", "au12"), [("a.mp4", k, k / 4) for k in range(4)])
    labels = table(tmp_path / "coded.csv", ("source", "frame", "AU12"), [("b.mp4", k, k % 3) for k in range(4)])
    assert any("'a/0' with 'b/0'" in note for note in evaluate_units(seen, labels).notes)


@pytest.mark.parametrize("group", [None, np.arange(10_000) // 10])
@pytest.mark.parametrize("positives", [20, 50, 500])
def test_the_interval_of_a_rare_units_auc_holds_the_estimate(positives: int, group: np.ndarray | None) -> None:
    """Nearly all strengths lie below those of the coded rows, so equally filled steps would tie the latter."""
    rng = np.random.default_rng(0)
    present = np.arange(10_000) < positives
    strength = np.where(present, 0.6 + 0.4 * rng.random(10_000), 0.5 * rng.random(10_000))
    strength[positives : positives + 3] = 0.8
    low, high = action_unit(strength, present.astype(float), group)["auc"]
    assert low is not None
    assert high is not None
    assert low <= roc_auc_score(present, strength) <= high
    assert high - low < 0.002


def test_a_mean_over_units_is_drawn_from_the_same_rows(tmp_path: Path) -> None:
    """Of six units that differ in one row each the mean is as uncertain as one of them, with an unknown code or not."""
    names = [f"au{k:02d}" for k in (1, 2, 4, 6, 12, 25)]
    seen = table(tmp_path / "p.csv", ("image", *names), [(place(k), *[STRONG[k] / 5] * 6) for k in range(N)])
    present = (LEVEL >= 2).astype(int)
    for unknown in (False, True):
        cells = [
            [present[k] ^ (k == unit) if not unknown or k != 9 + unit else "" for unit in range(6)] for k in range(N)
        ]
        found = evaluate_units(
            seen, table(tmp_path / f"{unknown}.csv", ("image", *names), [(place(k), *cells[k]) for k in range(N)])
        )
        for key in ("f1", "auc", "pcc", "icc"):
            widths = [np.ptp(one.intervals[key]) for one in (found.mean, *found.units.values())]
            assert widths[0] == pytest.approx(np.mean(widths[1:]), rel=0.1), key


def test_intervals_of_a_unit_are_by_the_subjects_that_it_is_coded_of(tmp_path: Path) -> None:
    head, few = ("image", "subject", "au01", "au12"), SUBJECT < 6
    seen = table(tmp_path / "p.csv", ("image", "au01", "au12"), [(place(k), *[STRONG[k] / 5] * 2) for k in range(N)])
    rows = [(place(k), f"s{SUBJECT[k]}", LEVEL[k], LEVEL[k] if few[k] else "") for k in range(N)]
    both = evaluate_units(seen, table(tmp_path / "both.csv", head, rows))
    alone = evaluate_units(seen, table(tmp_path / "few.csv", head, [row for row in rows if row[3] != ""]))
    assert (both.groups, alone.groups) == (PEOPLE, 6)
    assert both.units["au12"] == alone.units["au12"]


def test_sums_give_the_scores_themselves() -> None:
    present = (LEVEL >= 2).astype(float)
    whole = scores_of(_features(STRONG / 5, THERE.astype(float), LEVEL / 5, present).sum(0, keepdims=True))
    assert whole["f1"][0] == pytest.approx(f1_score(present, THERE))
    assert whole["pcc"][0] == pytest.approx(np.corrcoef(STRONG, LEVEL)[0, 1])
    assert whole["icc"][0] == pytest.approx(UNITS["icc"](STRONG, LEVEL))
    assert whole["auc"][0] == pytest.approx(roc_auc_score(present, STRONG), abs=0.005)  # in steps


@pytest.mark.parametrize(("scale", "shift"), [(1e-4, 0.7), (1e-7, 0.7), (0.2, 0.0), (1.0, 1e3)])
@pytest.mark.parametrize("group", [None, SUBJECT])
def test_intervals_do_not_change_with_shift_and_scale(scale: float, shift: float, group: np.ndarray | None) -> None:
    there, present = THERE.astype(float), (LEVEL >= 2).astype(float)
    values = replicates(STRONG, there, LEVEL.astype(float), present, group)
    moved = replicates(STRONG * scale + shift, there, LEVEL * scale + shift, present, group)
    for key in ("pcc", "icc"):
        np.testing.assert_allclose(moved[key], values[key], atol=1e-6)


def test_replicates_of_one_outlier_are_possible() -> None:
    strength = np.where(np.arange(40) < 2, 0.7000001, 0.7)
    values = replicates(strength, np.ones(40), strength, np.ones(40), None)["pcc"]
    assert np.nanmax(np.abs(values)) <= 1
    assert np.isnan(values).any()  # of resamples without the two


def test_groups_of_expressions_are_no_subjects(tmp_path: Path) -> None:
    """A table of mien with `--level group` has `group` of a face's expression, empty without a face."""
    mine = ("source", "group", "group_confidence", "au12")
    seen = [(place(k), "positive" if k % 2 else "", 0.5, STRONG[k] / 5) for k in range(N)]
    seen_path = table(tmp_path / "p.csv", mine, seen)
    assert evaluate_units(seen_path, coded(tmp_path)).groups == PEOPLE
    labels = [(place(k), ("positive", "negative")[k % 2], 0.5, LEVEL[k]) for k in range(N)]
    assert evaluate_units(seen_path, table(tmp_path / "own.csv", mine, labels)).groups is None
    people = [(place(k), f"s{SUBJECT[k]}", LEVEL[k]) for k in range(N)]
    assert evaluate_units(seen_path, table(tmp_path / "g.csv", ("image", "group", "au12"), people)).groups == PEOPLE


def test_the_threshold_is_for_predictions_alone(tmp_path: Path) -> None:
    labels = table(tmp_path / "c.csv", ("image", "AU12"), [(place(k), STRONG[k] / 5) for k in range(N)])
    path = table(tmp_path / "p.csv", ("source", "au12"), [(place(k), STRONG[k] / 5) for k in range(N)])
    for threshold in (0.2, 0.5, 0.9):
        unit = evaluate_units(path, labels, threshold=threshold).units["au12"]
        assert unit.present == (STRONG / 5 >= 0.5).sum()
        assert (unit.scores["f1"] == 1) == (threshold == 0.5)


def test_scales_are_told_apart_by_unit(tmp_path: Path) -> None:
    """AU06 was coded as 0 and 1 beside AU12 in levels, and AU04 has a level between."""
    head, units = ("image", "AU12", "AU06", "AU04"), (LEVEL, THERE, np.minimum(STRONG / 5, 0.9))
    labels = table(tmp_path / "c.csv", head, [(place(k), *(unit[k] for unit in units)) for k in range(N)])
    rows = [(place(k), *[STRONG[k] / 5] * 3) for k in range(N)]
    found = evaluate_units(table(tmp_path / "p.csv", ("source", "au12", "au06", "au04"), rows), labels)
    assert [unit.present for unit in found.units.values()] == [0, THERE.sum(), (LEVEL >= 2).sum()]
    assert any("levels from 0 to 5 of au04, au12" in note for note in found.notes)
    assert any("0 and 1 alone of au06" in note for note in found.notes)


@pytest.mark.parametrize(("n", "people", "bounded"), [(9, 9, False), (10, 10, True), (40, 4, False), (40, 5, True)])
def test_few_rows_or_people_have_no_interval(tmp_path: Path, n: int, people: int, bounded: bool) -> None:
    labels = table(
        tmp_path / "c.csv", ("image", "subject", "AU12"), [(place(k), f"s{k % people}", k % 4) for k in range(n)]
    )
    found = evaluate_units(
        table(tmp_path / "p.csv", ("source", "au12"), [(place(k), k * 3 % 7 / 7) for k in range(n)]), labels
    )
    for scores in (found.mean, found.units["au12"]):
        assert (scores.intervals["auc"] != [None, None]) == bounded
    assert any("too few rows for intervals of au12" in note for note in found.notes) != bounded
    assert ("(-)" in to_text(found)) != bounded


def test_constant_codes_have_no_correlation(tmp_path: Path) -> None:
    labels = table(tmp_path / "c.csv", ("image", "AU12"), [(place(k), 3) for k in range(N)])
    path = table(tmp_path / "p.csv", ("source", "au12"), [(place(k), STRONG[k] / 5) for k in range(N)])
    found = evaluate_units(path, labels)
    assert (found.units["au12"].scores["icc"], found.units["au12"].scores["pcc"]) == (None, None)
    assert "-0.000" not in to_text(found)


def test_fractions_of_reference_faces_are_noted(tmp_path: Path) -> None:
    rows = [(place(k), "blendshapes" if k else "", STRONG[k] / 5) for k in range(N)]
    path = table(tmp_path / "p.csv", ("source", "action_units_source", "au12"), rows)
    assert any("calls half of such faces there" in note for note in evaluate_units(path, coded(tmp_path)).notes)


def test_json_is_no_table(tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text("[]", encoding="utf-8")
    with pytest.raises(DataError, match=r"p\.json is JSON, not a table; expected a table: CSV, TSV or Parquet"):
        evaluate_units(tmp_path / "p.json", coded(tmp_path))


def test_a_unit_that_is_never_there_has_no_score(tmp_path: Path) -> None:
    labels = table(tmp_path / "c.csv", ("image", "AU12", "AU04"), [(place(k), 0, LEVEL[k]) for k in range(N)])
    rows = [(place(k), STRONG[k] / 5, STRONG[k] / 5) for k in range(N)]
    found = evaluate_units(table(tmp_path / "p.csv", ("source", "au12", "au04"), rows), labels)
    assert found.units["au12"].scores["auc"] is None
    assert found.units["au12"].intervals["auc"] == [None, None]
    assert found.mean.scores["auc"] == found.units["au04"].scores["auc"]
    json.dumps(found.to_dict(), allow_nan=False)


GOOD: Rows = [("a.png", 0.2), ("b.png", 0.9)]


@pytest.mark.parametrize(
    ("head", "rows", "error", "words"),
    [
        (("source", "happiness"), GOOD, DataError, r"p\.csv has columns source, happiness; expected action units"),
        (("source", "au12"), [("a.png", 0.2), ("b.png", 7)], DataError, r"row 2 with '7' in column au12"),
        (("source", "au12"), [("a.png", "yes"), ("b.png", 7)], DataError, r" row 1 with 'yes' in column au12"),
        (("source", "au12"), [("a.png", 0.1), ("a.png", 1)], DataError, r"2 rows \(1, 2\) are of 'a\.png'"),
        (("source", "frame", "au12"), [("a.png", 0, 0.1), ("a.png", 1, 1)], DataError, r"give both tables a column"),
        (("source", "au12"), [("x.png", 0.1), ("y.png", 1)], DataError, r"coded\.csv: none of the images"),
        (("source", "au09"), GOOD, DataError, r"p\.csv has au09 and .*coded\.csv has au12"),
        (("source", "au12", "AU12"), [("a.png", 0, 0)], DataError, r"columns 'au12' and 'AU12' are the same unit"),
        (("smile", "au12"), GOOD, DataError, r"one that names the image"),
        (("source", "au12"), [], DataError, r"p\.csv has no rows"),
    ],
)
def test_refusals_name_the_row_or_the_column(
    tmp_path: Path, head: Sequence[str], rows: Rows, error: type[MienError], words: str
) -> None:
    labels = table(tmp_path / "coded.csv", ("image", "AU12"), [("a.png", 0), ("b.png", 3)])
    with pytest.raises(error, match=words):
        evaluate_units(table(tmp_path / "p.csv", head, rows), labels)


def test_a_missing_subject_is_refused(tmp_path: Path) -> None:
    labels = table(tmp_path / "coded.csv", ("image", "subject", "AU12"), [("a.png", "s1", 0), ("b.png", "", 3)])
    with pytest.raises(DataError, match="row 2 without a subject"):
        evaluate_units(table(tmp_path / "p.csv", ("source", "au12"), GOOD), labels)


@pytest.mark.parametrize(("id", "threshold", "words"), [("name", 0.5, "`id` name"), (None, 0.0, "`threshold` 0")])
def test_options_are_checked(tmp_path: Path, id: str | None, threshold: float, words: str) -> None:
    labels = table(tmp_path / "coded.csv", ("image", "AU12"), [("a.png", 0), ("b.png", 3)])
    with pytest.raises(UsageError, match=words):
        evaluate_units(table(tmp_path / "p.csv", ("source", "au12"), GOOD), labels, id, threshold)


NAMED = ("au01", "au02", "au04", "au05", "au06", "au12", "au15", "au26")


def test_expressions_by_prototypes_stand_beside_those_of_the_table(tmp_path: Path) -> None:
    smile = [0.1, 0.1, 0.1, 0.1, 0.9, 0.9, 0.1, 0.1]
    rows = [("a.png", *smile, "happiness"), ("b.png", *[1 - x for x in smile], "sadness"), ("c.png", *[""] * 8, "fear")]
    path = table(tmp_path / "p.csv", ("source", *NAMED, "expression"), [*rows, ("d.png", *smile, "anger")])
    coded = [("a.png", 5, "happy"), ("b.png", 0, "sadness"), ("c.png", 0, "fear"), ("d.png", 4, "happiness")]
    found = evaluate_units(path, table(tmp_path / "coded.csv", ("image", "AU12", "emotion"), coded))
    prototypes, own = found.expressions["prototypes"], found.expressions["table"]
    assert (prototypes["n"], own["n"]) == (3, 3)  # c.png has no units
    assert (prototypes["accuracy"], own["accuracy"]) == (pytest.approx(2 / 3), pytest.approx(2 / 3))
    assert prototypes["accuracy_interval"][0] < 2 / 3 < prototypes["accuracy_interval"][1]
    assert "expressions by the prototypes, n 3: accuracy 66.67 %" in to_text(found)
    few = table(tmp_path / "few.csv", ("source", *NAMED[:6]), [row[:7] for row in rows])
    assert not evaluate_units(few, tmp_path / "coded.csv").expressions
    other = table(tmp_path / "other.csv", ("image", "AU12", "label"), [(*row[:2], "left") for row in coded])
    assert not evaluate_units(path, other).expressions


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from mien.cli import main

    labels = table(tmp_path / "coded.csv", ("image", "AU12"), [("a.png", 0), ("b.png", 3)])
    path = table(tmp_path / "p.csv", ("source", "au12"), GOOD)
    monkeypatch.setattr("sys.argv", ["mien", "evaluate", str(path), "--units", str(labels), "--json"])
    with pytest.raises(SystemExit) as left:
        main()
    assert not left.value.code
    assert json.loads(capsys.readouterr().out)["units"]["au12"]["f1"] == 1
    units = ("evaluate", str(path), "--units", str(labels))
    for words, message in (
        ((*units, "--data", "ferplus"), "--units with --data"),
        ((*units, "--split", "val"), "--units with --split"),
        ((*units, "--prior", "uniform"), "--units with --prior"),
        ((*units, "--force"), "--units with --force"),
        ((*units, "val=0.2"), "--units with KEY=VALUE"),
        (("evaluate", "ferplus-nano", "--id", "a"), "--id without --units"),
        (("evaluate", "ferplus-nano", "--threshold", "0.5"), "--threshold without --units"),
        (("card", "ferplus-nano", "--mean", "0"), "--mean without --labels"),
    ):
        monkeypatch.setattr("sys.argv", ["mien", *words])
        with pytest.raises(SystemExit) as left:
            main()
        assert left.value.code == 2
        assert message in capsys.readouterr().err
