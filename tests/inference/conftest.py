"""Real photographs and videos for the use side: Eileen Collins (scikit-image) and Grace Hopper (matplotlib)."""

import sys
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import matplotlib
import numpy as np
import pytest
import skimage.data
from PIL import Image

from mien.inference.pipeline import Pipeline

from .. import scheduling


class Ran(NamedTuple):
    """What a command left: exit code, the bytes of stdout, the text of stderr."""

    code: int
    out: bytes
    err: str


@pytest.fixture(scope="session")
def astronaut() -> np.ndarray:
    """A portrait, uint8 RGB (512, 512, 3), with one smiling face."""
    return skimage.data.astronaut()


@pytest.fixture(scope="session")
def coffee() -> np.ndarray:
    """An image without a face."""
    return skimage.data.coffee()


@pytest.fixture(scope="session")
def hopper() -> Path:
    """A JPEG portrait."""
    return Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"


@pytest.fixture(scope="session")
def pipeline() -> Pipeline:
    return Pipeline()


@pytest.fixture
def photo(tmp_path: Path, astronaut: np.ndarray) -> Path:
    path = tmp_path / "collins.png"
    Image.fromarray(astronaut).save(path)
    return path


@pytest.fixture
def mien(capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """Run the command line in this process, watching the file descriptors themselves."""
    from mien.cli import main

    def run(*words: object) -> Ran:
        capfdbinary.readouterr()
        monkeypatch.setattr(sys, "argv", ["mien", *map(str, words)])
        try:
            main()
            code = 0
        except SystemExit as left:
            code = int(left.code or 0)
        sys.stdout.flush()
        out, err = capfdbinary.readouterr()
        return Ran(code, out, err.decode())

    return run


@pytest.fixture(scope="session")
def film() -> Callable[..., Path]:
    """Write images as a video: film(path, images, rate=20, codec="libx264", title="")."""
    return write_video


def write_video(path: Path, images: list[np.ndarray], rate: int = 20, codec: str = "libx264", title: str = "") -> Path:
    # the index of an MP4 stands at its front, so that a cut file can still be opened
    options = {"movflags": "faststart"} if path.suffix == ".mp4" else {}
    with av.open(str(path), "w", options=options) as file:
        if title:
            file.metadata["title"] = title
        stream = file.add_stream(codec, rate=rate)
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.gop_size = 5
        for k, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            frame.pts, frame.time_base = k, Fraction(1, rate)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


@pytest.fixture(scope="session")
def clip() -> Callable[..., Path]:
    """Write a made-up video: `write_clip(path, codec, ...)`."""
    return write_clip


def texture(size: tuple[int, int], index: int) -> np.ndarray:
    """An image full of detail that moves with `index`, uint8 RGB (H, W, 3): damage to it can be seen."""
    y, x = np.mgrid[: size[0], : size[1]]
    noise = np.random.default_rng(3).integers(0, 60, (size[0], size[1] + 200))[:, index : index + size[1]]
    tiles = ((x // 8 + y // 8 + index) % 2) * 120
    return np.stack([(2 * x + 3 * index) % 160 + noise, (y + index) % 160 + noise, tiles + noise], -1).astype(np.uint8)


def write_clip(
    path: Path, codec: str = "libx264", count: int = 40, size: tuple[int, int] = (96, 128), pix: str = "yuv420p",
    gop: int = 10, first: int = 0, times: Iterable[int] | None = None, aspect: Fraction | None = None,
    matrix: Sequence[int] | None = None, image: Callable[[int], np.ndarray] | None = None,
    options: dict[str, str] | None = None, muxer: dict[str, str] | None = None,
) -> Path:  # fmt: skip
    """Encode `count` frames at 25 a second, from number `first` on, or at `times` in milliseconds."""
    if codec not in av.codecs_available:
        pytest.skip(f"this FFmpeg does not write {codec}")
    with scheduling.kept(), av.open(str(path), "w", options=muxer or {}) as file:
        stream: Any = file.add_stream(codec, rate=25, options=options or {})
        stream.height, stream.width, stream.pix_fmt = *size, pix
        stream.codec_context.gop_size, stream.bit_rate = gop, 2_000_000
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        stream.set_display_matrix(matrix)
        for k, time in enumerate(range(first, first + count) if times is None else times):
            frame = av.VideoFrame.from_ndarray(image(k) if image else texture(size, k), format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 25 if times is None else 1000)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    """A video file that holds only sound."""
    path = tmp_path / "only-sound.mp4"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("aac", rate=44100)
        for k in range(20):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 44100, 1024 * k
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


@pytest.fixture(scope="session")
def moved(astronaut: np.ndarray) -> list[np.ndarray]:
    """Twelve frames, (320, 256, 3), in which the face moves 4 pixels to the left from frame to frame."""
    return [astronaut[:320, 60 + 4 * k : 316 + 4 * k] for k in range(12)]


@pytest.fixture
def video(tmp_path: Path, moved: list[np.ndarray]) -> Path:
    return write_video(tmp_path / "moved.mp4", moved)
