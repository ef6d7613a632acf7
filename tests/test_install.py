"""What a new user gets: the wheel holds everything, and the use side runs where torch does not exist."""

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BLOCK = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "onnx", "onnxscript", "sklearn"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
"""


def photo(name: str = "data/astronaut.png", package: str = "skimage") -> Path:
    spec = find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / name


def run(*words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "mien.cli", *words]
    return subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, **environment}, timeout=120, check=False
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as pip unpacks it from a wheel built from a fresh sdist, with the training packages hidden."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    target = folder / "site"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(target)]
    subprocess.run([*install, str(next(folder.glob("*.whl")))], check=True, capture_output=True)
    (target / "sitecustomize.py").write_text(BLOCK)
    return target


def test_wheel_without_torch_reads_a_photo(wheel: Path, tmp_path: Path) -> None:
    done = run("predict", str(photo()), "--format", "json", "--out", str(tmp_path), PYTHONPATH=str(wheel))
    assert done.returncode == 0, done.stderr
    (prediction,) = json.loads(done.stdout)
    (face,) = prediction["faces"]
    assert face["expression"] == "happiness"
    assert (tmp_path / "report.html").is_file()


def test_wheel_is_what_ran(wheel: Path) -> None:
    code = "import mien; print(mien.__file__)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(wheel)},
        check=True,
    )
    assert done.stdout.startswith(str(wheel))


def test_training_without_torch_says_what_to_install(wheel: Path) -> None:
    done = run("train", "mien/fer2013", PYTHONPATH=str(wheel))
    assert done.returncode == 2
    assert "pip install 'mien[train]'" in done.stderr
    assert done.stderr.count("\n") == 1


def test_wheel_holds_weights_recipes_and_licence(wheel: Path) -> None:
    names = {path.relative_to(wheel / "mien").as_posix() for path in (wheel / "mien").rglob("*")}
    assert {"recipes/mien/fer2013.yaml", "recipes/mien/ferplus-nano.yaml", "py.typed"} <= names
    assert {
        f"inference/weights/{name}.onnx" for name in ("ferplus", "fer2013", "ferplus-nano", "fer2013-nano")
    } <= names
    assert "inference/weights/LICENSE" in names
    (metadata,) = wheel.glob("mien-*.dist-info/METADATA")
    assert "License-Expression: Apache-2.0 AND MIT AND LicenseRef-FER2013-research-only\n" in metadata.read_text(
        "utf-8"
    )
    assert (metadata.parent / "licenses" / "NOTICE").is_file()
    assert not [name for name in names if name.endswith((".pt", ".npz", ".jpg", ".png"))]


@pytest.mark.parametrize("folder", ["inference/measures/files", "serving/page/vendor"])
def test_wheel_holds_what_make_made(wheel: Path, folder: str) -> None:
    if not (ROOT / "src/mien" / folder).is_dir():
        pytest.skip("`make page` has not fetched onnxruntime-web")
    made = {path.name: path.read_bytes() for path in (ROOT / "src/mien" / folder).iterdir() if path.is_file()}
    shipped = {path.name: path.read_bytes() for path in (wheel / "mien" / folder).iterdir() if path.is_file()}
    assert shipped == made
    assert folder.endswith("files") or {"LICENSE", "ThirdPartyNotices.txt"} <= shipped.keys()


@pytest.mark.slow
def test_make_demo_from_a_fresh_clone(tmp_path: Path) -> None:
    clone = tmp_path / "mien"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    environment = {k: v for k, v in os.environ.items() if k not in ("MIEN_DATA", "VIRTUAL_ENV", "PYTHONPATH")}
    done = subprocess.run(["make", "demo"], cwd=clone, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert (clone / "demo" / "report.html").is_file()
    assert not list((clone / ".venv").rglob("torch"))
    for command in done.stdout.partition("Next, try:\n")[2].splitlines():
        assert command.startswith("  .venv/bin/mien ")
        subprocess.run(command, shell=True, cwd=clone, check=True, env=environment, capture_output=True)
    shutil.rmtree(clone)
