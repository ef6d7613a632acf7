"""Every command and every Python example of the README runs, on real photos and the small data set."""

import re
import shlex
import subprocess
import sys
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"```console\n(.*?)```", README, re.S) for line in block.splitlines()]
SHORT = {  # so that what trains for hours takes seconds
    "train": ["steps=2", "batch=16"],
    "reproduce": ["--budget", "0.05", "--results", "rows"],
    "sweep": ["steps=2", "batch=16"],
    "stress": ["--images", "20"],
}
PYTHON = re.findall(r"```python\n(.*?)```", README, re.S)


@pytest.fixture(scope="module")
def place(tiny_fer2013: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the README assumes it: photos/, clip.mp4, data/, people.csv and the repository's results/."""
    import av
    import numpy as np
    from PIL import Image

    folder = tmp_path_factory.mktemp("readme")
    (folder / "photos").mkdir()
    spec = find_spec("skimage")
    assert spec is not None
    assert spec.origin is not None
    photo = Path(spec.origin).parent / "data/astronaut.png"
    Image.open(photo).convert("RGB").save(folder / "photos" / "group.jpg")
    (folder / "data").symlink_to(tiny_fer2013)
    (folder / "results").symlink_to(ROOT / "results")
    people = (f"{name},{'fm'[k % 2]},{'young' if k % 3 else 'old'}" for k, name in enumerate(_ids(tiny_fer2013)))
    (folder / "people.csv").write_text("\n".join(["id,sex,age", *people]) + "\n")
    image = np.asarray(Image.open(photo).convert("RGB"))[:512, :512]
    with av.open(str(folder / "clip.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = image.shape[1], image.shape[0], "yuv420p"
        for shift in range(6):
            frame = av.VideoFrame.from_ndarray(np.roll(image, 4 * shift, axis=1), format="rgb24")
            frame.pts, frame.time_base = 15 * shift, Fraction(1)  # long enough for every --start, and soon read
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return folder


def _ids(root: Path) -> list[str]:
    from mien.data import load

    return list(map(str, load("fer2013", root, "test").ids))


def run(words: list[str], place: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, *words], cwd=place, capture_output=True, text=True, timeout=240, check=False)


def test_readme_has_commands() -> None:
    assert len(COMMANDS) >= 10
    assert all(line.startswith("mien ") for line in COMMANDS)


@pytest.mark.parametrize("line", COMMANDS)
def test_command(line: str, place: Path) -> None:
    words = shlex.split(line)[1:]
    if words[0] in ("train", "reproduce", "sweep"):
        pytest.importorskip("torch", reason="training needs mien[train]")
    if not {"--show", "--list"} & set(words):
        words += SHORT.get(words[0], [])
    done = run(["-m", "mien.cli", *words], place)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


@pytest.mark.parametrize("code", PYTHON)
def test_python(code: str, place: Path) -> None:
    done = run(["-c", code], place)
    assert done.returncode == 0, done.stderr
    assert "happiness" in done.stdout
