"""How the page looks: nothing overflows, every text can be read, and the image in the documentation is of this page."""

import base64
import io
import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ..page_checks import FAINT, HEADINGS, UNREACHABLE, WIDE
from . import live
from .cases import some
from .page import Page, until

pytestmark = live.made

IMAGE = Path(__file__).parents[2] / "docs" / "images" / "page.png"
SIZE = (1280, 844)
SMALL = """
return [...document.querySelectorAll('button, select, input:not(.hidden), .option')].filter(one => {
  const { width, height } = one.getBoundingClientRect();
  return one.checkVisibility() && !one.closest('.option *, .hidden') && (width < 24 || height < 24)
}).map(one => one.id || one.name || one.className);
"""
CUT = """
return [...document.querySelectorAll('.bars dt')].filter(one => one.scrollWidth > one.clientWidth)
  .map(one => one.textContent);
"""
NAMELESS = """
return [...document.querySelectorAll('button, select, input, [role=img], dialog, section')].filter(one =>
  one.checkVisibility() && !one.closest('[aria-hidden=true]') && !one.computedName && !one.ariaLabel
  && !one.textContent.trim() && !one.labels?.length && !one.getAttribute('aria-labelledby'))
  .map(one => one.id || one.outerHTML);
"""


@pytest.fixture(scope="module")
def read(chromium: Any, served: live.Live, photos: list[Path]) -> Iterator[Page]:
    """The page with two images read, one of them on the stage."""
    page = Page(chromium, served.url).open()
    page.give(photos[0], photos[1]).faces(1)
    done = "return document.querySelectorAll('#thumbs .read').length"
    until(lambda: chromium.execute_script(done) == 2, "both images")
    yield page
    chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def shown(page: Page, width: int, scheme: str, height: int = 900) -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
    page.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    page.browser.execute_cdp_cmd("Emulation.setScrollbarsHidden", {"hidden": True})


@pytest.mark.parametrize("language", some(["en", "zh"]))
@pytest.mark.parametrize("scheme", some(["light", "dark"]))
@pytest.mark.parametrize("width", some([360, 1280]))
def test_the_page_is_sound(read: Page, width: int, scheme: str, language: str) -> None:
    shown(read, width, scheme)
    read.speak(language)
    ask = read.browser.execute_script
    assert ask("return document.documentElement.scrollWidth") <= width
    assert [one for one in ask(WIDE) if "hidden" not in one] == []
    assert ask(UNREACHABLE) == []
    assert ask(FAINT) == []
    assert ask(SMALL) == []
    assert ask(CUT) == []
    assert ask(NAMELESS) == []
    levels = ask(HEADINGS)
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    if folder := os.environ.get("MIEN_SCREENSHOTS"):
        picture(read, True).save(Path(folder) / f"page-{width}-{scheme}-{language}.png")


@pytest.mark.slow
def test_the_image_in_the_documentation_is_of_this_page(read: Page) -> None:
    """Write it again with MIEN_PAGE_IMAGE=docs/images/page.png."""
    shown(read, SIZE[0], "light", SIZE[1])
    read.speak("en")
    image = picture(read, False)
    if path := os.environ.get("MIEN_PAGE_IMAGE"):
        image.quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.FLOYDSTEINBERG).save(path, optimize=True)
    assert image.size == Image.open(IMAGE).size
    assert IMAGE.stat().st_size < 300_000


def picture(page: Page, whole: bool) -> Image.Image:
    page.browser.execute_script("scrollTo(0, 0)")
    options = {"format": "png", "captureBeyondViewport": whole}
    data = page.browser.execute_cdp_cmd("Page.captureScreenshot", options)["data"]
    return Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")
