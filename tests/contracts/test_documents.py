"""README and docs: links that resolve, short sentences, a portrait that mien draws, a valid citation."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

import mien

ROOT = Path(__file__).parents[2]
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted(path for path in (ROOT / "docs").rglob("*.md") if "build" not in path.parts),
    *sorted((ROOT / "results").rglob("*.md")),
]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def prose(text: str) -> str:
    """Return a page without its code, tables, headings and the targets of links."""
    text = re.sub(r"```.*?```|^\|[^\n]*$|^#[^\n]*$|<!--.*?-->", "", text, flags=re.S | re.M)
    return re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)


def sentences(text: str) -> list[str]:
    parts = re.split(r"\n\s*\n|\n(?=- )", prose(text))
    return [found for part in parts for found in re.split(r"(?<=[.!?:])\s+", " ".join(part.split())) if found]


def anchors(path: Path) -> set[str]:
    """Return the anchors of a page's headings, made as GitHub and MyST make them."""
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.S)
    heads = re.findall(r"^#+ (.+)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_links_lead_somewhere(path: Path) -> None:
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.S)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", link):
            continue  # addresses are not fetched
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= 120
    words = [len(sentence.split()) for sentence in sentences(README)]
    assert np.mean(words) <= 12
    assert prose(README).count(";") <= 3


def test_the_portrait_is_what_mien_draws(tmp_path: Path) -> None:
    pytest.importorskip("skimage")
    made = tmp_path / "portrait.jpg"
    subprocess.run([sys.executable, str(ROOT / "docs" / "portrait.py"), str(made)], check=True, capture_output=True)
    ours, theirs = (
        np.asarray(Image.open(path), np.float32) for path in (made, ROOT / "docs" / "images" / "astronaut.jpg")
    )
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).mean() < 1  # of 255: decoders and fonts differ a little


def test_the_citation() -> None:
    content = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= set(content)  # what the format requires
    assert content["version"] == mien.__version__
    assert all(author.get("name") or author.get("family-names") for author in content["authors"])
