"""`mien predict` as scripts rely on it: formats, files, exit codes, and what goes to stdout and what to stderr."""

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from mien.inference.classify import Classifier, locate

Mien = Callable[..., Any]


@pytest.fixture
def album(tmp_path: Path, astronaut: np.ndarray, coffee: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder `album` in the working directory: a face, no face, and a face in a folder called `größer`."""
    folder = tmp_path / "album"
    (folder / "größer").mkdir(parents=True)
    Image.fromarray(astronaut).save(folder / "a.jpg", quality=95)
    Image.fromarray(coffee).resize((200, 130)).save(folder / "b.png")
    Image.fromarray(astronaut).save(folder / "größer" / "ü ß.webp")
    monkeypatch.chdir(tmp_path)
    return folder


ALBUM = "mien: read 3 images, 2 faces; 1 without a face\n"
SOURCES = ["album/a.jpg", "album/b.png", "album/größer/ü ß.webp"]


def test_json(mien: Mien, album: Path) -> None:
    code, out, err = mien("predict", "album", "--format", "json")
    items = json.loads(out)
    assert (code, err) == (0, ALBUM)
    assert [item["source"] for item in items] == SOURCES
    assert [len(item["faces"]) for item in items] == [1, 0, 1]
    assert items[0]["faces"][0]["expression"] == "happiness"
    assert items[0]["frame"] is items[0]["seconds"] is items[0]["error"] is items[0]["faces"][0]["track_id"] is None
    assert (items[0]["width"], items[0]["height"]) == (512, 512)


def test_jsonl_is_the_same(mien: Mien, album: Path) -> None:
    listed = json.loads(mien("predict", "album", "--format", "json").out)
    code, out, err = mien("predict", "album", "--format", "jsonl")
    assert (code, err) == (0, ALBUM)
    assert [json.loads(line) for line in out.splitlines()] == listed


def test_csv_and_parquet(mien: Mien, album: Path) -> None:
    got = list(csv.DictReader(io.StringIO(mien("predict", "album", "--format", "csv").out.decode())))
    assert [(row["source"], row["expression"]) for row in got] == list(
        zip(SOURCES, ["happiness", "", "happiness"], strict=True)
    )
    code, out, err = mien("predict", "album", "--format", "parquet")
    assert (code, err) == (0, ALBUM)
    table = pq.read_table(pa.BufferReader(out)).to_pylist()
    assert [(row["source"], row["expression"]) for row in table] == list(
        zip(SOURCES, ["happiness", None, "happiness"], strict=True)
    )
    assert table[0]["prob_happiness"] == pytest.approx(float(got[0]["prob_happiness"]), abs=1e-5)


def test_table_is_the_default(mien: Mien, album: Path) -> None:
    code, out, err = mien("predict", "album")
    assert (code, err) == (0, ALBUM)
    head, first, second, _ = out.decode().splitlines()
    assert head.startswith("source")
    assert first.startswith("album/a.jpg")
    assert "happiness" in first
    assert "no face" in second


def test_a_link_beside_a_folder_is_named_and_changes_no_name(mien: Mien, album: Path) -> None:
    (album / "Latest").symlink_to("sub", target_is_directory=True)
    (album / "sub").mkdir()
    (album / "b.png").rename(album / "sub" / "b.png")
    _, out, err = mien("predict", "album", "--format", "json")
    assert "album/sub/b.png" in [item["source"] for item in json.loads(out)]
    assert "mien: folder already read: album/Latest\n" in err


def test_failures_keep_their_place_and_end_with_2(mien: Mien, album: Path) -> None:
    (album / "a.jpg").write_bytes(b"")
    (album / "empty").mkdir()
    words = ["none.jpg", "album/a.jpg", "album/b.png", "*.bmp", "album/empty", "camera:99", "--", "-odd.jpg"]
    code, out, err = mien("predict", "--format", "json", *words)
    items = json.loads(out)
    assert code == 2
    assert [item["source"] for item in items] == [word for word in words if word != "--"]
    assert [item["error"] is None for item in items] == [False, False, True, False, False, False, False]
    assert all(item["faces"] == [] for item in items)
    *lines, summary = err.splitlines()
    assert len(lines) == 6
    assert summary == "mien: read 1 image, 0 faces; 1 without a face; 6 failed"
    assert [line.removeprefix("mien: ") for line in lines] == [item["error"] for item in items if item["error"]]


def test_odd_images_in_one_batch(mien: Mien, album: Path, astronaut: np.ndarray) -> None:
    image = Image.fromarray(astronaut)
    image.convert("L").save(album / "grey.png")
    image.convert("CMYK").save(album / "cmyk.jpg")
    image.convert("RGBA").save(album / "alpha.png")
    image.convert("P").save(album / "palette.gif")
    image.save(album / "animated.gif", save_all=True, append_images=[image.rotate(90)])
    Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257).save(album / "deep.png")
    image.resize((1, 1)).save(album / "dot.png")
    image.resize((3000, 3000)).save(album / "huge.jpg")
    (album / "text.jpg").write_text("no")
    code, out, _ = mien("predict", "album", "--format", "json")
    items = json.loads(out)
    faces = {Path(item["source"]).name: len(item["faces"]) for item in items if not item["frame"]}
    assert code == 2
    assert [(item["frame"], item["seconds"]) for item in items if "animated" in item["source"]] == [(0, 0.0), (1, 0.1)]
    assert faces == {
        "a.jpg": 1, "alpha.png": 1, "animated.gif": 1, "b.png": 0, "cmyk.jpg": 1, "deep.png": 1, "dot.png": 0,
        "grey.png": 1, "ü ß.webp": 1, "huge.jpg": 1, "palette.gif": 1, "text.jpg": 0,
    }  # fmt: skip


def test_video(mien: Mien, video: Path) -> None:
    code, out, err = mien("predict", video, "--format", "jsonl", "--every", 4)
    items = [json.loads(line) for line in out.splitlines()]
    assert (code, err) == (0, "mien: read 1 video (3 frames), 3 faces, 1 track\n")
    assert [(item["frame"], item["seconds"]) for item in items] == [(0, 0.0), (4, 0.2), (8, 0.4)]
    assert {face["track_id"] for item in items for face in item["faces"]} == {1}
    assert "0.20 s" in mien("predict", video, "--every", 4, "--frames").out.decode()


def test_what_a_video_does_not_say_is_in_its_rows_and_once_on_stderr(
    mien: Mien, clip: Callable[..., Path], tmp_path: Path
) -> None:
    path = clip(tmp_path / "a.mjpeg", codec="mjpeg", pix="yuvj420p", count=3)
    note = "times assume 25 frames/s: the file has none"
    _, out, err = mien("predict", path, "--format", "json")
    assert [item["note"] for item in json.loads(out)] == [note] * 3
    assert err.count(f"mien: {path}: {note}\n") == err.count(note) == 1
    assert note.encode() not in mien("predict", path, "--frames").out


def test_part_of_a_video(mien: Mien, video: Path) -> None:
    words = ("predict", video, "--format", "jsonl", "--start", 0.2, "--end", 0.5, "--max-fps", 10)
    code, out, err = mien(*words)
    assert (code, err) == (0, "mien: read 1 video (3 frames), 3 faces, 1 track\n")
    assert [json.loads(line)["frame"] for line in out.splitlines()] == [4, 6, 8]
    code, out, err = mien("predict", video, "--format", "jsonl", "--start", 60)
    assert (code, len(err.splitlines())) == (2, 2)
    assert "expected --start 60 to be before that" in json.loads(out)["error"]


def test_cut_video_gives_frames_and_2(mien: Mien, video: Path) -> None:
    video.write_bytes(video.read_bytes()[: video.stat().st_size * 9 // 10])
    code, out, err = mien("predict", video, "--format", "json")
    *frames, last = json.loads(out)
    assert code == 2
    assert len(frames) >= 2
    assert all(item["error"] is None for item in frames)
    assert last["error"] in err


@pytest.mark.parametrize(
    ("format", "file"), [("table", "csv"), ("json", "json"), ("jsonl", "jsonl"), ("csv", "csv"), ("parquet", "parquet")]
)
def test_out_holds_rows_images_and_a_report(mien: Mien, album: Path, format: str, file: str) -> None:
    (album / "a.png").write_bytes((album / "a.jpg").read_bytes())
    code, out, err = mien("predict", "album", "album/a.jpg", "nowhere", "--out", "res", "--format", format)
    assert code == 2
    rows = Path("res", f"predictions.{file}").read_bytes()
    if format == "table":
        assert len(list(csv.DictReader(io.StringIO(rows.decode())))) == 6
    else:
        assert out == (b"" if format == "parquet" else rows)
    assert "res/report.html" in err.splitlines()[-1]
    assert Path("res/report.html").read_text("utf-8").lstrip().lower().startswith("<!doctype html")
    images = {path.relative_to("res/annotated").as_posix() for path in Path("res/annotated").rglob("*.jpg")}
    assert images == {"a.jpg", "a.png.jpg", "b.png.jpg", "größer/ü ß.webp.jpg", "a-2.jpg"}
    assert Image.open("res/annotated/a.jpg").size == (512, 512)


def test_out_inside_what_is_read(mien: Mien, album: Path) -> None:
    for _ in range(2):
        code, out, _ = mien("predict", "album", "--out", "album", "--format", "json")
        assert code == 0
        assert [item["source"] for item in json.loads(out)] == SOURCES


def test_out_of_a_video(mien: Mien, video: Path, tmp_path: Path) -> None:
    assert mien("predict", video, "--out", tmp_path / "res", "--format", "jsonl").code == 0
    with av.open(str(tmp_path / "res/annotated/moved.mp4")) as file:
        frames = list(file.decode(video=0))
    assert len(frames) == 12
    assert (frames[0].width, frames[0].height) == (256, 320)
    assert [float(frame.time) for frame in frames] == pytest.approx(np.arange(12) / 20, abs=0.002)


def test_out_must_be_a_folder(mien: Mien, photo: Path) -> None:
    code, out, err = mien("predict", photo, "--out", photo)
    assert (code, out) == (2, b"")
    assert err.count("\n") == 1
    assert "--out" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--format", "xml"], "no format is called 'xml'; expected one of table, json, jsonl, csv, parquet"),
        (["--format", "jsonn"], "did you mean 'json"),
        (["--weights", "ferplus-nan0"], "no weights are called 'ferplus-nan0'"),
        (["--detector", "mtcnn"], "no detector is called 'mtcnn'"),
        (["--detector-file", "none.onnx"], "no file none.onnx"),
        (["--detector", "whole", "--detector-file", "none.onnx"], "takes no file"),
        (["--min-score", "2"], "--min-score 2.0; expected a number from 0 to 1"),
        (["--abstain", "maybe"], "--abstain maybe; expected a number from 0 to 1, or auto"),
        (["--abstain", "1.5"], "--abstain 1.5"),
        (["--device", "tpu"], "no device is called 'tpu'"),
        (["--every", "0"], "--every 0"),
        (["--every", "x"], "mien: --every x; expected a whole number; see `"),
        (["--every=1.5"], "mien: --every 1.5; expected a whole number; see `"),
        (["--event-low", "0,6"], "mien: --event-low 0,6; expected a number; see `"),
        (["--max-pixels", "1e9"], "mien: --max-pixels 1e9; expected a whole number; see `"),
        (["--every"], "'--every' requires an argument"),
        (["--start", "-1"], "--start -1; expected seconds from the video's start, at least 0"),
        (["--start", "9", "--end", "3"], "--end 3; expected more seconds than --start 9"),
        (["--max-fps", "0"], "--max-fps 0; expected frames a second, more than 0"),
        (["--evry", "2"], "No such option: --evry"),
        (["--weights", "x" * 300], "no weights are called 'xxx"),
        (["--detector-file", str(locate("ferplus"))], "ferplus.onnx is not a YuNet model"),
    ],
)
def test_mistakes_are_one_line(mien: Mien, photo: Path, words: list[str], message: str) -> None:
    code, _, err = mien("predict", photo, *words)
    assert code == 2
    assert err.count("\n") == 1
    assert err.startswith("mien: ")
    assert message in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["predict"], "Missing argument 'SOURCE'; see `"),
        (["predct"], "No such command 'predct'"),
        (["--verbose"], "No such option: --verbose"),
        (["doctor", "now"], "unexpected extra argument"),
        (["data", "fer2013", "--root"], "'--root' requires an argument"),
        (["fairness", "x", "--groups", "y", "--min-group", "0"], "--min-group 0; expected at least 1; see `"),
    ],
)
def test_words_that_make_no_command_are_one_line(mien: Mien, words: list[str], message: str) -> None:
    code, out, err = mien(*words)
    assert (code, out, err.count("\n")) == (2, b"", 1)
    assert err.startswith("mien: ")
    assert message in err


def test_a_file_whose_name_begins_like_an_option(
    mien: Mien, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "-minus.jpg").write_bytes(photo.read_bytes())
    message = "mien: No such option: -m; write ./-minus.jpg for the file of that name\n"
    assert mien("predict", "-minus.jpg") == (2, b"", message)
    assert mien("predict", "./-minus.jpg").code == 0


def test_version(mien: Mien) -> None:
    message = f"mien {version('mien')}\n"
    assert mien("--version") == (0, message.encode(), "")
    done = subprocess.run([sys.executable, "-m", "mien", "--version"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, message, "")


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"]])
def test_help(mien: Mien, words: list[str]) -> None:
    code, out, err = mien(*words)
    assert (code, err) == (0, "")
    assert b"predict" in out
    assert b"--min-score" in mien("predict", *words or ["-h"]).out


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")
def test_ctrl_c(photo: Path) -> None:
    command = [sys.executable, "-m", "mien.cli", "predict", *[str(photo)] * 3000, "--format", "jsonl"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stdout.readline()
        running.send_signal(signal.SIGINT)
        assert running.stderr is not None
        err = running.stderr.read()
        assert running.wait(60) == 130
        assert re.fullmatch(rb"mien: read ([\d,]+) images?, \1 faces?\n", err)


def test_abstain(mien: Mien, photo: Path, hopper: Path) -> None:
    items = json.loads(mien("predict", photo, hopper, "--abstain", "0.999999", "--format", "json").out)
    assert [face["abstained"] for item in items for face in item["faces"]] == [True, True]
    assert all(face["expression"] for item in items for face in item["faces"])


def test_abstain_auto_leaves_open_what_is_below_the_cards_threshold(mien: Mien, photo: Path, hopper: Path) -> None:
    words = ("predict", photo, hopper, "--weights", "fer2013", "--abstain", "auto", "--format", "json")
    faces = [face for item in json.loads(mien(*words).out) for face in item["faces"]]
    threshold = Classifier("fer2013").card.threshold
    assert threshold is not None
    assert [face["abstained"] for face in faces] == [False, True] == [face["confidence"] < threshold for face in faces]


def test_whole_and_haar(mien: Mien, photo: Path) -> None:
    (whole,) = json.loads(mien("predict", photo, "--detector", "whole", "--format", "json").out)
    assert (whole["faces"][0]["box"], whole["faces"][0]["score"]) == ([0, 0, 512, 512], 1)
    (haar,) = json.loads(mien("predict", photo, "--detector", "haar", "--format", "json").out)
    assert haar["faces"][0]["expression"] == "happiness"
    (none,) = json.loads(mien("predict", photo, "--detector", "haar", "--min-score", "0.99", "--format", "json").out)
    assert none["faces"] == []


def test_a_reader_that_leaves(album: Path) -> None:
    command = [sys.executable, "-m", "mien.cli", "predict", "album/a.jpg", *["album/b.png"] * 200, "--format", "jsonl"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=album.parent) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        assert json.loads(running.stdout.readline())["source"] == "album/a.jpg"
        running.stdout.close()
        err = running.stderr.read()
        assert running.wait(60) == 0
        assert re.fullmatch(rb"mien: read \d+ images?, 1 face; \d+ without a face\n", err)


@pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals are POSIX")
def test_a_bar_on_a_terminal_only(album: Path) -> None:
    import pty

    (album / "b.png").rename(album / "b[red].png")  # no markup to the bar
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "mien.cli", "predict", "album", "--format", "json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=follower, cwd=album.parent, check=False)
    os.close(follower)
    shown = os.read(leader, 100_000).decode("utf-8", "replace")
    os.close(leader)
    assert done.returncode == 0
    assert len(json.loads(done.stdout)) == 3
    assert "/3" in shown
    assert shown.endswith("mien: read 3 images, 2 faces; 1 without a face\r\n")


def test_parquet_is_not_for_a_terminal(photo: Path) -> None:
    import pty

    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "mien.cli", "predict", str(photo), "--format", "parquet"]
    done = subprocess.run(command, stdout=follower, stderr=subprocess.PIPE, text=True, check=False)
    os.close(follower)
    os.close(leader)
    assert done.returncode == 2
    assert "Parquet is not for a terminal" in done.stderr


def test_list(mien: Mien) -> None:
    assert mien("list", "detectors") == (0, b"yunet\nhaar\nwhole\n", "")
    assert "ferplus" in json.loads(mien("list", "weights", "--json").out)
    everything = json.loads(mien("list", "--json").out)
    assert {"weights", "detectors", "datasets", "models", "recipes", "metrics", "units", "published"} == set(everything)
    assert everything["datasets"][:1] == ["fer2013"]
    assert "mien/fer2013" in mien("list").out.decode()
    scores = json.loads(mien("list", "published", "--json").out)
    lines = mien("list", "published").out.decode().splitlines()
    assert len(scores) == len(lines) == everything["published"] > 300
    assert f"published  {len(lines)} scores: `mien list published`" in mien("list").out.decode().splitlines()
    assert any(line.startswith(" 61.30 %  accuracy  emotion-api: ") and "[sighthound]" in line for line in lines)
    code, out, err = mien("list", "detector")
    assert (code, out, err.count("\n")) == (2, b"", 1)
    assert "units, published" in err


def test_doctor(mien: Mien, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MIEN_CACHE", str(tmp_path))
    monkeypatch.setenv("MIEN_DATA", str(tmp_path / "none"))
    code, out, err = mien("doctor", "--json", "--strict")
    checks = {(check["group"], check["name"]): check for check in json.loads(out)}
    assert (code, err) == (0, "")
    assert checks["weights", "ferplus"]["ok"]
    assert checks["detector", "yunet"]["seen"].startswith("sha256 49f000ec501f")
    assert checks["folder", "cache"] == {"group": "folder", "name": "cache", "ok": True, "seen": str(tmp_path)}
    assert checks["folder", "MIEN_DATA"]["ok"] is None
    assert checks["package", "pi-heif"]["ok"]
    assert {("package", "fastapi"), ("page", "vendor"), ("measures", "mesh")} <= checks.keys()
    assert {"JPEG", "PNG", "HEIC", "HEIF", "AVIF", "TIFF"} <= set(checks["image", "formats"]["seen"].split(", "))
    assert "MISSING" not in mien("doctor").out.decode()


def test_doctor_is_strict_about_what_is_needed(mien: Mien, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from mien.inference.detectors import yunet

    altered = tmp_path / "yunet.onnx"
    altered.write_bytes(b"no")
    monkeypatch.setattr(yunet, "packaged", lambda: altered)
    assert mien("doctor", "--strict").code == 3
    code, out, _ = mien("doctor")
    assert code == 0
    assert "MISSING  detector  yunet" in out.decode()


def test_doctor_tells_what_was_measured_and_on_how_much(
    mien: Mien, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import onnx

    from mien.inference import classify, shipped

    figures = {"n": 3137, "accuracy": 0.862, "accuracy_interval": [0.849, 0.874]}
    clean = {"n": 2800, "accuracy": 0.851}
    for name, metrics in {
        "full": {"test": {**figures, "clean": clean}},
        "none": {},
        "odd": {"test": {**figures, "clean": {"n": 0, "accuracy": None}}, "val": None},
    }.items():
        model = onnx.load(str(locate("ferplus")))
        (entry,) = [entry for entry in model.metadata_props if entry.key == "mien"]
        entry.value = json.dumps({**json.loads(entry.value), "metrics": metrics})
        onnx.save(model, str(tmp_path / f"{name}.onnx"))
    shipped.record(tmp_path)
    monkeypatch.setattr(classify, "WEIGHTS", tmp_path)
    seen = {check["name"]: check["seen"] for check in json.loads(mien("doctor", "--json").out)}
    accuracy = "; test n 3,137, accuracy 86.2 % (95 %: 84.9 to 87.4), without near-duplicates n 2,800, accuracy 85.1 %"
    assert seen["full"].endswith("8 expressions" + accuracy)
    assert seen["none"].endswith("8 expressions")
    assert seen["odd"].endswith("8 expressions" + accuracy.partition(", without")[0])


def test_weights_without_probabilities_are_an_error_and_no_row(mien: Callable[..., Any], tmp_path: Path) -> None:
    import onnx

    model = onnx.load(str(locate("ferplus-nano")))
    for part in model.graph.initializer:
        if part.data_type == onnx.TensorProto.FLOAT:
            values = np.full_like(onnx.numpy_helper.to_array(part), np.nan)
            part.CopyFrom(onnx.numpy_helper.from_array(values, part.name))
    onnx.save(model, str(tmp_path / "nan.onnx"))
    Image.new("L", (48, 48), 90).save(tmp_path / "g.png")
    words = ("predict", tmp_path / "g.png", "--detector", "whole", "--weights", tmp_path / "nan.onnx")
    for format in ("jsonl", "csv", "table"):
        ran = mien(*words, "--format", format)
        assert ran.code == 2
        assert ran.out == b""
        assert "the weights give no probabilities: nan" in ran.err
        assert len(ran.err.splitlines()) == 1
