"""The page: complete without the network, no empty sections, the right scores, for one result or several."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mien.evaluation.report import SECTIONS, Report, write
from mien.evaluation.report.collect import gather
from mien.evaluation.report.fairness import p_value
from mien.evaluation.report.training import thinned
from mien.evaluation.result import Provenance, Result
from mien.evaluation.scores import score
from mien.evaluation.statistics.intervals import ECE_NOTE

Make = Callable[..., Result]
BARE = {
    "summary",
    "protocol",
    "expressions",
    "confusion",
    "groups",
    "calibration",
    "risk",
    "gallery",
    "data",
    "definitions",
}
"""Sections that a result alone fills."""


def report(*results: Result, **more: Any) -> Report:
    named = {str(result.provenance.weights): result for result in results}
    return Report(named, {name: score(result) for name, result in named.items()}, **more)


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).replace("\xa0", " ").split())


@pytest.fixture(scope="module")
def text(run: Path, tiny_fer2013: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    out = tmp_path_factory.mktemp("out") / "report.html"
    return write(gather([run], tiny_fer2013), out).read_text(encoding="utf-8")


def test_a_run_gives_a_whole_page(text: str, checked: Callable[[str], Any]) -> None:
    page = checked(text)
    assert set(page.links) == set(SECTIONS) - {"differences", "weights", "heads"}
    assert "http" not in text.replace("http-equiv", "")
    assert len(text) < 5_000_000


def test_hostile_names_stay_text(make_result: Make, tmp_path: Path, checked: Callable[[str], Any]) -> None:
    bad = "\"><img src=http://x onerror=alert(1)>'</style><script>"
    made = make_result(weights=bad, dataset=bad, fingerprint=bad, options={bad: bad}, labels_left_out=[bad])
    other = make_result(1, weights=f"{bad}2")
    for parts in ([made], [made, other]):
        log = {r.provenance.weights: [{"epoch": k, "loss": k, "val_accuracy": 0.1} for k in (1, 2)] for r in parts}
        page = write(report(*parts, history=log), tmp_path / "report.html").read_text(encoding="utf-8")
        checked(page)
        assert "<img src=http" not in page


def test_prints_the_scores(text: str, make_result: Make) -> None:
    scores, shown = score(make_result()), words(text)
    for part in (scores, scores.clean):
        low, high = part.accuracy_interval
        assert f"{100 * part.accuracy:.1f} % accuracy on" in shown
        assert f"95 %: {100 * low:.1f} to {100 * high:.1f}" in shown
    assert "accuracy on all 40 images" in shown
    assert "accuracy on the 35 without a near-duplicate in training" in shown
    counts, fractions = re.findall(r'<table class="matrix">.*?</table>', text)
    cells = [int(cell) for cell in re.findall(r'--a:[\d.]+">([\d,]+)<', counts)]
    assert cells == np.ravel(scores.confusion).tolist()
    rows = np.array([float(c) for c in re.findall(r'--a:([\d.]+)">', fractions)]).reshape(7, 7)
    assert rows.sum(1) == pytest.approx(np.ones(7), abs=0.04)


@pytest.mark.parametrize(
    "phrase",
    [
        "selected by accuracy on val",
        "test was not used",
        "recipe papers/tiny, 8 epochs",
        "hardware cpu: A, 2 threads",
        "commit abc123",
        "trained for 2 minutes",
        "5 images are in the training split as well",
        "Always predicting neutral would be right for 25.0 %",
        "That a feeling was recognised",
        "disgust (5 images)",
        "4/255",
        "Mean corruption error 110.0 % of that of ferplus",
        "No difference in accuracy is shown.",
        "&lt;b&gt;",
        "true: ",
        "means of 499 rows",
        "published for research",
    ],
)
def test_the_page_has(text: str, phrase: str) -> None:
    assert phrase in words(text)


@pytest.mark.parametrize("name", SECTIONS)
def test_a_section_needs_its_data(name: str, make_result: Make) -> None:
    fragment = SECTIONS[name](report(make_result()))
    assert bool(fragment) == (name in BARE)
    assert not fragment or fragment.startswith(f'<section id="{name}"')


def test_heads_are_shown_where_they_are_measured(make_result: Make) -> None:
    result = make_result()
    target, units = np.linspace(-1, 1, 80).reshape(40, 2), np.tile([[1, 0], [0, 1]], (20, 1)).astype(float)
    known = result.provenance.updated(units=["au12", "<b>"])
    more = {"regression": target / 2, "regression_target": target, "units": units, "units_target": 1 - units}
    page = words(SECTIONS["heads"](report(replace(result, provenance=known, **more))))
    ccc = score(replace(result, **more)).further["valence"]["ccc"]
    assert f"{ccc:.3f}" in page
    assert "au12 0.000 0.000 -1.000 tiny" in page
    assert "&lt;b&gt;" in page


@pytest.mark.parametrize("name", SECTIONS)
@pytest.mark.parametrize("count", [1, 2])
def test_a_section_accepts_empty_results(name: str, count: int, make_result: Make) -> None:
    empty = [make_result(weights=f"w{k}", twins=[]).take(np.zeros(40, bool)) for k in range(count)]
    fragment = SECTIONS[name](report(*empty))
    assert "nan" not in fragment
    assert "None" not in fragment


@pytest.mark.parametrize("name", SECTIONS)
def test_a_section_accepts_a_result_of_another_toolkit(name: str, make_result: Make) -> None:
    made = make_result()
    bare = replace(made, provenance=Provenance(weights="service", labels_only=True))
    fragment = SECTIONS[name](report(bare))
    assert "None" not in fragment
    assert name not in ("calibration", "risk") or fragment == ""


def test_several_results_are_shown_side_by_side(
    make_result: Make, tmp_path: Path, checked: Callable[[str], Any]
) -> None:
    parts = report(*(make_result(seed, weights=f"net {seed}") for seed in range(3)))
    text = write(parts, tmp_path / "report.html").read_text(encoding="utf-8")
    checked(text)
    shown = words(text)
    assert shown.count("net 0 \N{MINUS SIGN} net 1") >= 2  # on all images and without near-duplicates
    assert "significant" in shown or "may be chance" in shown
    assert len(re.findall('<table class="matrix">', text)) == 6
    assert "All results are on the same images" in shown


def test_results_in_another_order_are_still_paired(make_result: Make) -> None:
    first, other = make_result(weights="a"), make_result(1, weights="b")
    back = other.take(np.arange(40)[::-1])
    assert SECTIONS["differences"](report(first, other)) == SECTIONS["differences"](report(first, back))


def test_other_images_are_not_compared(make_result: Make) -> None:
    parts = report(make_result(weights="a"), make_result(1, weights="b", split="val"))
    assert not parts.paired
    assert SECTIONS["differences"](parts) == ""
    assert "not measured on the same images" in words(SECTIONS["summary"](parts))
    assert "what they were chosen on" in words(SECTIONS["summary"](parts))


def test_votes_are_reported(make_result: Make) -> None:
    made = make_result()
    votes = np.round(9 * made.target).astype(np.int16)
    votes[:, 0] += 1
    shown = words(SECTIONS["summary"](report(replace(made, votes=votes))))
    assert "one rater agrees with the most frequent vote of the others" in shown


def test_a_long_log_is_shown_as_means() -> None:
    rows = [{"step": float(k), "loss": float(k % 2), "val": None} for k in range(1000)]
    short = thinned(rows, 100)
    assert len(short) == 100
    assert {row["loss"] for row in short} == {0.5}
    assert "val" not in short[0]


@pytest.mark.parametrize(
    ("p", "shown"), [(0.0312, "0.031"), (1e-9, "&lt;&nbsp;0.001"), (None, "-"), (float("nan"), "-")]
)
def test_p_values(p: float | None, shown: str) -> None:
    assert p_value(p) == shown


def test_merged_labels_are_listed(make_result: Make) -> None:
    classes = {"neutral": ["neutral"], "anger": ["anger", "disgust", "fear"]}
    shown = words(SECTIONS["protocol"](report(make_result(classes=classes))))
    assert "labels merged anger of anger and disgust and fear" in shown


@pytest.mark.parametrize(("stored", "shown"), [(4 / 255, "4/255"), (0.015686, "4/255"), (0.5 / 255, "0.5/255")])
def test_epsilon_is_a_round_number(stored: float, shown: str, run: Path, make_result: Make) -> None:
    stress = gather([run], None).stress["tiny"]
    attack = stress.attacks[0].model_copy(update={"epsilon": stored})
    changed = stress.model_copy(update={"attacks": [attack]})
    page = SECTIONS["stress"](report(make_result(), stress={"tiny": changed}))
    assert f"<td>{shown}</td>" in page


def test_the_key_lists_only_results_that_were_stressed(run: Path, make_result: Make) -> None:
    stress = gather([run], None).stress["tiny"]
    page = SECTIONS["stress"](report(make_result(weights="other"), make_result(1), stress={"tiny": stress}))
    assert "other" not in words(page)


def test_results_of_two_splits_are_named(make_result: Make) -> None:
    both = make_result(weights="a"), make_result(1, weights="b", split="val")
    shown = words(SECTIONS["summary"](report(*both)))
    for where in ("fer2013 test", "fer2013 val"):
        assert shown.count(f"on {where}: with so few images") > 0
    assert re.search(r"\ba fer2013 test ", shown)
    alone = words(SECTIONS["summary"](report(both[0])))
    assert "on fer2013 test: with" not in alone


def test_the_interval_of_the_calibration_error_is_explained(make_result: Make) -> None:
    single = report(make_result())
    shown = words(SECTIONS["summary"](single))
    assert re.search(
        r"calibration error \(ECE\), as measured without what chance explains, 95 %: [\d.]+ to [\d.]+", shown
    )
    assert re.search(r"chance alone can make that up to [\d.]+ points, even where", shown)
    assert ECE_NOTE in words(SECTIONS["definitions"](single))
    alone = make_result()
    hit = alone.probs.argmax(1) == alone.target.argmax(1)
    of_two = replace(alone, group=np.where(hit, "easy", "hard"))  # all images of a person are right, or all wrong
    plain, by_group = (
        float(re.search(r"up to ([\d.]+) points, even", words(SECTIONS["summary"](report(one))))[1])
        for one in (alone, of_two)
    )
    assert by_group > 2 * plain
    several = SECTIONS["summary"](report(make_result(weights="a"), make_result(1, weights="b")))
    assert 'Its interval leaves them out: see <a href="#definitions">' in several


def test_the_fairness_page_explains_its_intervals_and_counts_images_in_no_group(run: Path, make_result: Make) -> None:
    audit = gather([run], None).fairness["tiny"]
    columns = [audit.columns[0].model_copy(update={"left_out": 1234})]
    changed = audit.model_copy(update={"columns": columns})
    shown = words(SECTIONS["fairness"](report(make_result(), fairness={"tiny": changed})))
    assert ECE_NOTE in shown
    assert "no group 1,234" in shown
    assert "2 of them are in no group." in shown
