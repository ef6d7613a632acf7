"""HEIF and AVIF come out as a viewer shows them: tiles, crop, rotation, mirror, depth, alpha; or as one line."""

import struct
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from mien.errors import MediaError
from mien.inference.media.filetype import is_moving
from mien.inference.media.image import DecodedImage, Limits, decode, load_image
from mien.inference.media.sources import expand

from ..heif import Heif, Item, box, clap, coded, full, grid, imir, irot, ispe

CODECS = {"hevc": b"heic", "av1": b"avif"}
TOP, LEFT = 128 + 30 - 50, 160 - 20 - 100
CROP = clap(200, 100, -20, 30)


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    yy, xx = np.mgrid[:256, :320]
    made = np.stack([xx * 0.6 + 30, yy * 0.6 + 30, (xx + yy) * 0.3 + 20], -1).astype(np.uint8)
    made[40:90, 50:120], made[200:, :30] = 250, 10
    return made


@pytest.fixture(params=CODECS)
def codec(request: pytest.FixtureRequest) -> str:
    if request.param == "av1" and not import_module("PIL.features").check("avif"):
        pytest.skip("this Pillow has no AVIF")
    return str(request.param)


def file(codec: str, *items: Item, brand: bytes = b"", primary: int = 1, after: bytes = b"") -> bytes:
    own = CODECS[codec]
    return Heif(items, primary, brand or own, (b"mif1", own), after=after).bytes()


def same(data: bytes, expected: np.ndarray, tolerance: float = 1.5) -> DecodedImage:
    read = decode(data)
    assert read.image.shape == expected.shape
    assert (read.width, read.height) == expected.shape[1::-1]
    assert np.abs(read.image.astype(int) - expected).mean() < tolerance
    return read


def window(image: np.ndarray) -> np.ndarray:
    return image[TOP : TOP + 100, LEFT : LEFT + 200]


TURNS: dict[str, tuple[tuple[bytes, ...], Callable[[np.ndarray], np.ndarray]]] = {
    "none": ((), lambda x: x),
    "quarter": ((irot(1),), lambda x: np.rot90(x, 1)),
    "half": ((irot(2),), lambda x: np.rot90(x, 2)),
    "three quarters": ((irot(3),), lambda x: np.rot90(x, 3)),
    "up and down": ((imir(0),), lambda x: x[::-1]),
    "left and right": ((imir(1),), lambda x: x[:, ::-1]),
    "rotated, then mirrored": ((irot(1), imir(0)), lambda x: np.rot90(x)[::-1]),
    "mirrored, then rotated": ((imir(0), irot(1)), lambda x: np.rot90(x[::-1])),
    "cropped": ((CROP,), window),
    "cropped, then rotated": ((CROP, irot(1)), lambda x: np.rot90(window(x))),
    "all three": ((CROP, irot(3), imir(1)), lambda x: np.rot90(window(x), 3)[:, ::-1]),
    "odd": ((clap(319, 255, -0.5, -0.5),), lambda x: x[:255, :319]),
}


@pytest.mark.parametrize("turn", TURNS)
def test_crop_rotation_and_mirror_in_their_order(codec: str, image: np.ndarray, turn: str) -> None:
    properties, shown = TURNS[turn]
    same(file(codec, coded(image, codec).with_(*properties)), shown(image))
    tiles = grid(image, 2, 3, codec)
    whole = tiles.items[-1].with_(*properties)
    assert same(replace(tiles, items=(*tiles.items[:-1], whole)).bytes(), shown(image)).note == ""


@pytest.mark.parametrize("brand", [b"mif1", b"msf1", b"heic"])
def test_the_content_decides_not_the_brand(image: np.ndarray, brand: bytes) -> None:
    same(file("hevc", coded(image), brand=brand), image)
    same(file("av1", coded(image, "av1"), brand=b"mif1"), image)


PIXELS = ["yuv420p", "yuv444p", "gbrp", "yuv420p10le", "yuv422p10le", "yuv420p12le", "gray", "gray10le", "gray12le"]


@pytest.mark.parametrize("pix", PIXELS)
def test_depths_and_chroma(image: np.ndarray, pix: str) -> None:
    expected = np.repeat((image @ [0.299, 0.587, 0.114])[..., None], 3, 2) if pix.startswith("gray") else image
    same(file("hevc", coded(image, "hevc", pix)), expected)


def test_ten_bit_avif(image: np.ndarray) -> None:
    same(file("av1", coded(image, "av1", "yuv420p10le")), image)


def test_alpha_over_white(codec: str, image: np.ndarray) -> None:
    mask = np.zeros_like(image)
    mask[:, 160:] = 255
    what = full(b"auxC", b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0")
    alpha = coded(mask, codec, "yuvj420p" if codec == "hevc" else "yuv420p")
    alpha = alpha.with_(what, refers=((b"auxl", (1,)),), hidden=True)
    expected = np.where(mask == 255, image, 255)
    assert same(file(codec, coded(image, codec), alpha), expected).note == ""
    turned = [item.with_(CROP, irot(1)) for item in (coded(image, codec), alpha)]
    same(file(codec, *turned), np.rot90(window(expected)))


@pytest.mark.parametrize("orientation", [6, 9, 3])
def test_exif_does_not_turn_it_again(codec: str, image: np.ndarray, orientation: int) -> None:
    exif = b"\0\0\0\6Exif\0\0II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0" + bytes([orientation, 0, 0, 0]) + bytes(4)
    metadata = Item(b"Exif", exif, refers=((b"cdsc", (1,)),), hidden=True)
    same(file(codec, coded(image, codec), metadata), image)
    same(file(codec, coded(image, codec).with_(irot(3)), metadata), np.rot90(image, 3))


def test_the_primary_one_of_several(codec: str, image: np.ndarray) -> None:
    other = coded(image[:, ::-1].copy(), codec)
    small = coded(image[::4, ::4].copy(), codec)
    assert same(file(codec, other, coded(image, codec), primary=2), image).note == "primary image of 2"
    assert same(file(codec, coded(image, codec), small.with_(refers=((b"thmb", (1,)),))), image).note == ""


def test_what_is_made_of_another_image(image: np.ndarray) -> None:
    hidden = replace(coded(image), hidden=True)
    turned = Item(b"iden", b"", (ispe(320, 256), irot(1)), ((b"dimg", (1,)),))
    same(file("hevc", hidden, turned, primary=2), np.rot90(image))
    layout = struct.pack(">BB4HHHhh", 0, 0, 0, 0, 0, 65535, 340, 276, 10, 20)
    overlay = Item(b"iovl", layout, (ispe(340, 276),), ((b"dimg", (1,)),), in_idat=True)
    expected = np.zeros((276, 340, 3), np.uint8)
    expected[20:, 10:330] = image
    same(file("hevc", hidden, overlay, primary=2), expected)


def test_motion_photos_say_so(codec: str, image: np.ndarray) -> None:
    read = same(file(codec, coded(image, codec), after=box(b"mpvd", bytes(1000))), image)
    assert read.note == "still image of a motion photo"


@pytest.mark.parametrize("left", [0.02, 0.2, 0.5, 0.8, 0.97, 0.999])
@pytest.mark.parametrize("tiles", [False, True])
def test_what_is_cut_short_is_one_line(codec: str, image: np.ndarray, left: float, tiles: bool) -> None:
    whole = grid(image, 2, 3, codec).bytes() if tiles else file(codec, coded(image, codec))
    for data in (whole[: int(len(whole) * left)], whole[: int(len(whole) * left)].ljust(len(whole), b"\0")):
        if left == 0.999 and data.endswith(b"\0"):
            continue  # three bytes in the last block
        with pytest.raises(MediaError, match="cannot be read as an image") as caught:
            decode(data)
        assert "\n" not in str(caught.value)


def test_codecs_that_are_not_read_are_named(image: np.ndarray) -> None:
    with pytest.raises(MediaError, match=r"coded as H\.264"):
        decode(Heif((coded(image, "avc"),), brand=b"avci", compatible=(b"mif1",)).bytes())


def test_large_ones_come_smaller(codec: str, image: np.ndarray) -> None:
    read = decode(file(codec, coded(image, codec).with_(irot(1))), Limits(target=30_000))
    assert (read.width, read.height, read.image.shape) == (256, 320, (160, 128, 3))


@pytest.mark.parametrize("name", ["a.heic", "a.heif", "a.hif", "a.jpg", "a.mp4", "a.mov", "a.png", "a", "a.HEIC"])
def test_a_still_image_whatever_it_is_called(tmp_path: Path, codec: str, image: np.ndarray, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(grid(image, 2, 3, codec).bytes())
    assert not is_moving(path)
    assert load_image(path).image.shape == image.shape
    known = name not in ("a",)
    assert [source.below.name for source in expand([tmp_path]) if not source.error] == [name] * known


def test_films_still_move(tmp_path: Path, video: Path) -> None:
    for name in ("a.heic", "a.jpg", "a.mp4", "a"):
        (tmp_path / name).write_bytes(video.read_bytes())
        assert is_moving(tmp_path / name)


def test_pillow_is_not_changed(tmp_path: Path, image: np.ndarray) -> None:
    path = tmp_path / "a.heic"
    path.write_bytes(file("hevc", coded(image)))
    code = (
        "import sys; from PIL import Image; from mien.inference.media.image import load_image;load_image(sys.argv[1]);"
    )
    code += "Image.init(); assert 'HEIF' not in Image.OPEN and '.heic' not in Image.registered_extensions()"
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)
