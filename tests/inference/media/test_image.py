"""Every way an image can be stored comes out as the same upright RGB, or as one line of complaint."""

import os
import struct
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mien.errors import MediaError
from mien.inference.media import video
from mien.inference.media.filetype import is_moving
from mien.inference.media.image import ORIENTATION, Limits, load_image, read_image

SMALL = (120, 90)  # width, height of the test image


@pytest.fixture
def photo(astronaut: np.ndarray) -> Image.Image:
    return Image.fromarray(astronaut).resize(SMALL)


def near(image: np.ndarray, expected: Image.Image, tolerance: float) -> bool:
    difference = np.abs(image.astype(int) - np.asarray(expected.convert("RGB")).astype(int))
    return image.shape == (expected.height, expected.width, 3) and float(difference.mean()) <= tolerance


LOSSLESS = {
    "a.png": {},
    "a.bmp": {},
    "a.tif": {},
    "a.tiff": {"compression": "tiff_lzw"},
    "a.webp": {"lossless": True},
    "a.ppm": {},
    "a.tga": {},
}
LOSSY = {"a.jpg": {"quality": 95}, "b.webp": {"quality": 95}, "a.gif": {}, "a.jp2": {}, "a.avif": {"quality": 90}}


@pytest.mark.parametrize(("name", "options"), [*LOSSLESS.items(), *LOSSY.items()])
def test_formats(tmp_path: Path, photo: Image.Image, name: str, options: dict[str, object]) -> None:
    path = tmp_path / name
    if name == "a.avif":
        features = import_module("PIL.features")
        if not features.check("avif"):
            pytest.skip("this Pillow has no AVIF")
    photo.save(path, **options)
    image = read_image(path)
    assert image.dtype == np.uint8
    assert near(image, photo, 0 if name in LOSSLESS else 8)


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "YCbCr", "RGBX"])
def test_modes(tmp_path: Path, photo: Image.Image, mode: str) -> None:
    path = tmp_path / "a.tif"
    stored = photo.convert(mode)
    stored.save(path)
    assert near(read_image(path), stored.convert("RGB"), 1)


def test_cmyk_jpeg(tmp_path: Path, photo: Image.Image) -> None:
    path = tmp_path / "a.jpg"
    photo.convert("CMYK").save(path, quality=95)
    assert near(read_image(path), photo, 8)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("suffix", "mode"), [("jpg", "RGB"), ("png", "RGB"), ("webp", "RGB"), ("tif", "RGB"), ("tif", "L")]
)
def test_exif_orientation(tmp_path: Path, photo: Image.Image, orientation: int, suffix: str, mode: str) -> None:
    photo = photo.convert(mode)
    back = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}[orientation]  # what a camera held that way stores
    stored = photo if back is None else photo.transpose(Image.Transpose(back))
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    path = tmp_path / f"a.{suffix}"
    stored.save(path, exif=exif, **({} if suffix == "tif" else {"quality": 95}))
    loaded = load_image(path)
    assert (loaded.width, loaded.height) == SMALL
    assert near(loaded.image, photo, 8)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_broken_exif_is_ignored(tmp_path: Path, photo: Image.Image) -> None:
    path = tmp_path / "a.jpg"
    photo.save(path, exif=b"Exif\x00\x00MM\x00\x2a\xff\xff\xff\xff" + b"\xff" * 30)
    assert near(read_image(path), photo, 8)


@pytest.mark.parametrize("suffix", ["png", "webp", "tif"])
def test_alpha_over_white(tmp_path: Path, photo: Image.Image, suffix: str) -> None:
    clear = photo.copy()
    clear.putalpha(0)
    half = photo.copy()
    half.putalpha(128)
    for name, stored, expected in (("clear", clear, 255.0), ("half", half, None)):
        path = tmp_path / f"{name}.{suffix}"
        stored.save(path, **({"lossless": True} if suffix == "webp" else {}))
        image = read_image(path)
        wanted = np.asarray(photo).astype(float) * 128 / 255 + 127 if expected is None else expected
        assert np.abs(image - wanted).max() <= 2


def test_palette_transparency_over_white(tmp_path: Path) -> None:
    stored = Image.new("P", (8, 8), 0)
    stored.putpalette([10, 20, 30, 200, 100, 50])
    stored.save(tmp_path / "a.gif", transparency=0)
    assert (read_image(tmp_path / "a.gif") == 255).all()


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bit_grey_is_scaled(tmp_path: Path, suffix: str) -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    Image.fromarray(ramp).save(tmp_path / f"a.{suffix}")
    image = read_image(tmp_path / f"a.{suffix}")
    assert (image[..., 0].ravel() == np.arange(256)).all()
    assert (image[..., 0] == image[..., 2]).all()


def test_sixteen_bit_rgb_is_scaled(tmp_path: Path, photo: Image.Image) -> None:
    cv2 = import_module("cv2")
    wide = np.asarray(photo).astype(np.uint16) * 257
    for suffix in ("png", "tif"):
        cv2.imwrite(str(tmp_path / f"a.{suffix}"), wide[..., ::-1])
        assert near(read_image(tmp_path / f"a.{suffix}"), photo, 1)


@pytest.mark.parametrize("top", [1.0, 255.0, 65535.0])
def test_float_tiff_is_scaled(tmp_path: Path, top: float) -> None:
    Image.fromarray(np.linspace(0, top, 256, dtype=np.float32).reshape(16, 16)).save(tmp_path / "a.tif")
    assert (read_image(tmp_path / "a.tif")[..., 0].ravel() == np.arange(256)).all()


@pytest.mark.parametrize("suffix", ["gif", "webp", "png", "tif"])
def test_animation_gives_its_first_frame(tmp_path: Path, suffix: str) -> None:
    colours = [Image.new("RGB", (20, 10), name) for name in ("red", "lime", "blue")]
    path = tmp_path / f"a.{suffix}"
    colours[0].save(path, save_all=True, append_images=colours[1:], **({"lossless": True} if suffix == "webp" else {}))
    assert (read_image(path) == (255, 0, 0)).all()


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (1, 300)])
def test_tiny(tmp_path: Path, size: tuple[int, int]) -> None:
    Image.new("RGB", size, "red").save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png").shape == (size[1], size[0], 3)


@pytest.mark.parametrize(
    ("suffix", "mode"), [("jpg", "RGB"), ("jpg", "L"), ("jpg", "CMYK"), ("png", "RGB"), ("png", "P"), ("tif", "I;16")]
)
def test_large_images_come_smaller(tmp_path: Path, astronaut: np.ndarray, suffix: str, mode: str) -> None:
    path = tmp_path / f"a.{suffix}"
    whole = Image.fromarray(astronaut).resize((1001, 701))
    stored = (
        Image.fromarray(np.asarray(whole.convert("L")).astype(np.uint16) * 257)
        if mode == "I;16"
        else whole.convert(mode)
    )
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    stored.save(path, exif=exif)
    loaded = load_image(path, Limits(target=100_000))
    assert (loaded.width, loaded.height) == (701, 1001)
    assert loaded.image.shape[0] * loaded.image.shape[1] <= 101_000
    expected = whole.transpose(Image.Transpose.ROTATE_270).convert("L").resize(loaded.image.shape[1::-1])
    grey = np.asarray(Image.fromarray(loaded.image).convert("L"))
    assert np.abs(grey.astype(int) - np.asarray(expected).astype(int)).mean() < 8


def test_pillows_own_limit_is_lifted_for_us_alone(
    tmp_path: Path, photo: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "from PIL import Image; had = Image.MAX_IMAGE_PIXELS; import mien.inference.media.image; "
    code += "assert had == Image.MAX_IMAGE_PIXELS"
    subprocess.run([sys.executable, "-c", code], check=True)
    path = tmp_path / "a.png"
    photo.save(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)  # as a program around us may have it
    assert read_image(path).shape == (90, 120, 3)
    assert Image.MAX_IMAGE_PIXELS == 100


def test_too_many_pixels_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.bmp"
    Image.new("1", (8, 8)).save(path)
    head = bytearray(path.read_bytes())
    head[18:26] = struct.pack("<ii", 20000, 10001)
    path.write_bytes(head)
    with pytest.raises(MediaError, match=r"20000 x 10001 pixels; expected at most 100 million"):
        read_image(path)


def broken(folder: Path, photo: Image.Image) -> dict[str, Path]:
    made = {}
    for name, suffix in (
        ("cut.jpg", "JPEG"),
        ("cut.png", "PNG"),
        ("cut.webp", "WEBP"),
        ("cut.gif", "GIF"),
        ("cut.tif", "TIFF"),
    ):
        photo.save(folder / name, suffix)
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(whole[: len(whole) // 2])
        made[name] = folder / name
    for name, content in {
        "empty.jpg": b"",
        "text.jpg": b"hello",
        "noise.png": os.urandom(4000),
        "page.eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    }.items():
        (folder / name).write_bytes(content)
        made[name] = folder / name
    return made


@pytest.mark.parametrize(
    "name", ["cut.jpg", "cut.png", "cut.webp", "cut.gif", "cut.tif", "empty.jpg", "text.jpg", "noise.png", "page.eps"]
)
def test_broken_images(tmp_path: Path, photo: Image.Image, name: str) -> None:
    path = broken(tmp_path, photo)[name]
    with pytest.raises(MediaError, match="cannot be read as an image") as caught:
        read_image(path)
    assert "\n" not in str(caught.value)
    assert name in str(caught.value)


TINY = {  # a file that holds next to nothing, and what its user is to hear
    "empty.jpg": (b"", "it is empty"),
    "empty.heic": (b"", "it is empty"),
    "empty.txt": (b"", "it is empty"),
    "empty.mp4": (b"", "it is empty"),
    "empty.mjpeg": (b"", "it is empty"),
    "empty.h264": (b"", "it is empty"),
    "two.txt": (b"hi", "not an image or video of a known format"),
    "one.tga": (b"h", "not an image or video of a known format"),
    "text.avif": (b"hello\n" * 9, "not an image or video of a known format"),
    "head.jpg": (b"\xff\xd8\xff\xe0\0\x10JFIF\0", "it is cut short or damaged"),
    "head.png": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0", "it is cut short or damaged"),
    "head.ppm": (b"P6\n", "it is cut short or damaged"),
    "head.webp": (b"RIFF\x10\0\0\0WEBPVP8 ", "it is cut short or damaged"),
    "head.jp2": (b"\0\0\0\x0cjP  \r\n\x87\n", "it is cut short or damaged"),
    "short.ppm": (b"P5 2 2 255\n", "it is cut short or damaged"),
    "words.ppm": (b"P6 2:2 255\n" + bytes(20), "it is cut short or damaged"),
    "head.mkv": (b"\x1aE\xdf\xa3", "it is damaged, or not a video of a known format"),
    "text.mov": (b"hello\n" * 9, "it is damaged, or not a video of a known format"),
    "head.ogv": (b"OggS", "it is damaged, or not a video of a known format"),
}


@pytest.mark.parametrize("name", TINY)
def test_tiny_files_are_refused_in_our_words(tmp_path: Path, name: str) -> None:
    content, message = TINY[name]
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(MediaError) as caught:
        load_image(path) if not is_moving(path) else list(video.frames(path))
    kind = "a video" if is_moving(path) else "an image"
    assert str(caught.value) == f"{path} cannot be read as {kind}: {message}"


def test_missing_image(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="no such file"):
        read_image(tmp_path / "none.jpg")
    with pytest.raises(MediaError):
        read_image(tmp_path)
