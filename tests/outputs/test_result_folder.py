"""Folders of the commands that measure: nothing of the user's is written over, one process at a time, a record left."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from mien.outputs.lock import NAME

SRC = Path(__file__).parents[2] / "src"
OTHERS = "somebody else's\n"


def mien(place: Path, *words: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "mien.cli", *map(str, words)],
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(SRC), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def refused(done: "subprocess.CompletedProcess[str]", *words: str) -> None:
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr


@pytest.fixture(scope="module")
def measured(tiny_fer2013: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `result` of an evaluation, `system.csv` of another system and `groups.csv`."""
    place = tmp_path_factory.mktemp("measured")
    done = mien(place, "evaluate", "fer2013-nano", "--root", tiny_fer2013, "--split", "val", "--out", "result")
    assert done.returncode == 0, done.stderr
    ids = [f"{number:05d}" for number in range(160, 200)]
    tables: dict[str, list[dict[str, Any]]] = {
        "system.csv": [{"id": one, "neutral": 0.6, "happiness": 0.4} for one in ids],
        "groups.csv": [{"id": one, "sex": "fm"[k % 2]} for k, one in enumerate(ids)],
    }
    for name, rows in tables.items():
        with (place / name).open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    return place


@pytest.mark.parametrize(
    "words",
    [
        ["evaluate", "fer2013-nano"],
        ["compare", "result", "system.csv"],
        ["stress", "fer2013-nano"],
        ["fairness", "result", "--groups", "groups.csv"],
    ],
    ids=lambda words: words[0],
)
def test_force_without_a_folder_is_refused(measured: Path, words: list[str]) -> None:
    refused(mien(measured, *words, "--force"), "--force without --out; expected --out as well")


COMMANDS = {
    "evaluate": (("evaluate", "fer2013-nano", "--root", "{data}", "--split", "val"), "metrics.json"),
    "compare": (("compare", "{measured}/result", "{measured}/system.csv", "--root", "{data}"), "system.npz"),
    "fairness": (("fairness", "{measured}/result", "--groups", "{measured}/groups.csv"), "fairness.html"),
    "stress": (("stress", "fer2013-nano", "--root", "{data}", "--images", "3"), "corruptions.png"),
    "data": (("data", "fer2013", "--root", "{data}"), "clean.txt"),
    "hygiene": (("data", "fer2013", "--root", "{data}", "--hygiene"), "clean-val.txt"),
}


def words_of(name: str, measured: Path, data: Path) -> list[str]:
    return [word.format(measured=measured, data=data) for word in COMMANDS[name][0]]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_file_of_somebody_else_stays_and_a_second_run_replaces_its_own(
    name: str, measured: Path, tiny_fer2013: Path, tmp_path: Path
) -> None:
    words, file = words_of(name, measured, tiny_fer2013), COMMANDS[name][1]
    out = tmp_path / "out"
    out.mkdir()
    (out / file).write_text(OTHERS)
    (out / "mine.txt").write_text(OTHERS)
    refused(mien(tmp_path, *words, "--out", out), f"{file} was not written by mien", "--force")
    assert (out / file).read_text() == OTHERS
    assert sorted(path.name for path in out.iterdir()) == sorted([file, "mine.txt"])
    done = mien(tmp_path, *words, "--out", out, "--force")
    assert done.returncode == 0, done.stderr
    assert (out / file).read_bytes() != OTHERS.encode()
    assert (out / "mine.txt").read_text() == OTHERS
    record = json.loads((out / "mien-run.json").read_text())
    assert record["status"] == "finished"
    assert record["command"][:2] == ["mien", words[0]]
    assert record["settings"]["out"] == str(out)
    if name in ("evaluate", "stress"):  # a shipped name is a file too
        inputs = record["inputs"]["entries"]
        assert inputs[0]["path"].endswith("fer2013-nano.onnx")
        assert len(inputs[0]["sha256"]) == 64
        assert {str(path) for path in tiny_fer2013.iterdir() if path.is_file()} <= {each["path"] for each in inputs}
    assert file in {each["file"] for each in record["files"]}
    done = mien(tmp_path, *words, "--out", out)  # ours now
    assert done.returncode == 0, done.stderr
    assert not [path for path in out.iterdir() if path.name.startswith(".mien")]


def test_a_mistake_costs_nothing_of_what_was_measured(measured: Path, tiny_fer2013: Path, tmp_path: Path) -> None:
    words = ("fairness", measured / "result", "--out", "out", "--groups")
    assert mien(tmp_path, *words, measured / "groups.csv").returncode == 0
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    refused(mien(tmp_path, *words, tmp_path / "absent.csv"))
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
    refused(mien(tmp_path, *words[:-2], "new", "--groups", tmp_path / "absent.csv"))
    assert not (tmp_path / "new").exists()


def test_an_input_is_never_a_target(measured: Path, tmp_path: Path) -> None:
    groups = tmp_path / "out" / "fairness.json"
    groups.parent.mkdir()
    groups.write_bytes((measured / "groups.csv").read_bytes())
    link = tmp_path / "people.csv"
    link.symlink_to(groups)
    refused(mien(tmp_path, "fairness", measured / "result", "--groups", link, "--out", "out", "--force"), "is an input")
    assert groups.read_bytes() == (measured / "groups.csv").read_bytes()


def test_what_other_commands_left_stays_in_the_folder_and_its_record(measured: Path, tmp_path: Path) -> None:
    assert mien(tmp_path, "compare", measured / "result", measured / "result", "--out", "out").returncode == 0
    words = ("fairness", measured / "result", "--groups", measured / "groups.csv", "--out", "out")
    assert mien(tmp_path, *words).returncode == 0
    record = json.loads((tmp_path / "out" / "mien-run.json").read_text())
    assert {"compare.json", "fairness.json"} <= {each["file"] for each in record["files"]}
    assert [run["command"][1] for run in record["earlier"]] == ["compare"]
    assert (tmp_path / "out" / "compare.json").is_file()


def test_a_report_is_not_written_over_a_page_of_somebody_else(
    measured: Path, tiny_fer2013: Path, tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    page.write_text(f"<html>{OTHERS}</html>")
    refused(mien(tmp_path, "report", measured / "result", "--out", page), "was not written by mien")
    assert OTHERS in page.read_text()
    for _ in range(2):
        assert mien(tmp_path, "report", measured / "result", "--out", "own.html").returncode == 0
    words = ("evaluate", "fer2013-nano", "--root", tiny_fer2013, "--split", "val", "--out", "result")
    for again in (words, ("report", "result"), words):  # the page is still mien's own after it was made again
        assert mien(tmp_path, *again).returncode == 0
    (tmp_path / "dir" / "report.html").mkdir(parents=True)
    refused(mien(tmp_path, "report", measured / "result", "--out", "dir"), "is a folder")


def test_a_folder_that_cannot_be_written_is_one_line(measured: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for words in (("fairness", measured / "result", "--groups", measured / "groups.csv"), ("data", "fer2013")):
        refused(mien(tmp_path, *words, "--out", "file"), "file is a file, or lies in one; expected a folder")
        refused(mien(tmp_path, *words, "--out", "file/below"), "is a file, or lies in one")


def holding(place: Path, folder: str) -> "subprocess.Popen[str]":
    """Start a process that holds a folder until it is ended."""
    code = "import sys, time; from pathlib import Path; from mien.outputs.lock import locked\n"
    code += "with locked(Path(sys.argv[1])):\n"
    code += " print('held', flush=True); time.sleep(600)"
    holder = subprocess.Popen(
        [sys.executable, "-c", code, folder],
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(SRC)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def test_a_folder_in_use_is_refused_and_a_killed_process_leaves_no_lock(measured: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    words = ("fairness", measured / "result", "--groups", measured / "groups.csv", "--out", "out")
    holder = holding(tmp_path, "out")
    try:
        refused(mien(tmp_path, *words), "in use by process", str(holder.pid))
        refused(mien(tmp_path, "report", measured / "result", "--out", "out"), str(holder.pid))
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    assert (tmp_path / "out" / NAME).exists()
    assert mien(tmp_path, *words).returncode == 0
    assert not (tmp_path / "out" / NAME).exists()


@pytest.mark.slow
def test_two_processes_do_not_train_one_run(tiny_fer2013: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="training needs mien[train]")
    words = ["train", "papers/cnn2", "--root", str(tiny_fer2013), "--out", "runs", "--device", "cpu", "epochs=1"]
    assert mien(tmp_path, *words).returncode == 0
    (run,) = (tmp_path / "runs" / "papers" / "cnn2").iterdir()
    holder = holding(tmp_path, str(run))
    try:
        for again in (("train", "--resume", run), ("export", run, "--root", tiny_fer2013)):
            began = time.monotonic()
            refused(mien(tmp_path, *again), "in use by process", str(holder.pid))
            assert time.monotonic() - began < 120
    finally:
        holder.kill()
        holder.wait()
    assert mien(tmp_path, "export", run, "--root", tiny_fer2013).returncode == 0


def test_a_disk_that_is_full_leaves_what_was_there(measured: Path, tmp_path: Path) -> None:
    """The second file cannot be written: the first is new, the second and the record of both are whole."""
    words = ["fairness", str(measured / "result"), "--groups", str(measured / "groups.csv"), "--out", "out"]
    assert mien(tmp_path, *words).returncode == 0
    before = (tmp_path / "out" / "fairness.html").read_bytes()
    code = (
        "import errno, sys; from mien import outputs; from pathlib import Path\n"
        "def full(self, content, write=Path.write_bytes):\n"
        " if b'<html' in content: raise OSError(errno.ENOSPC, 'No space left on device', str(self))\n"
        " return write(self, content)\n"
        "Path.write_bytes = full\n"
        "from mien.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(SRC)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.splitlines()[-1] == "mien: out/fairness.html cannot be written: No space left on device"
    assert (tmp_path / "out" / "fairness.html").read_bytes() == before
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "fairness.html",
        "fairness.json",
        "mien-run.json",
    ]
    assert json.loads((tmp_path / "out" / "mien-run.json").read_text())["status"] == "failed"
    assert mien(tmp_path, *words).returncode == 0


def test_inputs_that_are_named_stand_with_their_digest(measured: Path, tmp_path: Path) -> None:
    words = ("fairness", measured / "result", "--groups", measured / "groups.csv", "--out", "out")
    assert mien(tmp_path, *words).returncode == 0
    inputs = json.loads((tmp_path / "out" / "mien-run.json").read_text())["inputs"]
    entries = {Path(each["path"]).name: each for each in inputs["entries"]}
    assert entries["groups.csv"]["sha256"] == sha256((measured / "groups.csv").read_bytes()).hexdigest()
    lines = "".join(f"{json.dumps(entry)}\n" for entry in inputs["entries"])  # as in the file of `mien predict`
    assert (inputs["count"], inputs["sha256"]) == (len(entries), sha256(lines.encode()).hexdigest())
    assert entries["result.npz"]["bytes"] == (measured / "result" / "result.npz").stat().st_size


def test_a_comparison_of_others_stays_until_force(measured: Path, tiny_fer2013: Path, tmp_path: Path) -> None:
    for name in ("fer", "other"):
        shutil.copy(measured / "system.csv", tmp_path / f"{name}.csv")
    words = ("compare", measured / "result", "--root", tiny_fer2013, "--out", "e2")
    assert mien(tmp_path, *words, "fer.csv").returncode == 0
    before = (tmp_path / "e2" / "compare.json").read_bytes()
    refused(mien(tmp_path, *words, "other.csv"), "e2/compare.json compares ", "fer", "--force")
    assert (tmp_path / "e2" / "compare.json").read_bytes() == before
    refused(mien(tmp_path, *words, "e2/fer.npz"), "e2/fer.npz is an input")
    for name, gone in (("other", "fer"), ("fer", "other")):
        done = mien(tmp_path, *words, f"{name}.csv", "--force")
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "e2" / f"{name}.npz").is_file()
        assert not (tmp_path / "e2" / f"{gone}.npz").exists()
    assert mien(tmp_path, *words, "fer.csv").returncode == 0


def test_force_writes_over_figures_of_others(measured: Path, tmp_path: Path) -> None:
    words = ("fairness", measured / "result", "--groups", measured / "groups.csv", "--out", "out")
    assert mien(tmp_path, *words).returncode == 0
    path = tmp_path / "out" / "fairness.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "weights_sha256": "0" * 64}))
    (tmp_path / "out" / "mien-run.json").unlink()
    refused(mien(tmp_path, *words), "--force")
    done = mien(tmp_path, *words, "--force")
    assert done.returncode == 0, done.stderr
    assert "0" * 64 not in path.read_text()


@pytest.mark.parametrize("words", [["--out", ""], ["--out="]])
def test_a_folder_without_a_name_is_refused(tmp_path: Path, words: list[str]) -> None:
    refused(mien(tmp_path, "data", "fer2013", *words), "--out ''; expected a folder")
