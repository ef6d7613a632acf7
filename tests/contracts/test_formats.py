"""docs/formats.md names every suffix that is looked for in folders, and no other."""

import re
from pathlib import Path

import pytest

from mien.inference.media.filetype import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from mien.inference.media.sources import AMBIGUOUS

PAGE = (Path(__file__).parents[2] / "docs" / "formats.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("section", "suffixes"), [("Images", IMAGE_SUFFIXES), ("Video", VIDEO_SUFFIXES | {AMBIGUOUS})])
def test_every_suffix_has_its_line(section: str, suffixes: frozenset[str]) -> None:
    part = PAGE.split(f"\n## {section}\n")[1].split("\n## ")[0]
    told = re.findall(r"`(\.\w+)`", "\n".join(line for line in part.splitlines() if line.startswith("|")))
    assert sorted(told) == sorted(suffixes)
