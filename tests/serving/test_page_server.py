"""The page in a real Chromium, where it reads on the server: what the server gives and refuses."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mien.inference.measures.files import FOLDER

from ..inference.heif import Heif, coded
from . import live
from .page import Page, until

pytestmark = live.made


TOKEN = "a-token-of-the-tests-0123456789"


@pytest.fixture(scope="module")
def guarded(photos: list[Path]) -> Iterator[live.Live]:
    """A server with a token and with measures, where they are made, but without what browsers read with."""
    settings = live.Settings(rate=0, token=TOKEN, measures=(FOLDER / "mesh.onnx").is_file())
    with live.running(settings, {path.name: path for path in photos}, "/page/vendor/") as one:
        yield one


@pytest.mark.slow
def test_the_server_reads_what_it_was_chosen_for(chromium: Any, guarded: live.Live, tmp_path: Path) -> None:
    page = Page(chromium, guarded.url).open()
    image = tmp_path / "scan.tiff"  # which this browser cannot decode
    Image.open(guarded.samples["astronaut.png"]).convert("RGB").save(image)
    page.give(image)
    until(lambda: "need the server" in page.text("error"), "message")
    page.press("clear")
    page.give(guarded.samples["astronaut.png"])
    until(lambda: "are not installed with this server" in page.text("error"), "message")
    assert guarded.got_nothing_of_images()
    page.give(image)
    until(lambda: "need the server" in page.text("error"), "message")
    chromium.find_element("css selector", "#error button").click()
    assert page.text("mode-text") == f"On the server {guarded.url.removeprefix('http://')}: images are sent there"
    until(lambda: chromium.execute_script("return document.getElementById('token').open"), "question for the token")
    chromium.find_element("css selector", "#token button[formnovalidate]").click()
    until(lambda: page.text("mode-text").startswith("On this device"), "way back")
    until(lambda: "need the server" in page.text("error"), "message")
    chromium.find_element("css selector", "#error button").click()
    until(lambda: chromium.execute_script("return document.getElementById('token').open"), "question for the token")
    chromium.find_element("id", "token-value").send_keys("not the token, and too long")
    chromium.find_element("css selector", "#token .main").click()
    refused = "return document.getElementById('token-refused').checkVisibility()"
    until(lambda: chromium.execute_script(refused), "question again, with the reason")
    chromium.find_element("id", "token-value").send_keys(TOKEN)
    chromium.find_element("css selector", "#token .main").click()
    assert page.faces(1) == ["happiness>99 %"]
    if (FOLDER / "mesh.onnx").is_file():
        page.choose_measures()
        until(lambda: "yaw" in page.text("faces"), "measures")
        assert "lip corners pulled up" in page.text("faces")
    kept = chromium.execute_script("return JSON.stringify({...localStorage}) + JSON.stringify({...sessionStorage})")
    assert TOKEN not in kept
    assert TOKEN not in "".join(guarded.requests)


@pytest.mark.slow
def test_a_photo_of_a_phone_needs_the_server(page: Page, served: live.Live, photos: list[Path], tmp_path: Path) -> None:
    image = np.asarray(Image.open(photos[0]).convert("RGB"))
    (tmp_path / "phone.heic").write_bytes(Heif((coded(image),)).bytes())
    page.give(tmp_path / "phone.heic")
    until(lambda: "HEIC and TIFF need the server" in page.text("error"), "message")
    assert served.got_nothing_of_images()
    page.browser.find_element("css selector", "#error button").click()
    assert page.faces(1) == ["happiness>99 %"]
    unseen = "return document.getElementById('view').classList.contains('unseen')"
    assert page.browser.execute_script(unseen)  # which the page says in its place


@pytest.mark.slow
def test_the_server_reads_the_camera(chromium: Any, guarded: live.Live, downloads: Path) -> None:
    guarded.requests.clear()
    page = Page(chromium, guarded.url).open()
    page.choose("mode", "server")
    page.press("camera")
    until(lambda: chromium.execute_script("return document.getElementById('token').open"), "question for the token")
    chromium.find_element("id", "token-value").send_keys(TOKEN)
    chromium.find_element("css selector", "#token .main").click()
    page.faces(2)
    until(lambda: "frames a second" in page.text("film-clock"), "rate")
    page.press("film-stop")
    until(lambda: chromium.execute_script("return document.getElementById('film').hidden"), "stop")
    rows = json.loads(page.saved("save-json", downloads / "predictions.json"))
    assert {face["track_id"] for row in rows for face in row["faces"]} >= {1, 2}  # the server's
    assert {row["source"] for row in rows} == {"camera"}
    assert [row["seconds"] for row in rows] == sorted(row["seconds"] for row in rows)
    assert "WS /v1/stream" in guarded.requests
    assert TOKEN not in "".join(guarded.requests)


@pytest.mark.slow
@pytest.mark.parametrize("codec", ["libvpx", "mpeg4"])
def test_a_video_is_read_on_the_server(
    page: Page, photos: list[Path], downloads: Path, tmp_path: Path, codec: str
) -> None:
    """Also one that the browser cannot play."""
    name = f"clip.{'webm' if codec == 'libvpx' else 'avi'}"
    page.choose("mode", "server")
    page.give(live.video(tmp_path / name, photos, codec))
    until(
        lambda: page.text("film-clock").startswith("0:0") and "reading" not in page.text("film-clock"),
        "end of the video",
    )
    assert page.text("tracks").count("on top in 100 % of the frames") == 2
    (event,) = csv.DictReader(io.StringIO(page.saved("save-events", downloads / "events.csv").decode()))
    assert (event["source"], event["track_id"], event["expression"]) == (name, "1", "happiness")
    assert float(event["offset"]) > 2.5
    assert page.table("event-table")[0][1] == "happiness"
    page.faces(2 if codec == "libvpx" else 1)  # at its end; from its beginning, where nothing can be played
    unseen = "return document.getElementById('view').classList.contains('unseen')"
    assert page.browser.execute_script(unseen) == (codec == "mpeg4")


def test_a_video_is_uploading_until_its_job_exists(page: Page, photos: list[Path], tmp_path: Path) -> None:
    page.browser.execute_script(
        "const real = fetch, held = new Promise((go) => (window.go = go));"
        "window.fetch = async (to, ...rest) => (to === '/v1/video' && (await held), real(to, ...rest))"
    )
    page.choose("mode", "server")
    page.give(live.video(tmp_path / "clip.webm", photos, count=2))
    until(lambda: page.text("film-clock") == "Uploading", "word of the upload")
    page.browser.execute_script("window.go()")
    until(lambda: page.text("film-clock").startswith("0:0"), "position")


@pytest.mark.slow
def test_a_server_that_goes_away(chromium: Any, photos: list[Path], tmp_path: Path) -> None:
    """What was read stays, can be played, and is read on the device where that was loaded before."""
    with live.running(live.Settings(rate=0)) as server:
        page = Page(chromium, server.url).open()
        page.give(photos[0]).faces(1)
        page.choose("mode", "server")
        page.choose("rate", "25")
        page.give(live.video(tmp_path / "clip.webm", photos, count=90))
        until(lambda: len(chromium.find_elements("css selector", ".one-track")), "rows")
    until(lambda: "server does not answer" in page.text("error"), "message")
    until(lambda: chromium.find_element("id", "film-run").is_enabled(), "way to play what was read")
    assert len(chromium.find_elements("css selector", ".one-track"))
    page.press("camera")
    until(lambda: "server does not answer" in page.text("error"), "message about the camera")
    page.choose("mode", "device")
    chromium.execute_script("document.querySelectorAll('#thumbs button')[0].click()")
    assert page.faces(1) == ["happiness>99 %"]


@pytest.mark.slow
def test_a_page_that_is_left_ends_its_video(page: Page, served: live.Live, photos: list[Path], tmp_path: Path) -> None:
    page.browser.execute_script(
        "const real = fetch, never = new Promise(() => {}), isRows = (to) => `${to}`.includes('/rows');"
        "window.fetch = (to, ...rest) => isRows(to) ? (window.asked = never) : real(to, ...rest)"
    )
    page.choose("mode", "server")
    page.give(live.video(tmp_path / "clip.webm", photos, count=2))
    until(lambda: page.browser.execute_script("return Boolean(window.asked)"), "question for rows")
    assert not any(one.startswith("DELETE") for one in served.requests)
    page.browser.get("about:blank")
    until(lambda: any(one.startswith("DELETE /v1/video/") for one in served.requests), "end of the video")


@pytest.mark.slow
def test_a_video_that_failed_is_read_again(page: Page, photos: list[Path], downloads: Path, tmp_path: Path) -> None:
    """Nothing of the try before is left, neither on the page nor in the files."""
    page.browser.execute_script(
        "const real = fetch, error = { code: 'stalled', message: '' }, held = new Promise((go) => (window.go = go));"
        "window.sent = 0;"
        "window.fetch = async (to, ...rest) => {"
        "  if (to === '/v1/video' && window.sent++) await held;"
        "  const answer = await real(to, ...rest);"
        "  if (window.sent > 1 || !/video.[^/]+$/.test(to) || rest[0]?.method) return answer;"
        "  const known = await answer.json();"
        "  return Response.json(known.state === 'done' ? { ...known, state: 'failed', error } : known);"
        "}"
    )
    page.choose("mode", "server")
    page.give(live.video(tmp_path / "clip.webm", photos))
    until(lambda: "got no further" in page.text("error"), "message")
    shown = "return document.querySelectorAll('.one-track, #event-table tbody tr').length"
    assert page.browser.execute_script(shown) == 3
    page.press("film-run")  # what was read is played
    page.browser.execute_script("document.querySelector('#error button').click()")
    until(lambda: page.browser.execute_script(shown) == 0, "empty page")
    assert page.browser.execute_script("return document.getElementById('video').paused")
    page.browser.execute_script("window.go()")
    until(lambda: page.text("film-run") == "Play", "end of the video")
    assert page.browser.execute_script(shown) == 3
    rows = json.loads(page.saved("save-json", downloads / "predictions.json"))
    assert [row["seconds"] for row in rows] == [k / 5 for k in range(15)]


@pytest.mark.slow
def test_a_page_that_comes_back_after_its_video_was_ended(
    page: Page, photos: list[Path], downloads: Path, tmp_path: Path
) -> None:
    """As from the browser's cache of pages that were left: it says so, and reads the video again."""
    page.browser.execute_script(
        "const real = fetch, held = new Promise((go) => (window.go = go));"
        "window.fetch = async (to, ...rest) => ("
        "  `${to}`.includes('/rows') && ((window.asked = true), await held), real(to, ...rest))"
    )
    page.choose("mode", "server")
    page.give(live.video(tmp_path / "clip.webm", photos))
    until(lambda: page.browser.execute_script("return Boolean(window.asked)"), "question for rows")
    page.browser.execute_script("dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))")
    page.browser.execute_script("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    page.browser.execute_script("setTimeout(window.go, 500)")
    until(lambda: "the server has forgotten it" in page.text("error"), "message")
    page.browser.find_element("css selector", "#error button").click()
    until(lambda: page.text("film-run") == "Play" and "reading" not in page.text("film-clock"), "end of the video")
    rows = json.loads(page.saved("save-json", downloads / "predictions.json"))
    assert [row["seconds"] for row in rows] == [k / 5 for k in range(15)]
    assert page.text("error") == ""


REFUSALS = {
    429: ("asks to try again in 7 s", [7000] * 5),
    503: ("the server refused it.too much", [7000] * 5),
    413: ("the server refused it.too much", []),
}

AT_ONCE = """
window.waits = [];
const later = window.setTimeout;
window.setTimeout = (act, ms, ...rest) => {
  if (ms !== 7000) return later(act, ms, ...rest);
  window.waits.push(ms);
  return later(act, 0, ...rest);
};
"""


@pytest.mark.parametrize("status", REFUSALS)
def test_a_refusal_of_the_server_is_explained(page: Page, photos: list[Path], status: int) -> None:
    said, waits = REFUSALS[status]
    page.browser.execute_script(AT_ONCE)
    page.browser.execute_script(
        "const error = { code: 'x', message: 'astronaut.png: too much' };"
        "const answer = () => new Response(JSON.stringify({ error }),"
        "  { status: arguments_[0], headers: { 'Retry-After': '7' } }), arguments_ = arguments, real = fetch;"
        "window.fetch = (to, ...rest) => to === '/v1/predict' ? Promise.resolve(answer()) : real(to, ...rest)",
        status,
    )
    page.choose("mode", "server")
    page.give(photos[0])
    until(lambda: said in page.text("error"), "message")
    assert page.text("error").count(photos[0].name) == (status != 429)
    assert page.browser.execute_script("return window.waits") == waits


def test_a_busy_server_is_waited_for(page: Page, photos: list[Path]) -> None:
    page.browser.execute_script(AT_ONCE)
    page.browser.execute_script(
        "const real = fetch, busy = () => new Response('{}', { status: 429, headers: { 'Retry-After': '7' } });"
        "window.fetch = async (to, ...rest) => to === '/v1/predict' && waits.length < 2 ? busy() : real(to, ...rest)"
    )
    page.choose("mode", "server")
    assert page.give(photos[0]).faces(1) == ["happiness>99 %"]
    assert page.browser.execute_script("return window.waits") == [7000, 7000]


def test_a_busy_server_does_not_hold_up_the_device(page: Page, photos: list[Path]) -> None:
    page.browser.execute_script(
        "const real = fetch, busy = () => new Response('{}', { status: 429, headers: { 'Retry-After': '99999' } });"
        "window.tries = 0;"
        "window.fetch = async (to, ...rest) => to === '/v1/predict' ? (window.tries++, busy()) : real(to, ...rest)"
    )
    page.choose("mode", "server")
    page.give(photos[0])
    until(lambda: page.browser.execute_script("return window.tries") == 1, "question")
    page.choose("mode", "device")
    assert page.faces(1) == ["happiness>99 %"]
    assert page.browser.execute_script("return window.tries") == 1


@pytest.mark.slow
def test_a_folder_is_read_at_the_rate_that_the_server_accepts(
    chromium: Any, photos: list[Path], tmp_path: Path
) -> None:
    folder = [tmp_path / f"{k}.png" for k in range(4)]
    for path in folder:
        Image.new("RGB", (64, 64)).save(path)
    (tmp_path / "4.png").write_bytes(b"\x89PNG and so on")
    with live.running(live.Settings(rate=1)) as one:
        page = Page(chromium, one.url).open()
        page.choose("mode", "server")
        page.give(*folder, tmp_path / "4.png")
        read = "return document.querySelectorAll('#thumbs .read').length"
        until(lambda: chromium.execute_script(read) == 4, "all images")
        page.press("clear")
        page.give(tmp_path / "4.png")
        until(lambda: page.text("error").startswith("The server cannot read 4.png.cannot be"), "message")
        page.speak("zh")
        assert page.text("error").startswith("服务器无法读取 4.png。cannot be")  # by its code, with its own words
        assert page.text("error").count("4.png") == 1
