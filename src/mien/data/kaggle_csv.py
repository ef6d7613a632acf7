"""The Kaggle csv: columns emotion, pixels (2,304 numbers in one field) and Usage, in any order.

The numbers of many rows are read at once by arithmetic on the bytes: a number ends where no digit follows a digit, and
its value lies in the two bytes before.  That is an order of magnitude faster than splitting row by row
(`benchmarks/csv_parse.py` prints the ratio).  What the arithmetic does not recognise as plain is read again row by
row, slowly, to say what is wrong and where.
Source: kaggle.com/c/challenges-in-representation-learning-facial-expression-recognition-challenge
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from mien.data.pictures import SIDE, Pictures, label_code, opened, row_ids, split_code
from mien.errors import DataError

PIXELS = SIDE * SIDE
BLOCK = 1 << 19
"""Bytes read at once: small enough for the work arrays to stay in the processor's cache."""
LONGEST = 1 << 20
"""Bytes of a line that is no longer believed to be one."""

COLUMNS = ("emotion", "pixels", "usage")
BLANKS = b' \t\r\n"'
CUT = "the file may be cut off: unpack or download it again"


def read_csv(path: Path, advance: Callable[[int], None] = lambda _: None) -> Pictures:
    """Return the pictures of a Kaggle csv; `advance` is told the bytes of each block; DataError names file and line."""
    images: list[NDArray[np.uint8]] = []
    labels: list[int] = []
    splits: list[int] = []
    try:
        with path.open("rb") as stream:
            order = _order(stream.readline(LONGEST), path)
            for lines in _blocks(stream, path, advance):
                fields, places = [], []
                for number, line in lines:
                    place = f"{path} line {number}"
                    emotion, pixels, usage = _cells(line, order, place)
                    labels.append(label_code(emotion.decode("latin-1"), place))
                    splits.append(split_code(usage.decode("latin-1"), place))
                    fields.append(pixels)
                    places.append(place)
                images.append(_numbers(fields, places))
    except OSError as error:
        raise opened(path, error) from None
    if not labels:
        raise DataError(f"{path} has a header and no rows", "one row per picture", CUT)
    pictures = np.concatenate(images).reshape(-1, SIDE, SIDE, 1)
    return Pictures(pictures, np.array(labels, np.int8), np.array(splits, np.int8), row_ids(len(labels)))


def plain_numbers(text: bytes) -> tuple[NDArray[np.uint8], NDArray[np.intp]] | None:
    """Return the numbers in digits and spaces, with the position of each one's last digit.

    None when there is any other byte, a number above 255 or one of more than three digits.

    >>> values, ends = plain_numbers(b"7 0 255")
    >>> values.tolist(), ends.tolist()
    ([7, 0, 255], [0, 2, 6])
    >>> plain_numbers(b"7 256") is plain_numbers(b"7 -1") is None
    True
    """
    raw = np.full(len(text) + 4, ord(" "), np.uint8)  # three blanks before and one after, so that every shift exists
    raw[3:-1] = np.frombuffer(text, np.uint8)
    raw -= ord("0")  # digits become 0-9, a blank 240
    digit = raw < 10
    known = np.count_nonzero(digit) + np.count_nonzero(raw == 240) == len(raw)
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
    if not known or highest > 2 or wrapped or three.any():
        return None
    ends = np.flatnonzero(digit[3:-1] > digit[4:])
    return value.take(ends), ends


def _order(header: bytes, path: Path) -> tuple[int, ...]:
    if not header:
        raise DataError(f"{path} is empty", "a header emotion,pixels,Usage and one row per picture", CUT)
    names = [cell.strip(BLANKS).lower().decode("latin-1") for cell in header.removeprefix(b"\xef\xbb\xbf").split(b",")]
    if sorted(names) != sorted(COLUMNS):
        got = ", ".join(names)
        raise DataError(
            f"{path} line 1: columns {got[:60]!r}", "emotion, pixels, Usage", "give the file that is called fer2013.csv"
        )
    return tuple(names.index(column) for column in COLUMNS)


def _blocks(stream: BinaryIO, path: Path, advance: Callable[[int], None]) -> Iterator[list[tuple[int, bytes]]]:
    number, tail = 2, b""
    while block := stream.read(BLOCK):
        advance(len(block))
        lines = (tail + block).split(b"\n")
        tail = lines.pop()
        if len(tail) > LONGEST:
            raise DataError(f"{path} line {number + len(lines)} is longer than {LONGEST} bytes", "one row per line")
        yield [(k, line) for k, line in enumerate(lines, number) if line.strip()]
        number += len(lines)
    if tail.strip():
        yield [(number, tail)]


def _cells(line: bytes, order: tuple[int, ...], place: str) -> list[bytes]:
    cells = line.split(b",")
    if len(cells) != len(order):
        raise DataError(f"{place}: {len(cells)} fields", "3 (emotion, pixels, Usage)", CUT)
    return [cells[k].strip(BLANKS) for k in order]


def _numbers(fields: Sequence[bytes], places: Sequence[str]) -> NDArray[np.uint8]:
    found = plain_numbers(b" ".join(fields))
    if found is not None and len(found[0]) == len(fields) * PIXELS:
        values, ends = found
        bounds = np.cumsum([len(field) + 1 for field in fields])
        ends = ends.reshape(-1, PIXELS)
        if (ends[:, -1] < bounds).all() and (ends[1:, 0] >= bounds[:-1]).all():
            return values
    return np.concatenate([_careful(field, place) for field, place in zip(fields, places, strict=True)])


def _careful(field: bytes, place: str) -> NDArray[np.uint8]:
    words = field.split()
    for position, word in enumerate(words, 1):
        if not word.isdigit() or len(word) > 9 or int(word) > 255:
            raise DataError(f"{place}: pixel {position} is {word[:20].decode('latin-1')!r}", "an integer from 0 to 255")
    if len(words) != PIXELS:
        raise DataError(f"{place}: {len(words)} pixels", f"{PIXELS} (48x48)", CUT)
    return np.array([int(word) for word in words], np.uint8)
