"""Who was on screen how long and showed what: against sums by hand, in files, on the page, and with bounded memory."""

import csv
import re
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mien.card import Card
from mien.compound import FITTED
from mien.face import Correction, Face
from mien.inference.media.sources import Source
from mien.inference.output import people_csv
from mien.inference.output import video_section as page
from mien.inference.output.people_csv import People, columns
from mien.inference.output.report import FRAMES, PredictionReport
from mien.inference.output.rows import Extra
from mien.inference.pipeline import Pipeline
from mien.inference.prediction import FrameResult, Prediction
from mien.inference.video import summary as module
from mien.inference.video.events import Event
from mien.inference.video.summary import Peak, Person, VideoSummary
from mien.inference.video.thresholds import Thresholds
from mien.labels import EXPRESSIONS
from mien.outputs import Outputs

NOTHING = np.empty((0, 48, 48, 1), np.uint8)
IMAGE = np.full((120, 160, 3), 90, np.uint8)
CARD = Card(name="test", labels=EXPRESSIONS)
Mien = Callable[..., Any]


def source(name: str) -> Source:
    return Source(name, Path(name), Path(name))


def face(track: int, expression: str = "neutral", share: float = 0.9, **more: Any) -> Face:
    probs = np.full(8, (1 - share) / 7, np.float32)
    probs[EXPRESSIONS.index(expression)] = share
    box = np.array([10 + 30 * (track % 4), 20, 40 + 30 * (track % 4), 60], np.float32)
    return Face(box, 0.9, track_id=track, **more).read(EXPRESSIONS, probs)


def frame(
    of: Source, index: int, seconds: float, *faces: Face, image: np.ndarray | None = IMAGE, lasts: float = 0.05
) -> FrameResult:
    return FrameResult(Prediction(of.name, index, seconds, 160, 120, faces=faces), of, False, NOTHING, image, lasts)


def surprised(of: Source, begin: float = 2.0, end: float = 4.0, length: float = 6.0) -> list[FrameResult]:
    """One face that is surprised for a while, 20 frames a second."""
    times = np.arange(int(length * 20)) / 20
    shown = ["surprise" if begin <= at < end else "neutral" for at in times]
    return [frame(of, k, float(at), face(1, shown[k], 0.99 if 2.9 <= at < 3.2 else 0.9)) for k, at in enumerate(times)]


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_seconds_and_means_are_weighted_with_time() -> None:
    of, film = source("a.mp4"), VideoSummary("a.mp4", EXPRESSIONS, 0.0)
    frames = [
        (0.0, 0.5, ["happiness"]),
        (0.5, 0.1, ["anger"]),
        (0.6, 1.4, []),
        (2.0, 1, ["anger"]),
        (3.0, 1, ["neutral"]),
    ]
    for k, (at, lasts, shown) in enumerate(frames):
        film.add(frame(of, k, at, *(face(1, name) for name in shown), lasts=lasts))
    film.end()
    person = film.people[1]
    stood = {"happiness": 0.5, "anger": 0.1 + 1.0, "neutral": 1.0}
    assert (person.first, person.last, person.frames) == (0.0, 3.0, 4)
    assert person.seconds == pytest.approx(2.6)
    for name, seconds in stood.items():
        other = (2.6 - seconds) * 0.1 / 7
        assert person.means[EXPRESSIONS.index(name)] == pytest.approx((seconds * 0.9 + other) / 2.6)
        assert person.top_seconds[EXPRESSIONS.index(name)] == pytest.approx(seconds)
        assert person.top_fractions[EXPRESSIONS.index(name)] == pytest.approx(seconds / 2.6)
    assert person.means.sum() == pytest.approx(1)
    assert person.top_seconds.sum() == pytest.approx(2.6)


def test_peaks_are_those_of_single_frames() -> None:
    of, film = source("a.mp4"), VideoSummary("a.mp4", EXPRESSIONS, 0.0)
    for k, (name, share) in enumerate([("fear", 0.7), ("anger", 0.8), ("fear", 0.95), ("fear", 0.95), ("anger", 0.5)]):
        film.add(frame(of, k, k / 2, face(1, name, share), lasts=0.5))
    film.end()
    row = dict(zip(columns(CARD), people_csv.row(film, film.people[1], CARD), strict=True))
    assert (row["peak_fear"], row["peak_seconds_fear"]) == (pytest.approx(0.95), 1.0)
    assert (row["peak_anger"], row["peak_seconds_anger"]) == (pytest.approx(0.8), 0.5)
    assert row["top_seconds_fear"] == pytest.approx(1.5)
    assert row["top_fraction_fear"] == pytest.approx(0.6)
    assert row["top_seconds_disgust"] == 0


@pytest.mark.parametrize(("share", "named"), [(0.001, False), (0.39, False), (0.41, True)])  # EXPRESSED is 0.4
def test_no_moment_is_named_where_nothing_was_expressed(share: float, named: bool) -> None:
    of, film = source("a.mp4"), VideoSummary("a.mp4", EXPRESSIONS, 0.0)
    probs = np.zeros(8, np.float32)
    probs[[0, 1]] = 1 - share, share
    for k in range(20):
        film.add(frame(of, k, k / 20, replace(face(1), probs=probs)))
    film.end()
    row = dict(zip(columns(CARD), people_csv.row(film, film.people[1], CARD), strict=True))
    assert (row["peak_expression"], row["peak_confidence"]) == (
        ("happiness", pytest.approx(share)) if named else (None, None)
    )
    text = unescape(page.section(film)[0])
    assert ("happiness 41 % at" in text) == named
    assert ("<td>below 40 %</td>" in text) != named
    assert "<img" in text  # who it is, all the same
    assert ("nothing expressed" in text) != named


def test_bursts_are_counted_per_person_and_expression(tmp_path: Path) -> None:
    with People(Outputs(tmp_path), CARD, 0.0, lambda film: None) as people:
        of = source("a.mp4")
        for k in range(120):  # surprise for 0.2 s, three times; fear once
            shown = "surprise" if k in (*range(20, 24), *range(50, 54), *range(80, 84)) else "neutral"
            people.add(frame(of, k, k / 20, face(1, shown), face(2, "fear" if k == 60 else "neutral")))
    first, second = read(tmp_path / "people.csv")
    assert (first["events"], first["bursts"], first["bursts_surprise"], first["bursts_fear"]) == ("0", "3", "3", "0")
    assert (second["bursts"], second["bursts_fear"]) == ("1", "1")


def test_a_baseline_leaves_what_was_read(tmp_path: Path) -> None:
    extra, fits = Extra(baseline=True, compound=True, measures=True), FITTED["ferplus"]
    mixed = np.array([0.02, 0.65, 0.02, 0.25, 0.02, 0.02, 0.01, 0.01], np.float32)
    with People(Outputs(tmp_path), CARD, 0.5, lambda film: None, extra=extra) as people:
        for seen in surprised(source("a.mp4")):
            one = replace(seen.prediction.faces[0], correction=Correction(mixed), compound_fits=fits)
            people.add(replace(seen, prediction=replace(seen.prediction, faces=(one,))))
    (row,), events = read(tmp_path / "people.csv"), read(tmp_path / "events.csv")
    assert [(event["expression"], event["corrected"]) for event in events] == [
        ("surprise", "false"),
        ("happiness", "true"),
    ]
    assert (row["peak_expression"], row["peak_expression_corrected"]) == ("surprise", "happiness")
    assert float(row["mean_happiness_corrected"]) == pytest.approx(0.65)
    assert row["compound_corrected"].startswith("happily surprised 0.")
    assert row["compound"] != row["compound_corrected"]
    assert [name for name in row if name.startswith("blinks")] == ["blinks"]


def test_thresholds_reach_files_and_page(tmp_path: Path) -> None:
    ended: list[VideoSummary] = []
    with People(Outputs(tmp_path), CARD, 0.5, ended.append, Thresholds(0.95, 0.5, 0.2)) as people:
        for seen in surprised(source("a.mp4")):
            people.add(seen)
    assert [event["duration"] for event in read(tmp_path / "events.csv")] == ["1.95"]
    text = page.section(ended[0])[0].replace("\u00a0", " ")
    assert "reaches 95 %, stays at 50 % or more and lasts 0.2 s or longer" in text


def test_a_film_of_one_frame() -> None:
    film = VideoSummary("a.mp4", EXPRESSIONS, 0.0)
    film.add(frame(source("a.mp4"), 0, 0.0, face(1, "anger")))
    film.end()
    assert film.people[1].seconds > 0
    assert film.people[1].means.sum() == pytest.approx(1)
    text, count = page.section(film)
    assert (count, "anger on top for 100 % of it" in unescape(text)) == (1, True)


def test_a_short_film_has_no_empty_spans(tmp_path: Path) -> None:
    ended: list[VideoSummary] = []
    with People(Outputs(tmp_path), CARD, 0.0, ended.append) as people:
        for name, frames in (("one.mp4", 1), ("short.mp4", 5)):
            of = source(name)
            for k in range(frames):
                people.add(frame(of, k, k / 25, face(2), face(1), lasts=0.04))
    assert [row["track_id"] for row in read(tmp_path / "people.csv")] == ["1", "2"] * 2
    one, short = (unescape(page.section(film)[0]) for film in ended)
    assert "0.04 s on screen; neutral on top" in one
    assert "<td>0.04 s<br><small>100 %</small></td>" in one
    assert one.index("<h3>#1") < one.index("<h3>#2")
    assert "face not seen" in one
    for text in (one, short):
        spans = re.findall(r"(\d+:[\d.]+) to (\d+:[\d.]+)", text)
        assert [span for span in spans if span[0] == span[1]] == []
        assert "-0.00" not in text


def test_events_and_people_are_written(tmp_path: Path) -> None:
    ended: list[VideoSummary] = []
    with People(Outputs(tmp_path), CARD, 0.0, ended.append) as people:
        assert not (tmp_path / "people.csv").exists()
        frames = surprised(source("a.mp4"))
        for seen in frames:
            people.add(seen)
        assert len(read(tmp_path / "events.csv")) == 1  # as events end, not as videos do
        for seen in surprised(source("a.mp4"), end=9.0):  # the same file again is another video
            people.add(seen)
        assert len(ended) == 1
    events, rows = read(tmp_path / "events.csv"), read(tmp_path / "people.csv")
    names = ["source", "track_id", "expression", "onset", "peak", "offset", "duration", "confidence"]
    assert list(events[0]) == names
    assert float(events[0]["duration"]) == pytest.approx(float(events[0]["offset"]) - float(events[0]["onset"]))
    assert [(event["source"], event["expression"]) for event in events] == [("a.mp4", "surprise")] * 2
    assert float(events[0]["onset"]) == pytest.approx(2.0, abs=0.5)
    assert float(events[0]["offset"]) == pytest.approx(4.0, abs=0.5)
    assert list(rows[0]) == columns(CARD)
    assert [row["events"] for row in rows] == ["1", "1"]
    assert float(rows[0]["seconds"]) == pytest.approx(6.0)
    assert float(rows[0]["mean_surprise"]) == pytest.approx((2 * 0.9 + 4 * 0.1 / 7) / 6, abs=0.01)
    assert rows[0]["peak_expression"] == "surprise"
    assert rows[0]["peak_seconds"] == events[0]["peak"]
    assert len(ended) == 2


def test_valence_and_arousal_have_columns_where_they_are_read(tmp_path: Path) -> None:
    card = CARD.model_copy(update={"valence_arousal": True})
    with People(Outputs(tmp_path), card, 0.0, lambda film: None) as people:
        of = source("a.mp4")
        for k in range(4):
            people.add(frame(of, k, k / 4, face(1, valence=0.5, arousal=-0.25)))
    (row,) = read(tmp_path / "people.csv")
    assert (float(row["mean_valence"]), float(row["mean_arousal"])) == (0.5, -0.25)


def test_rows_of_a_part_say_so(tmp_path: Path) -> None:
    with People(Outputs(tmp_path), CARD, 0.0, lambda film: None, extra=Extra(baseline=True)) as people:
        for name, error in (("a.mp4", "a.mp4 is cut short at 0.1 s"), ("b.mp4", None)):
            of = source(name)
            for k in range(2):
                people.add(frame(of, k, k / 25, face(1)))
            if error:
                people.add(FrameResult(Prediction(name, error=error), of, False, NOTHING))
    assert [row["error"] for row in read(tmp_path / "people.csv")] == ["a.mp4 is cut short at 0.1 s", ""]


def test_photos_have_no_people(tmp_path: Path) -> None:
    with People(Outputs(tmp_path), CARD, 0.0, lambda film: pytest.fail("a photo is not a video")) as people:
        prediction = Prediction("a.jpg", width=160, height=120, faces=(face(1),))
        people.add(FrameResult(prediction, source("a.jpg"), False, NOTHING, IMAGE))
    assert list(tmp_path.iterdir()) == []


def test_people_of_a_film_that_breaks_off_are_written(tmp_path: Path) -> None:
    def broken_off() -> None:
        with People(Outputs(tmp_path), CARD, 0.0, lambda film: None) as people:
            for seen in surprised(source("a.mp4"))[:70]:
                people.add(seen)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken_off()
    assert len(read(tmp_path / "people.csv")) == len(read(tmp_path / "events.csv")) == 1


def test_the_image_is_from_the_middle_of_the_plateau() -> None:
    film, of = VideoSummary("a.mp4", EXPRESSIONS, 0.0), source("a.mp4")
    for seen in surprised(of):
        bright = np.full((120, 160, 3), round(40 * (seen.prediction.seconds or 0)), np.uint8)
        film.add(
            frame(of, seen.prediction.frame or 0, seen.prediction.seconds or 0, *seen.prediction.faces, image=bright)
        )
    film.end()
    (peak,) = film.people[1].moments.values()
    assert opened(peak.image).getpixel((48, 48)) == pytest.approx((121, 121, 121), abs=4)  # near 3.025 s
    assert (peak.seconds, peak.confidence) == (2.9, pytest.approx(0.99))
    assert peak.shown == pytest.approx(3.025, abs=0.03)
    assert "<span>0:03.0, 99 %</span>" in page.section(film)[0]


@pytest.mark.parametrize("first", [0.0, 0.5])
def test_time_between_frames_that_lie_apart_is_no_absence(first: float) -> None:
    film = VideoSummary("a.mp4", EXPRESSIONS, 0.0)
    for k in range(4):
        film.add(frame(source("a.mp4"), k, first + 0.4 * k, face(1), lasts=0.4))
    film.end()
    assert not np.isnan(film.timeline.means(1)).any()


def opened(uri: str) -> Image.Image:
    import base64
    import io

    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


def test_a_crowd_that_passes_by_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DETAILED", 32)
    film, of = VideoSummary("a.mp4", EXPRESSIONS, 0.0), source("a.mp4")
    noise = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)

    def passing(first: int, last: int) -> None:
        for k in range(first, last):
            faces = [face(1), face(2 + k // 4, "fear", 0.9)]  # one who stays, and a new one every four frames
            film.add(frame(of, k, k / 10, *faces, image=noise))

    passing(0, 200)
    tracemalloc.start()
    passing(200, 2200)
    grown = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    film.end()
    assert len(film.people) == 551
    assert len(film.detailed) <= 32
    assert 1 in film.detailed
    assert grown < 2_000_000  # of 500 people more: their figures, without images
    text, count = page.section(film)
    assert count == page.DRAWN
    assert f"The {page.LISTED} who were on screen longest, of 551; people.csv has all." in text
    assert "539 people without a figure here." in text


def test_the_section_shows_events_and_has_its_figures_in_a_table(tmp_path: Path) -> None:
    name = '<b onclick="x">.mp4'
    with (
        PredictionReport(Outputs(tmp_path), CARD, "predictions.csv") as report,
        People(Outputs(tmp_path), CARD, 0.0, report.add_video) as people,
    ):
        for seen in surprised(source(name)):
            report.add(seen.drawn(), seen.image)
            people.add(seen)
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<b onclick" not in text
    assert text.count('<article class="box person">') == 1
    assert text.count("<svg") == text.count("</svg>") == 3  # events, bands, the trail of valence and arousal
    assert len(re.findall(r'<ul class="peaks"><li><img[^>]*src="data:image/jpeg', text)) == 1
    figures = text[text.index("<summary>Data table</summary>") :]
    assert "0:00.0 to 0:00.8" in figures
    assert re.search(
        r"surprise</th><td>0:0[12]\.\d</td><td>0:02\.9</td><td>0:0[34]\.\d</td><td>\d\.\d s</td><td>9\d %", figures
    )
    assert "0:00 to 0:06, 120 frames, 1 person." in text


def test_the_headline_counts_tracks_by_video(tmp_path: Path) -> None:
    with (
        PredictionReport(Outputs(tmp_path), CARD, "predictions.csv") as report,
        People(Outputs(tmp_path), CARD, 0.0, report.add_video) as people,
    ):
        for name in ("a.mp4", "b.mp4"):
            of = source(name)
            for k in range(3):
                seen = frame(of, k, k / 20, face(1), face(2))
                report.add(seen.drawn(), seen.image)
                people.add(seen)
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<b>12</b><span>faces in 6 frames</span><span>4 tracks in 2 videos</span>" in text


def test_a_video_without_faces(tmp_path: Path) -> None:
    with (
        PredictionReport(Outputs(tmp_path), CARD, "predictions.csv") as report,
        People(Outputs(tmp_path), CARD, 0.0, report.add_video) as people,
    ):
        people.add(frame(source("a.mp4"), 0, 0.0))
    assert "No face was detected." in (tmp_path / "report.html").read_text()
    assert read(tmp_path / "people.csv") == []


def test_frames_of_a_long_video_are_few_and_spread(tmp_path: Path) -> None:
    with PredictionReport(Outputs(tmp_path), CARD, "predictions.csv") as report:
        for k in range(1000):
            report.add(Prediction("a.mp4", k, k / 2, 160, 120), IMAGE)
    text = (tmp_path / "report.html").read_text()
    times = [float(at) for at in re.findall(r"<h3>a\.mp4, ([\d.]+) s", text)]
    assert FRAMES // 2 <= len(times) <= FRAMES
    assert times[0] == 0
    assert times[-1] > 400
    assert np.ptp(np.diff(times)) <= 1


def test_a_video_through_the_command_line(mien: Mien, video: Path, photo: Path, tmp_path: Path) -> None:
    out = tmp_path / "res"
    done = mien("predict", video, "--out", out, "--format", "csv")
    assert done.code == 0
    assert done.err == f"mien: read 1 video (12 frames), 12 faces, 1 track\nmien: wrote {out}/report.html\n"
    text = (out / "report.html").read_text(encoding="utf-8")
    links = re.findall(r'<a href="([^"]+)">', text[text.index("Files: ") :])[:5]
    assert links == ["predictions.csv", "events.csv", "people.csv", "annotated", "mien-run.json"]
    assert all((out / link).exists() for link in links)
    assert "stopped before its end" not in text
    again = mien("predict", photo, "--out", out)
    assert f"{out} held an earlier run, which this one replaces" in again.err
    assert not (out / "people.csv").exists()
    assert mien("predict", video, "--out", out, "--format", "csv").code == 0
    (row,) = read(out / "people.csv")
    rows = read(out / "predictions.csv")
    shares = [float(row["prob_happiness"]) for row in rows]
    assert float(row["seconds"]) == pytest.approx(12 / 20)
    assert float(row["mean_happiness"]) == pytest.approx(np.mean(shares), abs=1e-4)
    assert read(out / "events.csv") == [] or float(read(out / "events.csv")[0]["offset"]) <= 0.6
    assert mien("predict", photo, "--out", out, "--format", "csv").code == 0
    assert not (out / "people.csv").exists()
    assert not (out / "events.csv").exists()


def test_smoothed_predictions_are_not_smoothed_again() -> None:
    raw, smoothed = (VideoSummary("a.mp4", EXPRESSIONS, smooth) for smooth in (0.0, 0.5))
    steps = [(film.add, seen) for film in (raw, smoothed) for seen in surprised(source("a.mp4"))]
    onsets = [event.onset for add, seen in steps for event in add(seen)]
    assert onsets[0] > onsets[1] == 2.0
    assert Pipeline(smooth=0.5).smooth == 0.5


def test_the_highest_probability_is_that_of_the_strongest_event_whenever_it_came() -> None:
    person = Person(1, 0.0, 9.0, best=Peak("anger", 0.5, 0.97))  # of a single frame: any event counts for more
    for at, strong in ((1.0, 0.7), (3.0, 0.9), (5.0, 0.8)):
        peak = Peak("surprise", at, strong)
        person.add(Event("a.mp4", 1, "surprise", at - 0.5, at, at + 0.5, strong), peak)
        assert person.best is not None
        assert person.best.confidence == (0.7 if at == 1 else 0.9)
    assert (person.count, person.best.seconds) == (3, 3.0)
    assert [one.confidence for one in person.events] == [0.9, 0.8, 0.7]


def test_time_on_top_and_the_peak_of_each_expression() -> None:
    of, film = source("a.mp4"), VideoSummary("a.mp4", EXPRESSIONS, 0.0)
    moments = [
        (0.0, 0.5, "happiness", 0.8),
        (0.5, 0.1, "anger", 0.95),
        (0.6, 1.4, "anger", 0.7),
        (2.0, 0.5, "happiness", 0.6),
        (2.5, 0.5, "fear", 0.9),
    ]
    for k, (at, lasts, name, share) in enumerate(moments):
        film.add(frame(of, k, at, face(1, name, share), lasts=lasts))
    film.end()
    person = film.people[1]
    on_top = dict(zip(EXPRESSIONS, person.top_seconds.tolist(), strict=True))
    assert {name: on_top[name] for name in ("happiness", "anger", "fear")} == pytest.approx(
        {"happiness": 1.0, "anger": 1.5, "fear": 0.5}
    )
    assert person.top_seconds.sum() == pytest.approx(person.seconds)
    peaks = dict(zip(EXPRESSIONS, zip(person.peaks.tolist(), person.peak_seconds.tolist(), strict=True), strict=True))
    assert peaks["anger"] == (pytest.approx(0.95), 0.5)
    assert peaks["happiness"] == (pytest.approx(0.8), 0.0)
    assert peaks["sadness"] == (pytest.approx(0.4 / 7), 2.0)
