"""onnxruntime comes in through one module, and no order of imports leaves its telemetry on."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOOR = ROOT / "src/mien/inference/onnx.py"
SOURCES = [
    path
    for folder in ("src", "tests", "benchmarks", "examples", "docs")
    for path in sorted((ROOT / folder).rglob("*"))
    if path.suffix in (".py", ".ipynb", ".md") and path not in (DOOR, Path(__file__))
]
STATEMENT = r"(?<!mien\.inference\.onnx )\b(import|from)\s+onnxruntime"
CALL = r"(import_module|importorskip|__import__)\(\s*[\"']onnxruntime"
IMPORT = re.compile(f"{STATEMENT}|{CALL}")
WRITES = (  # each statement, in a process of its own with a fresh home: what does it leave there?
    "from mien import Pipeline; Pipeline()",
    "import mien, onnxruntime",
    "import mien, os; os.environ.clear(); from mien.inference.onnx import onnxruntime",
    "import torch, onnx; from mien.training import export; import onnxscript; import onnxruntime",
    "import mien.cli; from mien.training.onnx_pooling import *; import onnxruntime.quantization",
)


@pytest.mark.parametrize("path", [*SOURCES, ROOT / "README.md"], ids=lambda path: path.relative_to(ROOT).as_posix())
def test_onnxruntime_is_imported_in_one_place(path: Path) -> None:
    found = IMPORT.search(path.read_text(encoding="utf-8"))
    assert not found, f"{path}: {found[0]}: use `from mien.inference.onnx import onnxruntime`"


def home_after(statement: str, home: Path, **variables: str) -> list[str]:
    """Run a statement with an empty home folder and return the files it left there."""
    unset = {"ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME", "PYTHONPATH"}
    environment = {key: value for key, value in os.environ.items() if key not in unset}
    environment |= {"HOME": str(home), "PYTHONPATH": str(ROOT / "src"), **variables}
    subprocess.run([sys.executable, "-c", statement], env=environment, check=True, capture_output=True)
    return [path.relative_to(home).as_posix() for path in home.rglob("*") if path.is_file()]


@pytest.mark.parametrize("statement", WRITES)
def test_no_order_of_imports_leaves_telemetry_on(statement: str, tmp_path: Path) -> None:
    for name in ("torch", "onnx", "onnxscript"):
        if name in statement or "training" in statement:
            pytest.importorskip(name, reason="needs mien[train]")
    assert home_after(statement, tmp_path) == []


@pytest.mark.parametrize(("given", "kept"), [("", "1"), ("0", "0"), ("1", "1")])
def test_what_the_user_has_set_stays(given: str, kept: str) -> None:
    code = "import mien, os; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    environment = {**os.environ, "ORT_DISABLE_TELEMETRY": given, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == kept
