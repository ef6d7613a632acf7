"""The audit: it detects everything that was put into a drawn data set, and the exact counts of FER2013."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mien.data import DATASETS, Samples
from mien.data.audit import Audit, keep, leak_message, run_audit, subjects
from mien.data.audit.label_sources import plurality, top_label
from mien.data.audit.page import page_of
from mien.data.audit.summary import report_on, write
from mien.data.samples import digest, one_hot
from mien.errors import DataError, MienError, UsageError

LABELS = ("neutral", "happiness", "fear")


def reader(**splits: dict[str, Any]) -> Callable[..., Samples]:
    """A data set of noise, 40 images a split; the changes of a split replace images, labels or groups by row."""

    def own(root: Path, split: str) -> Samples:
        if split not in splits:
            raise DataError(f"there is no {split}")
        changes, place = splits[split], list(splits).index(split)
        images = noise(place)
        target = one_hot(np.arange(40) % 3, 3)
        for row, image in changes.get("images", {}).items():
            images[row] = image
        for row, label in changes.get("labels", {}).items():
            target[row] = np.nan if label is None else one_hot(np.array([LABELS.index(label)]), 3)
        ids = np.array([f"{split}/{row:02d}.png" for row in range(40)])
        mark = digest(images, np.nan_to_num(target, nan=-1))
        return Samples(
            images, target, LABELS, ids, group=changes.get("group"), name="own", split=split, fingerprint=mark
        )

    return own


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (40, 12, 10, 3)).astype(np.uint8)


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Audit]:
    """Audit a data set of noise with the changes given by split."""
    monkeypatch.setenv("MIEN_CACHE", str(tmp_path / "cache"))

    def run(**splits: dict[str, Any]) -> Audit:
        monkeypatch.setitem(DATASETS, "own", reader(**splits))
        return run_audit("own", tmp_path)

    return run


def test_clean_data_has_nothing_to_report(own: Callable[..., Any]) -> None:
    audit = own(train={}, val={}, test={})
    report = report_on(audit).to_dict()
    assert report["leak"] is None
    assert report["exact"]["groups"] == report["near"]["groups"] == report["near"]["conflicting"] == 0
    assert report["blank"] == []
    assert [s["clean"] for s in report["splits"].values()] == [40, 40, 40]
    assert report["splits"]["train"]["counts"] == {"neutral": 14, "happiness": 13, "fear": 13}
    assert report["splits"]["train"]["imbalance"] == 14 / 13
    assert set(report["left_out"]) == {
        "not a face, by votes",
        "agreement of labels with votes",
        "not a face, by detector",
        "subjects in two splits",
    }
    page = page_of(audit, report_on(audit))
    assert "No image of own is in two splits." in page
    assert "<img" not in page


def test_everything_that_was_put_in_is_detected(own: Callable[..., Any], tmp_path: Path) -> None:
    train, val = noise(0), noise(1)
    audit = own(
        train={"images": {5: train[2], 6: train[3] ^ 1, 7: 9, 8: train[4]}, "labels": {8: "fear", 9: None}},
        val={"images": {0: train[0], 1: train[1] ^ 1}},
        test={"images": {0: train[0], 3: val[3], 4: 255}},
    )
    report = report_on(audit).to_dict()
    leaks = {(row["split"], row["in"]): (row["exact"], row["twins"]) for row in report["leaks"]}
    assert leaks == {("val", "train"): (1, 2), ("test", "train"): (1, 1), ("test", "val"): (2, 2)}
    assert report["exact"]["members"] == [
        ["train/00.png", "val/00.png", "test/00.png"],
        ["train/02.png", "train/05.png"],
        ["train/04.png", "train/08.png"],
        ["val/03.png", "test/03.png"],
    ]
    assert (report["exact"]["pictures"], report["exact"]["surplus"], report["exact"]["across_splits"]) == (9, 5, 2)
    assert report["exact"]["sizes"] == {"2": 3, "3": 1}
    assert (report["near"]["groups"], report["near"]["pictures"], report["near"]["across_splits"]) == (6, 13, 3)
    (conflict,) = report["exact"]["conflicts"]
    assert conflict == [
        {"id": "train/04.png", "split": "train", "label": "happiness"},
        {"id": "train/08.png", "split": "train", "label": "fear"},
    ]
    assert report["blank"] == ["train/07.png", "test/04.png"]
    assert report["splits"]["train"]["unlabelled"] == 1
    assert report["splits"]["train"]["twins_within"] == 6
    chosen = keep(audit)
    assert np.flatnonzero(~chosen["train"]).tolist() == [4, 5, 6, 7, 8]
    assert np.flatnonzero(~chosen["val"]).tolist() == [0, 1]
    assert np.flatnonzero(~chosen["test"]).tolist() == [0]
    assert "2 of 40 val images have a near-duplicate in train" in leak_message(audit)
    files = write(audit, report_on(audit), tmp_path / "o")
    assert json.loads(Path(files["json"]).read_text()) == report
    assert Path(files["clean_train"]).read_text().split() == audit.splits["train"].ids[chosen["train"]].tolist()
    page = Path(files["report"]).read_text()
    assert page.count('src="data:image/webp;base64,') == page.count("<img") > 20
    assert not re.search(r"(src|href)=\"(?!data:)", page)
    assert "train/04.png" in page
    assert "<script" not in page
    text = str(report_on(audit))
    assert "2 (train/07.png, test/04.png)" in text
    assert "without a label" in text


def test_subjects_in_two_splits_leak(own: Callable[..., Any]) -> None:
    names = np.array(["anna"] * 20 + [""] * 20)
    audit = own(train={"group": names}, val={"group": np.char.replace(names, "anna", "ben")}, test={"group": names})
    assert subjects(audit) == {"anna": ["train", "test"]}
    assert leak_message(audit) == "the splits of own leak: 1 subjects are in more than one split"
    assert report_on(audit).to_dict()["subjects"] == {"anna": ["train", "test"]}
    assert "anna" in page_of(audit, report_on(audit))
    apart = own(train={"group": names}, test={"group": np.char.replace(names, "anna", "ben")})
    assert (subjects(apart), leak_message(apart)) == ({}, "")


def test_one_split_is_enough_and_none_is_an_error(own: Callable[..., Any]) -> None:
    audit = own(test={"images": {3: noise(0)[2]}})
    report = report_on(audit).to_dict()
    assert (list(report["splits"]), report["leaks"], report["exact"]["groups"]) == (["test"], [], 1)
    assert report["missing"] == {"train": "there is no train", "val": "there is no val"}
    assert "there is no train" in str(report_on(audit))
    assert "there is no train" in page_of(audit, report_on(audit))
    with pytest.raises(DataError, match="there is no test"):
        own()


def test_names_from_outside_are_escaped(own: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    audit = own(train={"images": {3: 0}, "group": np.array(["<b>"] * 40)}, test={"group": np.array(["<b>"] * 40)})
    page = page_of(audit, report_on(audit))
    assert "<b>&lt;" not in page
    assert "&lt;b&gt;" in page


def test_drawn_fer2013(tiny_fer2013: Path) -> None:
    audit = run_audit("fer2013", tiny_fer2013)
    report = report_on(audit).to_dict()
    assert report["exact"]["members"] == [[f"{k:05d}", f"{k + 160:05d}"] for k in (0, 1, 2, 40, 41, 42)]
    assert report["near"]["members"] == [[f"{k:05d}", f"{k + 160:05d}"] for k in (*range(5), *range(40, 45))]
    assert report["not_a_face"]["votes"] == ["00042", "00182"]
    assert [s["clean"] for s in report["splits"].values()] == [159, 35, 35]
    special = {40, 41, 42, 43, 180, 181, 182, 183}
    labels, voted = top_label(audit.splits["train"]), plurality(audit.votes)[:160]
    plain = [row for row in range(160) if row not in special and row % 8 != 7]  # every eighth is contempt
    assert (labels[plain] == voted[plain]).all()
    assert report["agreement"]["train"]["anger"] == {"n": 20, "share": 19 / 20}
    assert report["agreement"]["train"]["neutral"]["n"] == 40
    assert "contempt" not in report["agreement"]["train"]


def test_ferplus_meets_the_published_labels(tiny_fer2013: Path) -> None:
    report = report_on(run_audit("ferplus", tiny_fer2013, labels="distribution")).to_dict()
    assert report["agreement"]["train"]["happiness"]["n"] > 0
    assert "contempt" not in report["agreement"]["train"]
    assert "agreement of labels with votes" not in report["left_out"]


def test_without_votes_the_reason_is_reported(tmp_path: Path, fer2013_writer: Callable[..., Any]) -> None:
    fer2013_writer(tmp_path / "f", "folder")
    report = report_on(run_audit("fer2013", tmp_path / "f")).to_dict()
    assert "row order" in report["left_out"]["not a face, by votes"]
    assert report["agreement"] is None
    assert report["not_a_face"]["votes"] is None
    assert report["leaks"][0]["twins"] == 5


def test_a_detector_looks_for_faces(own: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own(test={})
    audit = run_audit("own", tmp_path, "haar")
    assert audit.faceless is not None
    assert audit.faceless.all()
    report = report_on(audit).to_dict()
    assert (report["not_a_face"]["detector"], len(report["not_a_face"]["detector_none"])) == ("haar", 40)
    assert "haar detects no face in 40 images" in page_of(audit, report_on(audit))
    monkeypatch.setattr("mien.inference.detectors.haar.Haar.__call__", None)
    assert run_audit("own", tmp_path, "haar").faceless.all(), "examined twice"


@pytest.mark.parametrize(
    ("detector", "error", "message"), [("whole", UsageError, "yunet or haar"), ("x", MienError, "x")]
)
def test_unsuitable_detectors(detector: str, error: type[MienError], message: str, tiny_fer2013: Path) -> None:
    with pytest.raises(error, match=message):
        run_audit("fer2013", tiny_fer2013, detector)


def mien(*words: object, cwd: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "mien.cli", "data", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd)


def test_strict_exits_3_and_says_why(tiny_fer2013: Path, tmp_path: Path) -> None:
    done = mien("fer2013", "--root", tiny_fer2013, "--hygiene", "--strict", "--json", cwd=tmp_path)
    assert done.returncode == 3
    *written, leak = done.stderr.splitlines()
    assert written == [f"wrote {path}" for path in json.loads(done.stdout)["files"].values()]
    assert "5 of 40 test images have a near-duplicate in train" in leak
    report = json.loads(done.stdout)
    assert Path(tmp_path, report["files"]["clean_test"]).read_text().split() == [
        f"{row:05d}" for row in range(205, 240)
    ]
    relaxed = mien("fer2013", "--root", tiny_fer2013, "--hygiene", "--out", tmp_path / "o", cwd=tmp_path)
    assert relaxed.returncode == 0
    assert f"wrote {tmp_path / 'o' / 'hygiene.html'}\n" in relaxed.stderr
    assert "wrote" not in relaxed.stdout


def test_strict_exits_0_without_a_leak(tmp_path: Path, fer2013_writer: Callable[..., Any]) -> None:
    fer2013_writer(tmp_path / "f", "folder-untold")
    done = mien("fer2013", "--root", tmp_path / "f", "--hygiene", "--strict", cwd=tmp_path)
    assert done.returncode == 0
    assert "leak" not in done.stderr
    assert "no test:" in done.stdout


@pytest.mark.parametrize("words", [["--strict"], ["--detector", "yunet"]])
def test_options_of_the_audit_need_it(words: list[str], tiny_fer2013: Path, tmp_path: Path) -> None:
    done = mien("fer2013", "--root", tiny_fer2013, *words, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "expected --hygiene" in done.stderr


def test_an_unwritable_folder_is_one_line(tiny_fer2013: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = mien("fer2013", "--root", tiny_fer2013, "--hygiene", "--out", tmp_path / "file" / "o", cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "is a file, or lies in one" in done.stderr


def test_fer2013(mien_data: Path) -> None:
    audit = run_audit("fer2013", mien_data)
    report = report_on(audit).to_dict()
    exact = report["exact"]
    assert (exact["groups"], exact["pictures"], exact["surplus"], exact["conflicting"]) == (1515, 3363, 1848, 56)
    leaks = {(row["split"], row["in"]): (row["exact"], row["twins"]) for row in report["leaks"]}
    assert leaks[("val", "train")] == (279, 300)
    assert leaks[("test", "train")] == (288, 332)
    assert leaks[("test", "val")][0] == 44
    assert report["blank"] == ["11295", "29447", "30705"]
    assert len(report["not_a_face"]["votes"]) == 176
    agreed = report["agreement"]
    assert round(agreed["all"]["all"]["share"], 3) == 0.626
    published = {"fear": 0.14, "disgust": 0.31, "sadness": 0.39, "happiness": 0.93}
    assert {label: round(agreed["test"][label]["share"], 2) for label in published} == published
    assert [s["clean"] for s in report["splits"].values()][1:] == [3289, 3257]
    assert len(page_of(audit, report_on(audit))) < 5_000_000
