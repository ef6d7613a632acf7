"""The Kaggle csv: columns emotion, pixels (2,304 numbers in one field) and Usage, in any order.

The numbers of many rows are read at once by arithmetic on the bytes: a number ends at a digit that no digit follows,
and its value lies in that byte and the two before.  `benchmarks/csv_parse.py` times this against splitting row by row.
Blocks in any other form are read again row by row, slowly, which accepts them or reports what is wrong and where.
Source: kaggle.com/c/challenges-in-representation-learning-facial-expression-recognition-challenge
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from mien.data.fer2013.raw import SIDE, Images, label_code, row_ids, split_code
from mien.data.files import unreadable
from mien.errors import DataError

PIXELS = SIDE * SIDE
BLOCK = 1 << 18
"""Bytes read at once: small enough for the work arrays to stay in the processor's cache."""
LONGEST = 1 << 20
"""Bytes beyond which a line is not accepted as one."""

COLUMNS = ("emotion", "pixels", "usage")
BLANK = 240
"""A blank minus the digit 0, in eight bits."""
QUOTES = b'"\t\r'
"""Bytes that may surround a field like blanks."""
BLANKS = QUOTES + b" \n"
UNQUOTED = bytes.maketrans(QUOTES, b" " * len(QUOTES))
CUT = "the file may be cut off: unpack or download it again"

Rows = list[tuple[int, bytes, bytes]]
"""Line number, emotion and usage of each row."""


def read_csv(path: Path, advance: Callable[[int], None] = lambda _: None) -> Images:
    """Return the images of a Kaggle csv; `advance` counts bytes; DataError names file and line."""
    images: list[NDArray[np.uint8]] = []
    labels: list[int] = []
    splits: list[int] = []
    try:
        with path.open("rb") as stream:
            order = _order(stream.readline(LONGEST), path)
            number = 2
            for block in _blocks(stream, path, advance):
                plain = _plain_rows(block, number, order)
                rows, values = plain or _careful_rows(block, number, order, path)
                number += block.count(b"\n") if plain is None else len(rows)
                for line, emotion, usage in rows:
                    place = f"{path} line {line}"
                    labels.append(label_code(emotion.decode("latin-1"), place))
                    splits.append(split_code(usage.decode("latin-1"), place))
                images.append(values)
    except OSError as error:
        raise unreadable(path, error) from None
    if not labels:
        raise DataError(f"{path} has a header and no rows", "one row per image", CUT)
    stacked = np.concatenate(images).reshape(-1, SIDE, SIDE, 1)
    return Images(stacked, np.array(labels, np.int8), np.array(splits, np.int8), row_ids(len(labels)))


def plain_numbers(text: bytes) -> tuple[NDArray[np.uint8], NDArray[np.intp], NDArray[np.intp]] | None:
    """Return the numbers in a text, where each one's last digit is, and where any byte but digits and blanks is.

    None when a number is above 255 or has more than three digits.

    >>> values, ends, others = plain_numbers(b"7 0,255")
    >>> values.tolist(), ends.tolist(), others.tolist()
    ([7, 0, 255], [0, 2, 6], [3])
    >>> plain_numbers(b"7 256") is plain_numbers(b"7 0001") is None
    True
    """
    raw = np.empty(len(text) + 4, np.uint8)  # three blanks before and one after, so that every shift exists
    raw[:3] = raw[-1] = BLANK
    np.subtract(np.frombuffer(text, np.uint8), ord("0"), out=raw[3:-1])
    digit, blank = raw < 10, raw == BLANK
    raw *= digit.view(np.uint8)
    ones, tens, hundreds = raw[3:-1], raw[2:-2], raw[1:-3]
    three = digit[3:-1] & digit[2:-2]  # the byte before belongs to the same number, so the one before that may
    below = tens * np.uint8(10)
    below += ones
    value = hundreds * three.view(np.uint8)
    highest = value.max(initial=0)
    value *= np.uint8(100)
    value += below
    wrapped = np.count_nonzero(value < below)  # with hundreds at most 2, a sum above 255 wraps below its part
    three &= digit[1:-3]
    three &= digit[:-4]
    if highest > 2 or wrapped or three.any():
        return None
    ends = np.flatnonzero(digit[3:-1] > digit[4:])
    return value.take(ends), ends, np.flatnonzero(digit[3:-1] == blank[3:-1])  # neither


def _order(header: bytes, path: Path) -> tuple[int, ...]:
    if not header:
        raise DataError(f"{path} is empty", "a header emotion,pixels,Usage and one row per image", CUT)
    names = [cell.strip(BLANKS).lower().decode("latin-1") for cell in header.removeprefix(b"\xef\xbb\xbf").split(b",")]
    if sorted(names) != sorted(COLUMNS):
        got = ", ".join(names)
        raise DataError(
            f"{path} line 1: columns {got[:60]!r}", "emotion, pixels, Usage", "give the file that is called fer2013.csv"
        )
    return tuple(names.index(column) for column in COLUMNS)


def _blocks(stream: BinaryIO, path: Path, advance: Callable[[int], None]) -> Iterator[bytes]:
    """Yield blocks of whole lines."""
    tail = b""
    while block := stream.read(BLOCK):
        advance(len(block))
        whole, newline, rest = block.rpartition(b"\n")
        if newline:
            yield b"".join((tail, whole, newline))
        tail = rest if newline else tail + rest
        if len(tail) > LONGEST:
            raise DataError(f"{path} has a line of more than {LONGEST} bytes", "one row per line", "give another file")
    if tail.strip():
        yield tail + b"\n"


def _plain_rows(block: bytes, number: int, order: tuple[int, ...]) -> tuple[Rows, NDArray[np.uint8]] | None:
    """Return the rows of a block and their pixels (n, 2304), or None when any row is not plain."""
    numbers = plain_numbers(block)
    if numbers is None:
        return None
    values, ends, others = numbers
    marks = np.frombuffer(block, np.uint8)[others]
    if any((marks == quote).any() for quote in QUOTES):
        return _plain_rows(block.translate(UNQUOTED), number, order)
    lines, commas = others[marks == ord("\n")], others[marks == ord(",")]
    if len(commas) != 2 * len(lines):
        return None
    edges = np.column_stack([np.append(-1, lines[:-1]), commas.reshape(-1, 2), lines])
    left, right = edges[:, order[1]], edges[:, order[1] + 1]
    first, per_row = np.searchsorted(ends, left), len(values) // len(lines)
    if (
        (np.diff(edges, axis=1) <= 0).any()  # the commas lie in other lines
        or (np.searchsorted(others, left, "right") != np.searchsorted(others, right)).any()  # a mark among the pixels
        or (np.searchsorted(ends, right) - first != PIXELS).any()
        or (np.diff(first, append=len(values) + first[0]) != per_row).any()  # a number missing or too many elsewhere
    ):
        return None
    spans = ((edges[:, k].tolist(), edges[:, k + 1].tolist()) for k in order[::2])
    cells = ([block[a + 1 : b].strip() for a, b in zip(*span, strict=True)] for span in spans)
    rows = list(zip(range(number, number + len(lines)), *cells, strict=True))
    return rows, values.reshape(-1, per_row)[:, first[0] : first[0] + PIXELS]


def _careful_rows(block: bytes, number: int, order: tuple[int, ...], path: Path) -> tuple[Rows, NDArray[np.uint8]]:
    """Return the rows of a block and their pixels (n, 2304); DataError names the first line that is not a row."""
    rows: Rows = []
    values = []
    for line, text in enumerate(block.split(b"\n"), number):
        if not text.strip():
            continue
        place, cells = f"{path} line {line}", text.split(b",")
        if len(cells) != len(order):
            raise DataError(f"{place}: {len(cells)} fields", "3 (emotion, pixels, Usage)", CUT)
        emotion, pixels, usage = (cells[k].strip(BLANKS) for k in order)
        rows.append((line, emotion, usage))
        values.append(_careful_pixels(pixels, place))
    return rows, np.array(values, np.uint8).reshape(-1, PIXELS)


def _careful_pixels(field: bytes, place: str) -> list[int]:
    words = field.split()
    for position, word in enumerate(words, 1):
        if not word.isdigit() or len(word) > 9 or int(word) > 255:
            raise DataError(f"{place}: pixel {position} is {word[:20].decode('latin-1')!r}", "an integer from 0 to 255")
    if len(words) != PIXELS:
        raise DataError(f"{place}: {len(words)} pixels", f"{PIXELS} (48x48)", CUT)
    return [int(word) for word in words]
