"""The page in a real Chromium: images, downloads, both languages, privacy and what can go wrong.

Needs Debian's packages chromium and chromium-driver (`make browser`), selenium, and what `make page measures` makes;
skips with the reason without.
"""

import base64
import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from mien.inference.classify import Classifier
from mien.inference.output.rows import columns
from mien.inference.pipeline import Pipeline

from . import live
from .cases import some
from .page import Page, until

pytestmark = live.made


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


@pytest.mark.slow
def test_chinese(page: Page, photos: list[Path]) -> None:
    page.give(photos[0]).faces(1)
    page.speak("zh")
    until(lambda: page.faces(1) == ["高兴>99%"], "Chinese")
    assert page.text("mode-text").startswith("在本设备上读取")
    assert "人脸" in page.browser.execute_script("return document.getElementById('overlay').ariaLabel")


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
