"""The frame that stands for an expression: near the middle of the longest stretch at the highest percent."""

import pytest

from mien.html.markup import Html
from mien.inference.video.plateau import KEPT, Plateau

CASES = {
    "one frame": ([0.5], 0, 0),
    "decimals do not count": ([0.9941, 0.9942, 0.9949, 0.9943, 0.9944], 2, 0),
    "the longest": ([0.97, 0.5, 0.97, 0.974, 0.97, 0.1, 0.97], 3, 0),
    "the first of equals": ([0.97, 0.97, 0.97, 0.2, 0.97, 0.97, 0.97], 1, 0),
    "a higher one begins again": ([0.97] * 9 + [0.98, 0.98, 0.98] + [0.97] * 9, 10, 0),
    "a long one": ([0.3] * 10 + [0.999] * 500 + [0.3], 259.5, 500 / KEPT),
    "a long one after another": ([0.999] * 100 + [0.3] + [0.999] * 300, 250.5, 300 / KEPT),
}


@pytest.mark.parametrize("case", CASES)
def test_it_is_near_the_middle(case: str) -> None:
    shares, middle, near = CASES[case]
    plateau, made = Plateau(), []
    for k, share in enumerate(shares):
        plateau.add(float(k), share, lambda k=k: made.append(k) or Html(str(k)))  # type: ignore[misc]
    seconds, image = plateau.middle()
    assert image == str(int(seconds))
    assert seconds == pytest.approx(middle, abs=near)
    assert len(made) <= 50  # images that had to be made
    assert len(plateau._frames) <= KEPT
