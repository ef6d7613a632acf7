"""CSV as data, and CSV that Excel opens with a double click (`--excel`).

Plain CSV is UTF-8 with commas and decimal points, and texts are as given.  Excel takes a file for UTF-8 only behind a
byte order mark, splits at what the region calls a list separator, and runs a cell that begins like a formula, so for
Excel there is a mark, a separator and a decimal mark of the region's, and an apostrophe before such texts.  Numbers are
left alone.  pandas reads it with `read_csv(path, sep=";", decimal=",")`, LibreOffice asks for the separator.
"""

import csv
import io
import locale
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

FORMULA = re.compile("[\\s\x00-\x1f]*[=+\\-@＝＋－＠]|[\t\r\n]")  # noqa: RUF001 - full-width signs begin formulas too
"""How a text begins that a spreadsheet would run, or that would push one into the next cell."""


@dataclass(frozen=True)
class Csv:
    """How a table is written as CSV.

    Attributes:
        separator: between cells; decimal: the decimal mark.
        excel: whether it is for Excel: a byte order mark, and an apostrophe before texts that begin like a formula.
    """

    separator: str = ","
    decimal: str = "."
    excel: bool = False

    def head(self, names: Sequence[str]) -> str:
        """Return the first line of a file."""
        return ("\ufeff" if self.excel else "") + self.line(names)

    def line(self, cells: Sequence[Any]) -> str:
        """Return one line; None is an empty cell."""
        text = io.StringIO()
        csv.writer(text, delimiter=self.separator, lineterminator="\r\n").writerow(map(self._cell, cells))
        return f"{text.getvalue()[:-2]}\n"  # with both in its line end the writer quotes texts that hold either

    def _cell(self, cell: Any) -> Any:
        if isinstance(cell, bool):
            return str(cell).lower()
        if isinstance(cell, float):
            return str(cell).replace(".", self.decimal)
        if self.excel and isinstance(cell, str) and FORMULA.match(cell):
            return f"'{cell}"
        return cell


PLAIN = Csv()


def without_apostrophe(cell: str) -> str:
    """Return a text as it was before it was written for Excel.

    >>> without_apostrophe("'=1+1.png"), without_apostrophe("'a.png")
    ('=1+1.png', "'a.png")
    """
    return cell[1:] if cell.startswith("'") and FORMULA.match(cell[1:]) else cell


def for_excel() -> Csv:
    """Return CSV as the Excel of this machine's region opens it: with decimal points and commas where the locale has
    decimal points, else, also where it says nothing (C, POSIX), with decimal commas and semicolons."""
    return Csv(",", ".", True) if _decimal_point() else Csv(";", ",", True)


def unknown_locale() -> str:
    """Return the locale that the environment names and this machine lacks; nothing where all is well."""
    before = locale.setlocale(locale.LC_NUMERIC)
    try:
        locale.setlocale(locale.LC_NUMERIC, "")
    except locale.Error:
        return next((name for name in map(os.environ.get, ("LC_ALL", "LC_NUMERIC", "LANG")) if name), "")
    finally:
        locale.setlocale(locale.LC_NUMERIC, before)
    return ""


def _decimal_point() -> bool:
    before = locale.setlocale(locale.LC_NUMERIC)
    try:
        name = locale.setlocale(locale.LC_NUMERIC, "")
        return name.partition(".")[0] not in ("C", "POSIX") and locale.localeconv()["decimal_point"] == "."
    except locale.Error:  # the environment names a locale that is not installed
        return False
    finally:
        locale.setlocale(locale.LC_NUMERIC, before)
