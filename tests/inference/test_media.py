"""Every way a picture or a video can be stored comes out as the same upright RGB, or as one line of complaint."""

import os
import struct
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mien.errors import MediaError
from mien.inference import media

Film = Callable[..., Path]
SMALL = (120, 90)  # width, height of the test picture


@pytest.fixture
def picture(astronaut: np.ndarray) -> Image.Image:
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
def test_formats(tmp_path: Path, picture: Image.Image, name: str, options: dict[str, object]) -> None:
    path = tmp_path / name
    if name == "a.avif":
        features = import_module("PIL.features")
        if not features.check("avif"):
            pytest.skip("this Pillow has no AVIF")
    picture.save(path, **options)
    image = media.read(path)
    assert image.dtype == np.uint8
    assert near(image, picture, 0 if name in LOSSLESS else 8)


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "YCbCr", "RGBX"])
def test_modes(tmp_path: Path, picture: Image.Image, mode: str) -> None:
    path = tmp_path / "a.tif"
    stored = picture.convert(mode)
    stored.save(path)
    assert near(media.read(path), stored.convert("RGB"), 1)


def test_cmyk_jpeg(tmp_path: Path, picture: Image.Image) -> None:
    path = tmp_path / "a.jpg"
    picture.convert("CMYK").save(path, quality=95)
    assert near(media.read(path), picture, 8)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("suffix", "mode"), [("jpg", "RGB"), ("png", "RGB"), ("webp", "RGB"), ("tif", "RGB"), ("tif", "L")]
)
def test_exif_orientation(tmp_path: Path, picture: Image.Image, orientation: int, suffix: str, mode: str) -> None:
    picture = picture.convert(mode)
    back = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}[orientation]  # what a camera held that way stores
    stored = picture if back is None else picture.transpose(Image.Transpose(back))
    exif = Image.Exif()
    exif[media.ORIENTATION] = orientation
    path = tmp_path / f"a.{suffix}"
    stored.save(path, exif=exif, **({} if suffix == "tif" else {"quality": 95}))
    loaded = media.load(path)
    assert (loaded.width, loaded.height) == SMALL
    assert near(loaded.image, picture, 8)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_broken_exif_is_ignored(tmp_path: Path, picture: Image.Image) -> None:
    path = tmp_path / "a.jpg"
    picture.save(path, exif=b"Exif\x00\x00MM\x00\x2a\xff\xff\xff\xff" + b"\xff" * 30)
    assert near(media.read(path), picture, 8)


@pytest.mark.parametrize("suffix", ["png", "webp", "tif"])
def test_alpha_over_white(tmp_path: Path, picture: Image.Image, suffix: str) -> None:
    clear = picture.copy()
    clear.putalpha(0)
    half = picture.copy()
    half.putalpha(128)
    for name, stored, expected in (("clear", clear, 255.0), ("half", half, None)):
        path = tmp_path / f"{name}.{suffix}"
        stored.save(path, **({"lossless": True} if suffix == "webp" else {}))
        image = media.read(path)
        wanted = np.asarray(picture).astype(float) * 128 / 255 + 127 if expected is None else expected
        assert np.abs(image - wanted).max() <= 2


def test_palette_transparency_over_white(tmp_path: Path) -> None:
    stored = Image.new("P", (8, 8), 0)
    stored.putpalette([10, 20, 30, 200, 100, 50])
    stored.save(tmp_path / "a.gif", transparency=0)
    assert (media.read(tmp_path / "a.gif") == 255).all()


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bit_grey_is_scaled(tmp_path: Path, suffix: str) -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    Image.fromarray(ramp).save(tmp_path / f"a.{suffix}")
    image = media.read(tmp_path / f"a.{suffix}")
    assert (image[..., 0].ravel() == np.arange(256)).all()
    assert (image[..., 0] == image[..., 2]).all()


def test_sixteen_bit_rgb_is_scaled(tmp_path: Path, picture: Image.Image) -> None:
    cv2 = import_module("cv2")
    wide = np.asarray(picture).astype(np.uint16) * 257
    for suffix in ("png", "tif"):
        cv2.imwrite(str(tmp_path / f"a.{suffix}"), wide[..., ::-1])
        assert near(media.read(tmp_path / f"a.{suffix}"), picture, 1)


@pytest.mark.parametrize("top", [1.0, 255.0, 65535.0])
def test_float_tiff_is_scaled(tmp_path: Path, top: float) -> None:
    Image.fromarray(np.linspace(0, top, 256, dtype=np.float32).reshape(16, 16)).save(tmp_path / "a.tif")
    assert (media.read(tmp_path / "a.tif")[..., 0].ravel() == np.arange(256)).all()


@pytest.mark.parametrize("suffix", ["gif", "webp", "png", "tif"])
def test_animation_gives_its_first_frame(tmp_path: Path, suffix: str) -> None:
    colours = [Image.new("RGB", (20, 10), name) for name in ("red", "lime", "blue")]
    path = tmp_path / f"a.{suffix}"
    colours[0].save(path, save_all=True, append_images=colours[1:], **({"lossless": True} if suffix == "webp" else {}))
    assert (media.read(path) == (255, 0, 0)).all()


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (1, 300)])
def test_tiny(tmp_path: Path, size: tuple[int, int]) -> None:
    Image.new("RGB", size, "red").save(tmp_path / "a.png")
    assert media.read(tmp_path / "a.png").shape == (size[1], size[0], 3)


@pytest.mark.parametrize(
    ("suffix", "mode"), [("jpg", "RGB"), ("jpg", "L"), ("jpg", "CMYK"), ("png", "RGB"), ("png", "P"), ("tif", "I;16")]
)
def test_large_pictures_come_smaller(tmp_path: Path, astronaut: np.ndarray, suffix: str, mode: str) -> None:
    path = tmp_path / f"a.{suffix}"
    whole = Image.fromarray(astronaut).resize((1001, 701))
    stored = (
        Image.fromarray(np.asarray(whole.convert("L")).astype(np.uint16) * 257)
        if mode == "I;16"
        else whole.convert(mode)
    )
    exif = Image.Exif()
    exif[media.ORIENTATION] = 6
    stored.save(path, exif=exif)
    loaded = media.load(path, most=100_000)
    assert (loaded.width, loaded.height) == (701, 1001)
    assert loaded.image.shape[0] * loaded.image.shape[1] <= 101_000
    expected = whole.transpose(Image.Transpose.ROTATE_270).convert("L").resize(loaded.image.shape[1::-1])
    grey = np.asarray(Image.fromarray(loaded.image).convert("L"))
    assert np.abs(grey.astype(int) - np.asarray(expected).astype(int)).mean() < 8


def test_pillows_own_limit_is_lifted_for_us_alone(
    tmp_path: Path, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "from PIL import Image; had = Image.MAX_IMAGE_PIXELS; import mien.inference.media; "
    code += "assert had == Image.MAX_IMAGE_PIXELS"
    subprocess.run([sys.executable, "-c", code], check=True)
    path = tmp_path / "a.png"
    picture.save(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)  # as a program around us may have it
    assert media.read(path).shape == (90, 120, 3)
    assert not media.is_video(path)
    assert Image.MAX_IMAGE_PIXELS == 100


def test_too_many_pixels_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.bmp"
    Image.new("1", (8, 8)).save(path)
    head = bytearray(path.read_bytes())
    head[18:26] = struct.pack("<ii", 20000, 10001)
    path.write_bytes(head)
    with pytest.raises(MediaError, match=r"20000 x 10001 pixels; expected at most 200 million"):
        media.read(path)


def broken(folder: Path, picture: Image.Image) -> dict[str, Path]:
    made = {}
    for name, suffix in (
        ("cut.jpg", "JPEG"),
        ("cut.png", "PNG"),
        ("cut.webp", "WEBP"),
        ("cut.gif", "GIF"),
        ("cut.tif", "TIFF"),
    ):
        picture.save(folder / name, suffix)
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
def test_broken_pictures(tmp_path: Path, picture: Image.Image, name: str) -> None:
    path = broken(tmp_path, picture)[name]
    with pytest.raises(MediaError, match="cannot be read as a picture") as caught:
        media.read(path)
    assert "\n" not in str(caught.value)
    assert name in str(caught.value)


def test_missing_picture(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="no such file"):
        media.read(tmp_path / "none.jpg")
    with pytest.raises(MediaError):
        media.read(tmp_path)


def test_frames(video: Path, moved: list[np.ndarray]) -> None:
    seen = list(media.frames(video))
    assert [index for index, _, _ in seen] == list(range(12))
    assert np.allclose([seconds for _, seconds, _ in seen], np.arange(12) / 20)
    for (_, _, image), original in zip(seen, moved, strict=True):
        assert image.dtype == np.uint8
        assert np.abs(image.astype(int) - original.astype(int)).mean() < 8


def test_every_third_frame(video: Path) -> None:
    assert [(index, round(seconds, 3)) for index, seconds, _ in media.frames(video, 3)] == [
        (0, 0),
        (3, 0.15),
        (6, 0.3),
        (9, 0.45),
    ]


def test_display_matrix_turns_frames(video: Path) -> None:
    upright = next(media.frames(video))[2]
    content = bytearray(video.read_bytes())
    at = content.index(b"tkhd") + 4
    matrix = at + 4 + (20 if content[at] == 0 else 32) + 16
    for quarters, (a, b) in {3: (0, 1), 2: (-1, 0), 1: (0, -1)}.items():  # a telephone held upright writes (0, 1)
        numbers = (a << 16, b << 16, 0, -b << 16, a << 16, 0, 0, 0, 1 << 30)
        content[matrix : matrix + 36] = struct.pack(">9i", *numbers)
        turned = video.with_name("turned.mp4")
        turned.write_bytes(content)
        assert (next(media.frames(turned))[2] == np.rot90(upright, quarters)).all()


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi"])
def test_cut_video_gives_its_good_part(tmp_path: Path, moved: list[np.ndarray], film: Film, name: str) -> None:
    path = film(tmp_path / name, moved, codec="mpeg4")
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 7 // 10])
    seen: list[int] = []
    with pytest.raises(MediaError, match=f"{name} is cut short or damaged"):
        seen.extend(index for index, _, _ in media.frames(path))
    assert 3 <= len(seen) < 12


@pytest.mark.parametrize("name", ["sound.mp4", "empty.mp4", "noise.mp4", "notes.txt", "photo.mp4", "none.mp4"])
def test_not_videos(tmp_path: Path, photo: Path, sound: Path, name: str) -> None:
    contents = {
        "sound.mp4": sound.read_bytes(),
        "empty.mp4": b"",
        "noise.mp4": os.urandom(5000),
        "notes.txt": b"FFmpeg would play this as a teletype\n" * 50,
        "photo.mp4": photo.read_bytes(),
    }
    path = tmp_path / name
    if name in contents:
        path.write_bytes(contents[name])
    with pytest.raises(MediaError, match=name) as caught:
        next(media.frames(path))
    assert "\n" not in str(caught.value)
    assert not media.is_video(path)


def test_titles_in_another_encoding(film: Film, tmp_path: Path, moved: list[np.ndarray]) -> None:
    path = film(tmp_path / "a.avi", moved, codec="mpeg4", title="Caf? Z?rich")
    content = path.read_bytes()
    assert b"Caf? Z?rich" in content
    path.write_bytes(content.replace(b"Caf? Z?rich", "Café Zürich".encode("latin-1")))
    assert sum(1 for _ in media.frames(path)) == len(moved)
    assert media.is_video(path)


def test_is_video_looks_inside(video: Path, photo: Path) -> None:
    renamed = video.with_name("clip.dat")
    renamed.write_bytes(video.read_bytes())
    assert media.is_video(renamed)
    assert not media.is_video(photo)


@pytest.mark.parametrize("source", ["camera:", "camera:front", "camera:97"])
def test_no_camera(source: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(MediaError, match=source):
        next(media.frames(source))
    assert capfd.readouterr() == ("", "")
