"""What a person does and sees on the page, in a real Chromium."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import live

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
