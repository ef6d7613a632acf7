"""The commands of docs/howto/requests.md against a server."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from .live import Live
from .videos import film

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "requests.md"
BLOCK = re.compile(r"^<!-- not run: tests/serving/test_requests.py runs it -->\n```(\w+)\n(.*?)^```$", re.S | re.M)
BLOCKS = BLOCK.findall(PAGE.read_text("utf-8"))
COUNTS = {"sh": 4, "python": 2}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, photos: list[Path]) -> Path:
    """A folder with what the page names."""
    folder = tmp_path_factory.mktemp("stage")
    portrait = Image.open(photos[0]).convert("RGB")
    for name in ("photos/group.jpg", "labelled/p01.jpg", "labelled/p02.jpg"):
        (folder / name).parent.mkdir(exist_ok=True)
        portrait.save(folder / name)
    (folder / "clip.mp4").write_bytes(film())
    return folder


def test_the_page_has_blocks() -> None:
    languages = [language for language, _ in BLOCKS]
    assert {name: languages.count(name) for name in COUNTS} == COUNTS


def documents(text: str) -> list[object]:
    """Return the JSON documents that a text is made of."""
    found, text = [], text.strip()
    while text:
        one, end = json.JSONDecoder().raw_decode(text)
        found, text = [*found, one], text[end:].strip()
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("language", "text"), BLOCKS, ids=[text.splitlines()[0][:50] for _, text in BLOCKS])
def test_commands_of_the_page(
    served: Live, stage: Path, language: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if language == "sh" and not shutil.which("curl"):
        pytest.skip("curl is not installed")
    monkeypatch.setenv("MIEN_TOKEN", "t" * 16)
    text = text.replace("127.0.0.1:8000", served.url.removeprefix("http://"))
    command = ["bash", "-euc", text] if language == "sh" else [sys.executable, "-c", text]
    done = subprocess.run(command, cwd=stage, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert '{"error":{' not in done.stdout
    if language == "sh":
        starts = re.findall(r"^(?:curl|until|printf)", text, re.M)
        assert len(documents(done.stdout)) == len(starts) >= 1
    else:
        assert len(done.stdout.splitlines()) >= 2
