"""The page in a real Chromium: images, the camera, downloads, both languages, privacy and what can go wrong.

Needs Debian's packages chromium and chromium-driver (`make browser`), selenium, and what `make page measures` makes;
skips with the reason without.
"""

import base64
import csv
import io
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mien.inference.classify import Classifier
from mien.inference.measures.files import FOLDER
from mien.inference.output.people_csv import event_columns
from mien.inference.output.rows import PLAIN, columns
from mien.inference.pipeline import Pipeline

from ..inference.heif import Heif, coded
from . import live
from .cases import some

pytestmark = live.made

HIDE = "document.querySelectorAll('dialog[open]').forEach(one => one.close())"
TEXT = "return document.getElementById(arguments[0]).textContent"


def until(condition: Callable[[], Any], what: str) -> Any:
    """Return the first true value of a condition."""
    end = time.monotonic() + live.WAIT
    while not (value := condition()):
        assert time.monotonic() < end, f"no {what}"
        time.sleep(0.05)
    return value


class Page:
    """What a person does and sees."""

    def __init__(self, browser: Any, url: str) -> None:
        self.browser, self.url = browser, url

    def open(self, width: int = 1280) -> "Page":
        """Load it as on a first visit, and close the notice."""
        self.browser.get("about:blank")
        origin = {"origin": self.url, "storageTypes": "local_storage,service_workers,cache_storage"}
        self.browser.execute_cdp_cmd("Storage.clearDataForOrigin", origin)
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        self.browser.get_log("browser")
        live.asked(self.browser)
        self.browser.get(self.url)
        until(lambda: self.browser.execute_script("return Boolean(document.querySelector('dialog[open]'))"), "notice")
        self.browser.execute_script(HIDE)
        return self

    def give(self, *paths: Path) -> "Page":
        self.browser.find_element("id", "files").send_keys("\n".join(map(str, paths)))
        return self

    def press(self, name: str) -> None:
        self.browser.execute_script("document.getElementById(arguments[0]).click()", name)

    def text(self, name: str) -> str:
        return str(self.browser.execute_script(TEXT, name))

    def choose(self, name: str, value: str) -> None:
        """Choose in the settings, as a click does."""
        self.browser.execute_script(
            "const field = document.forms.settings.elements[arguments[0]], value = arguments[1];"
            "if (field instanceof RadioNodeList) [...field].find(one => one.value === value).click();"
            "else { field.value = value; field.dispatchEvent(new Event('change', { bubbles: true })) }",
            name,
            value,
        )

    def choose_measures(self) -> None:
        self.browser.execute_script("document.forms.settings.elements.measures.click()")

    def speak(self, language: str) -> None:
        self.browser.execute_script(
            "const one = document.getElementById('language'); one.value = arguments[0];"
            "one.dispatchEvent(new Event('change'))",
            language,
        )
        said = "return document.documentElement.lang"
        until(lambda: self.browser.execute_script(said).startswith(language), language)

    def faces(self, count: int) -> list[str]:
        """Wait for that many faces; returns their headings."""
        until(lambda: len(self._heads()) == count, f"{count} faces")
        return self._heads()

    def _heads(self) -> list[str]:
        heads = "return [...document.querySelectorAll('.face h3')].map(one => one.textContent)"
        return list(self.browser.execute_script(heads))

    def table(self, name: str) -> list[list[str]]:
        """Return the texts of a table's rows."""
        cells = "return [...document.getElementById(arguments[0]).querySelectorAll('tbody tr')]"
        return list(
            self.browser.execute_script(f"{cells}.map(row => [...row.cells].map(one => one.textContent))", name)
        )

    def saved(self, button: str, path: Path) -> bytes:
        path.unlink(missing_ok=True)
        self.press(button)
        until(path.is_file, str(path))
        return path.read_bytes()


@pytest.fixture
def page(chromium: Any, served: live.Live) -> Iterator[Page]:
    served.requests.clear()  # other tests use the server, too
    yield Page(chromium, served.url).open()
    chromium.execute_script("document.getElementById('clear')?.click()")  # lets the camera go


def test_an_image_is_read_on_the_device(page: Page, served: live.Live, photos: list[Path], downloads: Path) -> None:
    (head,) = page.give(photos[0]).faces(1)
    assert head == "happiness>99 %"
    assert page.text("mode-text") == "On this device: images never leave it"
    assert "F1 on the ferplus test set" in page.text("trust-weak")
    (expected,) = (one.to_dict() for one in Pipeline("ferplus").predict([str(photos[0])]))
    (row,) = json.loads(page.saved("save-json", downloads / "predictions.json"))
    assert {**row, "faces": []} == {**expected, "source": "astronaut.png", "faces": []}
    assert row["faces"][0].keys() == expected["faces"][0].keys()
    assert row["faces"][0]["box"] == pytest.approx(expected["faces"][0]["box"], abs=0.5)
    assert row["faces"][0]["probs"] == pytest.approx(expected["faces"][0]["probs"], abs=0.03)
    assert served.got_nothing_of_images()
    assert {url.split("/", 3)[2] for url in live.asked(page.browser)} == {page.url.split("/")[2]}
    assert [entry for entry in page.browser.get_log("browser") if entry["level"] == "SEVERE"] == []


@pytest.mark.slow
def test_downloads_are_those_of_the_command_line(page: Page, photos: list[Path], downloads: Path) -> None:
    page.give(photos[2], photos[1])
    until(lambda: page.text("status") == "coffee.png: No face was detected.", "image without a face")
    page.press("clear")
    page.give(photos[1], photos[2]).faces(1)
    until(lambda: page.browser.execute_script("return document.querySelectorAll('#thumbs .read').length") == 2, "both")
    head, *rows = csv.reader(io.StringIO(page.saved("save-csv", downloads / "predictions.csv").decode()))
    assert head == list(columns(Classifier("ferplus").card))
    named = [dict(zip(head, row, strict=True)) for row in rows]
    assert [(row["source"], row["face"], row["expression"]) for row in named] == [
        ("grace_hopper.jpg", "1", "neutral"),
        ("coffee.png", "", ""),
    ]
    assert float(named[0]["prob_neutral"]) == pytest.approx(float(named[0]["confidence"]))
    assert named[0]["abstained"] == "false"
    for index in (1, 0):  # away from it and back
        page.browser.execute_script("document.querySelectorAll('#thumbs button')[arguments[0]].click()", index)
        page.faces(1 - index)
    drawn = Image.open(io.BytesIO(page.saved("save-png", downloads / "grace_hopper-annotated.png"))).convert("RGB")
    photo = Image.open(photos[1]).convert("RGB")
    assert drawn.size == photo.size
    assert drawn.tobytes() != photo.tobytes()


HANDED_OVER = """
const [kind, name, data] = arguments, file = new File([Uint8Array.fromBase64(data)], name, { type: "image/png" });
const held = new DataTransfer();
held.items.add(file);
const event = kind === "paste" ? new ClipboardEvent("paste", { clipboardData: held, bubbles: true })
  : new DragEvent(kind, { dataTransfer: held, bubbles: true, cancelable: true });
document.body.dispatchEvent(event);
"""


@pytest.mark.parametrize("kind", some(["drop", "paste"]))
def test_an_image_is_dropped_or_pasted(page: Page, photos: list[Path], kind: str) -> None:
    data = base64.b64encode(photos[0].read_bytes()).decode()
    if kind == "drop":
        page.browser.execute_script(HANDED_OVER, "dragenter", "a.png", data)
        assert page.browser.execute_script("return document.getElementById('drag').checkVisibility()")
    page.browser.execute_script(HANDED_OVER, kind, "a.png", data)
    assert page.faces(1) == ["happiness>99 %"]
    assert not page.browser.execute_script("return document.getElementById('drag').checkVisibility()")


@pytest.mark.slow
def test_a_crowd_is_counted_and_its_faces_are_chosen(page: Page, photos: list[Path], tmp_path: Path) -> None:
    face, crowd = Image.open(photos[0]).convert("RGB").crop((150, 30, 300, 210)), Image.new("RGB", (1040, 760), "gray")
    for place in range(15):
        crowd.paste(face, (20 + place % 5 * 200, 20 + place // 5 * 250))
    crowd.save(tmp_path / "crowd.png")
    page.give(tmp_path / "crowd.png").faces(12)
    assert page.text("faces-note") == "15 faces; the first 12 are listed, the files have all"
    bars = "return [...document.querySelectorAll('.face:first-child .bar')].filter(one => one.checkVisibility()).length"
    assert page.browser.execute_script(bars) == 3
    page.browser.find_element("css selector", ".face:first-child .head").click()
    assert page.browser.execute_script(bars) == 8
    places = "return [...document.querySelectorAll('.bar')].map(one => one.getBoundingClientRect().x)"
    assert len({x for x in page.browser.execute_script(places) if x}) == 1  # they begin below each other


@pytest.mark.slow
def test_settings_are_obeyed(page: Page, photos: list[Path]) -> None:
    page.give(photos[1])
    natural = page.faces(1)
    page.choose("prior", "uniform")
    until(lambda: "uniform prior" in page.text("trust-confidence"), "another prior")
    assert page.faces(1) != natural
    page.choose("weights", "fer2013-nano")
    until(
        lambda: page.browser.execute_script("return document.querySelectorAll('.face dt').length") == 7,
        "seven expressions",
    )
    page.choose("abstain", "0.9")
    until(lambda: page.faces(1)[0].startswith("not sure, perhaps"), "abstention")


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


@pytest.mark.slow
def test_chinese(page: Page, photos: list[Path]) -> None:
    page.give(photos[0]).faces(1)
    page.speak("zh")
    until(lambda: page.faces(1) == ["高兴>99%"], "Chinese")
    assert page.text("mode-text").startswith("在本设备上读取")
    assert "人脸" in page.browser.execute_script("return document.getElementById('overlay').ariaLabel")


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
    assert page.faces(2)  # the last frame stays
    page.browser.find_element("css selector", "#error button").click()
    until(lambda: "frames a second" in page.text("film-clock"), "another start")


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


PNG = b"\x89PNG\r\n\x1a\n and so on"
BROKEN = {  # content, what is said, and whether the server may help
    "broken.png": (PNG, "cannot be decoded: the file is corrupted", False),
    "photo.heic": (b"\0\0\0\x18ftypheic\0\0\0\0", "need the server", True),
    "scan.tiff": (b"II*\0\x08\0\0\0", "need the server", True),
    "clip.mkv": (PNG, "cannot be played", True),
    "notes.txt": (PNG, "neither an image nor a video", False),
    "empty.jpg": (b"", "is empty", False),
    "empty.mp4": (b"", "is empty", False),
    "drawing.svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is not a photo", False),
    "words.jpg": ("写的字\n".encode(), "is not a photo", False),
}


@pytest.mark.parametrize("name", some(BROKEN))
def test_a_file_that_cannot_be_read_is_explained(page: Page, name: str, tmp_path: Path) -> None:
    content, said, helped = BROKEN[name]
    (tmp_path / name).write_bytes(content)
    page.give(tmp_path / name)
    until(lambda: said in page.text("error"), "message")
    assert name in page.text("error")
    assert ("Read it on the server" in page.text("error")) == helped


def test_what_could_not_be_read_is_in_the_files(
    page: Page, photos: list[Path], downloads: Path, tmp_path: Path
) -> None:
    (tmp_path / "broken.png").write_bytes(PNG)
    page.give(tmp_path / "broken.png", photos[1])
    until(lambda: page.browser.execute_script("return document.querySelectorAll('#thumbs .read').length") == 1, "read")
    shown = "return ['downloads', 'save-png'].map(one => document.getElementById(one).checkVisibility())"
    assert page.browser.execute_script(shown) == [True, False]  # the one on the stage has failed
    titles = "return [...document.querySelectorAll('#thumbs button')].map(one => one.title)"
    broken = "broken.png cannot be decoded: the file is corrupted."
    assert page.browser.execute_script(titles) == [broken, "grace_hopper.jpg: 1 face"]
    assert page.browser.find_element("css selector", "#thumbs .failed .name").text == "broken.png"
    head, *rows = csv.reader(io.StringIO(page.saved("save-csv", downloads / "predictions.csv").decode()))
    assert head == list(columns(Classifier("ferplus").card))
    named = [dict(zip(head, row, strict=True)) for row in rows]
    assert [(row["source"], row["error"], row["face"]) for row in named] == [
        ("broken.png", "broken.png cannot be decoded: the file is corrupted.", ""),
        ("grace_hopper.jpg", "", "1"),
    ]
    failed, _ = json.loads(page.saved("save-json", downloads / "predictions.json"))
    (expected,) = (one.to_dict() for one in Pipeline("ferplus").predict([str(tmp_path / "broken.png")]))
    assert list(failed) == list(expected)
    assert {**failed, "source": "", "error": ""} == {**expected, "source": "", "error": ""}


@pytest.mark.slow
def test_without_the_server_it_goes_on(chromium: Any, photos: list[Path]) -> None:
    with live.running(live.Settings(rate=0)) as one:
        page = Page(chromium, one.url).open()
        page.give(photos[0]).faces(1)
        kept = "const done = arguments[0]; navigator.serviceWorker.ready.then(() => done(true))"
        chromium.set_script_timeout(live.WAIT)
        assert chromium.execute_async_script(kept)
    chromium.get(page.url)
    page.give(photos[1])
    assert page.faces(1)[0].startswith("neutral")
    page.choose("mode", "server")
    until(lambda: "server does not answer" in page.text("error"), "message")
    page.choose("mode", "device")
    page.faces(1)


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


REFUSALS = {
    429: ("asks to try again in 7 s", [7000] * 5),
    503: ("the server refused it.too much", [7000] * 5),
    413: ("the server refused it.too much", []),
}


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
    (tmp_path / "4.png").write_bytes(PNG)
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


@pytest.mark.slow
def test_the_keyboard_does_everything(page: Page, photos: list[Path]) -> None:
    from selenium.webdriver import ActionChains, Keys

    reached = []
    for _ in range(40):
        ActionChains(page.browser).send_keys(Keys.TAB).perform()
        active = page.browser.switch_to.active_element
        reached.append(active.get_attribute("id") or active.get_attribute("name") or active.get_attribute("class"))
        outline = "const one = getComputedStyle(document.activeElement); return one.outlineStyle"
        assert page.browser.execute_script(outline) != "none", reached
        if reached[-1] == "rate":
            break
    order = [
        "skip",
        "open-notice",
        "language",
        "theme",
        "choose",
        "camera",
        "mode",
        "weights",
        "prior",
        "abstain",
        "rate",
    ]
    assert [name for name in reached if name in order] == order
    page.give(photos[0], photos[1]).faces(1)
    body = page.browser.find_element("tag name", "body")
    body.send_keys(Keys.ARROW_RIGHT)
    until(lambda: page.faces(1)[0].startswith("neutral"), "next image")
    body.send_keys(Keys.ARROW_LEFT)
    until(lambda: page.faces(1)[0].startswith("happiness"), "image before")
