"""JPEGs that lack their end, have something behind it, or hold more than one image."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from mien.errors import MediaError
from mien.inference.media import jpeg
from mien.inference.media.image import Limits, decode

KINDS = {
    "baseline": {},
    "progressive": {"progressive": True},
    "restarts": {"restart_marker_rows": 1},
    "full chroma": {"subsampling": 0},
    "arithmetic of quality": {"quality": 30, "optimize": True},
}


def stored(image: Image.Image, **options: object) -> bytes:
    file = BytesIO()
    image.save(file, "JPEG", **options)
    return file.getvalue()


@pytest.fixture
def image(astronaut: np.ndarray) -> Image.Image:
    return Image.fromarray(astronaut).resize((203, 150))


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("change", ["no end", "half an end", "no end, zeros", "garbage", "zeros", "whole"])
def test_what_is_whole_is_read(image: Image.Image, mode: str, kind: str, change: str) -> None:
    whole = stored(image.convert(mode), **KINDS[kind])
    changed = {
        "no end": whole[:-2],
        "half an end": whole[:-1],
        "no end, zeros": whole[:-2] + bytes(100),
        "garbage": whole + bytes(range(256)) * 9,
        "zeros": whole + bytes(5000),
        "whole": whole,
    }[change]
    assert (decode(changed).image == decode(whole).image).all()
    assert decode(changed, Limits(target=4000)).image.shape == (38, 51, 3)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("left", [0.3, 0.6, 0.9, 0.97])
@pytest.mark.parametrize("ended", ["", "end", "zeros", "zeros and end"])
def test_what_is_cut_short_is_an_error(image: Image.Image, kind: str, left: float, ended: str) -> None:
    whole = stored(image, **KINDS[kind])
    part = whole[: int(len(whole) * left)]
    if "zeros" in ended:
        part += bytes(len(whole) - len(part))
    if "end" in ended:
        part += jpeg.END
    if kind == "progressive" and "end" in ended and left >= 0.9:  # the last bit of the finest detail is missing
        assert np.abs(decode(part).image.astype(int) - decode(whole).image).mean() < 4
        return
    there = "its scans are incomplete" if kind == "progressive" else r"\d+% of its rows are there"
    with pytest.raises(MediaError, match=rf"it is cut short: {there}|broken|truncated|is damaged"):
        decode(part)


def test_an_image_that_ends_in_grey_is_whole() -> None:
    grey = np.full((160, 160, 3), 128, np.uint8)
    grey[:60] = np.arange(160)[None, :, None]
    assert np.abs(decode(stored(Image.fromarray(grey))).image.astype(int) - grey).mean() < 1


def test_motion_photos_say_so(image: Image.Image) -> None:
    film = b"\0\0\0\x18ftypmp42" + bytes(4000)
    assert decode(stored(image) + film).note == "still image of a motion photo"
    assert decode(stored(image, progressive=True) + b"\xff\xd9" + bytes(20) + film).note.startswith("still image")
    assert decode(stored(image)).note == ""


def test_mpo_says_so(image: Image.Image) -> None:
    file = BytesIO()
    image.save(file, "MPO", save_all=True, append_images=[image.rotate(180)])
    read = decode(file.getvalue())
    assert read.note == "primary image of 2 (MPO)"
    assert np.abs(read.image.astype(int) - np.asarray(image)).mean() < 8


def test_progressive_ones_are_held_at_full_size(image: Image.Image) -> None:
    for options, held in (({}, False), ({"progressive": True}, True)):
        assert jpeg.buffered(stored(image, **options)) is held
        whole = Limits(max_pixels=10_000, target=4000)
        if held:
            with pytest.raises(MediaError, match="203 x 150 pixels"):
                decode(stored(image, **options), whole)
        else:
            assert decode(stored(image, **options), whole).width == 203
