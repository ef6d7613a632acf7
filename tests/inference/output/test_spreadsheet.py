"""CSV for Excel: a double click opens it correctly and runs nothing; plain CSV keeps texts as given."""

import csv
import io
import locale
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mien.inference.output import spreadsheet
from mien.inference.output.spreadsheet import PLAIN, Csv, for_excel

Mien = Callable[..., Any]
SEMICOLON = Csv(";", ",", True)

FORMULAS = [
    "=1+1", "+1", "-1", "@SUM(A1)", "=cmd|' /C calc'!A0.jpg", "\t=1", "\r=1", "\n=1", " =1", "\u3000=1", "\x01=1",
    "\uff1d1", "\uff0b1", "\uff0d1", "\uff20a", "\ttab", "\rreturn",
]  # fmt: skip


@pytest.mark.parametrize("text", FORMULAS)
def test_what_begins_like_a_formula_is_a_text(text: str) -> None:
    (row,) = csv.reader(io.StringIO(SEMICOLON.line([text, "x"]), newline=""), delimiter=";")
    assert row == [f"'{text}", "x"]
    (row,) = csv.reader(io.StringIO(PLAIN.line([text, "x"]), newline=""))
    assert row == [text, "x"]


@pytest.mark.parametrize(
    "text", ["a=1.jpg", "a\rb", "a\nb", "1-1.jpg", "'=1", "größer.jpg", "a@b.jpg", "", "a;b.jpg", 'a"b.jpg']
)
def test_other_texts_stay(text: str) -> None:
    (row,) = csv.reader(io.StringIO(SEMICOLON.line([text, "x"]), newline=""), delimiter=";")
    assert row == [text, "x"]


def test_numbers_are_left_alone() -> None:
    assert SEMICOLON.line([-0.5, -3, 1e-06, True, None, 0.25]) == "-0,5;-3;1e-06;true;;0,25\n"
    assert Csv(",", ".", True).line([-0.5, -3, None]) == "-0.5,-3,\n"
    assert PLAIN.line([-0.5, 1e-06, False, None]) == "-0.5,1e-06,false,\n"


@pytest.mark.parametrize(
    ("name", "point", "separator"),
    [
        ("C", ".", ";"),
        ("C.UTF-8", ".", ";"),
        ("POSIX", ".", ";"),
        ("de_DE.UTF-8", ",", ";"),
        ("fr_FR", ",", ";"),
        ("en_US.UTF-8", ".", ","),
        ("en_GB.UTF-8", ".", ","),
        ("ja_JP.UTF-8", ".", ","),
        (None, ".", ";"),
    ],
)
def test_the_separator_is_that_of_the_region(
    monkeypatch: pytest.MonkeyPatch, name: str | None, point: str, separator: str
) -> None:
    requested = []

    def setlocale(kind: int, wanted: str | None = None) -> str:
        requested.append(wanted)
        if wanted == "" and name is None:
            raise locale.Error("unsupported locale setting")
        return "C" if wanted != "" else str(name)

    monkeypatch.setattr(spreadsheet.locale, "setlocale", setlocale)
    monkeypatch.setattr(spreadsheet.locale, "localeconv", lambda: {"decimal_point": point})
    form = for_excel()
    assert (form.separator, form.decimal, form.excel) == (separator, "," if separator == ";" else ".", True)
    assert requested == [None, "", "C"]  # what it was before


@pytest.fixture
def album(tmp_path: Path, astronaut: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("LC_ALL", "LC_NUMERIC", "LANG"):
        monkeypatch.setenv(name, "C")
    Image.fromarray(astronaut).save(tmp_path / "=HYPERLINK(evil).jpg")
    Image.fromarray(astronaut[60:]).save(tmp_path / "größer.jpg")
    return tmp_path


def read(content: bytes) -> list[dict[str, str]]:
    assert content.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter=";"))


@pytest.mark.skipif(os.name != "posix", reason="Windows has its own idea of a locale")
def test_a_run_for_excel(mien: Mien, album: Path, video: Path) -> None:
    (album / "clip.mp4").write_bytes(video.read_bytes())
    names = ["=HYPERLINK(evil).jpg", "größer.jpg", "clip.mp4"]
    code, out, _ = mien("predict", *names, "--format", "csv", "--excel", "--out", "res")
    assert code == 0
    assert (album / "res/predictions.csv").read_bytes() == out
    rows = read(out)
    assert [row["source"] for row in rows[:2]] == ["'=HYPERLINK(evil).jpg", "größer.jpg"]
    assert float(rows[0]["prob_happiness"].replace(",", ".")) > 0.9
    assert "," in rows[0]["box_x1"]
    (person,) = read((album / "res/people.csv").read_bytes())
    assert person["source"] == "clip.mp4"
    assert float(person["seconds"].replace(",", ".")) == pytest.approx(0.6)
    assert (album / "res/events.csv").read_bytes().startswith(b"\xef\xbb\xbfsource;track_id")
    pandas = pytest.importorskip("pandas")
    table = pandas.read_csv(album / "res/predictions.csv", sep=";", decimal=",")
    assert table["source"][0] == "'=HYPERLINK(evil).jpg"
    assert table["prob_happiness"].dtype == float
    plain = mien("predict", *names, "--format", "csv").out.decode()
    assert plain.splitlines()[1].startswith("=HYPERLINK(evil).jpg,")


def test_a_table_with_a_folder_writes_it_too(mien: Mien, album: Path) -> None:
    assert mien("predict", "größer.jpg", "--excel", "--out", "res").code == 0
    assert read((album / "res/predictions.csv").read_bytes())[0]["source"] == "größer.jpg"


@pytest.mark.parametrize("name", ["xx_YY.UTF-8", "C", "POSIX"])
def test_a_locale_that_is_not_installed_is_named(
    mien: Mien, album: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("LC_ALL", name)
    code, out, err = mien("predict", "größer.jpg", "--format", "csv", "--excel")
    assert (code, read(out)[0]["expression"]) == (0, "happiness")
    message = "mien: the locale xx_YY.UTF-8 is not installed; --excel writes semicolons and decimal commas\n"
    assert (message in err) == (name == "xx_YY.UTF-8")
    assert "locale" not in mien("predict", "größer.jpg", "--format", "csv").err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--excel"], "--excel with --format table; expected --format csv"),
        (["--excel", "--format", "json"], "--excel with --format json; expected --format csv"),
        (["--excel", "--format", "parquet", "--out", "res"], "--excel with --format parquet; expected --format csv"),
        (["--force"], "--force without --out; expected --out as well"),
        (["--frames", "--format", "csv"], "--frames with --format csv; expected --format table; csv has every frame"),
        (["--event-high", "2"], "--event-high 2; expected a probability from 0 to 1"),
        (["--event-low", "0.7"], "--event-low 0.7; expected at most --event-high 0.6"),
        (["--event-min", "-1"], "--event-min -1; expected seconds, 0 or more"),
    ],
)
def test_incompatible_options_are_one_line(mien: Mien, photo: Path, words: list[str], message: str) -> None:
    code, out, err = mien("predict", photo, *words)
    assert (code, out, err.count("\n")) == (2, b"", 1)
    assert message in err
