"""Maps point at what the prediction depends on, need the weights' training, and are drawn where the crop lies."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from mien.errors import UsageError
from mien.inference.classify import locate
from mien.inference.explain.draw import drawn
from mien.inference.explain.explanation import NOTHING, coarse, explain
from mien.inference.explain.movements import evidence
from mien.inference.explain.occlusion import heat_map, log_odds
from mien.inference.explain.page import MATCH, to_html
from mien.inference.explain.regions import by_part
from mien.inference.explain.text import to_text
from mien.inference.pipeline import Pipeline
from mien.prototypes import MIDDLE, PROTOTYPES, USED, match

from ..conftest import Ran

SIZE = 48
LANDMARKS = np.array([[15, 18], [33, 18], [24, 27], [17, 36], [31, 36]], np.float32)


def sketch(smiles: bool) -> np.ndarray:
    """Draw a face whose mouth alone says whether it smiles, uint8 (48, 48, 1)."""
    image = Image.new("L", (SIZE, SIZE), 190)
    pen = ImageDraw.Draw(image)
    for x in (15, 33):
        pen.ellipse((x - 3, 16, x + 3, 20), fill=20)
    pen.line((24, 20, 24, 29), fill=90, width=2)
    pen.arc((14, 24, 34, 38), 20, 160, fill=10, width=3) if smiles else pen.line((16, 35, 32, 35), fill=10, width=3)
    return np.asarray(image)[..., None]


def by_template(crops: np.ndarray) -> np.ndarray:
    """Return the probabilities of neutral and smile by how near a crop is to either drawing."""
    near = [-((crops.astype(float) - sketch(kind)) ** 2).mean((1, 2, 3)) / 50 for kind in (False, True)]
    odds = near[1] - near[0]
    return np.stack([1 / (1 + np.exp(odds)), 1 / (1 + np.exp(-odds))], 1).astype(np.float32)


def test_the_map_points_at_the_only_part_that_differs() -> None:
    heat = heat_map(by_template, sketch(True), 1)
    assert heat.shape == (SIZE, SIZE)
    parts = by_part(heat, LANDMARKS)
    assert next(iter(parts)) in ("mouth", "chin")
    y, x = np.unravel_index(heat.argmax(), heat.shape)
    assert 26 <= y <= 42
    assert 12 <= x <= 36
    assert np.abs(heat[:14]).max() < 0.05 * heat.max()  # the forehead says nothing
    np.testing.assert_allclose(
        heat_map(by_template, sketch(True), 0), -heat, rtol=0.2, atol=0.02
    )  # two labels: one's gain


def test_parts_follow_the_landmarks() -> None:
    heat = np.zeros((SIZE, SIZE), np.float32)
    heat[16:21, 13:18] = 1  # on the image's left lies the subject's right eye
    assert next(iter(by_part(heat, LANDMARKS))) == "right eye"
    turned = np.rot90(heat, 2).copy()
    assert next(iter(by_part(turned, SIZE - LANDMARKS))) == "right eye"
    assert set(by_part(heat, np.zeros((5, 2), np.float32))) == {"around the face"}


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(*(one.ravel().argsort().argsort() for one in (a, b)))[0, 1])


def test_randomised_weights_give_another_map(tmp_path: Path, photo: Path, hopper: Path) -> None:
    """A map that ignored what the weights do would show the image, not the weights (Adebayo et al., 2018)."""
    onnx = pytest.importorskip("onnx")
    model = onnx.load(str(locate("ferplus-nano")))
    rng = np.random.default_rng(0)
    for tensor in model.graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        if values.ndim > 1:
            mixed = rng.permutation(values.ravel()).reshape(values.shape)
            tensor.CopyFrom(onnx.numpy_helper.from_array(mixed, tensor.name))
    path = tmp_path / "random.onnx"
    onnx.save(model, str(path))
    trained, again, random = (Pipeline(weights) for weights in ("ferplus-nano", "ferplus-nano", path))
    alike = []
    for image in (photo, hopper):
        (one,) = explain(trained, image).faces
        assert rank_correlation(one.heat, explain(again, image).faces[0].heat) > 0.999
        alike.append(rank_correlation(one.heat, explain(random, image, expression=one.label).faces[0].heat))
    assert np.mean(alike) < 0.4, alike


def test_a_smile_is_in_the_mouth(pipeline: Pipeline, photo: Path) -> None:
    explained = explain(pipeline, photo)
    (one,) = explained.faces
    assert (one.label, next(iter(one.parts or {}))) == ("happiness", "mouth")
    assert coarse(one.heat).shape == (12, 12)
    assert one.movements is None
    changed = np.abs(drawn(explained).astype(int) - explained.image).sum(-1) > 0
    x1, y1, x2, y2 = map(round, one.window)
    assert changed[y1 + 5 : y2 - 5, x1 + 5 : x2 - 5].mean() > 0.5
    other = explain(pipeline, photo, 1, "Surprised").faces[0]
    assert (other.label, other.face.expression) == ("surprise", "happiness")
    assert other.probability < 0.01


def test_movements_sum_to_the_match_with_the_prototype() -> None:
    units = dict(zip(USED, np.random.default_rng(1).uniform(0, 1, len(USED)), strict=True))
    for label in PROTOTYPES:
        assert sum(evidence(label, units).values()) == pytest.approx(match(label, units) - MIDDLE)
    assert next(iter(evidence("happiness", {"au12": 0.9, "au04": 0.9}))) == "au12"
    assert evidence("boredom", units) == {}


def test_log_odds_of_certainty_are_finite() -> None:
    assert np.isfinite(log_odds(np.array([[0.0, 1.0]]), 0)).all()
    assert np.isfinite(log_odds(np.array([[0.0, 1.0]]), 1)).all()


@pytest.mark.parametrize(("weights", "prior"), [("ferplus", "natural"), ("ferplus-nano", "uniform")])
def test_the_improbable_has_a_map_as_well(weights: str, prior: str, photo: Path) -> None:
    (one,) = explain(Pipeline(weights, prior=prior), photo, expression="sadness").faces
    assert one.probability < 1e-5
    assert one.log_odds == pytest.approx(np.log(one.probability), rel=1e-3)
    assert len(np.unique(one.heat.round(3))) > 50  # steps of the int8 logits
    assert (one.heat.max() > 0.1, one.heat.min() < -0.1, one.remark) == (True, True, None)
    assert one.parts is not None
    assert min(one.parts, key=one.parts.__getitem__) in ("mouth", "chin", "left cheek", "right cheek")  # the smile


def test_an_empty_map_says_so(pipeline: Pipeline, photo: Path) -> None:
    explained = explain(pipeline, photo, expression="sadness")
    one = replace(explained.faces[0], heat=np.zeros_like(explained.faces[0].heat))
    empty = replace(explained, faces=(one,))
    told = to_text(empty), str(to_html(empty)), one.to_dict()["remark"]
    assert all(NOTHING in text for text in told)
    assert "none" not in told[0]
    shown = str(to_html(explained))
    assert "Face 1: sadness &lt;1 % (predicted: happiness &gt;99 %)" in shown
    most = np.abs(explained.faces[0].heat).max()
    assert f"against {-most:+.2f}<i></i>{most:+.2f} for sadness" in shown


def test_movements_have_names(pipeline: Pipeline, photo: Path) -> None:
    explained = explain(pipeline, photo)
    moved = replace(explained.faces[0], movements={"au12": 0.11, "au12_right": -0.02})
    told = to_text(replace(explained, faces=(moved,)))
    assert f"movements that speak for it ({MATCH}): au12 lip corners pulled up +0.11\n" in told
    assert told.endswith(": au12_right lip corners pulled up -0.02")
    assert "au12 lip corners pulled up</" in str(to_html(replace(explained, faces=(moved,))))


def test_the_command(mien: Callable[..., Ran], photo: Path, tmp_path: Path) -> None:
    ran = mien("explain", photo, "--out", tmp_path / "why")
    assert ran.code == 0
    assert ran.out.decode().startswith(
        f"{photo} face 1: happiness >99 %\n  parts that speak for it (log-odds): mouth +"
    )
    assert {path.name for path in (tmp_path / "why").iterdir()} == {
        "explain.html",
        "explain.jpg",
        "explain.json",
        "mien-run.json",
    }
    assert b"no parts of the face: this detector has no landmarks" in mien("explain", photo, "--detector", "haar").out
    told = json.loads(mien("explain", photo, "--json", "--prior", "uniform", "--detector", "haar").out)
    (face,) = told["faces"]
    assert (told["prior"], face["parts"], np.shape(face["heat"])) == ("uniform", None, (12, 12))
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "explain.json").write_text("mine")
    assert mien("explain", photo, "--out", tmp_path / "notes").code == 2
    assert (tmp_path / "notes" / "explain.json").read_text() == "mine"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"face": 2}, r"`face` 2: .* has 1 face; expected a face to explain; `detector` or `rotate`$"),
        ({"face": 0}, r"`face` 0: .*"),
        ({"expression": "bored"}, r"^`expression` bored; expected one that 'ferplus' predict: neutral, "),
    ],
)
def test_what_is_not_there_is_one_line(
    pipeline: Pipeline, photo: Path, options: dict[str, int | str], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        explain(pipeline, photo, **options)  # type: ignore[arg-type]


def test_only_one_image_is_explained(pipeline: Pipeline, video: Path, tmp_path: Path, coffee: np.ndarray) -> None:
    Image.fromarray(coffee).save(tmp_path / "coffee.png")
    with pytest.raises(UsageError, match="has 0 faces"):
        explain(pipeline, tmp_path / "coffee.png")
    for source in (video, tmp_path):
        with pytest.raises(UsageError, match="expected one image"):
            explain(pipeline, source)


def test_the_pages_have_every_prototype_and_key(pipeline: Pipeline, photo: Path) -> None:
    docs = Path(__file__).parents[3] / "docs"
    how_to = (docs / "howto" / "explain.md").read_text(encoding="utf-8")
    for label, units in PROTOTYPES.items():
        assert not units or f"\n| {label} | {' '.join(f'`{unit}`' for unit in units)} |\n" in how_to
    (one,) = explain(pipeline, photo).faces
    own = [key for key in one.to_dict() if key not in one.face.to_dict()]
    section = (docs / "formats.md").read_text(encoding="utf-8").split("\n## explain.json\n")[1]
    assert re.findall(r"^\| `(\w+)` \|", section, re.M) == own
