"""Real encodings of everything that moves, whole and broken: the right frames at the right times, or one line."""

import csv
import json
import os
import struct
import threading
import tracemalloc
from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from mien.errors import MediaError, UsageError
from mien.inference.media.video import Clip, about, frames, is_video

from ... import scheduling

MakeFilm = Callable[..., Path]
SIZE = (64, 96)  # height, width
RATE = 20


def grey(index: int) -> int:
    """The brightness that frame `index` is filled with, so that a decoded frame says which one it is."""
    return 20 + 5 * (index % 40)


def number_in(image: np.ndarray) -> int:
    return round((float(image.mean()) - 20) / 5)


def encode(
    path: Path, count: int = 40, codec: str = "libx264", pix: str = "yuv420p", gop: int = 10, size: Any = SIZE,
    times: Iterable[int] | None = None, options: dict[str, str] | None = None, muxer: dict[str, str] | None = None,
    rotation: int = 0,
) -> Path:  # fmt: skip
    """Write frames whose brightness tells their index; `times` in milliseconds, else RATE."""
    if codec not in av.codecs_available:
        pytest.skip(f"this FFmpeg does not write {codec}")
    with scheduling.kept(), av.open(str(path), "w", options=muxer or {}) as file:
        stream: Any = file.add_stream(codec, rate=RATE, options=options or {})
        stream.height, stream.width, stream.pix_fmt = *size, pix
        stream.codec_context.gop_size, stream.bit_rate = gop, 4_000_000
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        if rotation:
            stream.set_display_rotation(rotation)
        for k, time in enumerate(range(count) if times is None else times):
            frame = av.VideoFrame.from_ndarray(np.full((*size, 3), grey(k), np.uint8), format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, RATE if times is None else 1000)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def seen(path: Path | str, **clip: Any) -> list[tuple[int, float]]:
    return [(index, seconds) for index, seconds, _ in frames(path, Clip(**clip))]


def partly(path: Path) -> tuple[list[tuple[int, float, int]], str]:
    """Return what can be read of a broken file, and the error at its end."""
    good: list[tuple[int, float, int]] = []
    with pytest.raises(MediaError) as caught:
        good.extend((index, seconds, number_in(image)) for index, seconds, image in frames(path))
    assert "\n" not in str(caught.value)
    return good, str(caught.value)


ENCODINGS: dict[str, dict[str, Any]] = {
    "mpeg4.mp4": {"codec": "mpeg4"},
    "mpeg4.avi": {"codec": "mpeg4"},
    "h264.mp4": {},
    "h264.mkv": {},
    "h264.ts": {},
    "h264.mov": {},
    "fragments.mp4": {"muxer": {"movflags": "frag_keyframe+empty_moov"}},
    "mpeg2.mpg": {"codec": "mpeg2video"},
    "vp9.webm": {"codec": "libvpx-vp9", "options": {"deadline": "realtime", "cpu-used": "8"}},
    "deep.mp4": {"pix": "yuv420p10le", "options": {"profile": "high10"}},
    "deep-av1.mp4": {"codec": "libsvtav1", "pix": "yuv420p10le", "options": {"preset": "12", "svtav1-params": "lp=1"}},
    "hevc.mp4": {"codec": "libx265", "options": {"x265-params": "log-level=none"}},
    "deep-hevc.mkv": {"codec": "libx265", "pix": "yuv420p10le", "options": {"x265-params": "log-level=none"}},
    "open-groups.mp4": {"options": {"x264-params": "open-gop=1:bframes=3"}},
    "portrait.mp4": {"size": (96, 54)},
}


@pytest.mark.parametrize("name", ENCODINGS)
def test_every_frame_at_its_time_also_after_a_seek(tmp_path: Path, name: str) -> None:
    path = encode(tmp_path / name, **ENCODINGS[name])
    whole = [(index, seconds, number_in(image)) for index, seconds, image in frames(path)]
    assert [index for index, _, _ in whole] == list(range(40))
    assert all(abs(shade - index) <= 1 for index, _, shade in whole)  # no frame is more than one grey off
    assert np.allclose([seconds for _, seconds, _ in whole], np.arange(40) / RATE, atol=0.001)
    assert all(image.shape == (*ENCODINGS[name].get("size", SIZE), 3) for _, _, image in frames(path, Clip(end=0.2)))
    for start in (0.02, 0.5, 0.73, 1.21, 1.9):
        part = [(index, seconds, number_in(image)) for index, seconds, image in frames(path, Clip(start=start))]
        assert part == [frame for frame in whole if frame[1] >= start], start
    assert is_video(path)


def test_times_are_the_timestamps(tmp_path: Path) -> None:
    times = [0, 40, 50, 200, 210, 700, 705, 1500, 1600, 3000]
    for name in ("uneven.mp4", "uneven.mkv"):
        path = encode(tmp_path / name, times=times, gop=2)
        assert seen(path) == [(k, time / 1000) for k, time in enumerate(times)]
    path = tmp_path / "uneven.mp4"
    assert seen(path, start=0.6) == [(k, time / 1000) for k, time in enumerate(times)][5:]  # it lists every frame
    assert [seconds for _, seconds in seen(tmp_path / "uneven.mkv", start=0.6)] == [0.7, 0.705, 1.5, 1.6, 3.0]


@pytest.mark.parametrize(
    ("clip", "indices"),
    [
        ({"every": 15}, [0, 15, 30]),
        ({"start": 0.5, "end": 0.6}, [10, 11]),
        ({"end": 0.1}, [0, 1]),
        ({"start": 0.45, "every": 10}, [9, 19, 29, 39]),
        ({"max_fps": 5}, list(range(0, 40, 4))),
        ({"max_fps": 20}, list(range(40))),
        ({"max_fps": 1000}, list(range(40))),
        ({"max_fps": 0.5}, [0]),
        ({"max_fps": 8, "end": 1}, [0, 3, 5, 8, 10, 13, 15, 18]),
        ({"max_fps": 5, "every": 3, "end": 1}, [0, 6, 9, 12, 18]),
        ({"max_fps": 2, "start": 0.3}, [6, 16, 26, 36]),
    ],
)
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_parts(tmp_path: Path, name: str, clip: dict[str, Any], indices: list[int]) -> None:
    assert [index for index, _ in seen(encode(tmp_path / name), **clip)] == indices


def test_max_fps_goes_by_time(tmp_path: Path) -> None:
    times = [*range(0, 1000, 10), *range(1000, 3000, 250)]  # 100 frames a second, then 4
    kept = [seconds for _, seconds in seen(encode(tmp_path / "a.mp4", times=times), max_fps=10)]
    assert np.allclose(kept, [*np.arange(0, 1, 0.1), *np.arange(1, 3, 0.25)], atol=0.011)


@pytest.mark.parametrize(
    ("clip", "message"),
    [
        ({"every": 0}, "`every` 0; expected a whole number of frames, at least 1"),
        ({"start": -1}, "`start` -1"),
        ({"start": float("nan")}, "`start` nan"),
        ({"start": float("inf")}, "`start` inf"),
        ({"start": 5, "end": 5}, "`end` 5; expected more seconds than `start` 5"),
        ({"start": 5, "end": 2.5}, "`end` 2.5"),
        ({"end": float("nan")}, "`end` nan"),
        ({"max_fps": 0}, "`max_fps` 0"),
        ({"max_fps": -2}, "`max_fps` -2"),
        ({"max_fps": float("inf")}, "`max_fps` inf"),
    ],
)
def test_impossible_parts(clip: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Clip(**clip)


@pytest.mark.parametrize(
    ("clip", "message"),
    [
        ({"start": 60}, r"a.mp4 ends at (1.9|2.0) s; expected `start` 60 to be before that"),
        ({"start": 1.01, "end": 1.02}, "a.mp4 has no frame from 1.01 s to 1.02 s"),
    ],
)
def test_parts_without_a_frame(tmp_path: Path, clip: dict[str, Any], message: str) -> None:
    with pytest.raises(MediaError, match=message):
        seen(encode(tmp_path / "a.mp4"), **clip)


def test_seeking_reads_little(tmp_path: Path) -> None:
    path = encode(tmp_path / "long.mkv", count=20 * 60, size=(32, 32))
    before = path.stat().st_size
    damaged = bytearray(path.read_bytes())
    damaged[before // 4 : before // 2] = os.urandom(before // 2 - before // 4)  # a reader that passes there notices
    path.write_bytes(damaged)
    assert seen(path, start=58.02) == [(k, k / RATE) for k in range(1161, 1200)]


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_rotation(tmp_path: Path, film: MakeFilm, moved: list[np.ndarray], degrees: int) -> None:
    path = film(tmp_path / "a.mp4", moved)
    upright = next(frames(path))[2]
    content = bytearray(path.read_bytes())
    at = content.index(b"tkhd") + 4
    matrix = at + 4 + (20 if content[at] == 0 else 32) + 16
    a, b = {270: (0, 1), 180: (-1, 0), 90: (0, -1)}[degrees]  # a telephone held upright writes (0, 1)
    content[matrix : matrix + 36] = struct.pack(">9i", a << 16, b << 16, 0, -b << 16, a << 16, 0, 0, 0, 1 << 30)
    path.write_bytes(content)
    assert (next(frames(path))[2] == np.rot90(upright, degrees // 90)).all()


def test_4k(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mp4", count=2, size=(2160, 3840), options={"preset": "ultrafast"})
    assert [image.shape for _, _, image in frames(path)] == [(2160, 3840, 3)] * 2


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi", "a.ts", "fragments.mp4"])
def test_cut_short(tmp_path: Path, name: str) -> None:
    muxer = {"movflags": "frag_keyframe+empty_moov" if name == "fragments.mp4" else "faststart"}
    path = encode(tmp_path / name, codec="mpeg4", muxer=muxer if name.endswith("mp4") else {})
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 7 // 10 | 1])
    good, error = partly(path)
    assert [index for index, _, _ in good] == list(range(len(good)))
    assert 5 <= len(good) < 40
    assert all(abs(shade - index) <= 1 for index, _, shade in good)
    assert f"{name} is cut short or damaged at " in error
    assert f" s; {len(good)} frames were decoded" in error
    assert abs(float(error.split(" at ")[1].split(" s;")[0]) - good[-1][1]) <= 0.15


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
def test_garbage_in_the_middle(tmp_path: Path, name: str, astronaut: np.ndarray, film: MakeFilm) -> None:
    images = [astronaut[:160, 60 + 4 * k : 220 + 4 * k] for k in range(40)]
    path = film(tmp_path / name, images)
    content = bytearray(path.read_bytes())
    half = len(content) // 2
    content[half : half + 3000] = os.urandom(3000)
    path.write_bytes(content)
    good, error = partly(path)
    assert 20 <= len(good) < 40
    assert "is cut short or damaged at" in error
    assert f"{len(good)} frames were decoded" in error
    assert good[-1][1] > 1.8  # it went on behind


def test_a_broadcast_may_begin_anywhere(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.ts", codec="mpeg2video")
    content = path.read_bytes()
    path.write_bytes(content[188 * (len(content) // 188 // 3) :])
    assert 10 < len(seen(path)) < 40


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("sound.mp4", "has no moving image"),
        ("empty.mp4", "cannot be read as a video: it is empty"),
        ("noise.mp4", "cannot be read as a video"),
        ("text.mp4", "text.mp4"),
        ("notes.txt", "notes.txt"),
        ("photo.mp4", "has no moving image"),
        ("none.mp4", "no such file"),
        ("head.mp4", "its index is missing: cut short, or still being written"),
        ("codec.avi", "codec.avi uses a codec that this FFmpeg does not support"),
    ],
)
def test_not_videos(tmp_path: Path, photo: Path, sound: Path, name: str, message: str) -> None:
    made = encode(tmp_path / "made.mp4").read_bytes()
    avi = encode(tmp_path / "made.avi", codec="mpeg4").read_bytes()
    contents = {
        "sound.mp4": sound.read_bytes(),
        "empty.mp4": b"",
        "noise.mp4": os.urandom(5000),
        "text.mp4": b"not a video\n",
        "notes.txt": b"FFmpeg would play this as a teletype\n" * 50,
        "photo.mp4": photo.read_bytes(),
        "head.mp4": made[: len(made) // 3],
        "codec.avi": avi.replace(b"FMP4", b"QQQQ"),
    }
    path = tmp_path / name
    if name in contents:
        path.write_bytes(contents[name])
    with pytest.raises(MediaError, match=message) as caught:
        next(frames(path))
    assert "\n" not in str(caught.value)
    assert not is_video(path)


def with_cover(path: Path, photo: bytes, sounding: bool) -> Path:
    """Write a film with a JPEG of its cover as the first stream; the film is left out when only `sounding`."""
    made = encode(path.with_name("made.mp4"))
    with av.open(str(path), "w") as out, av.open(str(made)) as film:
        cover: Any = out.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 320, 320, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        if not sounding:
            stream = out.add_stream_from_template(film.streams.video[0])
        image = av.VideoFrame.from_ndarray(np.zeros((320, 320, 3), np.uint8), format="rgb24")
        image.pts, image.time_base = 0, Fraction(1, 1)
        out.mux(cover.encode(image))
        out.mux(cover.encode(None))
        for packet in () if sounding else film.demux(film.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)
    return path


def test_cover_images_are_no_video(tmp_path: Path) -> None:
    path = with_cover(tmp_path / "covered.mp4", b"", sounding=False)
    assert [image.shape for _, _, image in frames(path)] == [(*SIZE, 3)] * 40
    with pytest.raises(MediaError, match="has no moving image"):
        seen(with_cover(tmp_path / "cover.mp4", b"", sounding=True))


def test_a_shifted_start_counts_from_zero(tmp_path: Path) -> None:
    path = encode(tmp_path / "late.ts", times=range(5000, 7000, 50))
    assert [seconds for _, seconds in seen(path)] == pytest.approx(np.arange(40) / RATE, abs=1e-3)
    path = encode(tmp_path / "early.mkv", times=range(-500, 1500, 50), muxer={"avoid_negative_ts": "disabled"})
    assert [index for index, _ in seen(path)] == list(range(40))
    assert min(seconds for _, seconds in seen(path)) == 0


def sounding(path: Path, late: float) -> Path:
    """Write a second of sound, and ten frames that begin `late` seconds after it."""
    with av.open(str(path), "w") as file:
        stream: Any = file.add_stream("mpeg4", rate=RATE)
        stream.height, stream.width, stream.pix_fmt = *SIZE, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        sound: Any = file.add_stream("aac", rate=48000, layout="mono")
        for k in range(47):
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            silence.sample_rate, silence.pts = 48000, 1024 * k
            file.mux(sound.encode(silence))
        for k in range(10):
            image = av.VideoFrame.from_ndarray(np.full((*SIZE, 3), 99, np.uint8), format="rgb24")
            image.pts, image.time_base = round(1000 * late) + 50 * k, Fraction(1, 1000)
            file.mux(stream.encode(image))
        file.mux([*sound.encode(None), *stream.encode(None)])
    return path


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
@pytest.mark.parametrize("late", [0.0, 0.02, 2.0])
def test_frames_that_begin_after_the_sound_are_noted(tmp_path: Path, name: str, late: float, mien: Any) -> None:
    path, said = sounding(tmp_path / name, late), 2.0 * (late == 2)
    expected = f"second 0 is the first frame, {about(path)[1]:.3f} s after the start of the file" if said else ""
    assert about(path)[1] == pytest.approx(said, abs=0.03)  # in some containers sound begins before 0
    assert next(seconds for _, seconds in seen(path)) == 0
    assert mien("predict", path, "--format", "csv", "--out", tmp_path / "out").code == 0
    with (tmp_path / "out" / "predictions.csv").open() as rows:
        assert next(csv.DictReader(rows))["note"] == expected
    assert json.loads((tmp_path / "out" / "mien-inputs.jsonl").read_text())["starts_at"] == about(path)[1]


RAW: dict[str, tuple[dict[str, Any], int]] = {
    "b-frames.h264": ({"options": {"bf": "2"}}, RATE),
    "fields.h264": ({"options": {"x264-params": "interlaced=1"}}, RATE),
    "raw.hevc": ({"codec": "libx265", "options": {"x265-params": "log-level=none"}}, RATE),
    "silent.hevc": ({"codec": "libx265", "options": {"x265-params": "log-level=none:vui-timing-info=0"}}, 25),
    "raw.m4v": ({"codec": "mpeg4"}, RATE),
    "raw.mjpeg": ({"codec": "mjpeg", "pix": "yuvj420p"}, 25),
}


@pytest.mark.parametrize("name", RAW)
def test_bare_streams_have_the_times_of_their_rate(tmp_path: Path, name: str) -> None:
    made, rate = RAW[name]
    path = encode(tmp_path / name, **made)
    assert [seconds for _, seconds in seen(path)] == pytest.approx(np.arange(40) / rate, abs=1e-4)
    assert about(path)[0] == ("" if rate == RATE else "times assume 25 frames/s: the file has none")


def test_what_is_not_obvious_is_noted(tmp_path: Path) -> None:
    assert about(encode(tmp_path / "a.mp4"))[0] == ""
    assert about(with_cover(tmp_path / "covered.mp4", b"", sounding=False))[0] == ""
    assert about(animate(tmp_path / "a.gif", [100, 100]))[0] == ""
    assert about(two_cameras(tmp_path / "two.mkv"))[0] == "video stream 1 of 2"
    for curve, named in (("smpte2084", "PQ"), ("arib-std-b67", "HLG")):
        path = encode(tmp_path / f"{named}.mp4", options={"color_trc": curve, "colorspace": "bt2020nc"})
        assert about(path)[0] == f"HDR ({named}), not tone-mapped"


def two_cameras(path: Path) -> Path:
    """Write two videos into one file, the second one black."""
    with av.open(str(path), "w") as file:
        streams: list[Any] = [file.add_stream("mpeg4", rate=RATE) for _ in range(2)]
        for stream in streams:
            stream.height, stream.width, stream.pix_fmt = *SIZE, "yuv420p"
        for stream, brightness in zip(streams, (128, 0), strict=True):
            frame = av.VideoFrame.from_ndarray(np.full((*SIZE, 3), brightness, np.uint8), format="rgb24")
            frame.pts, frame.time_base = 0, Fraction(1, RATE)
            file.mux(stream.encode(frame))
            file.mux(stream.encode(None))
    return path


def animate(path: Path, durations: list[int], clear: bool = False) -> Path:
    colours = [(10 + 40 * k, 0, 0, 255) for k in range(len(durations))]
    images = [Image.new("RGBA", (20, 10), colour) for colour in colours]
    if clear:
        for image in images:
            image.paste((0, 0, 0, 0), (0, 0, 5, 10))
    options: dict[str, Any] = {"lossless": True} if path.suffix == ".webp" else {"disposal": 2 if clear else 0}
    kind = "PNG" if path.suffix == ".apng" else None
    images[0].save(path, kind, save_all=True, append_images=images[1:], duration=durations, **options)
    return path


@pytest.mark.parametrize("clear", [False, True])
@pytest.mark.parametrize("suffix", ["gif", "webp", "png", "apng"])
def test_animated_images(tmp_path: Path, suffix: str, clear: bool) -> None:
    path = animate(tmp_path / f"a.{suffix}", [100, 200, 300, 40], clear)
    got = list(frames(path))
    assert [(index, seconds) for index, seconds, _ in got] == [(0, 0), (1, 0.1), (2, 0.3), (3, 0.6)]
    for index, _, image in got:
        assert image.shape == (10, 20, 3)
        assert np.abs(image[5, 15].astype(int) - (10 + 40 * index, 0, 0)).max() <= 1
        assert (image[5, 2] == (255, 255, 255)).all() == clear
    assert is_video(path)
    assert [index for index, _ in seen(path, start=0.1, end=0.6)] == [1, 2]


def test_parts_of_frames_are_composed(tmp_path: Path) -> None:
    first, second = Image.new("RGB", (40, 40), "red"), Image.new("RGB", (40, 40), "red")
    second.paste("blue", (30, 30, 40, 40))  # Pillow stores only what changes
    for suffix in ("gif", "webp", "png"):
        path = tmp_path / f"a.{suffix}"
        first.save(path, save_all=True, append_images=[second], **({"lossless": True} if suffix == "webp" else {}))
        last = list(frames(path))[-1][2]
        assert (last[5, 5].tolist(), last[35, 35].tolist()) == ([255, 0, 0], [0, 0, 255]), suffix


def test_frames_that_ask_for_no_time_last_as_in_a_browser(tmp_path: Path) -> None:
    assert [seconds for _, seconds in seen(animate(tmp_path / "a.gif", [0, 10, 50, 50]))] == [0, 0.1, 0.2, 0.25]


@pytest.mark.parametrize("suffix", ["gif", "png"])
@pytest.mark.parametrize("share", [0.6, 0.97])
def test_cut_animations(tmp_path: Path, astronaut: np.ndarray, suffix: str, share: float) -> None:
    images = [Image.fromarray(astronaut[:80, 60 + 9 * k : 140 + 9 * k]) for k in range(8)]
    path = tmp_path / f"a.{suffix}"
    images[0].save(path, save_all=True, append_images=images[1:], duration=100)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    good, error = partly(path)
    assert 3 <= len(good) < 8
    assert f"cut short or damaged at {len(good) / 10:.1f} s; {len(good)} frames were decoded" in error


def test_cut_animated_webp_says_so(tmp_path: Path) -> None:
    path = animate(tmp_path / "a.webp", [100] * 5)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    good, error = partly(path)
    assert good == []
    assert "a.webp" in error


@pytest.mark.parametrize("name", ["a.mkv", "a.ts", "fragments.mp4"])
def test_a_file_that_is_still_being_written(tmp_path: Path, name: str) -> None:
    muxer = {"movflags": "frag_keyframe+empty_moov"} if name == "fragments.mp4" else {}
    content = encode(tmp_path / f"whole-{name}", muxer=muxer).read_bytes()
    path = tmp_path / name
    path.write_bytes(content[: len(content) * 6 // 10])
    go, done = threading.Event(), threading.Event()

    def write() -> None:
        go.wait(10)
        with path.open("ab") as file:
            file.write(content[len(content) * 6 // 10 : len(content) * 7 // 10])
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    got: list[int] = []

    def read() -> None:
        for index, _, _ in frames(path):
            got.append(index)
            go.set()
            done.wait(10)

    with pytest.raises(MediaError, match=rf"{name} was still being written at \d.\d s; \d+ frames were decoded"):
        read()
    writer.join()
    assert got == list(range(len(got)))
    assert len(got) >= 10


def test_memory_stays_flat(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mp4", count=120, size=(360, 640), options={"preset": "ultrafast"})
    levels = []
    tracemalloc.start()
    try:
        for index, _, _ in frames(path):
            if index % 10 == 9:
                levels.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert max(levels[3:]) - min(levels[3:]) < 3 * 640 * 360 * 3  # three frames of 120


def test_leaving_early_closes_the_file(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mp4")
    reading: Any = frames(path)
    next(reading)
    assert opened_by_us(path)
    reading.close()
    assert not opened_by_us(path)


def opened_by_us(path: Path) -> bool:
    links = Path("/proc/self/fd")
    if not links.is_dir():
        pytest.skip("this system does not list open files")
    return any(link.exists() and link.resolve() == path.resolve() for link in links.iterdir())


def test_titles_in_another_encoding(film: MakeFilm, tmp_path: Path, moved: list[np.ndarray]) -> None:
    path = film(tmp_path / "a.avi", moved, codec="mpeg4", title="Caf? Z?rich")
    content = path.read_bytes()
    assert b"Caf? Z?rich" in content
    path.write_bytes(content.replace(b"Caf? Z?rich", "Café Zürich".encode("latin-1")))
    assert len(seen(path)) == len(moved)
    assert is_video(path)


def test_is_video_looks_inside(video: Path, photo: Path) -> None:
    renamed = video.with_name("clip.dat")
    renamed.write_bytes(video.read_bytes())
    assert is_video(renamed)
    assert not is_video(photo)


@pytest.mark.parametrize("source", ["camera:", "camera:front", "camera:97"])
def test_no_camera(source: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(MediaError, match=source):
        next(frames(source))
    assert capfd.readouterr() == ("", "")
