"""The commands of docs/howto/requests.md against a server."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from mien.serving.settings import Settings

from .live import Live, running
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


@pytest.fixture(scope="module")
def hurried() -> Iterator[Live]:
    """A server that refuses more than two requests a second: curl has to repeat some."""
    with running(Settings(rate=2)) as live:
        yield live


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_waiting_for_a_video_ends_with_an_error(stage: Path) -> None:
    text = next(text for _, text in BLOCKS if "/v1/video" in text)
    with running(Settings(rate=0, token="t" * 16), files_only=True) as live:
        text = text.replace("127.0.0.1:8000", live.url.removeprefix("http://"))
        done = subprocess.run(
            ["bash", "-euc", text], cwd=stage, capture_output=True, text=True, timeout=60, check=False
        )
    assert (done.returncode, done.stdout) == (22, "")
    assert "401" in done.stderr


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
    request: pytest.FixtureRequest, stage: Path, language: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if language == "sh" and not shutil.which("curl"):
        pytest.skip("curl is not installed")
    live: Live = request.getfixturevalue("hurried" if language == "sh" else "served")
    monkeypatch.setenv("MIEN_TOKEN", "t" * 16)
    text = text.replace("127.0.0.1:8000", live.url.removeprefix("http://"))
    command = ["bash", "-euc", text] if language == "sh" else [sys.executable, "-c", text]
    done = subprocess.run(command, cwd=stage, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert '{"error":{' not in done.stdout
    if language == "sh":
        starts = re.findall(r"^(?:curl|while|printf)", text, re.M)
        assert len(documents(done.stdout)) == len(starts) >= 1
    else:
        assert len(done.stdout.splitlines()) >= 2
