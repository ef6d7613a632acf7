"""The page in a real Chromium: videos and the camera, read on the device."""

import csv
import io
import json
from pathlib import Path

import pytest

from mien.inference.output.people_csv import event_columns
from mien.inference.output.rows import PLAIN

from . import live
from .cases import some
from .page import Page, until

pytestmark = live.made


def test_the_camera_is_read_live(page: Page, served: live.Live, downloads: Path) -> None:
    page.press("camera")
    page.faces(2)
    until(lambda: "frames a second" in page.text("film-clock"), "rate")
    until(lambda: len(page.browser.find_elements("css selector", ".one-track")) >= 2, "timelines")
    page.press("film-run")
    until(lambda: page.text("film-run") == "Continue", "pause")
    count = len(json.loads(page.saved("save-json", downloads / "predictions.json")))
    page.press("film-step")
    until(lambda: len(json.loads(page.saved("save-json", downloads / "predictions.json"))) == count + 1, "step")
    page.press("film-stop")
    until(lambda: page.browser.execute_script("return document.getElementById('film').hidden"), "stop")
    rows = json.loads((downloads / "predictions.json").read_text())
    assert {face["track_id"] for row in rows for face in row["faces"]} >= {1, 2}
    assert rows[0]["seconds"] < rows[-1]["seconds"]
    assert served.got_nothing_of_images()


@pytest.mark.slow
def test_a_video_is_read_frame_by_frame(page: Page, photos: list[Path], downloads: Path, tmp_path: Path) -> None:
    page.give(live.video(tmp_path / "clip.webm", photos))
    until(lambda: page.text("film-clock").startswith("0:00.2"), "some frames")
    page.press("film-step")  # while a frame is read: it is not read twice
    page.press("film-step")
    page.press("film-run")
    until(lambda: page.text("film-run") == "Play", "end of the video")
    rows = json.loads(page.saved("save-json", downloads / "predictions.json"))
    assert [row["seconds"] for row in rows] == [k / 5 for k in range(15)]
    assert [len(row["faces"]) for row in rows] == [1] * 5 + [2] * 10
    assert {face["track_id"] for row in rows for face in row["faces"]} == {1, 2}
    assert page.text("tracks").count("on top in 100 % of the frames") == 2
    page.browser.execute_script(
        "const at = document.getElementById('film-at'); at.value = 0.4; at.dispatchEvent(new Event('input'))"
    )
    page.faces(1)
    head, *events = csv.reader(io.StringIO(page.saved("save-events", downloads / "events.csv").decode()))
    assert head == event_columns(PLAIN)
    assert [(event[:3], event[3], event[5]) for event in events] == [(["clip.webm", "1", "happiness"], "0", "2.8")]
    (row,) = page.table("event-table")
    assert (row[:3], row[4]) == (["#1", "happiness", "0:00.0"], "0:02.8")
    assert "reaches 60 %" in page.text("events-note")


@pytest.mark.slow
def test_the_table_of_a_timeline_by_keyboard(page: Page, photos: list[Path], tmp_path: Path) -> None:
    from selenium.webdriver import ActionChains, Keys

    page.give(live.video(tmp_path / "clip.webm", photos))
    until(lambda: page.text("film-run") == "Play", "end of the video")
    assert page.table("moment-table") == []  # it is made when it is opened
    page.browser.find_element("css selector", "#moments summary").send_keys(Keys.ENTER)
    until(lambda: page.table("moment-table"), "table")
    rows = page.table("moment-table")
    times = [(row[0], row[1]) for row in rows]
    assert times == [("0:00.0", "#1"), ("0:00.5", "#1")] + [
        (f"0:0{k / 2:.1f}", f"#{face}") for k in range(2, 6) for face in (1, 2)
    ]
    assert [row[2] for row in rows if row[1] == "#1"] == ["happiness"] * 6
    for _ in range(3):  # into the region, to its first moment, to its second one
        ActionChains(page.browser).send_keys(Keys.TAB).perform()
    ActionChains(page.browser).send_keys(Keys.ENTER).perform()
    until(lambda: page.text("film-clock").startswith("0:00.5"), "moment")
    page.faces(1)
    page.speak("zh")
    until(lambda: page.table("moment-table")[0][2] == "高兴", "Chinese")


CAMERAS = {
    "NotAllowedError": "did not allow the camera",
    "NotFoundError": "No camera was found",
    "NotReadableError": "in use by another",
}


@pytest.mark.parametrize("name", some(CAMERAS))
def test_a_camera_that_cannot_be_had_is_explained(page: Page, name: str) -> None:
    page.browser.execute_script(
        "const error = new DOMException('', arguments[0]);"
        "navigator.mediaDevices.getUserMedia = () => Promise.reject(error)",
        name,
    )
    page.press("camera")
    until(lambda: CAMERAS[name] in page.text("error"), "message")
    assert page.browser.execute_script("return document.getElementById('drop').hidden") is False


@pytest.mark.slow
def test_a_camera_that_goes_away(page: Page) -> None:
    page.press("camera")
    page.faces(2)
    page.press("film-run")
    page.browser.execute_script(
        "document.getElementById('video').srcObject.getTracks()[0].dispatchEvent(new Event('ended'))"
    )
    until(lambda: CAMERAS["NotFoundError"] in page.text("error"), "message")
    assert page.browser.execute_script("return document.querySelectorAll('.face').length")  # the last frame stays
    page.browser.find_element("css selector", "#error button").click()
    until(lambda: "frames a second" in page.text("film-clock"), "another start")


def test_a_camera_that_is_allowed_too_late(page: Page, photos: list[Path]) -> None:
    """What was put on the stage meanwhile stays there, and the camera is let go."""
    page.browser.execute_script(
        "const devices = navigator.mediaDevices, real = devices.getUserMedia.bind(devices);"
        "const allowed = new Promise((allow) => (window.allow = allow));"
        "devices.getUserMedia = async (wanted) => (await allowed, (window.late = await real(wanted)));"
        "Object.defineProperty(document.getElementById('video'), 'srcObject', { set: (one) => (window.taken ||= one) })"
    )
    page.press("camera")
    page.give(photos[0]).faces(1)
    page.browser.execute_script("window.allow()")
    states = "return window.late?.getTracks().map((one) => one.readyState)"
    until(lambda: page.browser.execute_script(states) == ["ended"], "end of the camera")
    assert not page.browser.execute_script("return Boolean(window.taken)")
    assert page.browser.execute_script("return document.getElementById('film').hidden")
    assert len(page.browser.find_elements("css selector", "#thumbs button")) <= 1


def test_the_keyboard_stays_with_the_camera(page: Page) -> None:
    """What is pressed goes away; the keys work on, and Tab goes on from there."""
    from selenium.webdriver import ActionChains, Keys

    press = ActionChains(page.browser).send_keys
    focused = "return document.activeElement.id"
    page.browser.execute_script("document.getElementById('camera').focus()")
    press(Keys.ENTER).perform()
    page.faces(2)
    assert page.browser.execute_script(focused) == "stage"
    press(" ").perform()
    until(lambda: page.text("film-run") == "Continue", "pause")
    for name in ("film-run", "film-step", "film-stop"):
        press(Keys.TAB).perform()
        assert page.browser.execute_script(focused) == name
    press(Keys.ENTER).perform()
    until(lambda: page.browser.execute_script(focused) == "stage", "focus after the camera")


@pytest.mark.slow
def test_a_camera_that_is_denied_in_earnest(served: live.Live, photos: list[Path], tmp_path: Path) -> None:
    browser = live.start(live.mjpeg(tmp_path / "camera.mjpeg", photos), tmp_path, ())
    try:
        page = Page(browser, served.url).open()
        page.press("camera")
        until(lambda: CAMERAS["NotAllowedError"] in page.text("error"), "message")
    finally:
        browser.quit()


@pytest.mark.slow
def test_a_video_and_the_camera_share_the_stage(
    page: Page, photos: list[Path], downloads: Path, tmp_path: Path
) -> None:
    """Neither is given a frame of the other, nor ends it, in both ways of reading."""
    page.give(live.video(tmp_path / "clip.webm", photos, count=60))
    until(lambda: page.text("film-clock").startswith("0:00.4"), "some frames")
    page.press("camera")  # while a frame is on its way
    page.faces(2)
    for mode in ("server", "device"):
        page.choose("mode", mode)  # which makes the video anew
        count = len(json.loads(page.saved("save-json", downloads / "predictions.json")))
        until(
            lambda: len(json.loads(page.saved("save-json", downloads / "predictions.json"))) > count + 5,  # noqa: B023
            "frames of the camera",
        )
        assert page.text("error") == ""
    page.browser.execute_script("document.querySelectorAll('#thumbs button')[0].click()")
    until(lambda: page.text("film-run") == "Play", "end of the video")
    rows = json.loads(page.saved("save-json", downloads / "predictions.json"))
    assert [row["seconds"] for row in rows] == [k / 5 for k in range(30)]
    assert [len(row["faces"]) for row in rows] == [1] * 10 + [2] * 20
