"""`mien sample`: faces of a result for people to label."""

import base64
import csv
import io
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mien.errors import MienError, UsageError
from mien.inference.sample.drawing import Plan, draw


@pytest.fixture(scope="module")
def read(
    tmp_path_factory: pytest.TempPathFactory, astronaut: np.ndarray, film: Callable[..., Path], moved: list[np.ndarray]
) -> Path:
    """A folder with two recordings of one person, a photo, and what `mien predict` made of them in `result`."""
    from mien.inference import run
    from mien.inference.media.video import Clip
    from mien.inference.pipeline import Pipeline

    folder = tmp_path_factory.mktemp("study")
    for name in ("p01_before.mp4", "p01_after.mp4"):
        film(folder / name, moved, rate=10)
    Image.fromarray(astronaut).rotate(90, expand=True).save(folder / "p02.png")
    request = run.Request([str(folder)], out=folder / "result", clip=Clip(start=0.3), settings={"start": 0.3})
    assert run.run(Pipeline(rotate="auto"), request) == 0
    return folder


def faces(page: str) -> list[Image.Image]:
    """Return the images in a page."""
    return [
        Image.open(io.BytesIO(base64.b64decode(data))) for data in re.findall(r"data:image/jpeg;base64,([^\"]+)", page)
    ]


def test_faces_are_drawn_from_every_person_and_stretch(
    read: Path, mien: Callable[..., object], astronaut: np.ndarray, tmp_path: Path
) -> None:
    done = mien("sample", read / "result", "--per-person", 3, "--subject", "^p[0-9]+", "--out", tmp_path, "--json")
    assert (done.code, json.loads(done.out)) == (0, {"faces": 7, "of": 7, "subjects": 2, "files": 3, "seed": 0}), (
        done.err
    )
    with (tmp_path / "mien.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"][-2:] for row in rows] == [f"-{k}" for k in range(1, 8)]
    assert len({row["id"][:-2] for row in rows}) == 1
    assert {row["subject"] for row in rows} == {"p01", "p02"}
    for name in ("before", "after"):  # frames 3 to 11 in three stretches
        drawn = sorted(int(row["frame"]) for row in rows if name in row["source"])
        assert [(frame - 3) // 3 for frame in drawn] == [0, 1, 2]
    assert sum(float(rows[0][name]) for name in rows[0] if name.startswith("prob_")) == pytest.approx(1, abs=1e-5)
    page = (tmp_path / "rate.html").read_text()
    shown = faces(page)
    assert {image.size for image in shown} == {(224, 224)}
    assert "p01" not in page  # neither names nor answers
    assert not re.search(r"0\.9\d", page.partition("<form")[2].replace("data:", ""))
    upright = np.asarray(shown[[row["source"][-4:] for row in rows].index(".png")].convert("L").resize((24, 24)), float)
    frame = np.asarray(shown[[row["source"][-4:] for row in rows].index(".mp4")].convert("L").resize((24, 24)), float)
    assert np.corrcoef(upright.ravel(), frame.ravel())[0, 1] > 0.9  # the same face, though the photo lay on its side


def test_a_table_for_excel_gives_the_same(read: Path, tmp_path: Path) -> None:
    shutil.copytree(read / "result", tmp_path / "excel")
    rows = list(csv.reader(io.StringIO((tmp_path / "excel" / "predictions.csv").read_text())))
    german = [[cell.replace(".", ",") if cell.replace(".", "").isdigit() else cell for cell in row] for row in rows]
    with (tmp_path / "excel" / "predictions.csv").open("w", newline="", encoding="utf-8-sig") as file:
        csv.writer(file, delimiter=";").writerows(german)
    plain, excel = draw(read / "result", Plan()), draw(tmp_path / "excel", Plan())
    assert excel.faces == plain.faces
    assert excel.ids == plain.ids
    assert [row["prob_happiness"] for row in excel.rows] == [row["prob_happiness"] for row in plain.rows]


def test_the_same_seed_draws_the_same_faces(read: Path) -> None:
    def frames(**plan: int) -> list[tuple[str, str]]:
        return [(row["source"], row["frame"]) for row in draw(read / "result", Plan(**plan)).rows]

    assert frames(per_person=2) == frames(per_person=2)
    assert len({tuple(frames(per_person=2, seed=seed)) for seed in range(4)}) > 1
    one, other = (draw(read / "result", Plan(per_person=2, seed=seed)).ids for seed in (0, 1))
    assert not set(one) & set(other)  # the labels of one page must not count for another
    few = draw(read / "result", Plan(per_person=2, max_faces=3))
    assert (few.to_dict()["faces"], few.to_dict()["of"]) == (3, 5)
    assert {row["source"] for row in few.rows} == {row["source"] for row in draw(read / "result", Plan()).rows}
    assert set(frames(per_person=2, max_faces=3)) < set(frames(per_person=2))


def test_labels_that_people_gave_measure_it_by_subject(read: Path, mien: Callable[..., object], tmp_path: Path) -> None:
    assert mien("sample", read / "result", "--subject", "p[0-9]+", "--out", tmp_path).code == 0
    with (tmp_path / "mien.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    wrong, unclear, *_ = (row["id"] for row in rows if row["subject"] == "p01")
    missing = rows[-1]["id"]
    labels = {row["id"]: row["expression"] for row in rows} | {wrong: "anger", unclear: "unclear", missing: ""}
    (tmp_path / "anna.csv").write_text("".join(["id,truth\n", *(f"{id},{label}\n" for id, label in labels.items())]))
    done = mien("compare", tmp_path / "mien.csv", tmp_path / "anna.csv", "--json")
    assert done.code == 0, done.err
    measured = json.loads(done.out)["full"]
    assert (measured["n"], measured["by"]) == (len(rows) - 2, 2)
    assert measured["systems"]["mien"]["accuracy"] == pytest.approx((len(rows) - 3) / (len(rows) - 2))
    assert f"2 rows without a label left out ({unclear}, {missing}), 1 of them unclear" in done.err


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ({"per_person": 0}, "`per_person` 0; expected a number of faces, at least 1"),
        ({"max_faces": -1}, "`max_faces` -1; expected a number of faces, at least 1"),
        ({"seed": -1}, "`seed` -1; expected a number, at least 0"),
        ({"subject": "("}, "a regular expression, such as '^p[0-9]+'"),
    ],
)
def test_a_plan_says_what_is_wrong_with_it(plan: dict[str, int], message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        Plan(**plan)


def test_what_cannot_be_drawn_is_named(read: Path, tmp_path: Path) -> None:
    def refused(folder: Path, plan: Plan | None = None) -> str:
        with pytest.raises(MienError) as error:
            draw(folder, plan or Plan())
        return str(error.value)

    assert "has no predictions.csv or predictions.parquet" in refused(tmp_path)
    assert "finds nothing in p0" in refused(read / "result", Plan(subject="^q"))
    copy = tmp_path / "copy"
    shutil.copytree(read / "result", copy)
    lines = (copy / "mien-inputs.jsonl").read_text()
    for old, new, message in [
        ('p02.png", "bytes": ', 'p02.png", "bytes": 1', "has changed since it was read"),
        ('"path": "', '"path": "/nowhere', "is not there any more"),
        ("{", "", "has no list of its inputs"),
    ]:
        assert old in lines
        (copy / "mien-inputs.jsonl").write_text(lines.replace(old, new))
        assert message in refused(copy)
    (copy / "mien-inputs.jsonl").write_text(lines)
    table = (copy / "predictions.csv").read_text()
    (copy / "predictions.csv").write_text(table.replace("p01_after.mp4,5,", "p01_after.mp4,500,"))
    assert "no longer has frame 500" in refused(copy, Plan(per_person=100))
    (copy / "predictions.csv").write_text(table.partition("\n")[0] + "\n")
    assert "has no faces" in refused(copy)
    (copy / "predictions.csv").write_text("a,b\n1,2\n")
    assert "has no column source" in refused(copy)


def test_a_name_that_excel_would_run_is_found_again(
    tmp_path: Path, astronaut: np.ndarray, mien: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(astronaut).save("=1+1.png")
    assert mien("predict", "=1+1.png", "--excel", "--out", "result").code == 0
    assert "'=1+1.png" in (tmp_path / "result" / "predictions.csv").read_text("utf-8")
    assert [row["source"] for row in draw(Path("result"), Plan()).rows] == ["=1+1.png"]


def test_a_name_with_a_carriage_return_breaks_no_row(
    tmp_path: Path, astronaut: np.ndarray, mien: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("cr\rx.png", "b.png"):
        Image.fromarray(astronaut).save(name)
    assert mien("predict", "cr\rx.png", "b.png", "--out", "result").code == 0
    for _ in range(2):  # the second time it is the same sample
        assert mien("sample", "result", "--out", "sample").code == 0
    with Path("sample/mien.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["source"] for row in rows} == {row["subject"] for row in rows} == {"cr\rx.png", "b.png"}
    Path("anna.csv").write_text("id,truth\n{},happiness\n{},anger\n".format(*(row["id"] for row in rows)))
    done = mien("compare", "sample/mien.csv", "anna.csv")
    assert done.code == 0, done.err


def test_a_recording_that_is_gone_is_named_and_left_out(
    read: Path, mien: Callable[..., object], tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(read / "result", copy)
    lines = (copy / "mien-inputs.jsonl").read_text()
    gone = read / "p01_before"
    killed = "".join(line for line in lines.splitlines(keepends=True) if "p01_before" not in line)
    for listed, why in [
        (re.sub('("path": "[^"]*p01_before)', r"\1-gone", lines), f"{gone}-gone.mp4 is not there any more"),
        (killed, f"{gone}.mp4 is not in mien-inputs.jsonl: the run was stopped in it, or the table is of another"),
    ]:
        (copy / "mien-inputs.jsonl").write_text(listed)
        done = mien("sample", copy, "--json")
        assert done.code == 0, done.err
        assert f"mien: {gone}.mp4 is left out: {why}\n" in done.err
        assert json.loads(done.out)["files"] == 2


def test_a_sample_that_people_label_is_not_written_over(
    read: Path, mien: Callable[..., object], tmp_path: Path
) -> None:
    words = ("sample", read / "result", "--out", tmp_path)
    assert mien(*words).code == 0
    assert mien(*words).code == 0  # the same faces
    done = mien(*words, "--seed", 1)
    assert (done.code, "is of another sample" in done.err) == (2, True)
    assert mien(*words, "--seed", 1, "--force").code == 0
