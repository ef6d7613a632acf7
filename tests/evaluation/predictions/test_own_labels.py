"""Labels outside the vocabulary in tables: mien's own columns, and words that --column names."""

from pathlib import Path

import numpy as np
import pytest

from mien.errors import DataError
from mien.evaluation.compare import Request, compare
from mien.evaluation.predictions import read_all


def test_columns_of_mien_and_words_that_are_named(tmp_path: Path) -> None:
    mine, theirs = tmp_path / "mine.csv", tmp_path / "theirs.csv"
    mine.write_text("source,expression,prob_happiness,prob_bored\na,bored,0.25,0.75\nb,happiness,0.5,0.5\n")
    theirs.write_text("image,truth,prediction\na,bored,Bored\nb,happy,sad\n")
    with pytest.raises(DataError, match=r"'bored' 1|'Bored' 1.*bored=bored"):
        read_all([theirs])
    ours, others = read_all([mine, theirs], ["bored=bored", "id=source", "id=image"])
    assert ours.labels == ("happiness", "bored")
    assert np.array_equal(ours.probs, [[0.25, 0.75], [0.5, 0.5]])
    assert others.labels == ("sadness", "bored")
    assert others.target_labels == ("happiness", "bored")


def test_labels_alone_may_be_labels_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "mien.csv").write_text("id,prob_happiness,prob_bored\na,.9,.1\nb,.2,.8\n")
    (tmp_path / "anna.csv").write_text("id,truth\na,happiness\nb,bored\nc,?\n")
    paths = (tmp_path / "mien.csv", tmp_path / "anna.csv")
    comparison = compare(Request(paths, columns=("anna.csv:ignore=?",)))
    assert comparison.to_dict()["full"]["systems"]["mien"]["accuracy"] == 1
    assert any("1 row without a label left out (c)" in note for note in comparison.notes)
