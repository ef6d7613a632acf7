"""What the words of a command line mean: files, folders, globs, cameras, and what is not there."""

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, TiffImagePlugin

from mien.errors import MediaError
from mien.inference.media.filetype import is_moving
from mien.inference.media.image import load_image
from mien.inference.media.sources import Skipped, expand


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
        ("photos/empty", "no image or video in this folder"),
        ("http://example.org/a.jpg", "URLs are not read; download the file first"),
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
    sources = [(source.name, source.error) for source in expand(["photos"])]
    assert sources == [
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
    run = {"mien": "0", "status": "running", "folders": ["a"], "files": []}
    for spared, expected in (([], FOUND[1:]), (["a/z.PNG"], FOUND)):
        (tree / "mien-run.json").write_text(json.dumps({**run, "spared": spared}))
        assert [source.below.as_posix() for source in expand([tree])] == expected
        assert [source.below.name for source in expand([tree / "a"], skip=tree) if not source.error] == [
            Path(name).name for name in spared
        ]
        assert [source.below.name for source in expand([tree / "a"])] == ["z.PNG"]


def test_names_that_no_encoding_can_write(tree: Path) -> None:
    odd = os.fsencode(tree) + b"/caf\xe9.jpg"
    Path(os.fsdecode(odd)).write_bytes(b"x")
    (source,) = [s for s in expand([tree]) if s.below.name.startswith("caf")]
    assert source.path.is_file()
    assert source.name.encode("utf-8").endswith(rb"/caf\xe9.jpg")


def test_is_moving(tree: Path, video: Path, photo: Path) -> None:
    clip, still = video.with_name("clip"), video.with_name("still")
    clip.write_bytes(video.read_bytes())
    still.write_bytes(photo.read_bytes())
    paths = [video, clip, still, photo, tree / "b.jpg", tree / "c.mp4"]
    assert [is_moving(path) for path in paths] == [True, True, False, False, False, True]
    assert [source.live for source in expand(["camera:0", *paths])] == [True, *[False] * len(paths)]


def test_a_folder_reads_ts_where_it_is_a_video(tmp_path: Path, video: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "clip.ts").write_bytes(video.read_bytes())
    (folder / "code.ts").write_text("export const nothing = 0")
    assert [source.below.name for source in expand([folder])] == ["clip.ts"]


@pytest.mark.parametrize("suffix", ["gif", "webp", "png", "apng"])
def test_animated_images_move_and_stills_do_not(tmp_path: Path, suffix: str) -> None:
    one, two = (Image.new("RGB", (20, 10), colour) for colour in ("red", "blue"))
    form = "PNG" if suffix == "apng" else None
    one.save(tmp_path / f"still.{suffix}", form)
    one.save(tmp_path / f"moving.{suffix}", form, save_all=True, append_images=[two])
    (tmp_path / f"text.{suffix}").write_bytes(b"text")
    assert [(source.path.stem, is_moving(source.path)) for source in expand([tmp_path])] == [
        ("moving", True), ("still", False), ("text", False)
    ]  # fmt: skip


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """A folder of special files, links and files that are not read."""
    folder = tmp_path / "odd"
    (folder / "in").mkdir(parents=True)
    (folder / ".trash").mkdir()
    for name in (
        ".trash/x.jpg",
        "a.jpg",
        "in/z.heic",
        "b.cr2",
        "c.DNG",
        "d.psd",
        "e.svg",
        "._a.jpg",
        ".hidden.png",
        "Thumbs.db",
        "none",
    ):
        (folder / name).write_bytes(name.encode())
    (folder / ".DS_Store").write_bytes(b"x")
    os.link(folder / "a.jpg", folder / "hard.jpg")
    (folder / "link.jpg").symlink_to("a.jpg")
    (folder / "gone.jpg").symlink_to("nowhere.jpg")
    (folder / "loop").symlink_to(".", target_is_directory=True)
    (folder / "self.jpg").symlink_to("self.jpg")
    os.mkfifo(folder / "fifo.jpg")
    with socket.socket(socket.AF_UNIX) as bound:
        here = Path.cwd()
        os.chdir(folder)  # names of sockets are short
        bound.bind("socket.mp4")
        os.chdir(here)
    return folder


COUNTED = {
    "fifo": 1, "socket": 1, "broken link": 2, "camera raw .cr2": 1, "camera raw .dng": 1, ".psd": 1, ".svg": 1,
    ".db": 1, "without a suffix": 1, "hidden": 2, "hidden folder": 1, "already read": 2, "folder already read": 1,
}  # fmt: skip


@pytest.mark.skipif(os.name != "posix", reason="FIFOs are POSIX")
def test_what_is_passed_over_is_counted(odd: Path) -> None:
    skipped = Skipped()
    assert [source.below.as_posix() for source in expand([odd], skipped=skipped)] == ["a.jpg", "in/z.heic"]
    assert skipped == COUNTED


@pytest.mark.skipif(os.name != "posix", reason="FIFOs are POSIX")
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("fifo.jpg", "a fifo is not read"),
        ("socket.mp4", "a socket is not read"),
        ("/dev/null", "a device is not read"),
        ("gone.jpg", "a broken link"),
        ("b.cr2", "a camera raw file is not read; export it as"),
        ("c.DNG", "a camera raw file is not read"),
    ],
)
def test_what_is_named_and_no_image_is_refused(odd: Path, name: str, reason: str) -> None:
    (source,) = expand([odd / name])
    assert source.error is not None
    assert reason in source.error


def test_every_file_once_in_a_run(odd: Path) -> None:
    def names(*arguments: object) -> list[str]:
        return [source.below.as_posix() for source in expand(map(str, arguments)) if not source.error]

    assert names(odd, odd / "in", odd) == ["a.jpg", "in/z.heic"]
    assert names(odd / "in", odd) == ["z.heic", "a.jpg"]
    assert names(odd / "a.jpg", odd) == ["a.jpg", "in/z.heic"]
    assert names(odd / "a.jpg", odd / "a.jpg", odd / "link.jpg") == ["a.jpg", "a.jpg", "link.jpg"]
    assert names(f"{odd}/**/*.[jh]*") == ["a.jpg", "z.heic"]


def test_what_links_lead_to_keeps_its_own_name(tmp_path: Path) -> None:
    for name in ("p07", "p08/in", "elsewhere"):
        (tmp_path / "rec" / name).mkdir(parents=True)
        (tmp_path / "rec" / name / "visit.mp4").write_bytes(name.encode())
    (tmp_path / "rec" / "elsewhere").rename(tmp_path / "elsewhere")
    (tmp_path / "rec" / "latest").symlink_to("p07", target_is_directory=True)
    (tmp_path / "rec" / "p07" / "best").symlink_to("../p08", target_is_directory=True)
    (tmp_path / "rec" / "p07" / "first.mp4").symlink_to("../p08/in/visit.mp4")
    (tmp_path / "rec" / "n").symlink_to("../elsewhere", target_is_directory=True)
    skipped = Skipped()
    names = [source.below.as_posix() for source in expand([tmp_path / "rec"], skipped=skipped)]
    assert names == ["p07/visit.mp4", "p08/in/visit.mp4", "n/visit.mp4"]
    assert skipped.folders_line() == f"folder already read: {tmp_path}/rec/latest, {tmp_path}/rec/p07/best"
    skipped.update({"folder already read": 2})
    assert skipped.folders_line().endswith("best and 2 more")


def test_links_between_folders_end(tmp_path: Path) -> None:
    folders = [tmp_path / f"{k}" for k in range(12)]
    for folder in folders:
        folder.mkdir()
        (folder / "a.jpg").write_bytes(folder.name.encode())
    for folder in folders:
        for other in folders:
            (folder / f"to{other.name}").symlink_to(other, target_is_directory=True)
    assert len(list(expand([tmp_path]))) == 12


@pytest.mark.parametrize(
    "start",
    [
        b"II*\0\x10\0\0\0CR\2\0", b"IIRO\x08\0\0\0", b"IIU\0\x18\0\0\0", b"FUJIFILMCCD-RAW 0201", b"FOVb", b"\0MRM",
        b"\0\0\0\x18ftypcrx \0\0\0\1", b"II\x1a\0\0\0HEAPCCDR",
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["a.tif", "a.jpg", "a", "a.mp4"])
def test_raw_files_by_any_name(tmp_path: Path, start: bytes, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(start + bytes(100))
    assert not is_moving(path)
    with pytest.raises(MediaError, match="a camera raw file is not read"):
        load_image(path)


def test_dng_by_its_tags(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    for tags in ({50706: b"\1\4\0\0"}, {254: 1, 330: 8}):
        info = TiffImagePlugin.ImageFileDirectory_v2()
        for tag, value in tags.items():
            info[tag] = value
        Image.new("RGB", (160, 120)).save(path, tiffinfo=info)
        with pytest.raises(MediaError, match="a camera raw file is not read"):
            load_image(path)
