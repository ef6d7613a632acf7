"""Every example runs as its docstring says, is short, and the demo's advice can be typed as it stands."""

import ast
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
ARGUMENTS = {  # with what each script runs, and what it prints
    "photos_to_table.py": (["photos"], "happiness"),
    "folder_to_parquet.py": (["photos", "faces.parquet"], "wrote faces.parquet: 1 rows"),
    "video_events.py": (["clip.mp4", "events"], "happiness"),
    "uncertain_faces.py": (["photos"], "bits  happiness"),
    "evaluate_weights.py": (["data", "evaluation"], "accuracy"),
    "compare_systems.py": ([f"{ROOT}/results/fer2013/0-test.npz", f"{ROOT}/results/peers/fer.csv"], "fer2013 - fer: "),
    "train_tiny.py": (["data", "runs", "photos"], "predicts"),
    "write_report.py": ([f"{ROOT}/results/ferplus/0-val.npz", "report.html"], "ferplus on ferplus val"),
    "demo.py": (["demo"], "Next, try:"),
}


@pytest.fixture(scope="module")
def place(tiny_fer2013: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with photos/, clip.mp4 and data/, as the examples take them."""
    import av
    from PIL import Image
    from skimage import data

    folder = tmp_path_factory.mktemp("examples")
    (folder / "data").symlink_to(tiny_fer2013)
    (folder / "photos").mkdir()
    Image.fromarray(data.astronaut()).save(folder / "photos" / "collins.jpg")
    with av.open(str(folder / "clip.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.height, stream.width, stream.pix_fmt = 512, 512, "yuv420p"
        for _ in range(15):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(data.astronaut(), format="rgb24")))
        container.mux(stream.encode())
    return folder


def run(place: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(words, cwd=place, capture_output=True, text=True, check=False, timeout=240)


def test_every_script_is_run_and_short() -> None:
    scripts = list(EXAMPLES.glob("*.py"))
    assert {path.name for path in scripts} == set(ARGUMENTS)
    for path in scripts:
        lines = path.read_text(encoding="utf-8").splitlines()
        assert len(lines) <= 60 if path.name == "demo.py" else len(lines) <= 50, path.name
        assert f"python examples/{path.name} " in (ast.get_docstring(ast.parse("\n".join(lines))) or "")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name == "train_tiny.py" else name for name in ARGUMENTS]
)
def test_scripts(name: str, place: Path) -> None:
    words, printed = ARGUMENTS[name]
    if name == "train_tiny.py" and find_spec("torch") is None:
        pytest.skip("training needs mien[train]")
    done = run(place, sys.executable, str(EXAMPLES / name), *words)
    assert done.returncode == 0, done.stderr
    assert printed in done.stdout


@pytest.mark.parametrize("name", sorted(set(ARGUMENTS) - {"demo.py"}))
def test_a_script_without_arguments_prints_its_usage(name: str, place: Path) -> None:
    done = run(place, sys.executable, str(EXAMPLES / name))
    assert done.returncode == 1
    assert done.stderr.startswith(f"usage: python examples/{name} ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(("name", "words"), [("uncertain_faces.py", ["nothere"]), ("evaluate_weights.py", ["no", "x"])])
def test_a_script_prints_an_error_in_one_line(name: str, words: list[str], place: Path) -> None:
    printed = run(place, sys.executable, str(EXAMPLES / name), *words).stderr
    assert words[0] in printed
    assert printed.count("\n") == 1


def test_what_the_demo_says_can_be_typed(place: Path) -> None:
    printed = run(place, sys.executable, str(EXAMPLES / "demo.py"), "demo").stdout
    commands = printed.partition("Next, try:\n")[2].splitlines()
    assert len(commands) == 4
    assert commands.pop(0).endswith(" demo")  # serves the page until it is stopped: tests/serving/test_demo.py
    for command in commands:
        done = run(place, "sh", "-c", command)
        assert done.returncode == 0, (command, done.stderr)
        assert done.stdout.strip()


def test_the_notebook_runs() -> None:
    nbformat = pytest.importorskip("nbformat", reason="the notebook needs mien[dev]")
    from nbclient import NotebookClient

    (path,) = EXAMPLES.glob("*.ipynb")
    notebook = nbformat.read(path, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "committed without outputs"
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert any("text/html" in output.get("data", {}) for output in shown)
    assert any("happiness" in str(output) for output in shown)
