"""Deep, signed, inverted and coloured values come out as bright as they were meant, or as one line; never dark."""

import struct
import zlib
from io import BytesIO
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from mien.errors import MediaError
from mien.inference.media import bit_depth
from mien.inference.media.image import Limits, decode

YY, XX = np.mgrid[:64, :96]
COLOUR = np.stack([XX * 2 + 20, YY * 3 + 20, XX + YY], -1).astype(np.uint8)
GREY = COLOUR[..., 0].copy()
GREY[0, :2] = 255, 0
SEEN = np.repeat(GREY[..., None], 3, 2)
OPAQUE = np.where(XX < 48, 0, 255).astype(np.uint8)
TWELVE = GREY.astype(int) * 4095 // 255
RAMP = np.arange(256, dtype=np.uint16) * 257
WIDE = GREY.astype(np.uint16) * 257


def tiff(values: np.ndarray, **options: Any) -> bytes:
    file = BytesIO()
    tifffile.imwrite(file, values, **options)
    return file.getvalue()


def pillow(values: np.ndarray, kind: str, mode: str | None = None, **options: Any) -> bytes:
    file, image = BytesIO(), Image.fromarray(values)
    (image.convert(mode) if mode else image).save(file, kind, **options)
    return file.getvalue()


def plain(bits: int, photometric: int, data: bytes, sample_format: int = 1, big: bool = False, **more: int) -> bytes:
    """A TIFF of 96 x 64 pixels with these tags alone."""
    end = ">" if big else "<"
    tags = [(256, 4, 96), (257, 4, 64), (258, 3, bits), (259, 3, 1), (262, 3, photometric), (273, 4, 8), (277, 3, 1)]
    tags += [(278, 4, 64), (279, 4, len(data)), (339, 3, sample_format), *((281, 3, most) for most in more.values())]
    body = data + b"\0" * (len(data) % 2)
    entries = b"".join(
        struct.pack(end + "HHI", tag, kind, 1)
        + (struct.pack(end + "HH", value, 0) if kind == 3 else struct.pack(end + "I", value))
        for tag, kind, value in sorted(tags)
    )
    head = (b"MM\0*" if big else b"II*\0") + struct.pack(end + "I", 8 + len(body))
    return head + body + struct.pack(end + "H", len(tags)) + entries + bytes(4)


def packed(values: np.ndarray) -> bytes:
    """Twelve bits a value, two in three bytes."""
    pairs = values.reshape(-1, 2)
    parts = (pairs[:, 0] >> 4, (pairs[:, 0] & 15) << 4 | pairs[:, 1] >> 8, pairs[:, 1] & 255)
    return np.stack(parts, 1).astype(np.uint8).tobytes()


def lab() -> np.ndarray:
    values = cv2.cvtColor(COLOUR.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    signed = np.rint(values[..., 1:]).astype(np.int8).view(np.uint8)
    return np.concatenate([np.rint(values[..., :1] * 2.55).astype(np.uint8), signed], 2)


def png16(values: np.ndarray) -> bytes:
    order = [0] if values.ndim == 2 else [2, 1, 0, 3][: values.shape[2]]
    return cv2.imencode(".png", values if values.ndim == 2 else values[..., order])[1].tobytes()


READ: dict[str, tuple[bytes, np.ndarray]] = {
    "12 bits": (plain(12, 1, packed(TWELVE)), SEEN),
    "12 bits in 16": (tiff(TWELVE.astype(np.uint16)), SEEN),
    "12 bits in 16, PNG": (png16(TWELVE.astype(np.uint16)), SEEN),
    "10 bits in 16": (tiff((TWELVE >> 2).astype(np.uint16)), SEEN),
    "14 bits in 16": (tiff((TWELVE * 4 + 3).astype(np.uint16)), SEEN),
    "8 bits in 16": (tiff(GREY.astype(np.uint16)), SEEN),
    "16 bits": (tiff(WIDE), SEEN),
    "16 bits, big end first": (tiff(WIDE, byteorder=">"), SEEN),
    "MaxSampleValue": (plain(16, 1, (GREY.astype("<u2") * 8).tobytes(), most=2040), SEEN),
    "12 bits in 16, colours": (tiff(COLOUR.astype(np.uint16) * 16), COLOUR),
    "12 bits in 16, colours, PNG": (png16(COLOUR.astype(np.uint16) * 16), COLOUR),
    "16 bits, colours": (tiff(COLOUR.astype(np.uint16) * 257), COLOUR),
    "white is 0, 8 bits": (plain(8, 0, (255 - GREY).tobytes()), SEEN),
    "white is 0, 16 bits": (plain(16, 0, (65535 - WIDE).astype("<u2").tobytes()), SEEN),
    "white is 0, 12 bits in 16": (plain(16, 0, (4095 - TWELVE).astype("<u2").tobytes()), SEEN),
    "white is 0, floats": (plain(32, 0, (1 - GREY / 255).astype("<f4").tobytes(), 3), SEEN),
    "white is 0, 1 bit": (plain(1, 0, np.packbits(GREY < 128, axis=1).tobytes()), np.where(SEEN < 128, 0, 255)),
    "unsigned 32 bits": (tiff(GREY.astype(np.uint32) * 16843009), SEEN),
    "8 bits in 32": (tiff(GREY.astype(np.uint32)), SEEN),
    "20 bits in 32": (tiff(GREY.astype(np.uint32) * 4000), SEEN),
    "signed 32 bits": (tiff(GREY.astype(np.int32) * 257), SEEN),
    "signed 16 bits": (tiff(GREY.astype(np.int16) * 128), SEEN),
    "signed 8 bits": (tiff((GREY // 2).astype(np.int8)), SEEN),
    "floats to 1": (tiff((GREY / 255).astype(np.float32)), SEEN),
    "floats to 255": (tiff(GREY.astype(np.float32)), SEEN),
    "floats to 65535": (tiff(WIDE.astype(np.float32)), SEEN),
    "floats a little above 1": (tiff((GREY / 255 * 1.2).astype(np.float32)), SEEN),
    "floats to 3": (tiff((GREY / 85).astype(np.float32)), SEEN),
    "floats a little below 0": (tiff((GREY / 255 - 0.01).astype(np.float32)), SEEN),
    "CIELAB": (tiff(lab(), photometric="cielab"), COLOUR),
    "CMYK": (tiff(np.dstack([255 - COLOUR, np.zeros_like(GREY)]), photometric="separated"), COLOUR),
    "CMYK, JPEG": (pillow(COLOUR, "JPEG", "CMYK", quality=95), COLOUR),
    "planes": (tiff(COLOUR.transpose(2, 0, 1).copy(), photometric="rgb", planarconfig="separate"), COLOUR),
    "palette": (tiff(GREY, photometric="palette", colormap=np.tile(RAMP, (3, 1))), SEEN),
    "grey and alpha": (pillow(np.dstack([GREY, OPAQUE]), "PNG"), np.where(OPAQUE[..., None] == 0, 255, SEEN)),
    "grey and alpha, TIFF": (pillow(np.dstack([GREY, OPAQUE]), "TIFF"), np.where(OPAQUE[..., None] == 0, 255, SEEN)),
    "alpha of 16 bits": (
        png16(np.dstack([COLOUR, OPAQUE]).astype(np.uint16) * 257), np.where(OPAQUE[..., None] == 0, 255, COLOUR)
    ),
    "one value is clear": (
        pillow(np.where(OPAQUE == 0, 7, WIDE).astype(np.uint16), "PNG", transparency=7),
        np.where(OPAQUE[..., None] == 0, 255, SEEN),
    ),
    "PGM to 4095": (b"P5 96 64 4095\n" + TWELVE.astype(">u2").tobytes(), SEEN),
    "PGM, dark as stated": (b"P5 96 64 65535\n" + GREY.astype(">u2").tobytes(), SEEN // 255),
    "PFM": (b"Pf\n96 64\n-1.0\n" + (GREY[::-1] / 255).astype("<f4").tobytes(), SEEN),
    "black": (tiff(np.zeros((64, 96), np.uint16)), SEEN * 0),
}  # fmt: skip


@pytest.mark.parametrize("name", READ)
def test_as_bright_as_they_were(name: str) -> None:
    data, expected = READ[name]
    read = decode(data)
    assert read.image.shape == expected.shape
    assert np.abs(read.image.astype(int) - expected).mean() < 4
    smaller = decode(data, Limits(target=2000)).image
    assert smaller.shape == (32, 48, 3)
    assert np.abs(smaller.mean((0, 1)) - expected.mean((0, 1))).max() < 8


@pytest.mark.parametrize(
    "name", ["12 bits in 16", "20 bits in 32", "floats to 3", "12 bits in 16, colours", "8 bits in 16"]
)
def test_what_was_inferred_is_reported(name: str) -> None:
    assert "values" in decode(READ[name][0]).note


@pytest.mark.parametrize(
    "name",
    ["12 bits", "16 bits", "MaxSampleValue", "floats to 1", "16 bits, colours", "black", "signed 16 bits"],
)
def test_what_is_known_needs_no_note(name: str) -> None:
    assert decode(READ[name][0]).note == ""


REFUSED = {
    "signed below 0": tiff(GREY.astype(np.int32) * 100 - 3000),
    "signed 16 bits below 0": tiff((WIDE.astype(int) - 32768).astype(np.int16)),
    "signed 8 bits below 0": tiff((GREY.astype(int) - 128).astype(np.int8)),
    "floats below 0": tiff((GREY / 255 - 0.5).astype(np.float32)),
    "no number": tiff(np.full((9, 9), np.nan, np.float32)),
    "planes of 16 bits": tiff(np.zeros((3, 64, 96), np.uint16), photometric="rgb", planarconfig="separate"),
    "12 bits, big end first": plain(12, 1, packed(TWELVE), big=True),
    "white is 0, 16 bits, big end first": plain(16, 0, WIDE.astype(">u2").tobytes(), big=True),
    "floats of 64 bits": tiff(GREY / 255.0),
    "floats, colours": tiff((COLOUR / 255).astype(np.float32), photometric="rgb"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_brightness_is_one_line(name: str) -> None:
    with pytest.raises(MediaError, match=r"begins at 0|no value|stored apart|a kind that is not read") as caught:
        decode(REFUSED[name])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["nan", "inf"])
def test_single_values_that_are_no_numbers(kind: str) -> None:
    values = np.where(XX == 5, float(kind), GREY / 255).astype(np.float32)
    image = decode(tiff(values)).image
    assert (np.delete(image, 5, 1) == np.delete(SEEN, 5, 1)).all()


def test_pages_say_so() -> None:
    assert decode(tiff(np.stack([GREY] * 3), photometric="minisblack")).note == "page 1 of 3"
    assert decode(pillow(COLOUR, "TIFF")).note == ""


@pytest.mark.parametrize("orientation", [1, 3, 6, 8, 9])
def test_turned_colours_of_16_bits(orientation: int) -> None:
    tag = [(274, 3, 1, orientation, True)]
    deep = decode(tiff(COLOUR.astype(np.uint16) * 16, photometric="rgb", extratags=tag))
    usual = decode(tiff(COLOUR, photometric="rgb", extratags=tag))
    assert (deep.width, deep.height) == (usual.width, usual.height)
    assert np.abs(deep.image.astype(int) - usual.image).mean() < 1


@pytest.mark.parametrize("orientation", [2, 3, 6, 8])
def test_turned_colours_of_16_bits_in_png(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x112] = orientation
    body = b"eXIf" + exif.tobytes().removeprefix(b"Exif\0\0")
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    data = png16(COLOUR.astype(np.uint16) * 16)  # 12 bits, which are read by another library
    deep = decode(data[:33] + chunk + data[33:])  # behind the signature and the head
    usual = decode(pillow(COLOUR, "PNG", exif=exif))
    assert deep.image.shape == usual.image.shape == (deep.height, deep.width, 3)
    assert np.abs(deep.image.astype(int) - usual.image).mean() < 1


def test_large_images_are_scaled_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = [decode(READ[name][0], Limits(target=2000)).image for name in ("16 bits", "palette")]
    monkeypatch.setattr(bit_depth, "BAND", 500)
    for name, image in zip(("16 bits", "palette"), whole, strict=True):
        assert (decode(READ[name][0], Limits(target=2000)).image == image).all()
