"""Mutations: a whole file in, a damaged or dishonest one out; all that is random comes from the generator given."""

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Bytes = Callable[[bytes, bytes, np.random.Generator], bytes]

EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63 - 1, 2**64 - 1)
HEAD = 512
"""Bytes at the front, where most formats keep their sizes."""


def flip(data: bytes, other: bytes, chance: np.random.Generator) -> bytes:
    """Flip 1 to 16 bits."""
    out = bytearray(data)
    for at in chance.integers(0, len(out), chance.integers(1, 17)):
        out[at] ^= 1 << int(chance.integers(8))
    return bytes(out)


def overwrite(data: bytes, other: bytes, chance: np.random.Generator) -> bytes:
    """Write noise or one value over up to 64 bytes."""
    at, size = int(chance.integers(len(data))), int(chance.integers(1, 65))
    noise = chance.bytes(size) if chance.random() < 0.5 else bytes([int(chance.integers(256))]) * size
    return data[:at] + noise[: len(data) - at] + data[at + size :]


def cut(data: bytes, other: bytes, chance: np.random.Generator) -> bytes:
    """Keep only the beginning, or leave a piece out."""
    one, two = sorted(map(int, chance.integers(0, len(data) + 1, 2)))
    return data[:one] if chance.random() < 0.5 else data[:one] + data[two:]


def double(data: bytes, other: bytes, chance: np.random.Generator) -> bytes:
    """Repeat a piece, or the whole."""
    one, two = sorted(map(int, chance.integers(0, len(data) + 1, 2)))
    return data * 2 if chance.random() < 0.2 else data[:two] + data[one:]


def splice(data: bytes, other: bytes, chance: np.random.Generator) -> bytes:
    """The beginning of one file and the end of another."""
    return data[: int(chance.integers(len(data) + 1))] + other[int(chance.integers(len(other) + 1)) :]


def extreme(data: bytes, other: bytes, chance: np.random.Generator) -> bytes:
    """Set a field near the front, or anywhere, to a value that no size should have."""
    out = bytearray(data)
    for _ in range(int(chance.integers(1, 4))):
        width = int(chance.choice([1, 2, 4, 8]))
        reach = min(len(out), HEAD) if chance.random() < 0.7 else len(out)
        at = int(chance.integers(max(1, reach - width)))
        value = int(chance.choice(np.array(EXTREMES, object))) % (1 << 8 * width)
        out[at : at + width] = value.to_bytes(width, "big" if chance.random() < 0.5 else "little")
    return bytes(out)


BINARY: tuple[Bytes, ...] = (flip, overwrite, cut, double, splice, extreme)

ODD = (
    "", "\x00", "-1", "0", "1e999", "-.inf", ".nan", "NaN", "2001-13-45", "2001-01-01", "9" * 400, "0x" + "f" * 5000,
    "!!python/object/apply:os.system [ls]", "!!timestamp x", "*nobody", "&a [*a]", "[" * 300, "{" * 3000, "'", '"',
    "null", "true", "\ufeff", "\udcff", "\u202e", "\u2028", "%", "None", "[1, 2]", "{a: 1}", "x" * 70_000, "1;2",
    "1,2", "\t", ": : :",
    "../" * 50, "fer2013", "neutral", "source", "prob_happiness", "1 000", "1_000", "1:30", "on", "y", "~", "<<: *a",
)  # fmt: skip
"""Words that take the place of another in text."""


def text(data: bytes, other: bytes, chance: np.random.Generator) -> bytes:
    """Put odd words for words, drop, repeat and swap lines, change the encoding."""
    content = data.decode("utf-8", "surrogateescape")
    for _ in range(int(chance.integers(1, 5))):
        content = _words(content, chance) if chance.random() < 0.6 else _lines(content, chance)
    if chance.random() < 0.06:
        return content.encode(str(chance.choice(["utf-16", "utf-32", "utf-8-sig"])), "replace")
    return content.encode("utf-8", "surrogateescape" if chance.random() < 0.5 else "replace")


def _words(content: str, chance: np.random.Generator) -> str:
    places = list(re.finditer(r"[^\s,:;{}\[\]\"']+", content))
    if not places:
        return content
    place = places[int(chance.integers(len(places)))]
    return content[: place.start()] + str(ODD[int(chance.integers(len(ODD)))]) + content[place.end() :]


def _lines(content: str, chance: np.random.Generator) -> str:
    lines = content.splitlines(keepends=True) or [""]
    one, two = (int(k) for k in chance.integers(0, len(lines), 2))
    match int(chance.integers(4)):
        case 0:
            lines[one] = ""
        case 1:
            lines.insert(two, lines[one])
        case 2:
            lines[one], lines[two] = lines[two], lines[one]
        case _:
            lines[one] = lines[one].replace(
                str(chance.choice([" ", ",", ":", "\n"])), str(chance.choice(["", "  ", "\t"]))
            )
    return "".join(lines)


VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 1, 2**70, 1.5, 1e308, float("nan"), float("inf"), "", "x", "\ud800", "\x1b[31m", "y" * 5000,
    [], {}, [[]], {"a": {}}, [1, "a", None], {"": 1}, ["neutral", "neutral"], "neutral", [None] * 50,
)  # fmt: skip
"""Values that take the place of another in JSON and the like."""


def value(chance: np.random.Generator) -> Any:
    """Return one of VALUES, or something nested very deeply."""
    if chance.random() < 0.03:
        nested: Any = []
        for _ in range(int(chance.choice([60, 150, 900]))):
            nested = [nested]
        return nested
    return VALUES[int(chance.integers(len(VALUES)))]


def tree(content: Any, chance: np.random.Generator) -> Any:
    """Return a copy of mappings and lists with one to three places changed, dropped, doubled or called otherwise."""
    for _ in range(int(chance.integers(1, 4))):
        content = _change(content, chance)
    return content


def _change(content: Any, chance: np.random.Generator) -> Any:
    if isinstance(content, dict) and content and chance.random() < 0.85:
        key = list(content)[int(chance.integers(len(content)))]
        draw = chance.random()
        if draw < 0.12:
            return {k: v for k, v in content.items() if k != key}
        if draw < 0.16:
            return {**content, str(chance.choice(["", "more", "source"])): value(chance)}
        return {**content, key: _change(content[key], chance)}
    if isinstance(content, list) and content and chance.random() < 0.85:
        k, draw = int(chance.integers(len(content))), chance.random()
        if draw < 0.12:
            return content[:k] + content[k + 1 :]
        if draw < 0.2:
            return content[:k] + content[k : k + 1] * 2 + content[k + 1 :]
        return [*content[:k], _change(content[k], chance), *content[k + 1 :]]
    return value(chance)


def as_json(data: bytes, other: bytes, chance: np.random.Generator) -> bytes:
    """Change places of a JSON document, or its text."""
    if chance.random() < 0.2:
        return text(data, other, chance)
    return json.dumps(tree(json.loads(data), chance)).encode()


def pick(ways: Sequence[Bytes], chance: np.random.Generator) -> Bytes:
    """Return one way of mutating."""
    return ways[int(chance.integers(len(ways)))]
