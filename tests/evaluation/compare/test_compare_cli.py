"""`mien compare` as it is typed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from mien import cli
from mien.data import load
from mien.evaluation.result import Result

from ...own_files import write_classes


class Done(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


@pytest.fixture
def mien(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """The function `mien(*words)` that runs `mien compare`."""

    def run(*words: object) -> Done:
        monkeypatch.setattr("sys.argv", ["mien", "compare", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        return Done(int(left.value.code or 0), *capsys.readouterr())

    return run


@pytest.fixture
def saved(tmp_path: Path, good: Result, poor: Result) -> tuple[Path, Path]:
    return good.save(tmp_path / "good.npz"), poor.save(tmp_path / "poor.npz")


def test_json_is_one_document_and_notes_go_to_stderr(
    mien: Callable[..., Done],
    saved: tuple[Path, Path],
    poor: Result,
    table: Callable[..., Path],
    tmp_path: Path,
) -> None:
    words = [poor.labels[k] for k in poor.probs.argmax(1)]
    api = table("api.txt", ["image", "what"], zip(poor.ids, words, strict=True))
    options = ("--from", "csv", "--column", "id=image", "--column", "label=what", "--out", tmp_path / "out", "--json")
    done = mien(*saved, api, *options)
    assert done.code == 0, done.err
    comparison = json.loads(done.out)
    assert set(comparison["full"]["systems"]) == {"system1", "system2", "api"}
    assert "labels from what" in done.err
    assert f"wrote {tmp_path / 'out' / 'compare.html'}" in done.err
    written = ["compare.csv", "compare.html", "compare.json", "mien-run.json"]
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == written


def test_a_table_becomes_a_result_that_the_other_commands_read(
    mien: Callable[..., Done],
    saved: tuple[Path, Path],
    poor: Result,
    table: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = [[f"{id}.jpg", *row] for id, row in zip(poor.ids, poor.probs.tolist(), strict=True)]
    rows[3][1:] = [""] * 7
    kit = table("kit.csv", ["file", *poor.labels], rows)
    done = mien(saved[0], kit, "--intersect", "--out", tmp_path / "out")
    assert done.code == 0, done.err
    assert done.out.splitlines()[-1] == f"wrote {tmp_path / 'out' / 'kit.npz'}"
    result = Result.load(tmp_path / "out" / "kit.npz")
    assert len(result) == 299
    assert any("1 row without a prediction (1003.jpg)" in note for note in result.provenance.notes)
    monkeypatch.setattr(
        "sys.argv", ["mien", "report", str(tmp_path / "out/kit.npz"), "--out", str(tmp_path / "r.html")]
    )
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert not left.value.code
    page = (tmp_path / "r.html").read_text()
    assert "1 row without a prediction (1003.jpg)" in page
    assert "compared on the 299 images that all systems have predictions for, of 300" in page


def test_text_ranks_systems(mien: Callable[..., Done], saved: tuple[Path, Path]) -> None:
    done = mien(*saved, "--published")
    assert done.code == 0, done.err
    assert "system1: " in done.out
    assert ": significant (p" in done.out
    assert "published on fer2013" in done.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["missing.npz"], "no file missing.npz"),
        (["--column", "x", "missing.npz"], "FIELD=COLUMN"),
        ([], "Missing argument"),
        (["--from", "xml", "missing.npz"], "--from 'xml'; expected auto or csv"),
        (["--split", "tets", "missing.npz"], "--split 'tets'; expected val or test"),
    ],
)
def test_mistakes_are_one_line_and_exit_2(mien: Callable[..., Done], words: list[str], message: str) -> None:
    done = mien(*words)
    assert done.code == 2
    assert message in done.err
    assert done.err.count("\n") == 1
    assert done.out == ""


def test_options_go_to_the_reader_of_the_labels(
    mien: Callable[..., Done], table: Callable[..., Path], tmp_path: Path
) -> None:
    write_classes(tmp_path / "faces", {"happy": 20, "sad": 20, "bored": 20})
    options = {"labels": "bored", "val": 0.4, "test": 0.4}
    samples = load("folder", tmp_path / "faces", "test", **options)
    words = [samples.labels[k] for k in samples.target.argmax(1)]
    api = table("api.csv", ["image", "label"], zip(samples.ids, words, strict=True))
    given = [f"{key}={value}" for key, value in options.items()]
    done = mien(api, *given, "--column", "bored=bored", "--data", "folder", "--root", tmp_path / "faces", "--json")
    assert done.code == 0, done.err
    comparison = json.loads(done.out)
    assert comparison["options"] == {key: str(value) for key, value in options.items()}
    assert comparison["full"]["systems"]["api"]["accuracy"] == 1
    assert comparison["full"]["n"] == len(samples)
    refused = mien(api, "labels=bored")
    assert refused.code == 2
    assert "`labels=` without --data; expected a data set that reads it" in refused.err
