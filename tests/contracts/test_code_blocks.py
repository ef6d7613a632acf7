"""Every code block of README and docs runs, on real photos and a small data set.

A comment on the line before a block changes that:

    <!-- not run: REASON -->   it needs a camera, hours or the like
    <!-- slow -->              it runs with the slow tests
    <!-- file: NAME -->        it is a file that later blocks read
    <!-- printed -->           it is what the block before it prints

The blocks of a page share a folder and run in order.  A command runs as it stands, in this process, which saves most
of its time; only what trains for hours is cut.
"""

import re
import shlex
import sys
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import pytest

from mien.cli import main
from mien.inference.measures import files

from ..own_files import CK48, write_classes, write_parquet

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted(path for path in (ROOT / "docs").rglob("*.md") if "build" not in path.parts),
]
BLOCK = re.compile(r"(?:^<!-- ([^\n]*) -->\n)?^```(\w*)\n(.*?)^```$", re.S | re.M)
RUN = ("console", "python")
OUTPUT = ("text", "json")
SHORT = {  # so that what trains for hours takes seconds
    "train": ["steps=2", "batch=16"],
    "reproduce": ["--budget", "0.05", "--results", "rows"],
    "sweep": ["steps=2", "batch=16"],
    "stress": ["--images", "20"],
}


@dataclass(frozen=True)
class Block:
    """A fenced block: its page, its place on it, the comment before it, its language and its text."""

    page: str
    line: int
    note: str
    language: str
    text: str

    @property
    def name(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(path: Path) -> list[Block]:
    """Return the fenced blocks of a page, in order."""
    text, page = path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix()
    return [
        Block(page, text.count("\n", 0, match.start(3)), match[1] or "", match[2], match[3])
        for match in BLOCK.finditer(text)
    ]


BLOCKS = [block for path in PAGES for block in blocks(path)]
RUNNABLE = [block for block in BLOCKS if block.language in RUN and not block.note.startswith("not run: ")]
SLOW = [block for block in RUNNABLE if block.note == "slow"]
QUICK = {
    page: [block for block in RUNNABLE if block.page == page and block not in SLOW]
    for page in {b.page for b in RUNNABLE}
}


def commands(block: Block) -> list[str]:
    return block.text.splitlines() if block.language == "console" else []


@pytest.fixture(scope="module")
def stage(tiny_fer2013: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the pages assume it: photos/, labelled/, recordings/, clip.mp4, data/, who.csv, results/.

    Of one's own images my-faces/, CK+48/ and labelled-photos/, with a folder per class, and faces.parquet.
    """
    import numpy as np
    from PIL import Image
    from skimage import data

    folder = tmp_path_factory.mktemp("stage")
    portrait = data.astronaut()
    (folder / "photos").mkdir()
    (folder / "labelled").mkdir()
    (folder / "recordings").mkdir()
    Image.fromarray(portrait).save(folder / "photos" / "group.jpg")
    for number in range(1, 5):
        Image.fromarray(portrait[:400, 4 * number :]).save(folder / "labelled" / f"p0{number}.jpg")
    for number, name in enumerate(("Happy", "neutral") * 6):
        (folder / "labelled-photos" / name).mkdir(parents=True, exist_ok=True)
        Image.fromarray(portrait[:400, 4 * number :]).save(folder / "labelled-photos" / name / f"p{number:02d}.jpg")
    (folder / "data").symlink_to(tiny_fer2013)
    write_classes(folder / "my-faces", {"Happy": 6, "sad": 6, "bored": 6}, seed=1)
    write_classes(folder / "CK+48", dict.fromkeys(CK48, 4))
    write_parquet(folder / "faces.parquet", [(path, path.parent.name) for path in (folder / "CK+48").rglob("*.png")])
    (folder / "results").symlink_to(ROOT / "results")
    people = (f"{name},{'fm'[k % 2]},{'young' if k % 3 else 'old'}" for k, name in enumerate(_ids(tiny_fer2013)))
    (folder / "who.csv").write_text("\n".join(["id,sex,age", *people]) + "\n")
    film(folder / "clip.mp4", [np.roll(portrait, 4 * shift, axis=1) for shift in range(6)])
    (folder / "recordings" / "p01_before.mp4").symlink_to(folder / "clip.mp4")
    return folder


def film(path: Path, images: list) -> None:  # type: ignore[type-arg]
    """Write images as a video, 15 seconds apart: long enough for every --start, and soon read."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.height, stream.width, stream.pix_fmt = *images[0].shape[:2], "yuv420p"
        for number, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = 15 * number, Fraction(1)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def _ids(root: Path) -> list[str]:
    from mien.data import load

    return list(map(str, load("fer2013", root, "test").ids))


@pytest.fixture(scope="module")
def folders(stage: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder for each page, with what `stage` has and the files that the page shows."""
    made = {}
    for page in dict.fromkeys(block.page for block in BLOCKS):
        folder = made[page] = tmp_path_factory.mktemp("page")
        for path in stage.iterdir():
            (folder / path.name).symlink_to(path)
        for block in BLOCKS:
            if block.page == page and block.note.startswith("file: "):
                (folder / block.note.removeprefix("file: ")).write_text(block.text)
    return made


def run(words: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    """Run a command as `mien.cli.main` does and return its exit code."""
    monkeypatch.setattr(sys, "argv", ["mien", *words])
    with pytest.raises(SystemExit) as done:
        main()
    return int(done.value.code or 0)


def test_there_are_blocks() -> None:
    assert len(RUNNABLE) >= 35
    assert sum(len(commands(block)) for block in RUNNABLE) >= 40


def test_own_images_takes_few_commands() -> None:
    page = [b for b in BLOCKS if b.page == "docs/howto/own-images.md" and b.language in ("sh", "console")]
    lines = [line for block in page for line in block.text.splitlines()]
    assert lines[0].startswith("pip install")
    assert len(lines) <= 10
    assert any(re.match("mien predict .*--weights runs/", line) for line in lines)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.name)
def test_a_block_runs_or_says_why_not(block: Block) -> None:
    if block.language in RUN:
        assert re.fullmatch(r"|slow|not run: \S.*", block.note)
        assert all(line.startswith("mien ") for line in commands(block))
    elif block.language in OUTPUT:
        assert re.fullmatch(r"|file: [\w.]+|printed|tree", block.note)
    else:
        assert block.language == "sh"
        assert re.fullmatch(r"not run: \S.*", block.note)


@pytest.mark.parametrize("page", sorted(page for page, quick in QUICK.items() if quick))
def test_blocks_of_a_page(
    page: str, folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """One test for a page, since its blocks read what earlier ones wrote."""
    for block in QUICK[page]:
        check(block, folders[page], monkeypatch, capfd)


@pytest.mark.slow
@pytest.mark.parametrize("block", SLOW, ids=lambda block: block.name)
def test_slow_block(
    block: Block, folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    check(block, folders[block.page], monkeypatch, capfd)


def check(block: Block, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """Run a block in a folder: it succeeds and prints something."""
    monkeypatch.chdir(folder)
    if re.search(r"--measures|measures=True", block.text) and not (files.FOLDER / files.MESH).exists():
        pytest.skip("`make measures` has not made the networks of measures")
    if block.language == "python":
        exec(compile(block.text, block.name, "exec"), {"__name__": "__main__"})
        assert capfd.readouterr().out.strip(), block.name
    for line in commands(block):
        words = shlex.split(line)[1:]
        if words[0] in ("train", "reproduce", "sweep"):
            pytest.importorskip("torch", reason="training needs mien[train]")
        if not {"--show", "--list"} & set(words):
            words += SHORT.get(words[0], [])
        code = run(words, monkeypatch)
        printed = capfd.readouterr()
        assert code == 0, f"{block.name}: {line}: {printed.err}"
        assert printed.out.strip(), f"{block.name}: {line}"
    after = BLOCKS[BLOCKS.index(block) + 1 :][:1]
    if after and after[0].note == "printed":
        shown, real = (re.sub(r"\d+,\d+", "x,y", text).split() for text in (after[0].text, printed.out))
        assert shown == real  # but for pixels, which decoders round
