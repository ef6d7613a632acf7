"""Whole photos instead of crops of faces: noticed, and cropped as `mien predict` crops them."""

from pathlib import Path

import matplotlib
import numpy as np
import pytest
import skimage.data
from PIL import Image

from mien.data import load
from mien.errors import DataError
from mien.evaluation.evaluate import evaluate
from mien.evaluation.keep import keep
from mien.evaluation.result import Result
from mien.inference.align import FRAMINGS, crop
from mien.inference.detectors import make

HOPPER = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two portraits in two class folders; the face fills a fifteenth of either."""
    for name in ("happy", "neutral"):
        (tmp_path / name).mkdir()
    Image.fromarray(skimage.data.astronaut()).save(tmp_path / "happy" / "collins.png")
    Image.open(HOPPER).save(tmp_path / "neutral" / "hopper.png")
    return tmp_path


def test_photos_are_noticed_and_crops_are_not(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    load("folder", photos, "test")
    assert "whole photos, not crops of faces: in 2 of 2 images" in " ".join(capsys.readouterr().err.split())
    detector = make("yunet")
    for path in sorted(photos.glob("*/*.png")):
        image = np.asarray(Image.open(path))
        crops = photos.parent / "crops" / path.parent.name
        crops.mkdir(parents=True)
        square = crop(image, detector(image)[0].box, FRAMINGS["fer2013"]["yunet"], 300, 3)
        Image.fromarray(square).save(crops / path.name)
    load("folder", photos.parent / "crops", "test")
    assert "whole photos" not in capsys.readouterr().err


def test_a_result_and_its_report_say_that_they_are_of_whole_photos(photos: Path, tmp_path: Path) -> None:
    result, scores = evaluate("fer2013-nano", "folder", photos, "test")
    kept = {path.name: path for path in keep(result, scores, tmp_path / "out")}
    assert "whole photos, not crops of faces" in Result.load(kept["result.npz"]).provenance.about
    assert "whole photos, not crops of faces" in scores.to_dict()["about"]
    assert "whole photos, not crops of faces" in kept["report.html"].read_text()


def test_the_largest_face_is_cropped_as_for_predictions(photos: Path) -> None:
    collins = np.asarray(Image.open(photos / "happy" / "collins.png"))
    two = np.full((640, 1100, 3), 255, np.uint8)  # a smaller copy beside the portrait
    two[:512, :512] = collins
    two[:256, 600:856] = np.asarray(Image.fromarray(collins).resize((256, 256)))
    Image.fromarray(two).save(photos / "happy" / "two.png")
    samples = load("folder", photos, "test", detect="true", size="48", channels="1")
    detector = make("yunet")
    for id, seen in zip(samples.ids, samples.images, strict=True):
        image = np.asarray(Image.open(photos / id))
        box = max((face.box for face in detector(image)), key=lambda box: np.prod(box[2:] - box[:2]))
        assert np.array_equal(seen, crop(image, box, FRAMINGS["fer2013"]["yunet"], 48, 1))


def test_a_photo_without_a_face_is_named(photos: Path) -> None:
    Image.fromarray(skimage.data.coffee()).save(photos / "happy" / "coffee.png")
    with pytest.raises(DataError, match=r"happy/coffee\.png: no face was found in it"):
        load("folder", photos, "test", detect=True)
    assert len(load("folder", photos, "test", detect=True, skip_bad=True)) == 2
