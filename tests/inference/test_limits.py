"""Files that ask for more memory than they are worth cost little of it and one line: measured in another process."""

import json
import struct
import subprocess
import sys
import threading
import time
import zlib
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mien.errors import MediaError
from mien.inference.media import animation
from mien.inference.media.budget import Budget
from mien.inference.media.image import Limits, decode, formats, load_image

from .heif import Heif, Item, coded, grid, ispe

resource = pytest.importorskip("resource", reason="limits of a process are POSIX")

CHILD = """
import json, resource, sys, warnings
warnings.simplefilter("ignore")
import cv2, pi_heif
from PIL import Image
from mien.inference.media import ffmpeg, filetype, image, video
from pathlib import Path
Image.init()
most = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform != "darwin" else 1 << 20)
for name in sys.argv[1:]:
    before = most()
    try:
        if filetype.is_moving(Path(name)):
            outcome = f"{sum(1 for _ in video.frames(name))} frames"
        else:
            outcome = f"read {image.load_image(name).image.shape}"
    except Exception as error:
        outcome = f"{type(error).__name__}: {error}"
    print(json.dumps([Path(name).name, outcome, most() - before]))
"""


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, extra: bytes = b"", data: bytes = b"") -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + extra + chunk(b"IDAT", data or zlib.compress(bytes(9))) + chunk(b"IEND", b"")


def gif(width: int, height: int, frames: int = 1) -> bytes:
    frame = b"\x2c" + struct.pack("<HHHH", 0, 0, width, height) + b"\0\x02\x03\x84\x51\x05\0"
    return b"GIF89a" + struct.pack("<HH", width, height) + b"\x80\0\0" + bytes(6) + frame * frames + b";"


def tiff(width: int, height: int, compression: int = 1, without: tuple[int, ...] = (), **more: int) -> bytes:
    tags = {256: width, 257: height, 258: 8, 259: compression, 262: 1, 273: 8, 277: 1, 278: height, 279: 100}
    tags = {tag: value for tag, value in tags.items() if tag not in without}
    tags |= {int(tag[1:]): value for tag, value in more.items()}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(tags.items()))
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(300)


def bitmap(width: int, height: int) -> bytes:
    return struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)


def icon(inner: bytes) -> bytes:
    return b"\0\0\1\0\1\0" + struct.pack("<BBBBHHII", 0, 0, 0, 0, 1, 32, len(inner), 22) + inner


def saved(kind: str, size: tuple[int, int], **options: object) -> bytes:
    file = BytesIO()
    Image.new("L", size).save(file, kind, **options)
    return file.getvalue()


def inflated() -> bytes:
    press = zlib.compressobj(9)
    return b"".join([press.compress(bytes(1 << 20)) for _ in range(300)]) + press.flush()


def bombs() -> dict[str, bytes]:
    zeros = inflated()
    one = coded(np.zeros((128, 128, 3), np.uint8))
    tiles = grid(np.zeros((128, 128, 3), np.uint8), 1, 1)
    canvas = struct.pack(">BBBBII", 0, 1, 0, 0, 60000, 60000)
    over = struct.pack(">BB4HIIii", 0, 1, 0, 0, 0, 0, 30000, 30000, 0, 0)
    j2k = saved("JPEG2000", (64, 64))
    at = j2k.find(b"\xff\x4f\xff\x51")
    oversized = j2k[: at + 8] + struct.pack(">II", 60000, 60000) + j2k[at + 16 :]
    webp = b"WEBPVP8X" + struct.pack("<I", 10) + b"\2\0\0\0" + b"\xff" * 6 + b"ANIM" + struct.pack("<I", 6) + bytes(6)
    files = {
        "a.gif": gif(65535, 65535),
        "moving.gif": gif(65535, 65535, 3),
        "large.png": png(14000, 14000, data=zeros),
        "small.png": png(60000, 60000),
        "moving.png": png(60000, 60000, chunk(b"acTL", struct.pack(">II", 5, 0))),
        "text.png": png(8, 8, chunk(b"zTXt", b"a\0\0" + zeros)),
        "international.png": png(8, 8, chunk(b"iTXt", b"a\0\1\0\0\0" + zeros)),
        "profile.png": png(8, 8, chunk(b"iCCP", b"a\0\0" + zeros)),
        "chunk.png": png(8, 8, struct.pack(">I", 0x7FFFFFFF) + b"tEXt"),
        "a.bmp": b"BM" + struct.pack("<IHHI", 60, 0, 0, 54) + bitmap(60000, 60000),
        "a.ppm": b"P6 60000 60000 255\n",
        "a.tif": tiff(60000, 60000),
        "lzw.tif": tiff(60000, 60000, 5),
        "strip.tif": tiff(100, 100, 5, (278,), t278=0xFFFFFFFF),
        "count.tif": tiff(100, 100, 5, (279,), t279=0xFFFFFFF0),
        "tile.tif": tiff(100, 100, 8, (273, 278, 279), t322=60000, t323=60000, t324=8, t325=100),
        "tag.tif": tiff(100, 100, t700=0x7FFFFFFF),
        "samples.tif": tiff(100, 100, 1, (277,), t277=65535),
        "a.webp": b"RIFF" + struct.pack("<I", len(webp)) + webp,
        "lossless.webp": b"RIFF\x1e\0\0\0WEBPVP8L" + struct.pack("<IBI", 18, 0x2F, 0x0FFFFFFF) + bytes(13),
        "size.heic": Heif((replace(one, properties=(one.properties[0], ispe(60000, 60000))),)).bytes(),
        "grid.heic": replace(tiles, items=(*tiles.items[:-1], replace(tiles.items[-1], data=canvas))).bytes(),
        "overlay.heic": Heif(
            (replace(one, hidden=True), Item(b"iovl", over, (ispe(128, 128),), ((b"dimg", (1,)),), in_idat=True)), 2
        ).bytes(),
        "progressive.jpg": saved("JPEG", (15000, 10000), quality=10, progressive=True),
        "a.jp2": oversized,
        "a.j2k": oversized[at:],
        "png.ico": icon(png(20000, 12000, data=zeros)),
        "bmp.ico": icon(bitmap(30000, 60000)),
        "a.tga": struct.pack("<BBBHHBHHHHBB", 0, 0, 2, 0, 0, 0, 0, 0, 60000, 60000, 24, 0),
        "named.jpg": gif(65535, 65535, 2),
        "named.mp4": png(60000, 60000),
    }  # fmt: skip
    if "AVIF" in formats():
        files["a.avif"] = Heif(
            (coded(np.zeros((128, 128, 3), np.uint8), "av1", size=(60000, 60000)),), 1, b"avif", (b"mif1", b"avif")
        ).bytes()
    return files


def test_no_file_takes_memory_that_it_is_not_worth(tmp_path: Path) -> None:
    made = bombs()
    for name, data in made.items():
        (tmp_path / name).write_bytes(data)
    ran = subprocess.run(
        [sys.executable, "-c", CHILD, *(str(tmp_path / name) for name in made)],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30)),
    )
    assert ran.returncode == 0, ran.stderr
    outcomes = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [name for name, _, _ in outcomes] == list(made)
    for name, outcome, megabytes in outcomes:
        assert outcome.startswith("MediaError: "), name
        assert "\n" not in outcome
        assert megabytes < 150, name


def test_the_option_reads_more_and_less(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("L", (300, 200)).save(path)
    assert load_image(path, limits=Limits(60_000)).width == 300
    with pytest.raises(
        MediaError, match=r"a.png has 300 x 200 pixels; expected at most 0.05 million; `max_pixels` 60000"
    ):
        load_image(path, limits=Limits(50_000))


def test_a_jpeg_is_counted_at_its_reduced_scale() -> None:
    assert decode(saved("JPEG", (2000, 1500), quality=50), Limits(60_000, 50_000)).image.shape == (
        188,
        250,
        3,
    )
    with pytest.raises(MediaError, match="2000 x 1500"):
        decode(saved("PNG", (2000, 1500)), Limits(60_000, 50_000))


def test_frames_that_make_an_animation_grow(tmp_path: Path) -> None:
    path = tmp_path / "a.gif"
    frame = b"\x2c" + struct.pack("<HHHH", 0, 0, 400, 300) + b"\0\x02\x03\x84\x51\x05\0"
    path.write_bytes(gif(10, 10)[:-1] + frame + b";")
    with pytest.raises(MediaError):
        list(animation.frames(path, 10_000))


def test_the_budget_is_shared() -> None:
    budget, held, most = Budget(100), 0, 0
    lock = threading.Lock()

    def work(pixels: int) -> None:
        nonlocal held, most
        with budget.hold(pixels):
            with lock:
                held += min(pixels, 100)
                most = max(most, held)
            time.sleep(0.002)
            with lock:
                held -= min(pixels, 100)

    threads = [threading.Thread(target=work, args=(pixels,)) for pixels in (30, 40, 50, 60, 500, 1) * 5]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most <= 100
    assert held == 0


def test_a_slow_file_holds_nobody_up(tmp_path: Path) -> None:
    started, leave = threading.Event(), threading.Event()

    class Slow(BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            started.set()
            assert leave.wait(30)
            return super().read(size)

    slow = threading.Thread(target=decode, args=(Slow(saved("PNG", (9, 9))),))
    slow.start()
    assert started.wait(30)
    assert decode(saved("PNG", (8, 8))).width == 8  # would wait for ever behind a lock
    assert slow.is_alive()
    leave.set()
    slow.join()
