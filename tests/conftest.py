"""What several tests share: the real data, where MIEN_DATA names it, and a small drawn data set in every layout."""

import csv
import io
import os
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

import mien  # noqa: F401 - first of all, so that no test module imports onnxruntime with its telemetry on

from . import scheduling
from .gated_files import write

os.environ.pop("COLUMNS", None)  # pytest-xdist sets it for its workers, and tables are as wide as it says

CODES = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
CHOICES = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "unknown", "NF")
FOLDER_NAMES = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
USAGES = ["Training"] * 160 + ["PublicTest"] * 40 + ["PrivateTest"] * 40

FACES = {  # mouth curve, mouth opening, slant of the brows, size of the eyes, skew of the mouth
    "anger": (-1.0, 0, 3.0, 1.5, 0),
    "disgust": (0.0, 0, 2.0, 1.0, 5.0),
    "fear": (-3.0, 3, -3.0, 4.0, 0),
    "happiness": (5.0, 2, -1.0, 2.0, 0),
    "sadness": (-5.0, 0, -2.0, 2.0, 0),
    "surprise": (0.0, 6, -1.0, 4.5, 0),
    "neutral": (0.0, 0, 0.0, 2.5, 0),
    "contempt": (3.0, 0, 1.0, 2.0, -5.0),
}


class Tiny(NamedTuple):
    """240 drawn faces: uint8 (240, 48, 48), codes 0-6, usages, and votes (240, 10) in the order of the vote file."""

    images: np.ndarray
    codes: list[int]
    usages: list[str]
    votes: np.ndarray


def pytest_runtest_setup() -> None:
    """Let torch parse its ONNX operators once a process, not at every export: that takes most of a small one's time."""
    made = sys.modules.get("torch.onnx._internal.exporter._registration")
    build = getattr(getattr(made, "ONNXRegistry", None), "from_torchlib", None)
    if made is not None and build is not None and not hasattr(build, "cache_info"):
        made.ONNXRegistry.from_torchlib = staticmethod(cache(build))


@pytest.fixture(autouse=True)
def same_scheduling() -> Iterator[None]:
    """See that a test leaves the process as urgent as it was: what later ones start would inherit it."""
    before = scheduling.policy()
    yield
    assert scheduling.policy() == before


def draw_face(kind: str, rng: np.random.Generator) -> np.ndarray:
    """Draw one 48x48 face: an ellipse with eyes, brows and a mouth, jittered, on noise of its own."""
    curve, opening, slant, eyes, skew = FACES[kind]
    y, x = np.mgrid[:48, :48].astype(float)
    y, x = y - 24 - rng.uniform(-2, 2), x - 24 - rng.uniform(-2, 2)
    image = rng.uniform(30, 110) + rng.normal(0, 18, (48, 48))
    skin = rng.uniform(150, 210)
    image[(x / 18) ** 2 + (y / 22) ** 2 < 1] += skin - 80
    for side in (-1, 1):
        image[((x - 7 * side) / 3.5) ** 2 + ((y + 5) / eyes) ** 2 < 1] = 20
        image[(abs(y + 12 - slant * (7 - side * x) / 7 + slant / 2) < 1.2) & (abs(x - 7 * side) < 5)] = 40
    middle = 11 - curve * ((x / 9) ** 2 - 0.4) + skew * x / 18
    image[(abs(y - middle) < 1.3 + opening * (1 - (x / 10) ** 2).clip(0)) & (abs(x) < 10)] = 30
    return image.clip(0, 255).astype(np.uint8)


def tiny_images(seed: int = 0) -> Tiny:
    """Draw the data set: every class in every usage, three exact and two near twins of Training in each test usage."""
    rng = np.random.default_rng(seed)
    kinds = [list(FACES)[k % 8] for k in range(len(USAGES))]
    images = np.stack([draw_face(kind, rng) for kind in kinds])
    for first in (160, 200):
        twins = range(first, first + 5)
        for k, row in enumerate(twins):
            images[row] = images[row - 160] if k < 3 else (images[row - 160] ^ 1)
    codes = [CODES.index("neutral" if kind == "contempt" else kind) for kind in kinds]
    votes = np.zeros((len(kinds), 10), int)
    for row, kind in enumerate(kinds):
        votes[row, CHOICES.index(kind)] += 7
        votes[row, rng.integers(8)] += 2
        votes[row, rng.integers(10)] += 1
    votes[[40, 180]] = [5, 5, 0, 0, 0, 0, 0, 0, 0, 0]  # a tie
    votes[[41, 181]] = [2, 1, 0, 0, 0, 0, 0, 0, 7, 0]  # unknown
    votes[[42, 182]] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 10]  # not a face
    votes[[43, 183]] = [4, 3, 3, 0, 0, 0, 0, 0, 0, 0]  # most frequent, but no majority
    return Tiny(images, codes, USAGES, votes)


def write_csv(path: Path, tiny: Tiny) -> None:
    with path.open("w", newline="\n") as file:
        file.write("emotion,pixels,Usage\n")
        for image, code, usage in zip(tiny.images, tiny.codes, tiny.usages, strict=True):
            file.write(f"{code},{' '.join(map(str, image.ravel()))},{usage}\n")


def write_votes(path: Path, tiny: Tiny) -> None:
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["Usage", "Image name", *CHOICES])
        for row, (usage, votes) in enumerate(zip(tiny.usages, tiny.votes, strict=True)):
            rows.writerow([usage, "" if votes[9] == 10 else f"fer{row:07d}.png", *votes])


def write_label_csv(root: Path, tiny: Tiny) -> None:
    for usage, name in {"Training": "FER2013Train", "PublicTest": "FER2013Valid", "PrivateTest": "FER2013Test"}.items():
        (root / name).mkdir(parents=True)
        with (root / name / "label.csv").open("w", newline="") as file:
            rows = csv.writer(file)
            for row, votes in enumerate(tiny.votes):
                if tiny.usages[row] == usage and votes[9] < 10:
                    rows.writerow([f"fer{row:07d}.png", "(0, 0, 48, 48)", *votes])


def write_parquet(path: Path, tiny: Tiny) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq
    from PIL import Image

    def webp(image: np.ndarray) -> bytes:
        stream = io.BytesIO()
        Image.fromarray(image).save(stream, "WEBP", lossless=True)
        return stream.getvalue()

    images = [webp(image) for image in tiny.images]
    pq.write_table(pa.table({"emotion": tiny.codes, "usage": tiny.usages, "image": images}), path)


def write_folder(root: Path, tiny: Tiny, suffix: str = ".png", told: bool = True) -> None:
    from PIL import Image

    for row, (image, code, usage) in enumerate(zip(tiny.images, tiny.codes, tiny.usages, strict=True)):
        folder = root / ("train" if usage == "Training" else "test") / FOLDER_NAMES[code]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{usage if told else 'im'}_{row + 7:06d}{suffix}")


def write_fer2013(root: Path, layout: str = "csv", seed: int = 0) -> Tiny:
    """Write the drawn data set into `root` as csv, parquet, folder, folder-jpg or folder-untold, and return it."""
    tiny = tiny_images(seed)
    root.mkdir(parents=True, exist_ok=True)
    if layout == "csv":
        write_csv(root / "fer2013.csv", tiny)
    elif layout == "parquet":
        write_parquet(root / "fer2013.parquet", tiny)
    else:
        suffix = ".JPG" if layout == "folder-jpg" else ".png"
        write_folder(root, tiny, suffix, told=layout != "folder-untold")
    if layout in ("csv", "parquet"):
        write_votes(root / "fer2013new.csv", tiny)
    return tiny


@pytest.fixture
def fer2013_writer() -> Callable[..., Tiny]:
    """The function `write_fer2013(root, layout="csv", seed=0) -> Tiny`."""
    return write_fer2013


@pytest.fixture
def label_csv_writer() -> Callable[[Path, Tiny], None]:
    """The function `write_label_csv(root, tiny)`."""
    return write_label_csv


@pytest.fixture(scope="session")
def gated_writer() -> Callable[[str, Path], None]:
    """The function `write(name, folder)` that draws a small stand-in for a gated data set."""
    return write


@pytest.fixture(scope="session")
def tiny_fer2013(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the drawn data set as fer2013.csv and fer2013new.csv; only to be read."""
    root = tmp_path_factory.mktemp("tiny") / "data"
    write_fer2013(root)
    return root


@pytest.fixture(scope="session")
def mien_data() -> Path:
    """The folder with the real FER2013 that MIEN_DATA names; skips where it is not set."""
    if not os.environ.get("MIEN_DATA"):
        pytest.skip("MIEN_DATA does not name a folder with FER2013")
    return Path(os.environ["MIEN_DATA"])


@pytest.fixture(scope="session", autouse=True)
def session_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep what the suite caches out of the user's cache folder, unless MIEN_CACHE says where it goes."""
    os.environ.setdefault("MIEN_CACHE", str(tmp_path_factory.mktemp("cache")))
