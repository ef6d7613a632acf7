"""Data sets that must be asked for: the drawn files are what the readers take, and absence names the place to ask."""

from pathlib import Path

import numpy as np
import pytest

from mien.data import SPLITS, gated, load
from mien.data.gated import ASKED
from mien.errors import DataError
from mien.labels import EXPRESSIONS, ordered


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("asked")
    for name in ASKED:
        gated.write(name, folder / name)
    return folder


@pytest.mark.parametrize("name", ASKED)
def test_drawn_files_keep_the_contract(name: str, drawn: Path) -> None:
    names, prints = set(), set()
    for split in SPLITS:
        samples = load(name, drawn, split)
        n = len(samples)
        assert n > 0
        assert samples.images.dtype == np.uint8
        assert samples.images.shape[1] == samples.images.shape[2]
        assert samples.images.std() > 10
        assert samples.labels == ordered(samples.labels) == EXPRESSIONS
        assert samples.target.dtype == np.float32
        assert (samples.target.sum(1) == 1).all()
        assert samples.ids.dtype.kind == "U"
        assert not names & set(samples.ids.tolist())
        names |= set(samples.ids.tolist())
        prints.add(samples.fingerprint)
        assert (samples.name, samples.split) == (name, split)
        assert load(name, drawn / name, split).fingerprint == samples.fingerprint
    assert len(prints) == 3


@pytest.mark.parametrize("name", ASKED)
def test_absence(name: str, drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert gated.absent(name, drawn) is None
    assert "ask at" in str(gated.absent(name, tmp_path))
    monkeypatch.delenv("MIEN_DATA", raising=False)
    assert "ask at" in str(gated.absent(name, None))
    assert gated.absent("fer2013", tmp_path) is None
    with pytest.raises(DataError, match="check `root` or MIEN_DATA"):
        load(name, tmp_path, "val")
