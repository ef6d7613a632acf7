"""The HTML shell: self-contained, escaped, readable in light and dark."""

import re

import pytest

from mien.hierarchy import TREE
from mien.html.markup import EMPTY, Html, element, escape
from mien.html.page import ABSTAINED, COLOURS, bars, data_uri, dot, facts, note, page, percent, table, tiles
from mien.labels import EXPRESSIONS
from mien.printable import printable

HOSTILE = "\"><img src=x onerror=alert(1)>'</style><script>&amp;"


def luminance(colour: str) -> float:
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    red, green, blue = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def palettes() -> list[dict[str, str]]:
    text = page("t", EMPTY)
    variables = [dict(re.findall(r"--(\w+):(#\w+)", block)) for block in re.findall(r":root\{([^}]*)\}", text)]
    return [{k: v if len(v) == 7 else "#" + "".join(2 * c for c in v[1:]) for k, v in one.items()} for one in variables]


def test_a_page_fetches_nothing_and_forbids_fetching() -> None:
    text = page("Title", Html("<p>body</p>"), lede="lede", style=".x{}")
    assert "default-src 'none'" in text
    assert not re.search(r"(?i)https?:|//\w|@import|url\(|<script|src=", text)
    assert text.index("Title") < text.index("lede") < text.index("<p>body</p>")
    assert "prefers-color-scheme:dark" in text
    assert "@media print" in text
    assert 'name="viewport"' in text
    assert "apparent facial expression" in text
    assert "Art. 5(1)(f)" in text


@pytest.mark.parametrize(
    "fragment",
    [
        page(HOSTILE, EMPTY, lede=HOSTILE),
        tiles([(HOSTILE, HOSTILE, HOSTILE)]),
        facts({HOSTILE: HOSTILE}),
        table((HOSTILE,), [[escape(HOSTILE)]]),
        bars([(HOSTILE, 0.5, HOSTILE)]),
        dot(HOSTILE),
        escape(HOSTILE),
        note(HOSTILE),
        element("i", title=HOSTILE),
    ],
)
def test_text_from_outside_stays_text(fragment: str) -> None:
    assert "<img" not in fragment
    assert "<script" not in fragment
    assert "onerror=alert(1)>'" not in fragment


@pytest.mark.parametrize("name", ["a\nb", "a\x00b", "a\u202eb", "a\udcffb", "a\x1bb"])
def test_what_cannot_be_seen_becomes_an_escape(name: str) -> None:
    assert escape(name) == printable(name) != name
    page("t", escape(name)).encode("utf-8")


def test_names_of_the_world_stay() -> None:
    assert escape("Zoë 日本 émotion 😀.jpg") == "Zoë 日本 émotion 😀.jpg"


def test_every_expression_has_a_colour_of_its_own() -> None:
    assert set(COLOURS) == {*EXPRESSIONS, *TREE}
    for names in (EXPRESSIONS, TREE):
        assert len({*(COLOURS[name] for name in names), ABSTAINED}) == len(names) + 1


def test_text_can_be_read_in_light_and_dark() -> None:
    light, dark, paper = palettes()
    for colours in (light, dark, {**light, **paper}):
        for ink in ("ink", "soft"):
            for ground in ("ground", "card"):
                assert contrast(colours[ink], colours[ground]) > 4.5, (ink, ground)
    for colours in (light, dark):
        assert all(contrast(colour, colours["card"]) > 1.6 for colour in COLOURS.values())


def test_bars_are_as_long_as_their_share() -> None:
    html = bars([("fear", 0.25, "25 %"), ("anger", 1.0, "many")])
    assert re.findall(r"width:([\d.]+)%;--c:(#\w+)", html) == [("25.0", COLOURS["fear"]), ("100.0", COLOURS["anger"])]
    assert "many" in html


def test_facts_leave_out_what_is_not_known() -> None:
    html = facts({"a": "", "b": None, "c": (), "d": 0, "e": "x"})
    assert re.findall(r"<dt>(\w)</dt>", html) == ["d", "e"]


@pytest.mark.parametrize(
    ("share", "digits", "shown"),
    [
        (0.876, 0, "88 %"),
        (1, 1, "100.0 %"),
        (0, 0, "0 %"),
        (0.004, 0, "<1 %"),
        (0.996, 0, ">99 %"),
        (float("nan"), 1, "-"),
    ],
)
def test_percent(share: float, digits: int, shown: str) -> None:
    assert percent(share, digits) == shown


def test_data_uri_carries_bytes() -> None:
    assert data_uri(b"\x00\xff", "image/png") == "data:image/png;base64,AP8="


def test_what_scrolls_sideways_shows_a_shadow_where_more_is_hidden() -> None:
    style = page("t", table(("a", "b"), [[escape(1), escape(2)]]))
    block = re.search(r"\.scroll\{([^}]*)\}", style)
    assert block is not None
    assert "overflow-x:auto" in block[1]
    assert block[1].count("no-repeat local") == block[1].count("no-repeat scroll") == 2  # covers move, shadows stay
    assert ".scroll{overflow:visible;background:none}" in style  # on paper nothing is hidden
