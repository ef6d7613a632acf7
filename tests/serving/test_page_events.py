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
from .page import Page

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


GROWN = """
const done = arguments[0];
import("/page/js/ui/moments.js").then(({ Moments }) => {
  const moments = new Moments(), samples = [], seen = [];
  document.getElementById("moments").open = true;
  const draw = (whole) => {
    moments.draw([[1, { samples }]], [0, 20], false, whole);
    seen.push([...document.querySelectorAll("#moment-table tbody tr")].map((row) => row.cells[3].textContent));
  };
  for (const [seconds, neutral] of [[0, 1], [0.25, 0], [0.5, 1]]) {
    samples.push({ seconds, probs: { neutral, happiness: 1 - neutral } });
    draw(false);
  }
  draw(true);
  done(seen);
}, (error) => done(String(error.stack)));
"""


def test_a_stretch_of_the_table_has_all_its_frames(page: Page) -> None:
    """The newest one is left out until the next one begins, or the video has ended."""
    assert page.browser.execute_async_script(GROWN) == [[], [], ["50 %"], ["50 %", ">99 %"]]


REPLACED = """
const [rules, done] = arguments;
(async () => {
  const { Player } = await import("/page/js/ui/player.js");
  const readings = [], image = new ImageData(1, 1), answers = [];
  const film = (file, reading) => {
    readings.push(reading);
    return Object.assign(new EventTarget(), { name: "clip.webm", frames: [], events: [], close() {} });
  };
  const read = () => new Promise((answer) => answers.push(answer));
  const player = new Player({ video: null }, read, film, async () => rules);
  const item = player.addVideo(new File([], "clip.webm"));
  const at = async (x) => {
    const faces = [{ box: [x, 0, x + 9, 9], track_id: null, probs: { neutral: 0, happiness: 1 } }];
    while (!answers.length) await new Promise((later) => setTimeout(later));
    answers.shift()({ source: "clip.webm", seconds: 0, faces });
  };
  const old = readings[0](image, 0);
  while (!answers.length) await new Promise((later) => setTimeout(later));
  player.again();
  await at(0);
  await old;
  const anew = readings[1](image, 0);
  await at(500);
  return [(await anew).faces[0].track_id, item.film.events.length];
})().then(done, (error) => done(String(error.stack)));
"""


def test_a_frame_that_was_on_its_way_is_not_of_the_video_that_is_read_again(page: Page) -> None:
    rules = settings("ferplus")["browser"]["events"]
    assert page.browser.execute_async_script(REPLACED, rules) == [1, 0]
