"""`--out` a second time, and reading what mien wrote: nothing is lost for a typo, no face counts twice."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

Mien = Callable[..., Any]
FAST = ("--detector", "whole", "--weights", "ferplus-nano")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder with the photo p/x.jpg."""
    monkeypatch.chdir(tmp_path)
    save("p/x.jpg")


def save(name: str) -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(len(name)).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(name)


def content(folder: str) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


def ours(folder: str) -> list[str]:
    return sorted(entry["file"] for entry in json.loads(Path(folder, "mien-run.json").read_text())["files"])


def sources(mien: Mien, *words: str) -> tuple[int, list[str], str]:
    code, out, err = mien("predict", *words, "--format", "jsonl", *FAST)
    return code, [json.loads(line)["source"] for line in out.splitlines()], err


@pytest.mark.parametrize(
    "words", [["nowhere"], ["no*.jpg"], ["camera:99"], ["camera:x"], ["a.cr2", "nowhere", "empty"]]
)
def test_where_nothing_can_be_opened_nothing_is_removed(mien: Mien, words: list[str]) -> None:
    Path("a.cr2").write_bytes(b"raw")
    Path("empty").mkdir()
    assert mien("predict", "p", "--out", "res", *FAST).code == 0
    before = content("res")
    for out in ("res", "new/deep"):
        code, stdout, err = mien("predict", *words, "--out", out, *FAST)
        assert (code, stdout, err.count("\n")) == (2, b"", 1)
        assert f"nothing was written to {out}" in err
    assert content("res") == before
    assert not Path("new").exists()
    assert mien("predict", *words, "p/x.jpg", "--out", "res", *FAST).code == 2  # one of them can
    assert content("res") != before


def test_images_of_the_user_in_a_folder_called_annotated_are_read(mien: Mien) -> None:
    save("p/annotated/y.png")
    save("p/annotated/deep/z.png")
    mine = content("p")
    for words in (["p", "--out", "p"], ["p", "--out", "p"], ["p/*", "--out", "p"], ["p"]):
        code, names, _ = sources(mien, *words)
        assert (code, sorted(names)) == (0, ["p/annotated/deep/z.png", "p/annotated/y.png", "p/x.jpg"]), words
        assert mine.items() <= content("p").items()
    code, names, _ = sources(mien, "p/x.jpg", "p/annotated/*.png", "p/annotated/deep/*.png", "--out", "p")
    assert (code, len(names)) == (0, 3)
    assert "spared" not in json.loads(Path("p/mien-run.json").read_text())


PATTERNS = {
    "quoted": ["p/*"],
    "everything": ["*"],
    "deep": ["p/**/*.jpg"],
    "by the shell": ["{p/*}"],
    "by the shell, of files": ["{p/*.*}"],
    "a second run": ["p/*", "--out", "p"],
    "a second run by the shell": ["{p/*}", "--out", "p"],
}


@pytest.mark.parametrize("kind", PATTERNS)
def test_patterns_pass_over_what_mien_wrote(mien: Mien, kind: str) -> None:
    assert mien("predict", "p", "--out", "p", *FAST).code == 0
    assert mien("predict", "p", "--out", "p/res", *FAST).code == 0
    words: list[str] = []
    for word in PATTERNS[kind]:
        words += sorted(map(str, Path().glob(word.strip("{}")))) if word.startswith("{") else [word]
    code, names, err = sources(mien, *words)
    assert (code, names) == (0, ["p/x.jpg"]), err
    assert "of mien's own" in err


def test_a_folder_of_mien_output_alone_is_reported(mien: Mien) -> None:
    assert mien("predict", "p", "--out", "res", *FAST).code == 0
    for words in (["res/*"], sorted(map(str, Path("res").iterdir()))):
        code, out, _ = mien("predict", *words, "--format", "jsonl", *FAST)
        (row,) = map(json.loads, out.splitlines())
        assert code == 2
        assert row["error"].endswith("only what mien wrote itself; name the files to read them")


def test_what_was_edited_and_stays_is_still_no_data(mien: Mien) -> None:
    save("d/trip/y.jpg")
    assert mien("predict", "d", "--out", "q", *FAST).code == 0
    save("q/annotated/trip/y.jpg")
    Path("q/report.html").write_text("mine")
    for _ in range(2):
        code, _, err = mien("predict", "p", "--out", "q", "--force", *FAST)
        assert (code, "q/annotated/trip/y.jpg is from an earlier run, was changed since, and is kept" in err) == (
            0,
            True,
        )
        assert {"annotated/trip/y.jpg", "annotated/x.jpg"} <= set(ours("q"))
        assert len(ours("q")) == len(set(ours("q")))
        code, _, err = mien("predict", "q", *FAST)
        assert "only what mien wrote itself" in err
        code, _, err = mien("predict", "p", "--out", "q", *FAST)
        assert (code, "q/annotated/trip/y.jpg was changed since mien wrote it" in err) == (2, True)


def test_the_list_of_inputs_says_which_annotated_file_shows_which(mien: Mien) -> None:
    for name in ("d1/a.jpg", "d2/a.jpg", "d2/a.png"):
        save(name)
    Path("d2/b.jpg").write_bytes(b"nothing")
    mien("predict", "d1", "d2", "--out", "res", *FAST)
    inputs = [json.loads(line) for line in Path("res/mien-inputs.jsonl").read_text().splitlines()]
    assert {each["source"]: each["annotated"] for each in inputs} == {
        "d1/a.jpg": "annotated/a.jpg", "d2/a.jpg": "annotated/a-2.jpg", "d2/a.png": "annotated/a.png.jpg",
        "d2/b.jpg": None,
    }  # fmt: skip
    assert {each["annotated"] for each in inputs if each["annotated"]} <= set(ours("res"))


def test_images_that_a_full_disk_leaves_without_an_annotated_file_are_counted(
    mien: Mien, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mien.errors import OutputError
    from mien.outputs import Outputs

    save("p/y.jpg")
    write = Outputs.write

    def full(self: Outputs, name: str, content: bytes) -> None:
        if name == "annotated/y.jpg":
            raise OutputError(f"{name} cannot be written: No space left on device")
        write(self, name, content)

    monkeypatch.setattr(Outputs, "write", full)
    code, out, err = mien("predict", "p", "--out", "res", "--format", "jsonl", *FAST)
    assert (code, err.count("\n")) == (2, 1)
    assert err.endswith("No space left on device; read 2 images, 2 faces; 1 not annotated\n")
    assert len(out.splitlines()) == 1
    assert json.loads(Path("res/mien-run.json").read_text())["counts"]["not_annotated"] == 1


def test_a_video_that_ends_early_counts_once(mien: Mien, film: Callable[..., Path]) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (20, 64, 64, 3), np.uint8)
    video = film(Path("v.mp4"), list(noise))
    video.write_bytes(video.read_bytes()[: int(video.stat().st_size * 0.7)])
    code, out, err = mien("predict", "v.mp4", "p", "nowhere", "--out", "res", *FAST)
    assert code == 2
    assert re.search(r"read 1 image and 1 video \(\d+ frames; 1 only in part\), \d+ faces, 1 track; 1 failed\n", err), (
        err
    )
    shown = [line.rstrip() for line in out.decode().splitlines() if line.startswith("v.mp4")]
    assert [" frames, " in shown[0], shown[1].endswith("cannot be read to its end"), len(shown)] == [True, True, 2]
    counts = json.loads(Path("res/mien-run.json").read_text())["counts"]
    assert [counts[key] for key in ("images", "videos", "read_in_part", "failed")] == [1, 1, 1, 1]
