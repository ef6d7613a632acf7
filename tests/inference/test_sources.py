"""What the words of a command line mean: files, folders, globs, cameras, and what is not there."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from mien.inference.sources import expand


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in (
        "b.jpg",
        "a/z.PNG",
        "a/notes.txt",
        "a/.hidden.jpg",
        ".git/x.jpg",
        "a b/ü ß.webp",
        "c.mp4",
        "a.jpg",
        "empty/x.txt",
    ):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "photos"


FOUND = ["a/z.PNG", "a b/ü ß.webp", "a.jpg", "b.jpg", "c.mp4"]


@pytest.mark.parametrize("argument", ["photos", "photos/", "./photos"])
def test_folder_is_read_in_path_order(tree: Path, argument: str) -> None:
    sources = list(expand([argument]))
    assert [source.name for source in sources] == [f"{argument.rstrip('/')}/{name}" for name in FOUND]
    assert [source.below.as_posix() for source in sources] == FOUND
    assert not [source.error for source in sources if source.error]
    assert [Path(source.name) for source in sources] == sorted(Path(source.name) for source in sources)


def test_named_files_are_always_tried(tree: Path) -> None:
    names = ["photos/a/notes.txt", "photos/a/.hidden.jpg", "photos/b.jpg", "photos/b.jpg"]
    assert [(source.name, source.error) for source in expand(names)] == [(name, None) for name in names]


@pytest.mark.parametrize(
    ("argument", "reason"),
    [
        ("nowhere.jpg", "no such file or folder"),
        ("photos/*.bmp", "the pattern matches nothing"),
        ("photos/empty", "no picture or video in this folder"),
        ("http://example.org/a.jpg", "addresses are not read; download it first"),
        ("", "no such file or folder"),
    ],
)
def test_nothing_there_keeps_its_place(tree: Path, argument: str, reason: str) -> None:
    before, missing, after = list(expand(["photos/a.jpg", argument, "photos/b.jpg"]))
    assert (before.name, missing.name, after.name) == ("photos/a.jpg", argument, "photos/b.jpg")
    assert missing.error is not None
    assert missing.error.endswith(reason)


LONG = "x" * 300 + ".jpg"


def test_what_the_system_refuses_to_look_at_keeps_its_place(tree: Path) -> None:
    (tree / "loop.jpg").symlink_to("loop.jpg")
    names = ["photos/a.jpg", LONG, "photos/loop.jpg", f"{LONG}/*.jpg", "photos/a.jpg/b.jpg", "a\0b", "photos/b.jpg"]
    sources = list(expand(names))
    assert [source.name for source in sources] == names
    assert [source.error and source.error.rpartition(": ")[2] for source in sources] == [
        None, "File name too long", "Too many levels of symbolic links", "the pattern matches nothing",
        "no such file or folder", "no such file or folder", None,
    ]  # fmt: skip


@pytest.fixture
def nobody(tree: Path) -> Iterator[None]:
    """Give up root's right to look everywhere, if we have it."""
    tree.parent.chmod(0o755)
    root = os.geteuid() == 0
    if root:
        os.setresuid(65534, 65534, 0)
    yield
    if root:
        os.setresuid(0, 0, 0)


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX")
@pytest.mark.parametrize("mode", [0o000, 0o644])
def test_closed_folders_keep_their_place(tree: Path, mode: int, request: pytest.FixtureRequest) -> None:
    closed = tree / "a"
    closed.chmod(mode)
    request.addfinalizer(lambda: closed.chmod(0o755))
    request.getfixturevalue("nobody")
    before, inside, after = expand(["photos/a.jpg", "photos/a/z.PNG", "photos/b.jpg"])
    assert (before.error, inside.error, after.error) == (None, "photos/a/z.PNG: Permission denied", None)
    told = [(source.name, source.error) for source in expand(["photos"])]
    assert told == [
        ("photos/a", "photos/a: the folder cannot be read"), *((f"photos/{name}", None) for name in FOUND[1:])
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("photos/*.jpg", ["photos/a.jpg", "photos/b.jpg"]),
        ("photos/a/*", ["photos/a/notes.txt", "photos/a/z.PNG"]),
        ("photos/**/*.webp", ["photos/a b/ü ß.webp"]),
        ("photos/[ab]", ["photos/a/z.PNG"]),
    ],
)
def test_globs_mean_what_a_shell_makes_of_them(tree: Path, pattern: str, names: list[str]) -> None:
    assert [source.name for source in expand([pattern])] == names


def test_a_file_may_look_like_a_glob(tree: Path) -> None:
    (tree / "x[1].jpg").write_bytes(b"x")
    assert [(s.name, s.error) for s in expand(["photos/x[1].jpg"])] == [("photos/x[1].jpg", None)]


def test_links_back_up_end(tree: Path) -> None:
    (tree / "a" / "loop").symlink_to(tree, target_is_directory=True)
    assert [source.below.as_posix() for source in expand([tree])] == FOUND


def test_results_are_not_read_again(tree: Path) -> None:
    assert [source.below.as_posix() for source in expand([tree], skip=tree / "a")] == FOUND[1:]


def test_names_that_no_encoding_can_write(tree: Path) -> None:
    odd = os.fsencode(tree) + b"/caf\xe9.jpg"
    Path(os.fsdecode(odd)).write_bytes(b"x")
    (source,) = [s for s in expand([tree]) if s.below.name.startswith("caf")]
    assert source.path.is_file()
    assert source.name.encode("utf-8").endswith(rb"/caf\xe9.jpg")


def test_what_moves(tree: Path, video: Path, photo: Path) -> None:
    clip, still = video.with_name("clip"), video.with_name("still")
    clip.write_bytes(video.read_bytes())
    still.write_bytes(photo.read_bytes())
    sources = expand(["camera:0", video, clip, still, photo, tree / "b.jpg", tree / "c.mp4"])
    assert [(source.moving, source.live) for source in sources] == [
        (True, True), (True, False), (True, False), (False, False), (False, False), (False, False), (True, False)
    ]  # fmt: skip


def test_a_folder_reads_ts_where_it_is_a_video(tmp_path: Path, video: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "clip.ts").write_bytes(video.read_bytes())
    (folder / "code.ts").write_text("export const nothing = 0")
    assert [source.below.name for source in expand([folder])] == ["clip.ts"]


@pytest.mark.parametrize("suffix", ["gif", "webp", "png", "apng"])
def test_animated_pictures_move_and_stills_do_not(tmp_path: Path, suffix: str) -> None:
    one, two = (Image.new("RGB", (20, 10), colour) for colour in ("red", "blue"))
    kind = "PNG" if suffix == "apng" else None
    one.save(tmp_path / f"still.{suffix}", kind)
    one.save(tmp_path / f"moving.{suffix}", kind, save_all=True, append_images=[two])
    (tmp_path / f"text.{suffix}").write_bytes(b"text")
    assert [(source.path.stem, source.moving) for source in expand([tmp_path])] == [
        ("moving", True), ("still", False), ("text", False)
    ]  # fmt: skip
