"""Names that no file can have, given to every command: one line and exit code 2."""

import sys

import pytest

from mien.cli import main

LONG = "x" * 300
WORDS = [
    ["train", LONG],
    ["train", "--resume", LONG],
    ["export", LONG],
    ["evaluate", LONG],
    ["evaluate", "ferplus", "--root", LONG],
    ["compare", LONG],
    ["report", LONG],
    ["calibrate", LONG, LONG],
    ["fairness", LONG, "--groups", LONG],
    ["stress", LONG],
    ["sweep", LONG, "epochs=1,2"],
    ["data", "fer2013", "--root", LONG],
    ["data", "affectnet", "--root", LONG],
    ["generate", "fer2013", "--root", LONG],
    ["predict", "a.jpg", "--weights", LONG],
    ["predict", "a.jpg", "--detector-file", LONG],
]


@pytest.mark.parametrize("words", WORDS, ids=lambda words: " ".join(words).replace(LONG, "LONG"))
def test_a_name_that_is_too_long(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch", reason="training needs mien[train]")
    monkeypatch.setattr(sys, "argv", ["mien", *words])
    with pytest.raises(SystemExit) as left:
        main()
    printed = capsys.readouterr()
    assert left.value.code == 2
    assert printed.out == ""
    assert len(printed.err.splitlines()) == 1
    assert printed.err.startswith("mien: ")
