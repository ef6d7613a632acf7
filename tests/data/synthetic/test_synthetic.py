"""Faces in context: which faces, in front of which backgrounds, and their labels and descriptions."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mien.data import load
from mien.data.duplicates import near_duplicates_in_training
from mien.data.overview import CELL, HEAD, MARGIN, contact_sheet
from mien.data.samples import Samples
from mien.data.synthetic import _with_channels, backgrounds, compose, in_context
from mien.errors import DataError


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if "mien_data" in request.fixturenames:  # reading the real set takes long enough once
        return
    monkeypatch.setenv("MIEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(backgrounds, "SCENES", 10)


def photos(folder: Path, count: int) -> Path:
    """Write photos, each of one colour of its own with a dark stripe."""
    folder.mkdir()
    for k in range(count):
        image = np.full((120 + 10 * k, 200, 3), (20 * k + 40, 90, 200 - 20 * k), np.uint8)
        image[::7] //= 2
        Image.fromarray(image).save(folder / f"{k}.png")
    return folder


def coloured(samples: Samples) -> Samples:
    tint = np.array([1.0, 0.8, 0.6])
    return replace(samples, images=(samples.images * tint).astype(np.uint8), fingerprint=samples.fingerprint + "c")


def test_no_face_is_in_two_splits(tiny_fer2013: Path) -> None:
    seen = {split: set(load("synthetic", tiny_fer2013, split).group.tolist()) for split in ("train", "val", "test")}
    for split, group in seen.items():
        assert group <= set(load("ferplus", tiny_fer2013, split).ids.tolist())
    assert not seen["train"] & seen["val"]
    assert not seen["train"] & seen["test"]
    assert not seen["val"] & seen["test"]


@pytest.mark.parametrize("split", ["val", "test"])  # val's first image has its near-duplicate in row 0 of Training
def test_faces_that_are_also_in_training_are_left_out(split: str, tiny_fer2013: Path) -> None:
    faces = load("fer2013", tiny_fer2013, split)
    left_out = set(faces.ids[:5].tolist())
    made = load("synthetic", tiny_fer2013, split, faces="fer2013")
    assert set(made.group.tolist()) == set(faces.ids.tolist()) - left_out
    assert (near_duplicates_in_training(made, tiny_fer2013).index == -1).all()


def test_what_is_carried_over(tiny_fer2013: Path) -> None:
    faces = load("ferplus", tiny_fer2013, "train", labels="distribution")
    made = load("synthetic", tiny_fer2013, "train", faces="ferplus:labels=distribution", count="300")
    place = {name: row for row, name in enumerate(faces.ids.tolist())}
    rows = [place[name] for name in made.group.tolist()]
    assert np.array_equal(made.target, faces.target[rows])
    assert np.array_equal(made.votes, faces.votes[rows])
    assert len(set(made.ids.tolist())) == len(made) == 300
    assert np.ptp(np.bincount(rows)) == 1  # every face equally often, give or take one
    assert made.images.shape == made.clean.shape == made.mask.shape == (300, 64, 64, 1)
    assert made.transform.shape == (300, 2, 3)
    assert made.about == "ferplus before 10 drawn scenes"


def test_group_is_the_subject_where_there_is_one(tiny_fer2013: Path) -> None:
    faces = load("fer2013", tiny_fer2013, "train")
    faces = replace(faces, group=np.array([f"subject {k % 7}" for k in range(len(faces))]))
    assert set(in_context(faces, "procedural", 40).group.tolist()) == {f"subject {k}" for k in range(7)}


def test_the_seed_decides_alone(tiny_fer2013: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load("synthetic", tiny_fer2013, "val", seed=3)
    images = np.array(first.images)
    assert load("synthetic", tiny_fer2013, "val", seed=4).fingerprint != first.fingerprint
    shutil.rmtree(tmp_path / "cache")
    monkeypatch.setattr(compose, "CHUNK", 5)
    monkeypatch.setattr("os.cpu_count", lambda: 3)
    again = load("synthetic", tiny_fer2013, "val", seed="3")
    assert np.array_equal(again.images, images)
    assert again.fingerprint == first.fingerprint


def test_the_second_time_nothing_is_made(tiny_fer2013: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load("synthetic", tiny_fer2013, "val")
    monkeypatch.setattr(compose, "compose", lambda *_, **__: pytest.fail("made again"))
    assert load("synthetic", tiny_fer2013, "val").fingerprint == first.fingerprint
    assert isinstance(first.images, np.memmap)


def test_the_clean_face_is_the_image_where_the_mask_is_full(tiny_fer2013: Path) -> None:
    made = load("synthetic", tiny_fer2013, "train")
    deep = (made.mask == 255) & (np.abs(made.images.astype(int) - made.clean) <= 3)
    assert (deep.sum() / (made.mask == 255).sum()) > 0.5  # the rest was blurred or equalised
    assert (made.clean[made.mask == 0] <= 12).all()  # black but for what cubic enlargement rings
    assert (made.mask == 255).mean() > 0.1


def test_the_transform_says_where_the_face_is(tiny_fer2013: Path) -> None:
    made = load("synthetic", tiny_fer2013, "train", count=400)
    y, x = np.mgrid[-1:1:64j, -1:1:64j]
    whole = (made.mask[:, [0, -1]].max((1, 2, 3)) == 0) & (made.mask[:, :, [0, -1]].max((1, 2, 3)) == 0)
    assert whole.sum() > 50  # of faces that lie in the image as a whole the mask's middle is where it was put
    for mask, transform in zip(made.mask[whole][..., 0] / 255.0, made.transform[whole], strict=True):
        middle = [(mask * x).sum() / mask.sum(), (mask * y).sum() / mask.sum()]
        assert np.allclose(middle, transform[:, 2], atol=0.15)  # the corners' own movement shifts it a little


@pytest.mark.parametrize(
    ("faces", "channels", "wanted", "colour"), [(1, 1, 1, False), (1, 3, 3, False), (3, 1, 1, False), (3, 3, 3, True)]
)
def test_colour_where_both_have_it(
    tiny_fer2013: Path, tmp_path: Path, faces: int, channels: int, wanted: int, colour: bool
) -> None:
    source = load("fer2013", tiny_fer2013, "train")
    source = coloured(source) if faces == 3 else source
    made = in_context(source, str(photos(tmp_path / "photos", 5)), 20, channels=channels)
    assert made.images.shape == made.clean.shape == (20, 64, 64, wanted)
    assert made.mask.shape[-1] == 1
    assert bool(np.ptp(made.images.astype(int), axis=-1).max() > 20) is colour


def test_a_mask_that_the_data_brings_cuts_the_face_out(tiny_fer2013: Path) -> None:
    faces = load("fer2013", tiny_fer2013, "train")
    mask = np.zeros((len(faces), 48, 48, 1), np.uint8)
    mask[:, 10:40, 14:34] = 255
    made = in_context(replace(faces, mask=mask, fingerprint="masked"), "procedural", 60)
    oval = in_context(faces, "procedural", 60)
    assert (made.mask > 128).sum() < 0.6 * (oval.mask > 128).sum()


def test_fingerprints_tell_backgrounds_and_faces_apart(tiny_fer2013: Path, tmp_path: Path) -> None:
    folder = str(photos(tmp_path / "photos", 5))
    options = [{}, {"backgrounds": folder}, {"faces": "fer2013"}, {"size": 48}, {"channels": 3}, {"count": 30}]
    assert len({load("synthetic", tiny_fer2013, "val", **each).fingerprint for each in options}) == len(options)
    assert (
        load("synthetic", tiny_fer2013, "val", backgrounds=folder).about
        == "ferplus before 1 photos of the folder photos"
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"count": "0"}, "synthetic count=0; expected a whole number from 1"),
        ({"count": "many"}, "synthetic count=many"),
        ({"size": "8"}, "synthetic size=8; expected a whole number from 16 to 512"),
        ({"size": 64.5}, "synthetic size=64.5"),
        ({"channels": "2"}, "synthetic channels=2; expected 1 or 3"),
        ({"seed": "-1"}, "synthetic seed=-1"),
        ({"faces": "fer2031"}, "did you mean fer2013?"),
        ({"faces": "synthetic"}, "expected a data set of faces"),
        ({"faces": "ferplus:majority"}, "option 'majority'"),
        ({"faces": "ferplus:label=majority"}, "did you mean labels?"),
        ({"backgrounds": "nowhere"}, "backgrounds 'nowhere'; expected procedural, packages or a folder of photos"),
        ({"background": "packages"}, "did you mean backgrounds?"),
    ],
)
def test_mistakes(options: dict[str, object], words: str, tiny_fer2013: Path) -> None:
    with pytest.raises(DataError) as caught:
        load("synthetic", tiny_fer2013, "val", **options)
    assert words in str(caught.value)


def test_the_contact_sheet_shows_triplets(tiny_fer2013: Path) -> None:
    made = load("synthetic", tiny_fer2013, "val", count=40)
    plain, triplets = (contact_sheet({"train": samples}) for samples in (replace(made, clean=None, mask=None), made))
    assert triplets.width - plain.width == (4 * 3 - 8) * CELL
    shown = np.asarray(triplets)[HEAD + 4 : HEAD + CELL - 4, MARGIN : MARGIN + 3 * CELL]
    assert shown[:, 2 * CELL : 3 * CELL - 4].min() == 0  # the mask's corners are black
    assert shown[:, CELL : 2 * CELL - 4].min() == 0  # and so is what surrounds the clean face


def test_real_faces_before_packaged_photos(mien_data: Path) -> None:
    made = load("synthetic", mien_data, "val", faces="fer2013", backgrounds="packages", count=200)
    assert made.about == "fer2013 before 2 photos inside scikit-image and scikit-learn"
    assert made.images.std() > 20


def test_the_writer_fixture_data_is_read_from_any_layout(
    tmp_path: Path, fer2013_writer: Callable[..., object], tiny_fer2013: Path
) -> None:
    fer2013_writer(tmp_path / "parquet", "parquet")
    one, other = (load("synthetic", root, "val").fingerprint for root in (tiny_fer2013, tmp_path / "parquet"))
    assert one == other


def test_every_seed_has_images_of_its_own_whatever_is_behind(tiny_fer2013: Path, tmp_path: Path) -> None:
    """Photos do not depend on the seed, drawn scenes do; the faces before them always."""
    folder = str(photos(tmp_path / "photos", 5))
    one, other = (load("synthetic", tiny_fer2013, "val", backgrounds=folder, seed=seed) for seed in (0, 1))
    assert one.fingerprint != other.fingerprint
    assert not np.array_equal(one.images, other.images)


def test_grey_faces_are_made_by_the_usual_weights() -> None:
    pure = np.eye(3, dtype=np.uint8)[None] * 200  # red, green, blue
    assert _with_channels(pure, 1)[0, :, 0].tolist() == [60, 117, 23]
    assert _with_channels(pure, 3) is pure
