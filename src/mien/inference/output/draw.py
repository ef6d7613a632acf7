"""Draw predictions onto the image: a box per face, its expression and confidence, and the top three expressions.

Each label is a small card, placed beside its face where it covers the least of faces and other cards.  If the full
cards do not all fit, as in a group, every face gets a heading only, without bars.  Sizes follow the image and the face,
so that a 200-pixel thumbnail and a 6000-pixel photo are both legible on a screen.  Faces without a prediction
(abstained) are grey and have a question mark.
"""

from collections.abc import Collection, Sequence
from functools import lru_cache
from itertools import product
from math import inf

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor, ImageDraw, ImageFont

from mien.face import Face
from mien.html.page import colour, probability

Rect = tuple[int, int, int, int]
"""x1 y1 x2 y2 in whole pixels."""

Row = tuple[str, float, str]
"""An expression on a card: its name, its probability to the hundredth, and the probability as text."""

TOP = 3
"""How many expressions a full card lists."""
_SHARP = 2  # cards are drawn at twice the size and reduced, which smooths their corners
_DARK, _TRACK, _FADED, _LIGHT = (22, 25, 31), (84, 90, 99), (190, 196, 203), (255, 255, 255)


def annotate(
    image: NDArray[np.uint8], faces: Sequence[Face], blinked: Collection[int | None] = ()
) -> NDArray[np.uint8]:
    """Return a copy of an RGB image uint8 (H, W, 3) with its faces drawn in; `blinked` are tracks that just blinked."""
    canvas = Image.fromarray(np.ascontiguousarray(image))
    outline(canvas, faces)
    for face in (face for face in faces if face.track_id in blinked):
        _name_blink(canvas, face)
    for card, place in _layout([face for face in faces if face.probs is not None], canvas.size):
        canvas.paste(card, place[:2], card)
    return np.asarray(canvas)


def outline(canvas: Image.Image, faces: Sequence[Face]) -> None:
    """Draw the boxes alone onto a PIL image, in their expression's colour with a dark rim; grey where abstained."""
    pen = ImageDraw.Draw(canvas)
    for face in faces:
        x1, y1, x2, y2 = _rect(face, canvas.size)
        side = min(x2 - x1, y2 - y1)
        width = max(1, min(round(min(canvas.size) / 260) + 1, side // 12 + 1))
        rim = max(1, width // 3)
        radius = side // 14
        if side <= 2 * rim:
            continue  # an image of a pixel or two has no room for a box
        pen.rounded_rectangle((x1, y1, x2, y2), radius + rim, outline=_DARK, width=width + 2 * rim)
        pen.rounded_rectangle((x1 + rim, y1 + rim, x2 - rim, y2 - rim), radius, outline=_colour(face), width=width)


def _name_blink(canvas: Image.Image, face: Face) -> None:
    """Write "blink" at the foot of a face's box."""
    box = _rect(face, canvas.size)
    size = _font_size(box, canvas.size, True)
    place = (box[0] + box[2]) // 2, box[3] - size // 2
    pen = ImageDraw.Draw(canvas)
    pen.text(place, "blink", _LIGHT, _font(size), "mb", stroke_width=2, stroke_fill=_DARK)


def _layout(faces: Sequence[Face], size: tuple[int, int]) -> list[tuple[Image.Image, Rect]]:
    """Return a card and its place per face: full cards where all find room, else headings for all."""
    placed, hidden = _attempt(faces, size, True)
    return placed if hidden == 0 else _attempt(faces, size, False)[0]


def _attempt(faces: Sequence[Face], size: tuple[int, int], bars: bool) -> tuple[list[tuple[Image.Image, Rect]], float]:
    """Place all cards, those of larger faces first, and return them with how much they hide."""
    boxes = [_rect(face, size) for face in faces]
    placed: list[tuple[Image.Image, Rect]] = []
    total = 0.0
    for k in sorted(range(len(faces)), key=lambda k: -_area(boxes[k])):
        font = _font_size(boxes[k], size, bars)
        card = _card(faces[k], font, bars)
        if card.width > size[0] or card.height > size[1]:
            total = inf
            continue  # an image too small for words gets the box alone
        others = [*boxes[:k], *boxes[k + 1 :], *(place for _, place in placed)]
        places = _places(card.size, boxes[k], size, max(1, font // 4), bars)
        hidden, place = min(((_hidden(place, boxes[k], others), place) for place in places), key=lambda pair: pair[0])
        placed.append((card, place))
        total += hidden
    return placed, total


def _colour(face: Face) -> tuple[int, ...]:
    return ImageColor.getrgb(colour(None if face.abstained else face.expression))


def _rect(face: Face, size: tuple[int, int]) -> Rect:
    """Return the face's box in whole pixels inside the image, at least three pixels wide and high."""
    (w, h), box = size, np.nan_to_num(face.box)
    x1, y1 = (int(np.clip(round(float(v)), 0, max(0, limit - 4))) for v, limit in zip(box[:2], (w, h), strict=True))
    x2, y2 = (
        int(np.clip(round(float(v)) - 1, low + 3, limit - 1))
        for v, low, limit in zip(box[2:], (x1, y1), (w, h), strict=True)
    )
    return x1, y1, min(x2, w - 1), min(y2, h - 1)


def _font_size(box: Rect, size: tuple[int, int], bars: bool) -> int:
    """Return the height of a card's text: a fraction of the face, but legible when the whole image fits a screen."""
    min_height = max(10, round(min(size) / (52 if bars else 75)))
    max_height = max(11, round(min(size) / 26))
    return int(np.clip(round((box[2] - box[0]) * 0.13), min_height, max_height))


def _card(face: Face, font: int, bars: bool) -> Image.Image:
    """Return a face's card as RGBA: a heading in its colour and, with `bars`, the top expressions below it."""
    return _drawn(_heading(face), _colour(face), tuple(_top_expressions(face)) if bars else (), face.abstained, font)


@lru_cache(maxsize=64)
def _drawn(heading: str, ground: tuple[int, ...], rows: tuple[Row, ...], faded: bool, font: int) -> Image.Image:
    """Draw a card; the frames of a video show the same few again and again."""
    unit = font * _SHARP
    pad, line, text = round(unit * 0.45), round(unit * 1.45), _font(unit)
    wide = round(text.getlength(heading))
    listed = _listed(rows, faded, round(unit * 0.86), wide) if rows else Image.new("RGBA", (0, 0))
    width = max(wide, listed.width) + 2 * pad
    height = line + (listed.height + pad if rows else 0)
    card = Image.new("RGBA", (width, height), (0, 0, 0, 0))
    pen, radius = ImageDraw.Draw(card), round(unit * 0.28)
    pen.rounded_rectangle((0, 0, width - 1, height - 1), radius, fill=(*_DARK, 215))
    below = (True, True, not rows, not rows)
    pen.rounded_rectangle((0, 0, width - 1, line - 1), radius, fill=(*ground, 255), corners=below)
    pen.text((pad, line / 2), heading, fill=_ink(ground), font=text, anchor="lm")
    card.alpha_composite(listed, (pad, line + pad // 2))
    return card.resize((-(-width // _SHARP), -(-height // _SHARP)), Image.Resampling.BOX)


def _listed(rows: tuple[Row, ...], faded: bool, unit: int, min_width: int) -> Image.Image:
    """Return the top expressions with their bars as RGBA on transparent ground, at least `min_width` pixels wide."""
    text, line = _font(unit), round(unit * 1.45)
    left = round(max(text.getlength(name) for name, *_ in rows) + 0.7 * unit)
    right = max(left + round(3.6 * unit), min_width - round(text.getlength(">99 %") + 0.6 * unit))
    sheet = Image.new("RGBA", (right + round(text.getlength(">99 %") + 0.6 * unit), line * len(rows)))
    pen, half = ImageDraw.Draw(sheet), unit * 0.18
    for k, (name, fraction, text_of) in enumerate(rows):
        y = (k + 0.5) * line
        pen.text((0, y), name, fill=_LIGHT, font=text, anchor="lm")
        pen.text((sheet.width, y), text_of, fill=_LIGHT, font=text, anchor="rm")
        pen.rounded_rectangle((left, y - half, right, y + half), half, fill=_TRACK)
        filled = left + (right - left) * fraction
        if fraction >= 0.005:
            tone = _FADED if faded else colour(name)
            pen.rounded_rectangle((left, y - half, max(filled, left + 2 * half), y + half), half, fill=tone)
    return sheet


def _heading(face: Face) -> str:
    who = "" if face.track_id is None else f"#{face.track_id} "
    return f"{who}{face.expression}{'?' * face.abstained} {probability(face.confidence)}"


def _top_expressions(face: Face) -> list[Row]:
    if face.probs is None:
        return []
    order = np.argsort(-face.probs, kind="stable")[:TOP]
    top = [(face.labels[int(k)], float(face.probs[k])) for k in order]
    return [(name, round(p, 2), probability(p)) for name, p in top]


def _ink(ground: tuple[int, ...]) -> tuple[int, int, int]:
    """Return dark or white, whichever reads better on a colour (relative luminance)."""
    red, green, blue = ((value / 255) ** 2.2 for value in ground[:3])
    return _DARK if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.22 else _LIGHT


@lru_cache(maxsize=64)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _places(card: tuple[int, int], box: Rect, size: tuple[int, int], gap: int, bars: bool) -> list[Rect]:
    """Return where a card may go, best first: beside (full cards), below or above, over the face."""
    (w, h), (x1, y1, x2, y2) = card, box
    beside = list(product((x2 + gap, x1 - gap - w), (y1, y2 - h)))
    ends = (y2 + gap, y1 - gap - h) if bars else (y1 - gap - h, y2 + gap)  # hair matters more than the collar
    stacked = list(product((x1, (x1 + x2 - w) // 2, x2 - w), ends))
    over = list(product((x1, x2 - w), (y2 - h, y1)))
    order = beside + stacked + over if bars else stacked + over
    inside = [(_clip(x, w, size[0]), _clip(y, h, size[1])) for x, y in order]
    return [(x, y, x + w, y + h) for x, y in inside]


def _clip(start: int, length: int, limit: int) -> int:
    return max(0, min(start, limit - length))


def _hidden(place: Rect, box: Rect, others: list[Rect]) -> float:
    """Return how much a card at `place` hides, in pixels; other faces and cards count double."""
    return _overlap(place, box) + sum(2.0 * _overlap(place, other) for other in others)


def _overlap(a: Rect, b: Rect) -> int:
    return max(0, min(a[2], b[2]) - max(a[0], b[0])) * max(0, min(a[3], b[3]) - max(a[1], b[1]))


def _area(box: Rect) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])
