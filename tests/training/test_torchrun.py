"""torchrun starts one training several times: it prints once, one process may die, and the run is resumed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs mien[train]")

from mien import torchrun
from mien.cli import main

from ..namespaces import alone

SMALL = [
    "papers/cnn4", "model.name=svm", "data.size=16", "batch=32", "precision=float32", "optim.name=sgd", "optim.lr=0.01",
]  # fmt: skip


@pytest.fixture(params=[0, 1])
def rank(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """This process as torchrun starts it: the first or the second of two."""
    words = {"TORCHELASTIC_RUN_ID": "none", "RANK": request.param, "WORLD_SIZE": 2, "LOCAL_WORLD_SIZE": 2}
    for name, value in words.items():
        monkeypatch.setenv(name, str(value))
    return int(request.param)


def test_the_first_process_prints(rank: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert torchrun.several()
    assert torchrun.rank() == rank
    assert torchrun.launcher() == "torchrun --nproc-per-node 2 -m "
    with pytest.raises(ZeroDivisionError), torchrun.first_prints():  # noqa: PT012 - it prints before it fails
        print("once")
        print("once", file=sys.stderr)
        raise ZeroDivisionError
    assert capsys.readouterr() == (("once\n", "once\n") if rank == 0 else ("", ""))


@pytest.mark.parametrize("words", [["list", "models"], ["train", "papers/cnn4", "--nosuch"]])
def test_what_cannot_be_split_is_refused_once(
    words: list[str], rank: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["mien", *words])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    said = {"list": "`mien list` under torchrun; expected mien train; run it by itself", "train": "No such option"}
    printed = capsys.readouterr().err
    assert printed.startswith(f"mien: {said[words[0]]}") if rank == 0 else not printed


@pytest.mark.parametrize("names", [{}, {"WORLD_SIZE": "8", "RANK": "3"}, {"TORCHELASTIC_RUN_ID": "none"}])
def test_without_torchrun_a_process_is_alone(names: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in names.items():
        monkeypatch.setenv(name, value)
    assert (torchrun.several(), torchrun.rank(), torchrun.launcher()) == (False, 0, "")


def started(processes: int, *words: object) -> "subprocess.Popen[str]":
    torch_run = ["-m", "torch.distributed.run", "--nproc-per-node", processes, "-m", "mien", "train", *words]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [*alone(), *map(str, torch_run)], stdout=pipe, stderr=pipe, text=True, env=environment, start_new_session=True
    )


def finished(process: "subprocess.Popen[str]") -> tuple[str, str]:
    """Return what it printed on stdout and stderr, once it has ended."""
    try:
        return process.communicate(timeout=600)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGTERM)
        raise


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nosuch"], "no recipe 'nosuch'"),
        (["papers/svm"], "optim.name: linear_svc"),
        (["papers/cnn4", "batch=3"], "batch: 3"),
    ],
)
def test_a_mistake_is_printed_once(words: list[str], says: str, tiny_fer2013: Path, tmp_path: Path) -> None:
    stopped = started(2, *words, "--root", tiny_fer2013, "--out", tmp_path / "runs")
    _, printed = finished(stopped)
    assert printed.count("mien: ") == 1
    assert printed.count(says) == 1
    assert "exitcode  : 2" in printed
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
@pytest.mark.parametrize("hold", ["memory", "disk"])
def test_a_run_prints_once_and_is_scored(hold: str, tiny_fer2013: Path, tmp_path: Path) -> None:
    whole = started(2, *SMALL, "epochs=2", f"data.hold={hold}", "--root", tiny_fer2013, "--out", tmp_path, "--test")
    out, printed = finished(whole)
    assert whole.returncode == 0, printed[-2000:]
    run = Path(out.splitlines()[-1])
    assert [line.split()[0] for line in out.splitlines()[:-1]] == ["val", "test"]
    assert printed.count("epoch   1") == printed.count("2 processes; if one of them ends") == 1
    assert {"model.onnx", "val.npz", "test.npz", "metrics.json", "report.html"} <= {path.name for path in run.iterdir()}
    assert '"processes": 2' in (run / "env.json").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1])
def test_a_dead_process_ends_all_and_the_run_is_resumed(victim: int, tiny_fer2013: Path, tmp_path: Path) -> None:
    running = started(2, *SMALL, "epochs=100000", "--root", tiny_fer2013, "--out", tmp_path)
    run = _after_an_epoch(tmp_path)
    os.kill(_process(running.pid, victim), signal.SIGKILL)
    _, printed = finished(running)
    assert running.returncode == 1
    first = printed.split("Root Cause (first observed failure):")[1]
    assert f"rank      : {victim} (local_rank: {victim})" in first
    assert "SIGKILL" in first
    assert f"resume with: torchrun --nproc-per-node 2 -m mien train --resume {run}" in printed
    epochs = len((run / "log.csv").read_text().splitlines()) - 1
    text = (run / "recipe.yaml").read_text()
    (run / "recipe.yaml").write_text(text.replace("epochs: 100000", f"epochs: {epochs + 2}"))
    resumed = started(2, "--resume", run)
    _, printed = finished(resumed)
    assert resumed.returncode == 0, printed[-2000:]
    assert len((run / "log.csv").read_text().splitlines()) - 1 == epochs + 2


def _after_an_epoch(out: Path) -> Path:
    for _ in range(3000):
        if logs := list(out.rglob("log.csv")):
            return logs[0].parent
        time.sleep(0.1)
    raise TimeoutError("no epoch ended")


def _process(ancestor: int, rank: int) -> int:
    """Return the process of a rank, among the descendants of another."""
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if f"RANK={rank}".encode() in (path / "environ").read_bytes().split(b"\0") and _descends(
                path.name, ancestor
            ):
                return int(path.name)
        except OSError:  # it has ended
            continue
    raise ProcessLookupError(rank)


def _descends(process: str, ancestor: int) -> bool:
    while process not in ("0", "1"):
        if int(process) == ancestor:
            return True
        process = (Path("/proc") / process / "stat").read_text().rpartition(")")[2].split()[1]
    return False
