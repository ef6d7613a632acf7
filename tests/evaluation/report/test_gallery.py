"""The gallery: the most confident mistakes of every expression, small, captioned, within the page's budget."""

import re
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mien.data import load
from mien.data.samples import Samples
from mien.evaluation.report.gallery import EACH, gallery, mistakes
from mien.evaluation.report.model import Report
from mien.evaluation.result import Result
from mien.evaluation.thumbnails import BUDGET, SIDE, ThumbnailBudget, thumbnail

Make = Callable[..., Result]
CAPTION = re.compile(r"true: (\w+), predicted: <b>(\w+) (0\.\d\d|1\.00)</b>")


def shown(result: Result, samples: Samples | None) -> str:
    return gallery(Report({"w": result}, {}, images={"w": samples} if samples else {}))


@pytest.fixture(scope="module")
def samples(tiny_fer2013: Path) -> Samples:
    return load("fer2013", tiny_fer2013, "test")


def test_shows_the_most_confident_mistakes_of_every_expression(make_result: Make, samples: Samples) -> None:
    result = make_result()
    html = shown(result, samples)
    captions = CAPTION.findall(html)
    wrong = [(result.labels[result.target[k].argmax()], result.probs[k]) for k in mistakes(result)]
    for label in result.labels:
        own = [p for name, p in wrong if name == label][:EACH]
        wanted = [(result.labels[p.argmax()], f"{p.max():.2f}") for p in own]
        assert [(b, c) for a, b, c in captions if a == label] == wanted
    assert len(captions) == html.count("<img") == html.count("data:image/png;base64,")
    assert all(a != b for a, b, _ in captions)


def test_images_are_those_of_the_captions(make_result: Make, samples: Samples) -> None:
    import base64

    html = shown(make_result(), samples)
    for uri, id in re.findall(r'base64,([^"]+)" alt="image (\w+) of fer2013 test"', html):
        pixels = np.asarray(Image.open(BytesIO(base64.b64decode(uri))))
        assert (pixels == samples.images[samples.ids.tolist().index(id), ..., 0]).all()


def test_without_images_the_mistakes_are_listed(make_result: Make) -> None:
    html = shown(make_result(), None)
    assert "<img" not in html
    assert "The images are not shown: the data set is not available." in html
    assert html.count("<tr>") > 3


def test_without_mistakes_there_is_no_gallery(make_result: Make, samples: Samples) -> None:
    result = make_result()
    assert shown(replace(result, probs=result.target), samples) == ""


def test_raters_who_disagree_are_quoted(make_result: Make, samples: Samples) -> None:
    result = make_result()
    votes = np.zeros((40, 7), np.int16)
    votes[:, 0], votes[:, 2] = 6, 4
    assert "raters: neutral 0.6, sadness 0.4" in shown(replace(result, votes=votes), samples)
    assert "raters" not in shown(result, samples)


@pytest.mark.parametrize("shape", [(48, 48, 1), (500, 300, 3), (20, 90, 3)])
def test_thumbnails_are_small(shape: tuple[int, int, int]) -> None:
    image = Image.open(BytesIO(thumbnail(np.random.default_rng(0).integers(0, 256, shape, np.uint8))))
    assert max(image.size) <= SIDE
    assert image.mode == ("L" if shape[2] == 1 else "RGB")


def test_the_budget_holds() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (400, 112, 112, 3), np.uint8)
    ids = np.arange(400).astype(str)
    budget = ThumbnailBudget(
        Samples(noise, np.full((400, 2), 0.5, np.float32), ("fear", "anger"), ids, name="x", split="test")
    )
    cards = [budget.card(id, "c") for id in ids]
    assert BUDGET < sum(map(len, cards)) < 1.1 * BUDGET
    assert cards[-1] == ""
    assert budget.card("unknown", "c") == ""


def test_several_results_show_where_they_differ(make_result: Make, samples: Samples) -> None:
    results = {f"net{k}": make_result(k, weights=f"net{k}") for k in (1, 2)}
    back = {**results, "net2": results["net2"].take(np.arange(40)[::-1])}
    html, other = (gallery(Report(r, {}, images=dict.fromkeys(r, samples))) for r in (results, back))
    assert html == other
    right = [set(r.ids[[k for k in range(40) if k not in set(mistakes(r).tolist())]]) for r in results.values()]
    for name, own, others in (("net1", right[0], right[1]), ("net2", right[1], right[0])):
        assert f"Only {name} is right: {len(own - others)} images" in html
    assert f"All are wrong: {40 - len(right[0] | right[1])} images" in html
