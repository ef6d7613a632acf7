"""`--out`: nothing of the user's is touched, whatever stands where results would go, and however it is named."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

Mien = Callable[..., Any]
FAST = ("--detector", "whole", "--weights", "ferplus-nano")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder with the photos a.jpg, b.png and sub/c.jpg."""
    monkeypatch.chdir(tmp_path)
    for name in ("photos/a.jpg", "photos/b.png", "photos/sub/c.jpg"):
        save(Path(name))


def save(path: Path, side: int = 64) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(len(str(path))).integers(0, 256, (side, side, 3), np.uint8)
    Image.fromarray(noise).save(path)
    return path


def state(*folders: str) -> dict[str, str]:
    """Return every name below folders with what it is: where a link leads, or the digest of a file."""
    names = {}
    for path in (path for folder in folders for path in [Path(folder), *sorted(Path(folder).rglob("*"))]):
        if path.is_symlink():
            names[str(path)] = f"-> {path.readlink()}"
        else:
            names[str(path)] = "folder" if path.is_dir() else sha256(path.read_bytes()).hexdigest()
    return names


def ours(folder: str = "res") -> list[str]:
    return sorted(entry["file"] for entry in json.loads(Path(folder, "mien-run.json").read_text())["files"])


def link(path: str, target: str | Path) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).symlink_to(Path(target).absolute())


def top1(path: str, target: str) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).hardlink_to(target)


def nothing() -> None:
    pass


INPUTS = {  # what is prepared, what is read
    "named": (nothing, ["res/annotated/a.jpg"]),
    "absolute": (nothing, ["{here}/res/annotated/a.jpg"]),
    "roundabout": (nothing, ["photos/../res/./annotated/a.jpg"]),
    "later in the list": (nothing, ["photos/a.jpg", "photos/sub", "res/annotated/a.jpg"]),
    "a pattern": (nothing, ["res/annotated/*.jpg"]),
    "the folder": (nothing, ["res/annotated"]),
    "a link to the file": (lambda: link("x.jpg", "res/annotated/a.jpg"), ["x.jpg"]),
    "a link in a folder": (lambda: link("more/x.jpg", "res/annotated/a.jpg"), ["more"]),
    "a link to the folder": (lambda: link("more", "res/annotated"), ["more"]),
    "a linked folder below": (lambda: link("more/deep", "res/annotated"), ["more"]),
    "another name of the file": (lambda: top1("more/x.jpg", "res/annotated/a.jpg"), ["more"]),
    "not there yet": (nothing, ["photos/a.jpg", "res/annotated/a-2.jpg"]),
    "a pattern without a match yet": (nothing, ["photos/a.jpg", "res/annotated/new*.jpg"]),
    "the rows": (nothing, ["res/predictions.csv"]),
    "the report": (nothing, ["photos/a.jpg", "res/report.html"]),
    "the record": (nothing, ["res/mien-run.json"]),
    "the list of inputs": (nothing, ["res/mien-inputs.jsonl"]),
}


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("kind", INPUTS)
def test_an_input_is_never_a_target(mien: Mien, tmp_path: Path, kind: str, force: bool) -> None:
    assert mien("predict", "photos", "--out", "res", *FAST).code == 0
    prepare, words = INPUTS[kind]
    prepare()
    before = state(".")
    words = [word.format(here=tmp_path) for word in words]
    code, out, err = mien("predict", *words, "--out", "res", *FAST, *(["--force"] if force else []))
    assert (code, out, err.count("\n")) == (2, b"", 1)
    assert "is an input, and this run would write over " in err
    assert "res/" in err or "res'" in err
    assert state(".") == before


@pytest.mark.parametrize("out", ["res", "./res", "{here}/res", "other", "photos/../res"])
def test_a_folder_is_the_same_by_every_name(mien: Mien, tmp_path: Path, out: str) -> None:
    assert mien("predict", "photos", "--out", "res", *FAST).code == 0
    link("other", "res")
    before = state(".")
    code, _, err = mien("predict", "res/annotated/a.jpg", "--out", out.format(here=tmp_path), *FAST)
    assert (code, err.count("\n")) == (2, 1)
    assert state(".") == before


FILES = ["report.html", "predictions.csv", "people.csv", "events.csv", "mien-inputs.jsonl", "mien-run.json"]
KINDS = {
    "file": lambda path: Path(path).write_text("mine"),
    "empty": lambda path: Path(path).touch(),
    "link": lambda path: link(path, "mine.txt"),
    "broken link": lambda path: link(path, "nowhere.txt"),
    "second name": lambda path: top1(path, "mine.txt"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", [*FILES, "annotated/a.jpg", "annotated/sub/C.JPG"])
def test_what_is_not_ours_stays_until_force(mien: Mien, name: str, kind: str) -> None:
    Path("mine.txt").write_text("mine")
    Path("res", name).parent.mkdir(parents=True)
    KINDS[kind](f"res/{name}")
    before = state(".")
    code, out, err = mien("predict", "photos", "--out", "res", *FAST)
    assert (code, out, err.count("\n")) == (2, b"", 1)
    assert f"res/{name} was not written by mien" in err
    assert "--force" in err
    assert state(".") == before
    assert mien("predict", "photos", "--out", "res", "--force", *FAST).code == 0
    assert Path("mine.txt").read_text() == "mine"
    assert not Path("nowhere.txt").exists()
    assert (Path("res", name).is_symlink()) == (kind.endswith("link") and name not in [*ours(), "mien-run.json"])
    assert "</html>" in Path("res/report.html").read_text()
    assert len(Path("res/predictions.csv").read_text().splitlines()) == 4


def test_force_writes_over_and_removes_nothing(mien: Mien) -> None:
    for name in ("people.csv", "events.csv", "notes.txt", "annotated/z.jpg", "predictions.json"):
        Path("res", name).parent.mkdir(parents=True, exist_ok=True)
        Path("res", name).write_text("mine")
    before = state("res")
    assert mien("predict", "photos", "--out", "res", *FAST).code == 2
    assert mien("predict", "photos", "--out", "res", "--force", *FAST).code == 0
    assert before.items() <= state("res").items()
    assert "people.csv" not in Path("res/report.html").read_text()
    assert not {"people.csv", "annotated/z.jpg"} & set(ours())


def test_parts_of_others_are_never_mixed_with_ours(mien: Mien) -> None:
    parts = Path("res/predictions.parquet.parts")
    parts.mkdir(parents=True)
    (parts / "part-000000.parquet").write_bytes(b"mine")
    before = state(".")
    for force in ([], ["--force"]):
        code, _, err = mien("predict", "photos", "--out", "res", "--format", "parquet", *force, *FAST)
        assert (code, err.count("\n"), state(".") == before) == (2, 1, True)
    assert mien("predict", "photos", "--out", "res", *FAST).code == 0  # other formats do not touch it
    assert before.items() <= state(".").items()


def folder_for_a_file(name: str) -> Callable[[], None]:
    return lambda: (Path(name) / "mine").mkdir(parents=True)


SHAPES = {
    "report.html is a folder": folder_for_a_file("res/report.html"),
    "predictions.csv is a folder": folder_for_a_file("res/predictions.csv"),
    "mien-run.json is a folder": folder_for_a_file("res/mien-run.json"),
    "annotated is a file": lambda: (Path("res").mkdir(), Path("res/annotated").write_text("mine")),
    "annotated is a link": lambda: (Path("res").mkdir(), link("res/annotated", "photos")),
    "annotated is a broken link": lambda: (Path("res").mkdir(), link("res/annotated", "nowhere")),
    "a folder in annotated is a link": lambda: link("res/annotated/sub", "photos/sub"),
    "the lock is a folder": folder_for_a_file("res/.mien-lock"),
    "res is a file": lambda: Path("res").write_text("mine"),
    "res is a broken link": lambda: link("res", "nowhere"),
}


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("kind", SHAPES)
def test_what_stands_in_the_way_is_one_line(mien: Mien, kind: str, force: bool) -> None:
    SHAPES[kind]()
    before = state(".")
    code, out, err = mien("predict", "photos", "--out", "res", *FAST, *(["--force"] if force else []))
    assert (code, out, err.count("\n")) == (2, b"", 1)
    assert "Errno" not in err
    assert state(".") == before


def test_a_folder_that_is_in_the_way_of_one_image_costs_that_image(mien: Mien) -> None:
    (Path("res/annotated") / "a.jpg").mkdir(parents=True)
    code, _, _ = mien("predict", "photos", "--out", "res", *FAST)
    assert code == 0
    assert ours()[:3] == ["annotated/a-2.jpg", "annotated/b.png.jpg", "annotated/sub/c.jpg"]
    shutil.rmtree("res")
    Path("res/annotated").mkdir(parents=True)
    Path("res/annotated/sub").write_text("a file where a folder is due")
    code, _, err = mien("predict", "photos", "--out", "res", *FAST)
    assert code == 2
    assert err.splitlines() == [
        "mien: res/annotated/sub cannot be written: File exists",
        "mien: read 3 images, 3 faces; 1 not annotated",
        "mien: wrote res/report.html",
    ]
    assert len(Path("res/predictions.csv").read_text().splitlines()) == 4


def test_a_second_run_replaces_the_first(mien: Mien) -> None:
    assert mien("predict", "photos", "--out", "res", "--format", "parquet", *FAST).code == 0
    first = ours()
    code, _, err = mien("predict", "photos/a.jpg", "--out", "res", "--format", "csv", *FAST)
    assert code == 0
    assert "res held an earlier run, which this one replaces" in err
    assert ours() == ["annotated/a.jpg", "mien-inputs.jsonl", "predictions.csv", "report.html"]
    left = {str(path.relative_to("res")) for path in Path("res").rglob("*") if path.is_file()}
    assert left == {*ours(), "mien-run.json"}
    assert not Path("res/annotated/sub").exists()
    assert mien("predict", "photos", "--out", "res", "--format", "parquet", *FAST).code == 0
    assert ours() == first


@pytest.mark.parametrize("name", ["report.html", "predictions.csv", "annotated/a.jpg"])
def test_what_was_edited_stays_until_force(mien: Mien, name: str) -> None:
    assert mien("predict", "photos", "--out", "res", *FAST).code == 0
    with Path("res", name).open("ab") as file:
        file.write(b"mine")
    before = state(".")
    code, _, err = mien("predict", "photos", "--out", "res", *FAST)
    assert (code, err.count("\n"), state(".") == before) == (2, 1, True)
    assert f"res/{name} was changed since mien wrote it" in err
    code, _, err = mien("predict", "photos/b.png", "--out", "res", "--force", *FAST)
    stays = name == "annotated/a.jpg"  # it is not written again
    assert (code, "was changed since, and is kept" in err) == (0, stays)
    assert (before[f"res/{name}"] == state("res")[f"res/{name}"]) == stays
    assert name in ours()


@pytest.mark.parametrize(
    "name", ["../photos/a.jpg", "{here}/photos/a.jpg", "annotated/../../photos/a.jpg", "sub/c.jpg"]
)
def test_a_record_cannot_have_other_files_removed(mien: Mien, tmp_path: Path, name: str) -> None:
    name = name.format(here=tmp_path)
    link("res/sub", "photos/sub")
    Path("res/annotated").mkdir()
    seen = (Path("res") / name).stat()
    entry = {"file": name, "by": "predict", "bytes": seen.st_size, "mtime_ns": seen.st_mtime_ns}
    Path("res/mien-run.json").write_text(json.dumps({"mien": "0", "files": [entry]}))
    before = state("photos")
    assert mien("predict", "photos/b.png", "--out", "res", *FAST).code == 0
    assert state("photos") == before


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"mien": 1, "files": []}', '{"mien": "0"}', "[" * 9999])
def test_a_record_of_something_else_is_not_ours(mien: Mien, text: str) -> None:
    Path("res").mkdir()
    Path("res/mien-run.json").write_text(text)
    code, _, err = mien("predict", "photos", "--out", "res", *FAST)
    assert (code, err.count("\n")) == (2, 1)
    assert Path("res/mien-run.json").read_text() == text


OWN = "7 of mien's own"


def test_own_output_is_no_data(mien: Mien) -> None:
    shutil.move("photos", "prj")
    assert mien("predict", "prj", "--out", "prj/res", *FAST).code == 0
    for words in (
        ["prj"],
        ["prj", "--out", "prj/res"],
        ["prj", "--out", "prj/res2"],
        ["prj/**/*.[jp][pn]g"],
        [".", "--out", "elsewhere"],
    ):
        code, out, err = mien("predict", *words, "--format", "jsonl", *FAST)
        assert (code, len(out.splitlines())) == (0, 3), (words, err)
        assert " of mien's own" in err, (words, err)


def test_own_output_is_passed_over_in_the_folder_of_the_originals(mien: Mien) -> None:
    for _ in range(3):
        code, out, err = mien("predict", "photos", "--out", "photos", "--format", "jsonl", *FAST)
        assert (code, len(out.splitlines())) == (0, 3)
    assert OWN in err
    code, out, err = mien("predict", ".", "--format", "jsonl", *FAST)  # the originals are read, not lost with the mark
    assert [json.loads(line)["source"] for line in out.splitlines()] == [
        "./photos/a.jpg", "./photos/b.png", "./photos/sub/c.jpg"
    ]  # fmt: skip
    assert OWN in err


def test_own_output_is_read_when_it_is_named(mien: Mien) -> None:
    assert mien("predict", "photos", "--out", "res", *FAST).code == 0
    for words, count in ((["res/annotated/a.jpg"], 1), (["res/annotated"], 3), (["res/annotated/*.jpg"], 2)):
        code, out, err = mien("predict", *words, "--format", "jsonl", *FAST)
        assert (code, len(out.splitlines()), "own" in err) == (0, count, False)
    for words in (["res"], ["re[s]/**/*.jpg"]):
        code, out, err = mien("predict", *words, "--format", "jsonl", *FAST)
        assert code == 2
        assert json.loads(out)["error"].endswith("only what mien wrote itself; name the files to read them")


@pytest.mark.parametrize("out", [".", "photos", "photos/sub"])
def test_out_may_be_where_the_inputs_are(mien: Mien, monkeypatch: pytest.MonkeyPatch, out: str) -> None:
    monkeypatch.chdir("photos" if out == "." else ".")
    before = state("../photos" if out == "." else "photos")
    for _ in range(2):
        code, stdout, _ = mien("predict", "." if out == "." else "photos", "--out", out, "--format", "jsonl", *FAST)
        assert (code, len(stdout.splitlines())) == (0, 3)
    assert before.items() <= state("../photos" if out == "." else "photos").items()


def test_annotated_originals_are_inputs_even_with_force(mien: Mien) -> None:
    save(Path("photos/annotated/a.jpg"))
    before = state(".")
    for force in ([], ["--force"]):
        code, _, err = mien("predict", "photos", "--out", "photos", *force, *FAST)
        assert (code, err.count("\n"), state(".") == before) == (2, 1, True)


def test_names_that_only_differ_in_case_or_form_are_all_kept(mien: Mien) -> None:
    for name in ("in/A.jpg", "in/deep/a.JPG", "in2/a.jpg", "in2/deep/a.jpg"):
        save(Path(name))
    code, _, _ = mien("predict", "in", "in2", "in/A.jpg", "--out", "res", *FAST)
    assert code == 0
    assert [name for name in ours() if name.startswith("annotated")] == [
        "annotated/A-3.jpg", "annotated/A.jpg", "annotated/a-2.jpg", "annotated/deep/a-2.jpg", "annotated/deep/a.JPG"
    ]  # fmt: skip


ODD = ["n" * 251 + ".jpg", "ü" * 120 + ".png", " .jpg", "a\nb.jpg", "-x.jpg", "'\".jpg", "\udcff.jpg", "\\.jpg"]


def test_odd_names(mien: Mien) -> None:
    for name in ODD:
        shutil.copy("photos/a.jpg" if name.endswith("jpg") else "photos/b.png", save(Path("odd/x.jpg")).with_name(name))
    Path("odd/x.jpg").unlink()
    for _ in range(2):
        code, _, err = mien("predict", "odd", "--out", "res", *FAST)
        assert code == 0, err
    assert len(list(Path("res/annotated").iterdir())) == len(ODD)
    paths = {json.loads(line)["path"] for line in Path("res/mien-inputs.jsonl").read_text().splitlines()}
    assert paths == {str(Path("odd", name).absolute()) for name in ODD}


BOUND = "--bounding-set=-dac_override,-dac_read_search"  # root may write everywhere; this root may not


def bound(*words: str) -> "subprocess.CompletedProcess[str]":
    """Run the command line in a process for which permissions count."""
    command = [sys.executable, "-m", "mien.cli", "predict", *words, *FAST]
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("root, and no setpriv to give up its right to write everywhere")
        command = ["setpriv", BOUND, BOUND.replace("bounding-set", "inh-caps"), *command]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX")
@pytest.mark.parametrize("place", ["res", "res/deep"])
def test_a_folder_that_is_closed_to_us(place: str) -> None:
    Path("res").mkdir()
    Path("res").chmod(0o555)
    done = bound("photos", "--out", place)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "Permission denied" in done.stderr
    assert list(Path("res").iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX")
def test_earlier_results_that_cannot_be_removed(mien: Mien) -> None:
    assert mien("predict", "photos", "--out", "res", *FAST).code == 0
    Path("res/annotated").chmod(0o555)
    before = state("res")
    done = bound("photos", "--out", "res")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "res/annotated/a.jpg cannot be removed: Permission denied" in done.stderr
    assert state("res") == before
