"""Measures where people read them: the terminal's table, image cards and timelines of the report."""

import io
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mien.card import Card
from mien.face import Face
from mien.inference.media.sources import Source
from mien.inference.output import video_section
from mien.inference.output.formats import as_table
from mien.inference.output.image_card import shot
from mien.inference.output.rows import Extra, columns
from mien.inference.prediction import FrameResult, Prediction
from mien.inference.video.summary import VideoSummary
from mien.measures import Measures

LABELS = ("neutral", "happiness")
MEASURES = Measures(12.4, -3.6, 0.2, 61.3, 0.91, 0.4, 0.05, 32.5, 118.1)
FACE = Face(np.array([1, 2, 30, 40], np.float32), 0.97, None, LABELS, np.array([0.25, 0.75], np.float32))
MEASURED = replace(FACE, measures=MEASURES)
MISSED = replace(FACE, measures_reason="turned too far")


@pytest.mark.parametrize(
    ("width", "measures", "shown"),
    [(120, True, "+12 -4 +0"), (96, True, "+12 -4 +0"), (95, True, ""), (120, False, "")],
)
def test_the_table(monkeypatch: pytest.MonkeyPatch, width: int, measures: bool, shown: str) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    stream = io.BytesIO()
    with as_table(stream, columns(Card(name="test", labels=LABELS), Extra(measures=measures))) as write:
        write(Prediction("a.jpg", None, None, 64, 48, faces=(MEASURED, MISSED)))
    head, one, other = stream.getvalue().decode().splitlines()
    assert (shown in one, "yaw pitch roll" in head, "turned too far" in other) == (True, *[bool(shown)] * 2)
    assert max(map(len, (head, one, other))) <= width
    assert ("1,2 30,40" in one) == (width >= 98 + 20 * measures)


def test_an_image_card() -> None:
    prediction = Prediction("a.jpg", None, None, 64, 48, faces=(MEASURED, MISSED, FACE))
    text = re.sub("<[^>]+>", "|", str(shot(prediction, np.zeros((48, 64, 3), np.uint8))))
    for known in ("yaw 12°, pitch -4°, roll 0°", "61 cm", "right 91 %, left 40 %", "|5 %|", "32 px between the eyes"):
        assert text.count(known) == 1
    assert text.count("turned too far") == 1


def section(faces: Callable[[int], Face], rate: float = 10) -> str:
    video = VideoSummary("v.mp4", LABELS, 0.0)
    source, crops = Source("v.mp4", Path("v.mp4"), Path("v.mp4")), np.zeros((1, 48, 48, 1), np.uint8)
    for k in range(40):
        prediction = Prediction("v.mp4", k, k / rate, 64, 48, faces=(replace(faces(k), track_id=1),))
        video.add(FrameResult(prediction, source, False, crops, lasts=1 / rate))
    video.end()
    return str(video_section.section(video)[0])


def test_a_timeline() -> None:
    turning = section(lambda k: replace(FACE, measures=replace(MEASURES, yaw=3.0 * k - 60)) if k != 20 else MISSED)
    assert "yaw, -60 to 60 degrees" in turning
    assert turning.count('class="affect"') == 1
    assert ">yaw</th>" in turning
    spans = turning.split("mean probability from")[-1].split("</table>")[0]
    yaw = [float(cells.split("</td><td>")[-2]) for cells in re.findall(r"<td>(.*?)</td></tr>", spans)]
    assert (round(yaw[0]), len(yaw)) == (-54, 8)
    assert yaw == sorted(yaw)
    assert "0 blinks" in turning
    assert "blinks unknown (frames more than 0.1 s apart)" in section(lambda k: MEASURED, rate=5)
    without = section(lambda k: FACE)
    assert "yaw" not in without
    assert "blinks" not in without
