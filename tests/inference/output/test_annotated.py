"""Annotated videos, read again with PyAV: codec, times, sound copied bit for bit, and what a killed run leaves."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
import pytest

from mien.face import Face
from mien.inference.media.sources import Source
from mien.inference.media.writer import FRAGMENT, Movie, configuration
from mien.inference.output.annotated import BLINK, HOLD, Annotated
from mien.inference.output.draw import annotate
from mien.inference.prediction import FrameResult, Prediction
from mien.labels import EXPRESSIONS
from mien.measures import Measures
from mien.outputs import Outputs

NOTHING = np.empty((0, 48, 48, 1), np.uint8)


class Written(NamedTuple):
    """A video read again: codecs, pixel format, the frames' times, the end of the image, the packets of sound."""

    codecs: dict[str, str]
    pixels: str
    times: list[float]
    end: float
    sound: list[tuple[float, bytes]]


def again(path: Path) -> Written:
    with av.open(str(path)) as file:
        codecs = {stream.type: stream.codec_context.name for stream in file.streams}
        video = file.streams.video[0]
        frames = [(frame.time or 0.0, frame.format.name) for frame in file.decode(video)]
        end = float((video.duration or 0) * (video.time_base or 0))
    return Written(codecs, frames[0][1], [at for at, _ in frames], end, packets(path))


def packets(path: Path) -> list[tuple[float, bytes]]:
    with av.open(str(path)) as file:
        if not file.streams.audio:
            return []
        packets = [packet for packet in file.demux(file.streams.audio[0]) if packet.pts is not None]
        return [(float(packet.pts * packet.time_base), bytes(packet)) for packet in packets]


def boxes(path: Path) -> Iterator[str]:
    """Yield the kinds of the boxes that an MP4 consists of."""
    data, at = path.read_bytes(), 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        yield data[at + 4 : at + 8].decode()
        at += size if size != 1 else int.from_bytes(data[at + 8 : at + 16], "big")


def talkie(path: Path, images: list[np.ndarray], codec: str, rate: int = 20, late: float = 0.0) -> Path:
    """Write images with a rising tone that begins `late` seconds after them."""
    hertz = 48000
    with av.open(str(path), "w") as file:
        video = file.add_stream("libx264", rate=rate, options={"bf": "0"})
        video.height, video.width = images[0].shape[:2]
        video.pix_fmt = "yuv420p"
        heard = file.add_stream(codec, rate=hertz)
        heard.codec_context.layout = "mono"
        resampler = av.AudioResampler(heard.codec_context.format.name, "mono", hertz)
        for k, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            frame.pts, frame.time_base = k, Fraction(1, rate)
            file.mux(video.encode(frame))
        clock = np.arange(int((len(images) / rate - late) * hertz)) / hertz
        tone = (0.3 * np.sin(2 * np.pi * (300 + 200 * clock) * clock)).astype(np.float32)[None]
        for first in range(0, tone.shape[1], 1024):
            samples = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(tone[:, first : first + 1024]), format="fltp", layout="mono"
            )
            samples.sample_rate, samples.time_base = hertz, Fraction(1, hertz)
            samples.pts = first + round(late * hertz)
            for ready in resampler.resample(samples):
                file.mux(heard.encode(ready))
        file.mux(video.encode(None))
        file.mux(heard.encode(None))
    return path


def movie(path: Path, images: list[np.ndarray], times: list[float], sound: Path | None = None) -> Written:
    writer = Movie(path, sound)
    for image, seconds in zip(images, times, strict=True):
        writer.add(image, seconds)
    writer.close()
    return again(path)


def test_h264_that_browsers_play_with_the_frames_own_times(tmp_path: Path, moved: list[np.ndarray]) -> None:
    times = [0.0, 0.04, 0.08, 0.5, 0.51, 0.6, 1.7, 1.75, 1.8, 4.0, 4.04, 4.08]
    got = movie(tmp_path / "a.mp4", moved, times)
    assert got.codecs == {"video": "h264"}
    assert got.pixels == "yuv420p"
    assert got.times == pytest.approx(times, abs=2e-5)
    assert got.end == pytest.approx(4.12, abs=2e-3)
    assert {"moov", "mdat"} < set(boxes(tmp_path / "a.mp4")) <= {"ftyp", "free", "mdat", "moov"}  # no fragments left


def test_time_starts_with_the_first_frame_that_is_read(tmp_path: Path, moved: list[np.ndarray]) -> None:
    got = movie(tmp_path / "a.mp4", moved[:3], [37.0, 37.1, 37.3])
    assert got.times == pytest.approx([0, 0.1, 0.3], abs=2e-5)


def test_one_frame_is_a_video_and_none_is_no_harm(tmp_path: Path, moved: list[np.ndarray]) -> None:
    assert movie(tmp_path / "a.mp4", moved[:1], [2.5]).times == [0.0]
    Movie(tmp_path / "none.mp4").close()


def test_times_that_stand_still_or_go_back_are_moved_on(tmp_path: Path, moved: list[np.ndarray]) -> None:
    got = movie(tmp_path / "a.mp4", moved[:4], [0.0, 0.1, 0.1, 0.05])
    assert len(got.times) == 4
    assert got.times == sorted(set(got.times))


@pytest.mark.parametrize("size", [(101, 75), (76, 101), (100, 75)])
def test_odd_sides_and_changing_sizes(tmp_path: Path, size: tuple[int, int], astronaut: np.ndarray) -> None:
    height, width = size
    images = [astronaut[:height, :width], astronaut[: height + 40, : width + 31]]
    movie(tmp_path / "a.mp4", images, [0.0, 0.1])
    with av.open(str(tmp_path / "a.mp4")) as file:
        first, second = (frame.to_ndarray(format="rgb24") for frame in file.decode(video=0))
    assert first.shape == second.shape == (height + height % 2, width + width % 2, 3)
    assert np.abs(first[:height, :width].astype(int) - images[0]).mean() < 12


def test_colours_are_those_of_the_frame(tmp_path: Path) -> None:
    for name, colour in {"red": (200, 30, 30), "green": (30, 180, 40), "blue": (20, 40, 200)}.items():
        movie(tmp_path / f"{name}.mp4", [np.full((64, 64, 3), colour, np.uint8)] * 3, [0, 0.1, 0.2])
        with av.open(str(tmp_path / f"{name}.mp4")) as file:
            frame = next(iter(file.decode(video=0)))
        assert frame.to_ndarray(format="rgb24")[32, 32] == pytest.approx(colour, abs=6)


def test_without_h264_there_is_mpeg4(tmp_path: Path, moved: list[np.ndarray], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(av, "codecs_available", av.codecs_available - {"libx264"})
    got = movie(tmp_path / "a.mp4", moved, [k / 20 for k in range(12)])
    assert got.codecs == {"video": "mpeg4"}
    assert got.times == pytest.approx(np.arange(12) / 20, abs=2e-5)


@pytest.mark.parametrize(
    ("codec", "suffix", "kept"),
    [
        ("aac", ".mp4", "aac"),
        ("libmp3lame", ".mkv", "mp3float"),
        ("ac3", ".mkv", "ac3"),
        ("libopus", ".mkv", "opus"),
        ("flac", ".mkv", "flac"),
    ],
)
def test_sound_is_copied_packet_by_packet(
    tmp_path: Path, moved: list[np.ndarray], codec: str, suffix: str, kept: str
) -> None:
    images = moved * 4
    source = talkie(tmp_path / f"a{suffix}", images, codec)
    got = movie(tmp_path / "out.mp4", images, [k / 20 for k in range(48)], source)
    assert got.codecs == {"video": "h264", "audio": kept}
    before = [packet for packet in packets(source) if packet[0] >= 0]
    assert [data for _, data in got.sound] == [data for at, data in before if at < 2.4]
    assert [at for at, _ in got.sound] == pytest.approx([at for at, _ in before if at < 2.4], abs=1e-3)


def test_sound_of_a_transport_stream_loses_its_headers_alone(tmp_path: Path, moved: list[np.ndarray]) -> None:
    """It has none in its container that MP4 could take over: no frame of the video was written beside it."""
    source = talkie(tmp_path / "a.ts", moved, "aac", rate=5)
    got = movie(tmp_path / "out.mp4", moved, [k / 5 for k in range(len(moved))], source)
    bare, heard = [data[7:] for _, data in packets(source)], [data for _, data in got.sound]
    first = bare.index(heard[0])
    assert first <= 2
    assert heard == bare[first : first + len(heard)]
    assert len(heard) > len(bare) - 4
    with av.open(str(tmp_path / "out.mp4")) as file:
        assert sum(frame.samples for frame in file.decode(audio=0)) == 1024 * len(heard)


@pytest.mark.parametrize("header", ["", "fff150002c7ffc0000"], ids=["none", "channels that it does not name"])
def test_sound_without_a_description_is_left_out_before_a_stream_is_made(header: str) -> None:
    with pytest.raises(ValueError, match=r"no header|channels that the stream describes"):
        configuration(bytes.fromhex(header))


def test_sound_is_trimmed_with_the_image(tmp_path: Path, moved: list[np.ndarray]) -> None:
    images = moved * 4
    source = talkie(tmp_path / "a.mp4", images, "aac")
    got = movie(tmp_path / "out.mp4", images[20:31], [k / 20 for k in range(20, 31)], source)
    inside = [(at - 1.0, data) for at, data in packets(source) if 1.0 <= at < 1.55]
    assert [data for _, data in got.sound] == [data for _, data in inside]
    assert [at for at, _ in got.sound] == pytest.approx([at for at, _ in inside], abs=1e-3)


def test_sound_that_begins_late_stays_late(tmp_path: Path, moved: list[np.ndarray]) -> None:
    source = talkie(tmp_path / "a.mp4", moved * 4, "aac", late=1.0)
    got = movie(tmp_path / "out.mp4", moved * 4, [k / 20 for k in range(48)], source)
    assert packets(source)[0][0] == pytest.approx(1.0, abs=0.03)
    assert got.sound[0][0] == pytest.approx(packets(source)[0][0], abs=1e-3)


def test_sound_that_mp4_cannot_hold_is_left_out_and_reported(
    tmp_path: Path, moved: list[np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    source = talkie(tmp_path / "a.mkv", moved, "pcm_s16le")
    got = movie(tmp_path / "out.mp4", moved, [k / 20 for k in range(12)], source)
    assert got.codecs == {"video": "h264"}
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "a.mkv: its sound, pcm_s16le, does not fit into MP4 and is left out" in err


def test_a_source_that_cannot_be_opened_gives_no_sound(tmp_path: Path, moved: list[np.ndarray]) -> None:
    (tmp_path / "a.mp4").write_bytes(b"nothing")
    for source in (tmp_path / "a.mp4", tmp_path / "gone.mp4"):
        assert movie(tmp_path / "out.mp4", moved[:2], [0.0, 0.1], source).sound == []


def test_a_source_that_is_cut_gives_the_sound_it_has(tmp_path: Path, moved: list[np.ndarray]) -> None:
    source = talkie(tmp_path / "a.mkv", moved * 4, "libopus")
    source.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
    whole = [data for _, data in packets(source)]
    got = movie(tmp_path / "out.mp4", moved * 4, [k / 20 for k in range(48)], source)
    assert len(got.times) == 48
    assert [data for _, data in got.sound] == whole[-len(got.sound) :]


def face(share: float, expression: str = "surprise", left: float = 20.0) -> Face:
    probs = np.full(8, (1 - share) / 7, np.float32)
    probs[EXPRESSIONS.index(expression)] = share
    return Face(np.array([left, 60, left + 80, 160], np.float32), 0.9, track_id=1).read(EXPRESSIONS, probs)


def test_figures_stand_but_expression_and_box_do_not(
    tmp_path: Path, astronaut: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[Face] = []

    def watched(image: np.ndarray, faces: list[Face], blinked: set[int]) -> np.ndarray:
        shown.extend(faces)
        return annotate(image, faces, blinked)

    monkeypatch.setattr("mien.inference.output.annotated.annotate", watched)
    faces_shown = [face(0.5), face(0.6, left=24), face(0.7), face(0.9, "anger"), face(0.8, "anger"), face(0.7, "anger")]
    times = [0.0, HOLD / 2, HOLD * 1.1, HOLD * 1.2, HOLD * 1.4, HOLD * 2.3]
    source = Source("a.mp4", tmp_path / "a.mp4", Path("a.mp4"))
    with Annotated(Outputs(tmp_path)) as annotated:
        for k, (one, at) in enumerate(zip(faces_shown, times, strict=True)):
            prediction = Prediction("a.mp4", k, at, 256, 256, faces=(one,))
            annotated.add(FrameResult(prediction, source, False, NOTHING, astronaut[:256, :256]))
    assert [round(one.confidence or 0, 2) for one in shown] == [0.5, 0.5, 0.7, 0.9, 0.9, 0.7]
    assert [one.expression for one in shown] == ["surprise"] * 3 + ["anger"] * 3
    assert float(shown[1].box[0]) == 24
    assert len(again(tmp_path / "annotated/a.mp4").times) == 6


def test_a_blink_is_named_for_a_while(tmp_path: Path, astronaut: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    named: dict[float, set[int]] = {}

    def watched(image: np.ndarray, faces: list[Face], blinked: set[int]) -> np.ndarray:
        named[len(named) / 25] = blinked
        return annotate(image, faces, blinked)

    monkeypatch.setattr("mien.inference.output.annotated.annotate", watched)
    source = Source("a.mp4", tmp_path / "a.mp4", Path("a.mp4"))
    with Annotated(Outputs(tmp_path)) as annotated:
        for k in range(60):
            eyes = 0.05 if 25 <= k < 29 else 0.6
            one = replace(face(0.5), track_id=3, measures=Measures(0, 0, 0, 50, eyes, eyes, 0, 40, 100))
            prediction = Prediction("a.mp4", k, k / 25, 256, 256, faces=(one,))
            annotated.add(FrameResult(prediction, source, False, NOTHING, astronaut[:256, :256]))
    times = [at for at, tracks in named.items() if tracks == {3}]
    assert (times[0], times[-1]) == (pytest.approx(29 / 25), pytest.approx(29 / 25 + BLINK, abs=0.05))
    assert len(times) == round((times[-1] - times[0]) * 25) + 1


def test_videos_that_share_a_name_and_begin_anywhere(tmp_path: Path, moved: list[np.ndarray]) -> None:
    with Annotated(Outputs(tmp_path)) as annotated:
        for folder in "ab":
            source = Source(f"{folder}/v.mp4", tmp_path / folder / "v.mp4", Path("v.mp4"))
            for k, image in enumerate(moved[:3]):
                prediction = Prediction(source.name, k + 90, 3 + k / 30, 256, 320)
                annotated.add(FrameResult(prediction, source, False, NOTHING, image))
    assert sorted(path.name for path in (tmp_path / "annotated").iterdir()) == ["v-2.mp4", "v.mp4"]
    assert len(again(tmp_path / "annotated/v-2.mp4").times) == 3


def lines(stream: Any, count: int) -> Iterator[bytes]:
    for _ in range(count):
        yield stream.readline()


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX")
def test_a_killed_run_leaves_files_that_can_be_read(
    tmp_path: Path, film: Callable[..., Path], moved: list[np.ndarray]
) -> None:
    video = film(tmp_path / "long.mp4", (moved + moved[::-1]) * 8, rate=10)  # 19 seconds
    out = tmp_path / "res"
    command = [sys.executable, "-m", "mien.cli", "predict", str(video), "--format", "csv", "--out", str(out)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as running:
        assert running.stdout is not None
        rows = list(lines(running.stdout, 120))
        running.send_signal(signal.SIGKILL)
    assert running.returncode == -signal.SIGKILL
    left = (out / "predictions.csv").read_bytes().splitlines(keepends=True)
    assert left[:120] == rows
    times = again(out / "annotated/long.mp4").times
    assert times[-1] >= 119 / 10 - 2 * FRAGMENT - 4  # what the encoder held and the fragment that was being written
    assert times == pytest.approx(np.arange(len(times)) / 10, abs=1e-3)
    assert (out / "events.csv").read_text().startswith("source,track_id,expression")


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_interrupted_ends_its_files(
    tmp_path: Path, film: Callable[..., Path], moved: list[np.ndarray], number: signal.Signals
) -> None:
    video = film(tmp_path / "long.mp4", (moved + moved[::-1]) * 20, rate=10)
    out = tmp_path / "res"
    command = [sys.executable, "-m", "mien.cli", "predict", str(video), "--format", "json", "--out", str(out)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        list(lines(running.stdout, 30))
        time.sleep(0.1)
        running.send_signal(number)
        rest, err = running.communicate(timeout=60)
    assert running.returncode == 128 + number
    assert rest.endswith(b"\n]\n")
    assert b"wrote" in err
    assert len(again(out / "annotated/long.mp4").times) >= 29
    assert len((out / "people.csv").read_text().splitlines()) == 2
    assert "<svg" in (out / "report.html").read_text()
