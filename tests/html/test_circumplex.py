"""The plane of valence and arousal: points where they belong, trails that stop where a face was not seen."""

import re
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest

from mien.html.circumplex import HEIGHT, PARTS, RADIUS, WIDTH, points, trail
from mien.html.page import ABSTAINED, COLOURS
from mien.labels import EXPRESSIONS


def lines(svg: str) -> list[list[tuple[float, ...]]]:
    found = re.findall(r'<polyline points="([^"]+)"', svg)
    return [[tuple(map(float, pair.split(","))) for pair in line.split()] for line in found]


def test_points_are_where_they_belong_in_their_colours() -> None:
    svg = points([(1.0, 0.0, "anger"), (0.0, -1.0, None)], "two faces")
    ElementTree.fromstring(svg)
    dots = re.findall(r'cx="([\d.]+)" cy="([\d.]+)" r="4" fill="([^"]+)"', svg)
    assert dots == [
        (f"{WIDTH / 2 + RADIUS:g}", f"{HEIGHT / 2:g}", COLOURS["anger"]),
        (f"{WIDTH / 2:g}", f"{HEIGHT / 2 + RADIUS:g}", ABSTAINED),
    ]
    assert all(f">{name}</text>" in svg for name in EXPRESSIONS)
    assert 'aria-label="two faces"' in svg


def test_a_trail_gets_stronger_and_has_its_ends() -> None:
    svg = trail(np.column_stack([np.linspace(-0.5, 0.5, 60), np.zeros(60)]), "one")
    drawn = lines(svg)
    assert len(drawn) == PARTS
    assert all(one[-1] == then[0] for one, then in pairwise(drawn))
    shades = [float(shade) for shade in re.findall(r'<polyline[^>]*opacity="([\d.]+)"', svg)]
    assert shades == sorted(shades)
    assert shades[-1] == 1
    x = WIDTH / 2 - RADIUS / 2, WIDTH / 2 + RADIUS / 2
    assert re.search(rf'cx="{x[0]:g}" cy="190" r="6" fill="none"', svg)
    assert re.search(rf'cx="{x[1]:g}" cy="190" r="5" fill="var\(--accent\)"', svg)


@pytest.mark.parametrize(
    ("places", "count"),
    [
        ([(0.1, 0.1)], 0),
        ([(np.nan, np.nan)] * 3, 0),
        ([(0.1, 0.1)] * 50, 0),  # a face that does not change is its ends alone
        ([(0.0, 0.0), (0.5, 0.0), (np.nan, np.nan), (-0.5, 0.0), (-0.5, 0.5)], 2),
    ],
)
def test_a_trail_is_drawn_where_the_face_was_seen(places: list[tuple[float, float]], count: int) -> None:
    svg = trail(places, "one")
    ElementTree.fromstring(svg)
    assert "nan" not in svg
    assert len(lines(svg)) == count
    assert ('r="6"' in svg) == bool(np.isfinite(np.array(places)).any())
