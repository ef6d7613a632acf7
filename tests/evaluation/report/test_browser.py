"""The pages in a real Chromium, at the width of a telephone and of a desk, light, dark and printed.

Needs Debian's packages chromium and chromium-driver (`make browser`) and selenium; skips with the reason without.
"""

import base64
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mien.card import Card
from mien.evaluation.report import write
from mien.evaluation.report.collect import gather
from mien.evaluation.result import Result
from mien.face import Face
from mien.inference.output.report import PredictionReport
from mien.inference.prediction import Prediction
from mien.inference.sample.page import to_html
from mien.inference.video.portrait import jpeg
from mien.labels import EXPRESSIONS
from mien.outputs import Outputs

from ...page_checks import CLIPPED, FAINT, HEADINGS, UNREACHABLE, WIDE

PAGES = ("run", "several", "predictions", "rate")
WIDTHS = {"telephone": 390, "desk": 1280}
PAPER = 680  # CSS pixels between the margins of A4


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A headless Chromium that logs its console and what it asks the network for."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    binary = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if not binary or not driver:
        pytest.skip("chromium and chromedriver are not both installed: `make browser`")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    for word in ("--headless=new", "--disable-gpu", "--disable-background-networking", *sandbox):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    chromium = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield chromium
    chromium.quit()


@pytest.fixture(scope="session")
def pages(
    tmp_path_factory: pytest.TempPathFactory,
    tiny_fer2013: Path,
    run: Path,
    make_result: Callable[..., Result],
    run_writer: Callable[..., Path],
) -> dict[str, Path]:
    """The pages under test: a run with everything, two runs and a result side by side, and predictions."""
    out = tmp_path_factory.mktemp("pages")
    other = run_writer(out / "other", make_result(1, weights="a second network with quite a long name"), steps=90)
    make_result(2, weights="third").save(out / "third.npz")
    write(gather([run], tiny_fer2013), out / "run.html")
    write(gather([run, other, out / "third.npz"], tiny_fer2013), out / "several.html")
    card = Card(name="ferplus", labels=EXPRESSIONS, metrics={"test": {"ece": 0.1, "n": 5, "dataset": "ferplus"}})
    image = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)
    face = Face(np.array([10, 10, 60, 60], np.float32), 0.9).read(EXPRESSIONS, np.full(8, 0.125, np.float32), 0.0)
    with PredictionReport(Outputs(out / "predictions"), card, "predictions.csv") as report:
        report.add(Prediction("a-rather-long-name-of-a-image.jpg", width=160, height=120, faces=(face,)), image)
        report.add(Prediction("broken.jpg", error="broken.jpg: cannot be decoded"), None)
    square = jpeg(Image.fromarray(image), 224)
    (out / "rate.html").write_text(to_html([f"fa1b2c-{k:02d}" for k in range(1, 13)], [square] * 12, EXPRESSIONS))
    written = {name: out / f"{name}.html" for name in ("run", "several", "rate")}
    return written | {"predictions": out / "predictions/report.html"}


def opened(browser: Any, page: Path, width: int, scheme: str = "light", media: str = "screen") -> None:
    browser.get("about:blank")
    browser.get_log("performance")
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": features})
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.get(page.as_uri())


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_sound(name: str, width: int, scheme: str, browser: Any, pages: dict[str, Path]) -> None:
    opened(browser, pages[name], width, scheme)
    assert pages[name].stat().st_size < 5_000_000
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    assert browser.execute_script(WIDE) == []
    assert browser.execute_script(CLIPPED) == []
    assert browser.execute_script(UNREACHABLE) == []
    assert browser.execute_script(FAINT) == []
    levels = browser.execute_script(HEADINGS)
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    heights = browser.execute_script(
        "return [...document.querySelectorAll('section')].map(e => [e.id, e.getBoundingClientRect().height])"
    )
    assert all(height > 60 for _, height in heights)
    assert name in ("predictions", "rate") or len(heights) >= 10
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []
    assert requested(browser) == {pages[name].as_uri()}


def requested(browser: Any) -> set[str]:
    """Return what was asked for since the last look, without what lies in the page itself."""
    events = (json.loads(entry["message"])["message"] for entry in browser.get_log("performance"))
    urls = (e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent")
    return {url for url in urls if not url.startswith("data:")}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_prints(name: str, browser: Any, pages: dict[str, Path]) -> None:
    opened(browser, pages[name], PAPER, "dark", "print")
    assert browser.execute_script("return document.documentElement.scrollWidth") <= PAPER
    assert browser.execute_script(FAINT) == []
    hidden = "return [...document.querySelectorAll('.pane, section')].filter(e => !e.checkVisibility()).length"
    assert browser.execute_script(hidden) == 0
    options = {"preferCSSPageSize": True, "printBackground": True, "paperWidth": 8.27, "paperHeight": 11.69}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    printed = base64.b64decode(browser.execute_cdp_cmd("Page.printToPDF", options)["data"])
    assert printed.startswith(b"%PDF")
    assert 1 <= len(re.findall(rb"/Type\s*/Page\b", printed)) <= 20


def test_counts_and_shares_are_switched_by_keyboard(browser: Any, pages: dict[str, Path]) -> None:
    from selenium.webdriver.common.keys import Keys

    opened(browser, pages["run"], 1280)
    shown = "return [...document.querySelectorAll('.pane')].map(e => e.checkVisibility())"
    assert browser.execute_script(shown) == [True, False]
    browser.find_element("css selector", ".toggle > input").send_keys(Keys.ARROW_RIGHT)
    assert browser.execute_script(shown) == [False, True]


def test_images_are_drawn_and_contents_lead_somewhere(browser: Any, pages: dict[str, Path]) -> None:
    opened(browser, pages["run"], 1280)
    drawn = "return [...document.images].map(e => e.complete && e.naturalWidth > 0 && e.alt.length > 0)"
    drawings = browser.execute_script(drawn)
    assert drawings
    assert all(drawings)
    browser.find_element("css selector", "nav a[href='#data']").click()
    top = browser.execute_script("return document.getElementById('data').getBoundingClientRect().top")
    assert top < 900


def test_a_face_has_its_colour_outside_our_pages(browser: Any, tmp_path: Path) -> None:
    face = Face(np.array([1, 2, 30, 40], np.float32), 0.9).read(EXPRESSIONS, np.eye(8, dtype=np.float32)[1])
    page = tmp_path / "notebook.html"
    page.write_text(
        f"<!doctype html><title>t</title>{Prediction('a.png', width=64, height=48, faces=(face,))._repr_html_()}"
    )
    opened(browser, page, 520)
    seen = "const e = document.querySelector('td span'), r = e.getBoundingClientRect();"
    seen += "return [r.width > 8, r.width == r.height, getComputedStyle(e).backgroundColor]"
    assert browser.execute_script(seen) == [True, True, "rgb(240, 180, 41)"]


def test_labels_are_kept_while_faces_are_rated_and_saved_as_a_table(
    browser: Any, pages: dict[str, Path], tmp_path: Path
) -> None:
    from selenium.webdriver.common.keys import Keys

    def choose(id: str, label: str) -> None:
        browser.find_element("css selector", f"[name='fa1b2c-{id}'][value='{label}']").click()

    def state() -> str:
        return str(browser.find_element("id", "state").text)

    opened(browser, pages["rate"], 1280)
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    assert state() == "0 of 12 faces"
    browser.find_element("id", "rater").send_keys("Anna Müller")
    choose("01", "anger")
    choose("03", "fear")
    choose("03", "happiness")
    choose("12", "unclear")
    assert state() == "3 of 12 faces"
    opened(browser, pages["rate"], 1280)  # what was chosen is there again
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    assert state() == "3 of 12 faces"
    assert browser.execute_script("return document.getElementById('rater').value") == "Anna Müller"
    browser.find_element("id", "rater").send_keys(Keys.ENTER)
    assert state() == "3 of 12 faces"
    browser.find_element("id", "save").click()
    assert state() == "Saved labels-Anna-Müller.csv; 9 of 12 faces have no label"
    saved = tmp_path / "labels-Anna-Müller.csv"
    for _ in range(100):
        if saved.is_file():
            break
        time.sleep(0.05)
    lines = saved.read_text().splitlines()
    assert lines[:4] == ["id,truth", "fa1b2c-01,anger", "fa1b2c-02,", "fa1b2c-03,happiness"]
    assert (lines[12], len(lines)) == ("fa1b2c-12,unclear", 13)
    opened(browser, pages["rate"], 1280)  # the next person to rate must not see it
    assert state() == "0 of 12 faces"
    assert browser.execute_script("return document.getElementById('rater').value") == ""


def test_the_checks_see_faults(browser: Any, tmp_path: Path) -> None:
    page = tmp_path / "bad.html"
    page.write_text(
        "<!doctype html><title>t</title><style>p{color:#bbb;width:600px}div{overflow:auto;width:9px}</style>"
        "<h1>t</h1><main><p>faint and wide</p><div>unreachable</div><svg role=img width=50 viewBox='0 0 50 20'>"
        "<text x=30 y=10>clipped text</text></svg></main><script>console.error(1)</script><img src=none.png>"
    )
    opened(browser, page, 520)
    assert [text for text, _ in browser.execute_script(FAINT)] == ["faint and wide"]
    assert browser.execute_script(WIDE) == ["P."]
    assert browser.execute_script(CLIPPED) == ["clipped text"]
    assert browser.execute_script(UNREACHABLE) == [""]
    assert any(entry["level"] == "SEVERE" for entry in browser.get_log("browser"))
    assert len(requested(browser)) == 2
