"""The page's words and constants, read as text: nothing here needs a browser."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from mien.html.page import ABSTAINED, COLOURS
from mien.inference.classify import names
from mien.inference.measures.measurer import REASONS
from mien.labels import EXPRESSIONS
from mien.serving import decoding
from mien.serving.errors import CODES
from mien.serving.files import PAGE
from mien.units import UNITS

UI = [*sorted((PAGE / "js" / "ui").glob("*.js")), PAGE / "js" / "app.js"]
SOURCE = "".join(path.read_text("utf-8") for path in UI)
INDEX = (PAGE / "index.html").read_text("utf-8")
BUILT = ("error.", "event.", "expression.", "film.", "mode.", "movement.", "reason.", "split.", "theme.")
"""Beginnings of keys that the scripts complete."""


def strings(language: str) -> dict[str, str]:
    text = (PAGE / "js" / "strings" / f"{language}.js").read_text("utf-8")
    table: dict[str, str] = json.loads(text.removeprefix("export default ").removesuffix(";\n"))
    return table


def test_both_languages_say_the_same_things() -> None:
    english, chinese = strings("en"), strings("zh")
    assert english.keys() == chinese.keys()
    for key, text in english.items():
        assert sorted(re.findall(r"\{\w+\}", text)) == sorted(re.findall(r"\{\w+\}", chinese[key])), key
    same = {key for key, text in english.items() if text == chinese[key]}
    assert same <= {"download.json", "film.watched", "weak.one"}
    assert all(f"expression.{label}" in english for label in EXPRESSIONS)


def test_every_string_is_used_and_every_key_is_there() -> None:
    in_page = set(re.findall(r'data-(?:text|label)="([^"]+)"', INDEX))
    in_scripts = {key for key in strings("en") if f'"{key}"' in SOURCE}
    built = {key for key in strings("en") if key.startswith(BUILT)}
    asked = in_page | set(re.findall(r'\bt\("([^"]+)"', SOURCE))
    assert asked <= strings("en").keys()
    assert in_page | in_scripts | built == strings("en").keys()


class _Words(HTMLParser):
    """Collects what a reader would see or hear of the page as it stands."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self._silent = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent = tag == "noscript"
        self.words += [
            value for name, value in attrs if name in ("aria-label", "title", "placeholder", "alt") and value
        ]

    def handle_data(self, data: str) -> None:
        if data.strip() and not self._silent:
            self.words.append(data.strip())


def test_the_html_has_no_words_but_the_name() -> None:
    reader = _Words()
    reader.feed(INDEX)
    assert set(reader.words) == {"mien"}


@pytest.mark.parametrize("path", UI, ids=lambda path: path.stem)
def test_a_script_has_no_words(path: Path) -> None:
    """No string of a script reads like prose; fonts, selectors and messages that the page never shows aside."""
    code = re.sub(r"^\s*//.*$|\s//\s.*$", "", path.read_text("utf-8"), flags=re.M)
    texts = [text for pair in re.findall(r'"([^"\n]*)"|`([^`]*)`', code) for text in pair if text]
    prose = [text for text in texts if re.search(r"[A-Za-z]{2,} [a-z]{2,}", re.sub(r"\$\{[^}]*\}", "", text))]
    assert [text for text in prose if "system-ui" not in text] == []


def test_the_page_has_the_colours_of_reports() -> None:
    script = (PAGE / "js" / "ui" / "colours.js").read_text("utf-8")
    assert dict(re.findall(r'^  (\w+): "(#\w+)"', script, re.M)) == {name: COLOURS[name] for name in EXPRESSIONS}
    assert f'ABSTAINED = "{ABSTAINED}"' in script
    styled = re.findall(r"--e(\d): (#\w+);", (PAGE / "style.css").read_text("utf-8"))
    assert [colour for _, colour in styled] == [COLOURS[name] for name in EXPRESSIONS]


def test_the_page_names_the_movements_that_are_graded_good() -> None:
    named = {key.removeprefix("movement."): text for key, text in strings("en").items() if key.startswith("movement.")}
    assert named == {unit.name: unit.movement for unit in UNITS.values() if unit.auc and unit.grade == "good"}


ELSEWHERE = {
    *("token", "busy", "too_often"),  # the page asks for the token, and waits
    *(
        "no_images",
        "too_many",
        "unsupported_media_type",
        "invalid_multipart",
        "method_not_allowed",
        "bad_request",
    ),  # of programs
    *("not_a_frame", "invalid_frame"),  # likewise
}
"""Codes of errors that the page does not show, or has other words for."""


def test_the_page_has_words_for_every_error_of_the_server() -> None:
    """In both languages, as the strings have the same keys; what the server says in English is the detail."""
    source = "".join(path.read_text("utf-8") for path in PAGE.parent.rglob("*.py"))
    raised = re.findall(
        r"(?:ApiError\(\d+|Closed\(\w+|_break\(job|\.fail\(|error_response\(\d+)(?:, |)\"(\w+)\"", source
    )
    codes = {*raised, *CODES.values(), "bad_request"}
    explained = {key.removeprefix("error.server.") for key in strings("en") if key.startswith("error.server.")}
    assert {"unreadable", "stalled", "idle", "internal", "too_long"} <= codes
    assert explained == codes - ELSEWHERE


def test_the_page_has_words_for_every_reason_without_measures() -> None:
    reasons = {key.removeprefix("reason.") for key in strings("en") if key.startswith("reason.")}
    assert reasons == {*REASONS}


def test_the_page_offers_the_weights_that_ship() -> None:
    (listed,) = re.findall(r"WEIGHTS = (\[.*?\]);", SOURCE)
    assert sorted(json.loads(listed)) == sorted(names())


def test_nothing_is_asked_of_another_host() -> None:
    texts = [
        path.read_text("utf-8")
        for path in PAGE.rglob("*")
        if path.suffix in {".html", ".css", ".js"} and "vendor" not in path.parts
    ]
    addresses = {url for text in texts for url in re.findall(r"https?://[^\s\"'`)]+", text)}
    assert addresses <= {"http://www.w3.org/2000/svg"}
    assert not re.search(r"<style|<script(?![^>]*src=)|\sstyle=|\son\w+=", INDEX)


def test_the_page_reads_images_of_the_size_that_the_server_takes() -> None:
    (limit,) = re.findall(r"MAX_PIXELS = ([\d_]+);", (PAGE / "js" / "image.js").read_text("utf-8"))
    assert int(limit) == decoding.MAX_PIXELS
    millions = decoding.MAX_PIXELS // 10**6
    assert f"{millions} million" in strings("en")["error.too_large"]
    assert f"{100 * millions} \u4e07" in strings("zh")["error.too_large"]
