r"""Untrusted text (file names, messages about them) made safe to show: nothing in it can steer a terminal or a reader.

Control characters, escape sequences, line ends, marks of writing direction, characters without width and bytes that are
not UTF-8 are shown as escapes (`\n`, `\x1b`, `\u202e`).  All output for people goes through here: the table, every line
on stderr, HTML.  JSON, CSV and Parquet keep names as given.
"""

import sys
import unicodedata
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

UNSEEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Letters and marks by their class that leave no mark, or nothing but a gap."""

SHOWN_AS = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


def printable(text: object, keep: str = "") -> str:
    r"""Return text in which every character is visible; those in `keep` stay as they are.

    >>> print(printable("a\x1b[31m\u202egpj.exe"))
    a\x1b[31m\u202egpj.exe
    >>> print(printable("café\udcff.jpg"), printable("two\nlines", keep="\n") == "two\nlines")
    café\xff.jpg True
    """
    text = str(text)
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c in keep or _seen(c) else _escape(c) for c in text)


def printable_in(value: Any) -> Any:
    """Return JSON, or a value object, with every text in it printable, keys too; anything else stays as it is."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, Mapping):
        return {printable_in(key): printable_in(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [printable_in(one) for one in value]
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{field.name: printable_in(getattr(value, field.name)) for field in fields(value)})
    if hasattr(value, "model_construct"):
        return type(value).model_construct(**{key: printable_in(getattr(value, key)) for key in value.model_fields_set})
    return value


def writable(text: str) -> str:
    r"""Return text that a UTF-8 file can hold: bytes of a name that are not UTF-8 become `\xff`, the rest stays.

    >>> print(writable("caf\udce9 \n".strip()), writable("é\ud800") == "é" + r"\ud800")
    caf\xe9 True
    """
    if text.isascii():
        return text
    return "".join(_escape(c) if "\ud800" <= c <= "\udfff" else c for c in text)


def shortened(text: str, width: int) -> str:
    """Return text in at most `width` columns of a terminal; one that is longer lacks its middle.

    The end has two thirds of the room: of a path it tells most.  Characters of East Asia take two columns.

    >>> shortened("photos/2024/holiday/IMG_0001.jpg", 20), shortened("a.jpg", 20), shortened("日本語日本語.jpg", 9)
    ('photos…/IMG_0001.jpg', 'a.jpg', '日…語.jpg')
    """
    from rich.cells import cell_len

    if cell_len(text) <= width:
        return text
    room = max(width - 1, 0)
    head, tail = "", ""
    for c in text:
        if cell_len(head + c) > room // 3:
            break
        head += c
    for c in reversed(text[len(head) :]):
        if cell_len(c + tail) > room - cell_len(head):
            break
        tail = c + tail
    return f"{head}…{tail}"[: max(width, 0)]


def say(*lines: object) -> None:
    """Print lines for people on stderr, each on a line of its own whatever it holds, at once."""
    if lines:
        print(*map(printable, lines), sep="\n", file=sys.stderr, flush=True)


def _seen(c: str) -> bool:
    return (c.isprintable() or unicodedata.category(c) == "Zs") and c not in UNSEEN


def _escape(c: str) -> str:
    code = ord(c)
    if c in SHOWN_AS:
        return SHOWN_AS[c]
    if 0xDC80 <= code <= 0xDCFF:  # how Python represents a byte that is not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
