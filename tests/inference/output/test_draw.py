"""Boxes where the faces are, labels inside the image and off the faces, at any size, on any ground."""

import time

import numpy as np
import pytest
from PIL import Image, ImageColor

from mien.face import Face
from mien.html.page import ABSTAINED, COLOURS
from mien.inference.output.draw import _ink, _layout, _overlap, _rect, annotate, outline
from mien.labels import EXPRESSIONS


def face(*box: float, expression: str = "happiness", share: float = 0.72, least: float = 0.0, **more: int) -> Face:
    probs = np.full(8, (1 - share) / 7, np.float32)
    probs[EXPRESSIONS.index(expression)] = share
    return Face(np.array(box, np.float32), 0.9, **more).read(EXPRESSIONS, probs, least)


def ground(height: int, width: int, value: int = 128) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


def has(image: np.ndarray, colour: str) -> np.ndarray:
    return (np.abs(image.astype(int) - ImageColor.getrgb(colour)[:3]) <= 2).all(-1)


def grid(columns: int, rows: int, step: int, side: int) -> list[Face]:
    corners = [(step * x + 20, step * y + 40) for y in range(rows) for x in range(columns)]
    return [face(x, y, x + side, y + side, expression=EXPRESSIONS[k % 8]) for k, (x, y) in enumerate(corners)]


@pytest.mark.parametrize("value", [0, 128, 255])
@pytest.mark.parametrize("name", EXPRESSIONS)
def test_a_box_is_drawn_in_the_colour_of_its_expression(name: str, value: int) -> None:
    canvas = Image.fromarray(ground(300, 400, value))
    outline(canvas, [face(100, 80, 200, 190, expression=name)])
    ys, xs = np.nonzero(has(np.asarray(canvas), COLOURS[name]))
    assert (xs.min(), ys.min()) == pytest.approx((100, 80), abs=2)
    assert (xs.max(), ys.max()) == pytest.approx((199, 189), abs=2)
    inside = np.asarray(canvas)[95:175, 115:185]
    assert (inside == value).all()


def test_the_image_given_is_not_touched() -> None:
    image = ground(200, 200)
    drawn = annotate(image, [face(50, 50, 120, 120)])
    assert (image == 128).all()
    assert drawn.shape == image.shape
    assert drawn.dtype == np.uint8
    assert (drawn != image).any()


def test_a_blink_is_written_inside_the_box() -> None:
    one = face(50, 50, 150, 150, track_id=3)
    plain, drawn = (annotate(ground(220, 400), [one], tracks) for tracks in ((), {3}))
    ys, xs = np.nonzero((plain != drawn).any(-1))
    assert 50 <= xs.min() < xs.max() <= 150
    assert 110 <= ys.min() < ys.max() <= 150
    assert (annotate(ground(220, 400), [one], {4}) == plain).all()


def test_no_faces_no_change() -> None:
    image = ground(50, 60)
    assert (annotate(image, []) == image).all()


def test_a_face_that_was_not_read_has_a_grey_box_and_no_label() -> None:
    drawn = annotate(ground(300, 300, 0), [Face(np.array([100, 100, 200, 200], np.float32), 0.9)])
    ys, xs = np.nonzero((drawn != 0).any(-1))
    assert has(drawn, ABSTAINED).any()
    assert (xs.min(), ys.min(), xs.max(), ys.max()) == pytest.approx((100, 100, 199, 199), abs=2)


def test_an_abstained_face_is_grey_all_over() -> None:
    drawn = annotate(ground(400, 600, 0), [face(100, 100, 200, 200, share=0.4, least=0.5)])
    assert has(drawn, ABSTAINED).sum() > 500
    assert not any(has(drawn, colour).any() for colour in COLOURS.values())


@pytest.mark.parametrize("size", [(200, 200), (480, 640), (1080, 1920), (6000, 4000)])
@pytest.mark.parametrize("where", [(0.4, 0.4), (0.0, 0.0), (0.85, 0.85), (0.85, 0.0), (0.0, 0.85)])
def test_labels_stay_inside_and_off_the_face(size: tuple[int, int], where: tuple[float, float]) -> None:
    height, width = size
    x, y, side = width * where[0], height * where[1], min(size) * 0.15
    face_at = face(x, y, x + side, y + side)
    [(card, place)] = _layout([face_at], (width, height))
    assert 0 <= place[0] < place[2] <= width
    assert 0 <= place[1] < place[3] <= height
    assert (place[2] - place[0], place[3] - place[1]) == card.size
    assert _overlap(place, _rect(face_at, (width, height))) == 0
    assert 0.012 < card.height / height < 0.6  # the text of a heading is about two thirds of its line


@pytest.mark.parametrize("box", [(0, 0, 400, 300), (10, 5, 395, 298), (-50, -50, 450, 350)])
def test_a_face_that_fills_the_image_is_hidden_little(box: tuple[float, ...]) -> None:
    [(card, place)] = _layout([face(*box)], (400, 300))
    assert card.width * card.height < 0.06 * 400 * 300
    assert place[2] <= 400
    assert place[3] <= 300


@pytest.mark.parametrize(("columns", "rows"), [(2, 1), (3, 2), (8, 5), (12, 8)])
def test_many_faces_hide_no_face_and_no_label(columns: int, rows: int) -> None:
    step = 1400 // columns
    size = (1440, step * rows + 80)
    faces = grid(columns, rows, step, round(step * 0.6))
    placed = [place for _, place in _layout(faces, size)]
    boxes = [_rect(one, size) for one in faces]
    assert len(placed) == len(faces)
    assert sum(_overlap(place, box) for place in placed for box in boxes) == 0
    assert sum(_overlap(one, other) for k, one in enumerate(placed) for other in placed[:k]) == 0


def test_a_crowd_gets_headings_only_and_a_pair_gets_bars() -> None:
    pair = _layout(grid(2, 1, 500, 200), (1100, 600))
    crowd = _layout(grid(8, 4, 130, 90), (1100, 600))
    assert all(card.height > 60 for card, _ in pair)
    assert all(card.height < 40 for card, _ in crowd)


@pytest.mark.parametrize(
    "box",
    [(5, 5, 5, 5), (-40, -40, -10, -10), (900, 900, 950, 960), (50, 50, 10, 10), (np.nan,) * 4, (0, 0, 1e9, 1e9)],
)
@pytest.mark.parametrize("size", [(1, 1), (3, 40), (60, 80), (400, 300)])
def test_odd_boxes_and_tiny_images_are_drawn_without_a_word(box: tuple[float, ...], size: tuple[int, int]) -> None:
    drawn = annotate(ground(*size), [face(*box)])
    assert drawn.shape == (*size, 3)


def test_a_image_too_small_for_words_gets_the_box_alone() -> None:
    assert _layout([face(5, 5, 40, 40)], (48, 48)) == []


def test_a_track_has_its_number_on_the_label() -> None:
    box = (100, 100, 200, 200)
    plain, numbered = (_layout([one], (640, 480))[0][0] for one in (face(*box), face(*box, track_id=7)))
    assert np.asarray(plain).tobytes() != np.asarray(numbered).tobytes()


def test_longer_bars_for_larger_shares() -> None:
    filled = [
        has(annotate(ground(480, 640), [face(100, 100, 200, 200, share=share)])[:, 210:], COLOURS["happiness"]).sum()
        for share in (0.4, 0.7, 0.98)
    ]
    assert filled == sorted(set(filled))


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_words_can_be_read_on_every_colour(name: str) -> None:
    def luminance(colour: tuple[int, ...]) -> float:
        return float(np.dot([0.2126, 0.7152, 0.0722], (np.array(colour[:3]) / 255) ** 2.2))

    colour = ImageColor.getrgb(COLOURS[name])
    low, high = sorted((luminance(colour), luminance(_ink(colour))))
    assert (high + 0.05) / (low + 0.05) > 4


def test_the_real_face_is_framed(astronaut: np.ndarray) -> None:
    drawn = annotate(astronaut, [face(178, 62, 269, 177)])
    changed = (drawn != astronaut).any(-1)
    assert not changed[75:165, 190:258].any()  # the face itself
    assert changed[62:68, 190:258].all(1).any()  # its upper edge
    assert not changed[300:].any()


def test_a_large_photo_takes_no_second() -> None:
    image = ground(4000, 6000)
    start = time.process_time()
    annotate(image, [face(2000, 1000, 3000, 2200)])
    assert time.process_time() - start < 1
