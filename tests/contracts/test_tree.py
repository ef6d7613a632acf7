"""The tree in CONTRIBUTING.md names every folder of the repository's code, and no other."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
SHOWN = ("docs", "examples", "conversion", "benchmarks", "results", "tests", "src/mien")
"""Folders at the top of the tree; `tests` mirrors src, so that of its folders only contracts/ has a line."""

HOLDS = {".py", ".yaml", ".onnx", ".mjs", ".js"}
FETCHED = {"node_modules", "vendor"}


def in_tree() -> dict[str, str]:
    """Return what the tree says of each folder, by its path from the root."""
    (tree,) = re.findall(r"^<!-- tree -->\n```text\n(.*?)^```$", PAGE, re.S | re.M)
    lines, above = {}, []
    for line in tree.splitlines():
        name, _, words = line.strip().partition("/ ")
        above = [*above[: (len(line) - len(line.lstrip())) // 2], name]
        lines["/".join(above)] = words.strip()
    return lines


def on_disk() -> set[str]:
    """Return the folders that hold code, data of the package or results."""
    inner = ("src/mien", "benchmarks")
    folders = {
        path.parent.relative_to(ROOT).as_posix()
        for top in inner
        for path in (ROOT / top).rglob("*")
        if path.suffix in HOLDS and not FETCHED & {*path.parts}
    }
    above = {parent.as_posix() for folder in folders for parent in Path(folder).parents}
    return folders | above - {".", "src"} | set(SHOWN) | {"tests/contracts"}


def test_every_folder_has_its_line() -> None:
    assert set(in_tree()) == on_disk()


def test_every_line_says_something() -> None:
    assert all(in_tree().values())
