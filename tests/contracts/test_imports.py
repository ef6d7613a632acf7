"""The house's one rule of direction, walked through every import, and what must stay light."""

import ast
import importlib.util
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src" / "mien"
BASE = {
    "affect",
    "card",
    "compound",
    "connection",
    "cores",
    "errors",
    "face",
    "frame",
    "hierarchy",
    "labels",
    "measures",
    "html",
    "outputs",
    "printable",
    "prior",
    "progress",
    "prototypes",
    "reading",
    "reliability",
    "telemetry",
    "torchrun",
    "units",
    "version",
}
ORDER = ["base", "inference", "data", "evaluation", "training", "experiments", "cli"]
ASIDE = {
    "models": {"base", "models"},
    "scale": {"base", "inference", "scale"},
    "serving": {"base", "inference", "serving"},
}
TORCH_FREE = {"base", "inference", "data", "evaluation", "scale", "serving"}
MODULES = sorted(SRC.rglob("*.py"))
BENCHMARKS = [
    path for path in sorted((SRC.parents[1] / "benchmarks").rglob("*.py")) if "node_modules" not in path.parts
]


@pytest.mark.parametrize("path", BENCHMARKS, ids=lambda path: path.stem)
def test_what_a_benchmark_imports_is_there(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "mien":
            owner = importlib.import_module(str(node.module))
            for name in (alias.name for alias in node.names):
                assert hasattr(owner, name) or importlib.util.find_spec(f"{node.module}.{name}"), (
                    f"{node.module}.{name}"
                )


def layer(module: str) -> str | None:
    """Return the layer of `mien.x.y`, or None for the package itself."""
    parts = module.split(".")
    if len(parts) < 2:
        return None
    return "base" if parts[1] in BASE else parts[1]


def imports(path: Path) -> list[str]:
    """Return every module a file imports anywhere, by full name."""
    names = []
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_types = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if node in for_types:
            continue
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


def above(module: str) -> set[str]:
    """Return the packages that a module is in.

    >>> sorted(above("mien.evaluation.units"))
    ['mien', 'mien.evaluation']
    """
    parts = module.split(".")
    return {".".join(parts[:k]) for k in range(1, len(parts))}


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(SRC).as_posix())
def test_imports_point_down(path: Path) -> None:
    parts = path.relative_to(SRC.parent).with_suffix("").parts
    own = layer(".".join(parts))
    if own in (None, "__init__", "__main__", "api", "cli", "client"):
        return
    allowed = ASIDE.get(own) or {*ORDER[: ORDER.index(own) + 1]}
    if own == "training":
        allowed.add("models")
    for name in imports(path):
        if name.startswith("mien.") and layer(name) in {*ORDER, *ASIDE}:
            assert layer(name) in allowed, f"{path.name} ({own}) imports {name}"
        if own in TORCH_FREE:
            assert name.split(".")[0] != "torch", f"{path.name} imports torch"


def test_no_import_circle() -> None:
    modules = {
        ".".join(path.relative_to(SRC.parent).with_suffix("").parts).removesuffix(".__init__"): path for path in MODULES
    }
    graph = {}
    for name, path in modules.items():
        used = {one if one in modules else one.rpartition(".")[0] for one in imports(path)} & modules.keys() - {name}
        packages = {package for one in used for package in above(one)} - above(name) - {name}  # these run first
        graph[name] = used | packages
    TopologicalSorter(graph).prepare()  # CycleError names the modules of a circle


@pytest.mark.parametrize("statement", ["import mien", "import mien.cli"])
def test_light_to_import(statement: str) -> None:
    heavy = ("torch", "cv2", "onnxruntime", "pyarrow", "matplotlib", "av", "pydantic")
    code = f"import sys; {statement}; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
