"""Frames as a player shows them: pixels made square, turned and mirrored, from whichever place says so."""

import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from mien.inference.media.sources import Source
from mien.inference.media.video import Clip, frames
from mien.inference.output.annotated import Annotated
from mien.inference.prediction import FrameResult, Prediction
from mien.outputs import Outputs

Make = Callable[..., Path]
ONE = 1 << 16


def shape(path: Path, **clip: Any) -> tuple[int, ...]:
    return next(frames(path, Clip(**clip)))[2].shape[:2]


def disc(size: tuple[int, int], aspect: float) -> np.ndarray:
    """A disc that is round where pixels are `aspect` times as wide as high, off the middle, uint8 RGB."""
    y, x = np.mgrid[: size[0], : size[1]]
    inside = ((x - size[1] / 2) * aspect) ** 2 + (y - size[0] / 2) ** 2 < (size[0] / 3) ** 2
    return np.repeat(inside[..., None] * np.uint8(255), 3, -1)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "a.avi", "a.mov", "a.mpg"])
@pytest.mark.parametrize(
    ("size", "aspect", "shown"),
    [
        ((480, 640), Fraction(4, 3), (480, 853)),
        ((270, 360), Fraction(4, 3), (270, 480)),  # as HDV
        ((144, 180), Fraction(64, 45), (144, 256)),  # as a widescreen DVD
        ((120, 180), Fraction(8, 9), (135, 180)),  # as DV: the height grows, no column is lost
        ((96, 128), Fraction(2, 1), (96, 256)),
        ((96, 128), Fraction(1, 1), (96, 128)),
        ((96, 128), Fraction(1280, 1281), (96, 128)),
        ((96, 128), Fraction(1000, 1), (96, 128)),
        ((96, 128), Fraction(1, 65535), (96, 128)),
    ],
)
def test_pixels_that_are_not_square(
    tmp_path: Path, clip: Make, name: str, size: tuple[int, int], aspect: Fraction, shown: tuple[int, int]
) -> None:
    codec = {".avi": "mpeg4", ".mpg": "mpeg2video"}.get(Path(name).suffix, "libx264")
    if codec == "mpeg2video" and aspect not in (Fraction(1), Fraction(4, 3)):
        pytest.skip("MPEG-2 knows four display aspects")
    path = clip(tmp_path / name, codec, 12, size, aspect=aspect, image=lambda _: disc(size, float(aspect)))
    height, width = shape(path)
    assert (height, width) == pytest.approx(shown, abs=1)
    if aspect in (Fraction(4, 3), Fraction(64, 45), Fraction(8, 9), Fraction(2)):
        bright = next(frames(path))[2][..., 0] > 127
        rows, columns = np.flatnonzero(bright.any(1)), np.flatnonzero(bright.any(0))
        assert np.ptp(rows) == pytest.approx(np.ptp(columns), rel=0.04)


def patched(path: Path, box: bytes, at: int, value: bytes) -> Path:
    """Overwrite bytes of the first box of a name, `at` bytes behind its head."""
    content = bytearray(path.read_bytes())
    first = content.index(box) + 4 + at
    content[first : first + len(value)] = value
    path.write_bytes(content)
    return path


def test_the_track_header_tells_the_shape_too(tmp_path: Path, clip: Make) -> None:
    path = clip(tmp_path / "a.mp4", count=3)
    wide = struct.pack(">2I", 192 << 16, 96 << 16)  # of a frame stored as 128 x 96
    assert shape(patched(path, b"tkhd", 76, wide)) == (96, 192)


def test_the_container_comes_before_the_codec(tmp_path: Path, clip: Make) -> None:
    path = clip(tmp_path / "a.mp4", count=3, aspect=Fraction(4, 3))
    content = path.read_bytes()
    assert b"pasp" in content
    assert shape(patched(path, b"pasp", 0, struct.pack(">2I", 2, 1))) == (96, 256)


@pytest.mark.parametrize("codec", ["mpeg2video", "libx264"])
def test_the_shape_changes_in_the_middle(tmp_path: Path, clip: Make, codec: str) -> None:
    parts = [
        clip(tmp_path / f"{k}.ts", codec, 20, first=25 * k, aspect=aspect)
        for k, aspect in enumerate((Fraction(1), Fraction(4, 3)))
    ]
    path = tmp_path / "both.ts"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    wide = [image.shape[1] for _, _, image in frames(path)]
    assert wide.count(128) == wide.count(171) == 20
    assert wide == sorted(wide)


MATRICES = {  # a, b, c, d: what is stored at (x, y) is shown at (a x + c y, b x + d y)
    (1, 0, 0, 1): lambda image: image,
    (-1, 0, 0, 1): lambda image: image[:, ::-1],
    (-1, 0, 0, -1): lambda image: image[::-1, ::-1],
    (1, 0, 0, -1): lambda image: image[::-1],
    (0, 1, 1, 0): lambda image: image.transpose(1, 0, 2),
    (0, 1, -1, 0): lambda image: np.rot90(image, -1),
    (0, -1, -1, 0): lambda image: image.transpose(1, 0, 2)[::-1, ::-1],
    (0, -1, 1, 0): lambda image: np.rot90(image),
}  # as EXIF's orientations 1 to 8


@pytest.mark.parametrize("codec", ["libx264", "libvpx-vp9", "libsvtav1"])
@pytest.mark.parametrize("matrix", MATRICES)
def test_eight_display_matrices(tmp_path: Path, clip: Make, matrix: tuple[int, ...], codec: str) -> None:
    path = clip(tmp_path / "a.mp4", codec, 3, options={"libsvtav1": {"preset": "12"}}.get(codec))
    stored = next(frames(path))[2]
    a, b, c, d = (ONE * value for value in matrix)
    patched(path, b"tkhd", 40, struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30))
    image = next(frames(path))[2]
    assert (image == MATRICES[matrix](stored)).all()
    assert image.flags.c_contiguous
    assert [frame[2].shape for frame in frames(path, Clip(start=0.03))] == [image.shape] * 2


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        ((0.98, 0.2, -0.2, 0.98), (1, 0, 0, 1)),  # 11 degrees
        ((0.17, 0.98, 0.98, -0.17), (0, 1, 1, 0)),
        ((-0.9, -0.43, -0.43, 0.9), (-1, 0, 0, 1)),
        ((0, 0, 0, 0), (1, 0, 0, 1)),
    ],
)
def test_other_angles_go_to_the_nearest(
    tmp_path: Path, clip: Make, matrix: tuple[float, ...], expected: tuple[int, ...]
) -> None:
    path = clip(tmp_path / "a.mp4", count=3)
    stored = next(frames(path))[2]
    a, b, c, d = (round(ONE * value) for value in matrix)
    patched(path, b"tkhd", 40, struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30))
    assert (next(frames(path))[2] == MATRICES[expected](stored)).all()


def test_squeezed_and_turned(tmp_path: Path, clip: Make) -> None:
    path = clip(tmp_path / "a.mp4", count=3, aspect=Fraction(4, 3), image=lambda _: disc((96, 128), 4 / 3))
    patched(path, b"tkhd", 40, struct.pack(">9i", 0, ONE, 0, -ONE, 0, 0, 0, 0, 1 << 30))
    assert shape(path) == (171, 96)
    bright = next(frames(path))[2][..., 0] > 127
    assert np.ptp(np.flatnonzero(bright.any(1))) == pytest.approx(np.ptp(np.flatnonzero(bright.any(0))), rel=0.04)


def test_the_annotated_video_has_square_pixels(tmp_path: Path, clip: Make) -> None:
    path = clip(tmp_path / "a.mp4", count=5, aspect=Fraction(4, 3))
    source = Source("a.mp4", path, Path("a.mp4"))
    with Annotated(Outputs(tmp_path)) as annotated:
        for index, seconds, image in frames(path):
            prediction = Prediction("a.mp4", index, seconds, image.shape[1], image.shape[0])
            annotated.add(FrameResult(prediction, source, False, np.empty((0, 48, 48, 1), np.uint8), image))
    with av.open(str(tmp_path / "annotated/a.mp4")) as file:
        video = file.streams.video[0]
        assert (video.width, video.height) == (172, 96)
        assert video.sample_aspect_ratio in (None, 1)
