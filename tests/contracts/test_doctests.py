"""Every example in a docstring is run."""

import doctest
import importlib
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src" / "mien"
MODULES = sorted(path for path in SRC.rglob("*.py") if ">>>" in path.read_text(encoding="utf-8"))
NEEDS_TORCH = {"models", "training", "experiments"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(SRC).as_posix())
def test_examples(path: Path) -> None:
    parts = path.relative_to(SRC.parent).with_suffix("").parts
    if parts[1] in NEEDS_TORCH:
        pytest.importorskip("torch")
    module = importlib.import_module(".".join(parts).removesuffix(".__init__"))
    found = doctest.testmod(module)
    assert found.attempted > 0
    assert found.failed == 0
