"""Gated data sets: the readers take files in the published layout, and where those are missing say where to ask."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mien.data import SPLITS, load
from mien.data.gated import GATED, missing
from mien.errors import DataError
from mien.labels import EXPRESSIONS


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory, gated_writer: Callable[[str, Path], None]) -> Path:
    folder = tmp_path_factory.mktemp("gated")
    for name in GATED:
        gated_writer(name, folder / name)
    return folder


@pytest.mark.parametrize("name", GATED)
def test_drawn_files_keep_the_contract(name: str, drawn: Path) -> None:
    names, prints = set(), set()
    for split in SPLITS:
        samples = load(name, drawn, split)
        n = len(samples)
        assert n > 0
        assert samples.images.dtype == np.uint8
        assert samples.images.shape[1] == samples.images.shape[2]
        assert samples.images.std() > 10
        assert samples.labels == (EXPRESSIONS[:7] if name == "rafdb" else EXPRESSIONS)
        assert samples.target.dtype == np.float32
        assert (samples.target.sum(1) == 1).all()
        assert samples.ids.dtype.kind == "U"
        assert not names & set(samples.ids.tolist())
        names |= set(samples.ids.tolist())
        prints.add(samples.fingerprint)
        assert (samples.name, samples.split) == (name, split)
        assert load(name, drawn / name, split).fingerprint == samples.fingerprint
    assert len(prints) == 3


@pytest.mark.parametrize("name", GATED)
def test_missing_says_where_to_ask(name: str, drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert missing(name, drawn) is None
    assert "ask at" in str(missing(name, tmp_path))
    monkeypatch.delenv("MIEN_DATA", raising=False)
    assert "ask at" in str(missing(name, None))
    assert missing("fer2013", tmp_path) is None
    with pytest.raises(DataError, match="check `root` or MIEN_DATA"):
        load(name, tmp_path, "val")
