"""Clips that nobody should make: whatever is in one, the run ends with exit code 0 or 2 and all others are read."""

import json
import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

Make = Callable[..., Path]
HOUR = 3_600_000  # milliseconds


def patch(path: Path, marker: bytes, at: int, value: bytes) -> Path:
    """Overwrite bytes `at` behind the end of the first `found`."""
    content = bytearray(path.read_bytes())
    first = content.index(marker) + len(marker) + at
    content[first : first + len(value)] = value
    path.write_bytes(content)
    return path


def mutated(path: Path, seed: int) -> Path:
    """Flip some bytes of a clip, most of them in its head."""
    rng, content = np.random.default_rng(seed), bytearray(path.read_bytes())
    for _ in range(1 + seed % 6):
        at = int(rng.integers(min(len(content), 900) if rng.random() < 0.7 else len(content)))
        content[at] = int(rng.choice([0, 0xFF, 0x80, rng.integers(256)]))
    path.write_bytes(content)
    return path


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def joined(path: Path, parts: list[Path]) -> Path:
    return written(path, b"".join(part.read_bytes() for part in parts))


def changing(clip: Make, path: Path) -> Path:
    sizes = ((96, 128), (128, 96), (48, 64), (97, 131))
    pix = {(97, 131): "yuv444p"}
    parts = [
        clip(path.with_name(f"part{k}.ts"), count=6, first=10 * k, size=size, pix=pix.get(size, "yuv420p"))
        for k, size in enumerate(sizes)
    ]
    joined(path, parts)
    for part in parts:
        part.unlink()
    return path


def talkie(path: Path, starts: list[float], codec: str = "aac") -> Path:
    """A film of a second with sound whose pieces begin at odd times, in seconds."""
    with av.open(str(path), "w") as file:
        video: Any = file.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 128, 96, "yuv420p"
        heard: Any = file.add_stream(codec, rate=48000)
        heard.codec_context.layout = "mono"
        packets = []
        for k in range(25):
            frame = av.VideoFrame.from_ndarray(np.full((96, 128, 3), 9 * k, np.uint8), format="rgb24")
            frame.pts, frame.time_base = k, Fraction(1, 25)
            packets += video.encode(frame)
        packets += video.encode(None)
        kind = heard.codec_context.format.name
        for k in range(3 * len(starts)):
            samples = np.zeros((1, 1024), np.float32 if kind.startswith("flt") else np.int16)
            frame = av.AudioFrame.from_ndarray(samples, format=kind, layout="mono")
            frame.sample_rate, frame.time_base, frame.pts = 48000, Fraction(1, 48000), 1024 * k
            packets += heard.encode(frame)
        packets += heard.encode(None)
        for number, packet in enumerate(p for p in packets if p.stream is heard and p.pts is not None):
            packet.pts = packet.dts = packet.pts + round(starts[min(number // 3, len(starts) - 1)] * 48000)
        for packet in sorted(packets, key=lambda p: float((p.dts or 0) * p.time_base)):
            try:
                file.mux(packet)
            except av.error.FFmpegError:
                break
    return path


def silent_head(path: Path, audio: bool) -> Path:
    """A file with the head of a video and no frame in it."""
    with av.open(str(path), "w") as file:
        stream: Any = file.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        if audio:
            file.add_stream("aac", rate=48000)
        stream.codec_context.open()
        file.start_encoding()
    return path


def y4m(head: str, frames: int = 4, size: int = 64 * 48 * 3 // 2) -> bytes:
    return f"YUV4MPEG2 {head}\n".encode() + (b"FRAME\n" + bytes(size)) * frames


def png(path: Path, suffix: str) -> bytes:
    Image.new("RGB", (60, 40), "red").save(path.with_suffix(".tmp"), suffix)
    return path.with_suffix(".tmp").read_bytes()


X = {"options": {"preset": "ultrafast", "bf": "0"}, "count": 8}
WIDE = {"codec": "mjpeg", "pix": "yuvj420p", "count": 3, "image": lambda _: np.full((16, 20000, 3), 90, np.uint8)}
HIGH = {"codec": "mjpeg", "pix": "yuvj420p", "count": 3, "image": lambda _: np.full((20000, 16, 3), 90, np.uint8)}

CLIPS: dict[str, Callable[[Make, Path], Path]] = {
    # times
    "gap-11h.mkv": lambda clip, p: clip(p, times=[0, 40, 80, 11 * HOUR, 11 * HOUR + 40], **X | {"count": 5}),
    "gap-11h.mp4": lambda clip, p: clip(p, times=[0, 40, 80, 11 * HOUR, 11 * HOUR + 40], **X | {"count": 5}),
    "gap-40d.mkv": lambda clip, p: clip(p, times=[0, 40, 960 * HOUR, 960 * HOUR + 40], **X | {"count": 4}),
    "late-2-50.mkv": lambda clip, p: clip(p, times=[2**50 + 40 * k for k in range(8)], **X),
    "late-2-40.mp4": lambda clip, p: clip(p, times=[2**40 + 40 * k for k in range(8)], **X),
    "negative.mkv": lambda clip, p: clip(
        p, times=range(-400, 400, 40), muxer={"avoid_negative_ts": "disabled"}, **X
    ),
    "wrap.ts": lambda clip, p: clip(p, times=[95_443_500 + 40 * k for k in range(20)], **X),
    "back.mkv": lambda clip, p: patch(
        clip(p, gop=5, muxer={"cluster_time_limit": "200"}, **X | {"count": 40}), b"\xe7\x82", 0, b"\x7f\xff"
    ),
    "back.flv": lambda clip, p: joined(p, [clip(p.with_name("x.flv"), codec="flv", count=8)] * 2),
    "twice.ts": lambda clip, p: joined(p, [clip(p.with_name("x.ts"), **X)] * 3),
    "timescale-1.mp4": lambda clip, p: patch(clip(p, **X), b"mdhd", 12, struct.pack(">I", 1)),
    "timescale-0.mp4": lambda clip, p: patch(clip(p, **X), b"mdhd", 12, struct.pack(">I", 0)),
    "timescale-max.mp4": lambda clip, p: patch(clip(p, **X), b"mdhd", 12, b"\xff\xff\xff\xff"),
    "deltas-0.mp4": lambda clip, p: patch(clip(p, **X), b"stts", 12, bytes(4)),
    "deltas-max.mp4": lambda clip, p: patch(clip(p, **X), b"stts", 12, b"\x7f\xff\xff\xff"),
    "deltas-minus.mp4": lambda clip, p: patch(clip(p, **X), b"stts", 12, b"\xff\xff\xff\xf0"),
    "ms-scale-0.mkv": lambda clip, p: patch(clip(p, **X), b"\x2a\xd7\xb1\x83", 0, bytes(3)),
    "ms-scale-max.mkv": lambda clip, p: patch(clip(p, **X), b"\x2a\xd7\xb1\x83", 0, b"\xff\xff\xff"),
    "rate-0.avi": lambda clip, p: patch(clip(p, codec="mpeg4", count=8), b"strh", 28, bytes(8)),
    "rate-max.avi": lambda clip, p: patch(clip(p, codec="mpeg4", count=8), b"strh", 24, b"\1\0\0\0\xff\xff\xff\x7f"),
    "delayed.mp4": lambda clip, p: clip(p, times=range(90_000, 90_320, 40), muxer={"use_editlist": "1"}, **X),
    # sizes
    "1x1.mkv": lambda clip, p: clip(p, codec="ffv1", size=(1, 1), pix="bgr0", count=4),
    "1x1.avi": lambda clip, p: clip(p, codec="rawvideo", size=(1, 1), pix="bgr24", count=4),
    "2x2.mp4": lambda clip, p: clip(p, size=(2, 2), **X),
    "1x300.mov": lambda clip, p: clip(p, codec="png", size=(1, 300), pix="rgb24", count=4),
    "300x1.mov": lambda clip, p: clip(p, codec="png", size=(300, 1), pix="rgb24", count=4),
    "33x35.mkv": lambda clip, p: clip(p, codec="mpeg4", size=(33, 35), count=8),
    "wide.avi": lambda clip, p: clip(p, size=(16, 20000), **WIDE),
    "high.avi": lambda clip, p: clip(p, size=(20000, 16), **HIGH),
    "changing.ts": changing,
    "squeezed.mkv": lambda clip, p: clip(p, aspect=Fraction(7, 1), **X),
    "box-0.mp4": lambda clip, p: patch(clip(p, **X), b"tkhd", 76, bytes(8)),
    "box-max.mp4": lambda clip, p: patch(clip(p, **X), b"tkhd", 76, b"\xff" * 8),
    "entry-max.mp4": lambda clip, p: patch(clip(p, **X), b"avc1", 24, b"\xff" * 4),
    "matrix.mp4": lambda clip, p: patch(clip(p, **X), b"tkhd", 40, b"\x80\0\0\0" * 9),
    "pixels-0.mkv": lambda clip, p: patch(clip(p, **X), b"\xb0\x81", 0, b"\0"),
    # formats of pixels
    **{
        f"{pix}.mkv": lambda clip, p, pix=pix: clip(p, codec="ffv1", pix=pix, count=4)
        for pix in ("gray", "gray16le", "gray10le", "yuv410p", "yuva420p", "yuv444p12le", "rgb48le", "gbrp16le")
    },
    "rgba64.mov": lambda clip, p: clip(p, codec="png", pix="rgba64be", count=4),
    "monob.mov": lambda clip, p: clip(p, codec="png", pix="monob", count=4),
    "argb.mov": lambda clip, p: clip(p, codec="qtrle", pix="argb", count=4),
    "ya8.mov": lambda clip, p: clip(p, codec="png", pix="ya8", count=4),
    "nv12.avi": lambda clip, p: clip(p, codec="rawvideo", pix="nv12", count=4),
    "yuv422p10.avi": lambda clip, p: clip(p, codec="rawvideo", pix="yuv422p10le", count=4),
    "alpha.webm": lambda clip, p: clip(p, "libvpx-vp9", pix="yuva420p", options={"deadline": "realtime"}, count=4),
    # nothing to see
    "empty.mp4": lambda clip, p: written(p, b""),
    "zeros.mp4": lambda clip, p: written(p, bytes(4096)),
    "noise.mkv": lambda clip, p: written(p, np.random.default_rng(0).bytes(4096)),
    "text.avi": lambda clip, p: written(p, b"no film\n" * 99),
    "page.webm": lambda clip, p: written(p, b"<!doctype html><title>404</title>" * 9),
    "image.mp4": lambda clip, p: written(p, png(p, "PNG")),
    "image.avi": lambda clip, p: written(p, png(p, "JPEG")),
    "list.mp4": lambda clip, p: written(p, b"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nother.ts\n"),
    "concat.mp4": lambda clip, p: written(p, b"ffconcat version 1.0\nfile other.mp4\n"),
    "frameless.mp4": lambda clip, p: silent_head(p, audio=False),
    "frameless.mkv": lambda clip, p: silent_head(p, audio=False),
    "frameless-sound.mp4": lambda clip, p: silent_head(p, audio=True),
    "encrypted.mp4": lambda clip, p: patch(clip(p, **X), b"avc", -3, b"enc"),
    "other-codec.mp4": lambda clip, p: patch(clip(p, **X), b"stsd", 12, b"zzzz"),
    "moov-only.mp4": lambda clip, p: written(p, (b := clip(p, **X).read_bytes())[b.index(b"moov") - 4 :]),
    "half.mp4": lambda clip, p: written(p, (b := clip(p, **X).read_bytes())[: len(b) // 2]),
    "half.mkv": lambda clip, p: written(p, (b := clip(p, **X).read_bytes())[: len(b) // 2]),
    # heads that ask for too much
    "huge.y4m": lambda clip, p: written(p, y4m("W65000 H65000 F25:1")),
    "nothing.y4m": lambda clip, p: written(p, y4m("W0 H0 F0:0")),
    "odd.y4m": lambda clip, p: written(p, y4m("W64 H48 F0:0 A0:0 C420jpeg")),
    "rate.y4m": lambda clip, p: written(p, y4m("W64 H48 F2147483647:1 A65535:1")),
    "slow.y4m": lambda clip, p: written(p, y4m("W64 H48 F1:100000 A0:0")),
    "huge.ivf": lambda clip, p: written(
        p, b"DKIF\0\0\x20\0VP90" + struct.pack("<2H4I", 65535, 65535, 0, 0, 9, 0) + bytes(64)
    ),
    # sound
    "sound-gap.mp4": lambda clip, p: talkie(p, [0, 0.2, 90_000.0]),
    "sound-late.mkv": lambda clip, p: talkie(p, [50_000.0], "libopus"),
    "sound-early.mkv": lambda clip, p: talkie(p, [-0.5, 0.1], "libopus"),
    "sound-flac.mkv": lambda clip, p: talkie(p, [0, 0.4], "flac"),
    "sound-noise.mp4": lambda clip, p: mutated(mutated(talkie(p, [0, 0.3]), 5), 11),
}  # fmt: skip
MUTANTS = {
    f"{seed}-{name}": (name, seed)
    for name in ("m.mp4", "m.mkv", "m.webm", "m.avi", "m.ts", "m.flv", "m.mpg", "m.nut", "m.mov", "m.wmv", "m.y4m")
    for seed in range(6)
}
OF = {
    "m.webm": "libvpx", "m.avi": "mpeg4", "m.flv": "flv", "m.mpg": "mpeg2video", "m.mov": "mjpeg", "m.wmv": "wmv2",
    "m.y4m": "rawvideo",
}  # fmt: skip


def make(clip: Make, folder: Path, name: str) -> Path:
    if name not in MUTANTS:
        return CLIPS[name](clip, folder / name)
    base, seed = MUTANTS[name]
    pix = "yuvj420p" if base == "m.mov" else "yuv420p"
    return mutated(clip(folder / name, codec=OF.get(base, "libx264"), count=8, pix=pix), seed)


def check(mien: Callable[..., Any], folder: Path, names: list[str], clip: Make) -> Any:
    """Run over clips with a photo before and behind each; return what the command left."""
    sources: list[Path] = []
    for k, name in enumerate(names):
        (folder / "clips").mkdir(exist_ok=True)
        photo = folder / f"{k}.png"
        Image.new("RGB", (32, 32), "gray").save(photo)
        sources += [photo, make(clip, folder / "clips", name)]
    last = folder / "last.png"
    Image.new("RGB", (32, 32), "gray").save(last)
    ran = mien("predict", *sources, last, "--format", "jsonl", "--detector", "whole", "--out", folder / "out")
    assert ran.code in (0, 2), ran.err
    assert "Traceback" not in ran.err
    rows = [json.loads(line) for line in ran.out.splitlines()]
    assert list(dict.fromkeys(row["source"] for row in rows)) == [str(source) for source in (*sources, last)]
    assert all(row["error"] is None or "\n" not in row["error"] for row in rows)
    assert all(row["error"] is None for row in rows if row["source"].endswith(".png"))
    bugs = [row["error"] for row in rows if row["error"] and "a bug in mien" in row["error"]]
    assert not bugs
    assert "a bug in mien" not in ran.err
    return ran


SLICE = (
    "gap-11h.mkv",
    "late-2-50.mkv",
    "back.mkv",
    "1x1.mkv",
    "wide.avi",
    "changing.ts",
    "gray16le.mkv",
    "encrypted.mp4",
)


@pytest.mark.parametrize("name", SLICE)
def test_one_bad_clip(tmp_path: Path, mien: Callable[..., Any], clip: Make, name: str) -> None:
    check(mien, tmp_path, [name], clip)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*CLIPS, *MUTANTS])
def test_every_bad_clip(tmp_path: Path, mien: Callable[..., Any], clip: Make, name: str) -> None:
    check(mien, tmp_path, [name], clip)


def test_many_bad_clips_in_one_run(tmp_path: Path, mien: Callable[..., Any], clip: Make) -> None:
    names = [name for name in CLIPS if name not in SLICE][::3] + list(MUTANTS)[::7]
    check(mien, tmp_path, names, clip)
