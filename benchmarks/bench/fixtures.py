"""Clips and photos to read, made on the fly from photographs that packages carry; needs `mien[demo]`.

A clip shows one photographed face several times, each copy drifting over a photograph of a coffee cup, at 30 frames
per second in H.264; a photo shows one to four of them at some size and place.  Every face is wide enough for fer, which
overlooks those under 50 px.  Same arguments, same pixels.
"""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import skimage.data

RATE = 30
SIZES = {"360p": (640, 360), "720p": (1280, 720), "1080p": (1920, 1080)}


def moving(width: int, height: int, frames: int, faces: int, part: float = 1 / 3.3) -> Iterator[np.ndarray]:
    """Yield frames, uint8 RGB (height, width, 3), in which so many faces drift, each on `part` of the height."""
    side = int(height * part)
    face = cv2.resize(_face(), (side, side), interpolation=cv2.INTER_AREA)
    ground = cv2.resize(skimage.data.coffee(), (width, height))
    columns, rows = min(faces, 5), 1 + (faces - 1) // 5
    across, down = width / (16 if faces < 5 else 80), height / 12
    for k in range(frames):
        image = ground.copy()
        for j in range(faces):
            x = (j % 5 + 0.5) * width / columns + across * np.sin(k / 20 + j) - side / 2
            y = (j // 5 + 0.5) * height / rows + down * np.cos(k / 15 + j) - side / 2
            _put(image, face, int(x), int(y))
        yield image


def clip(path: Path, size: str, frames: int, faces: int) -> None:
    """Write such frames as H.264."""
    write(path, SIZES[size], moving(*SIZES[size], frames, faces))


def write(path: Path, size: tuple[int, int], images: Iterable[np.ndarray]) -> None:
    """Write images, uint8 RGB (height, width, 3), as H.264."""
    with av.open(path, "w") as file:
        stream = file.add_stream("libx264", rate=RATE)
        (stream.width, stream.height), stream.pix_fmt = size, "yuv420p"
        for k, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = k, Fraction(1, RATE)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))


def photos(folder: Path, count: int, width: int = 1280, height: int = 960) -> list[Path]:
    """Write JPEGs, each with one to four faces on one of three photographs, and return their paths in order."""
    rng = np.random.default_rng(0)
    grounds = [cv2.resize(read(), (width, height)) for read in _GROUNDS]
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for k in range(count):
        image = grounds[k % len(grounds)].copy()
        for _ in range(int(rng.integers(1, 5))):
            side = int(rng.integers(110, 400))
            face = cv2.resize(_face(), (side, side), interpolation=cv2.INTER_AREA)
            _put(image, face, int(rng.integers(0, width - side)), int(rng.integers(0, height - side)))
        paths.append(folder / f"{k:04d}.jpg")
        cv2.imwrite(str(paths[-1]), image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
    return paths


_GROUNDS = (skimage.data.coffee, skimage.data.chelsea, skimage.data.rocket)


def _face() -> np.ndarray:
    return skimage.data.astronaut()[20:220, 120:320]


def _put(image: np.ndarray, face: np.ndarray, x: int, y: int) -> None:
    height, width = image.shape[:2]
    side = len(face)
    x, y = min(max(0, x), width - side), min(max(0, y), height - side)
    image[y : y + side, x : x + side] = face
