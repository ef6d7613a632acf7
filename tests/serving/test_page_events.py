"""Events of videos on the page: the rules in two languages, the list, and the table of the timeline."""

import json
from typing import Any

import numpy as np

from mien.face import Face
from mien.inference.output.people_csv import event_row
from mien.inference.prediction import Prediction
from mien.inference.video.events import Events
from mien.labels import EXPRESSIONS
from mien.serving.browser import settings
from mien.serving.settings import Settings

from . import live

RUN = """
const [rows, rules, done] = arguments;
import("/page/js/events.js").then(({ Events }) => {
  const events = new Events(rules);
  done([...rows.flatMap((row) => events.add(row)), ...events.end()]);
}, (error) => done(String(error.stack)));
"""


def film(seed: int, rate: float, count: int = 150) -> list[Prediction]:
    """Return frames in which two faces come and go, and their expressions rise and fall."""
    rng = np.random.default_rng(seed)
    rises = rng.normal(0, 1.2, (2, count, len(EXPRESSIONS))).cumsum(1) * (0.3 if seed % 2 else 1)
    there = rng.random((2, count)) > 0.1
    there[:, count // 2 : count // 2 + 20 * (seed % 3)] = False
    frames = []
    for k in range(count):
        powers = np.exp(rises[:, k] - rises[:, k].max(1, keepdims=True))
        probs = (powers / powers.sum(1, keepdims=True)).round(6).astype(np.float32)
        faces = [
            Face(np.zeros(4, np.float32), 1.0, track_id=i + 1).read(EXPRESSIONS, probs[i])
            for i in range(2)
            if there[i, k]
        ]
        frames.append(Prediction("clip.webm", frame=k, seconds=round(k / rate, 6), faces=tuple(faces)))
    return frames


def expected(frames: list[Prediction]) -> list[dict[str, Any]]:
    events = Events()
    found = [event for frame in frames for event in events.add(frame)]
    return [event_row(event) for event in (*found, *events.end())]


def test_the_same_events(chromium: Any) -> None:
    films = [film(seed, rate) for seed, rate in enumerate((2, 5, 10, 25, 30, 5))]
    with live.running(Settings(rate=0), files_only=True) as server:
        chromium.get(f"{server.url}/samples.json")
        rules = settings("ferplus")["browser"]["events"]
        for frames in films:
            rows = json.loads(json.dumps([frame.to_dict() for frame in frames]))
            assert chromium.execute_async_script(RUN, rows, rules) == expected(frames)
    assert len([event for frames in films for event in expected(frames)]) > 20
