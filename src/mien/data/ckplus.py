"""CK+: posed expressions in the laboratory, from neutral to their peak (Lucey et al., CVPR workshops 2010).

The trees as published, in the root or in its subfolder ckplus/ or CK+/:

    cohn-kanade-images/S005/001/S005_001_00000001.png ...     a sequence of subject S005, 640x490 grey or colour
    Emotion/S005/001/S005_001_00000011_emotion.txt            its label 0-7; only 327 of 593 sequences have one
    FACS/S005/001/S005_001_00000011_facs.txt                  its action units with intensities; may be missing

A labelled sequence gives its last frame, which carries the label; each subject's first labelled sequence also gives its
first frame, as neutral.  Faces are detected by the Haar cascade and framed as everywhere; without a detection the
centre of the frame is used, and `about` reports how often.  The splits are by subject: a tenth val, a tenth test.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.data.cache import Entry, cached
from mien.data.faces import below, photo, threads
from mien.data.fer2013.raw import visible
from mien.data.samples import Samples, digest, one_hot
from mien.errors import DataError
from mien.labels import ORDERS, ordered
from mien.progress import bar
from mien.reading.guard import MIB, content, parsing

SIZE = 128
LABELS = ordered(ORDERS["ckplus"])
IMAGES, EMOTION, FACS = "cohn-kanade-images", "Emotion", "FACS"
SEED, FRACTION = 0, 0.1

UNITS = (
    "au1", "au2", "au4", "au5", "au6", "au7", "au9", "au11", "au12", "au14", "au15", "au16", "au17", "au20", "au23",
    "au24", "au25", "au26", "au27",
)  # fmt: skip
"""The columns of `units`: 1 where the coders saw the unit, 0 where not; a neutral frame is not coded (NaN)."""


@dataclass(frozen=True)
class Frame:
    """An image with its label's code, the file with its action units (if any), and the file with its label."""

    image: Path
    code: int
    facs: Path | None
    emotion: Path

    @property
    def subject(self) -> str:
        """The subject's folder, such as S005."""
        return self.image.parts[-3]


def ckplus(root: Path, split: str) -> Samples:
    """Return a split of CK+: grey faces of 128 pixels, targets one-hot, action units if there, subjects as `group`.

    DataError when the trees are missing or malformed.
    """
    folder = find(root)
    frames = read(folder)
    files = {name: path for frame in frames for name, path in _files(folder, frame).items()}
    entry = cached(f"ckplus-{SIZE}", files, lambda: build(frames))
    subject = entry.arrays["subject"]
    rows = np.flatnonzero(np.isin(subject, subjects(subject.tolist())[split]))
    if not len(rows):
        raise DataError(f"{folder} has too few subjects for {split}", "three or more", "get the complete data set")
    target = one_hot(entry.arrays["label"][rows], len(LABELS))
    units = np.asarray(entry.arrays["units"][rows])
    detected = entry.facts["found"]
    return Samples(
        images=entry.arrays["images"][rows],
        target=target,
        labels=LABELS,
        ids=np.asarray(entry.arrays["ids"][rows]),
        units=None if np.isnan(units).all() else units,
        unit_names=UNITS,
        group=np.asarray(subject[rows]),
        name="ckplus",
        split=split,
        fingerprint=digest("ckplus", split, entry.facts["images"], target, rows),
        about=f"a face was detected in {detected} of {len(frames)} frames" if detected < len(frames) else "",
    )


def find(root: Path) -> Path:
    """Return the folder that holds the trees, `root` or a folder in it; DataError when there is none."""
    folder = below(root, ("ckplus", "CK+"), lambda folder: (folder / IMAGES).is_dir() and (folder / EMOTION).is_dir())
    if folder is None:
        wanted = f"the folders {IMAGES}/ and {EMOTION}/, there or in ckplus/"
        raise DataError(f"no CK+ in {root}", wanted, "check `root` or MIEN_DATA")
    return folder


def subjects(names: list[str]) -> dict[str, list[str]]:
    """Return which subjects each split holds: the same for the same names, whatever their order.

    >>> {split: len(who) for split, who in subjects([f"S{k:03d}" for k in range(40)]).items()}
    {'val': 4, 'test': 4, 'train': 32}
    """
    everyone = np.array(sorted(set(names)))
    who = np.random.default_rng(SEED).permutation(everyone).tolist()
    held_out = max(1, round(FRACTION * len(who)))
    return {"val": who[:held_out], "test": who[held_out : 2 * held_out], "train": who[2 * held_out :]}


def read(folder: Path) -> list[Frame]:
    """Return the frames that are used, by subject and sequence; DataError names a malformed file."""
    frames: list[Frame] = []
    for emotion in visible((folder / EMOTION).glob("*/*/*_emotion.txt")):
        subject, sequence = emotion.parts[-3:-1]
        images = visible((folder / IMAGES / subject / sequence).glob("*.png"))
        stem = emotion.name.removesuffix("_emotion.txt")
        peak = next((path for path in images if path.stem == stem), None)
        if peak is None:
            raise DataError(f"{emotion} labels {stem}.png, which is not in {folder / IMAGES / subject / sequence}")
        facs = folder / FACS / subject / sequence / f"{stem}_facs.txt"
        if images[0] != peak and all(frame.subject != subject for frame in frames):
            frames.append(Frame(images[0], ORDERS["ckplus"].index("neutral"), None, emotion))
        frames.append(Frame(peak, _code(emotion), facs if facs.is_file() else None, emotion))
    if not frames:
        raise DataError(f"{folder / EMOTION} has no labels", "S005/001/S005_001_00000011_emotion.txt and so on")
    return frames


def build(frames: list[Frame]) -> Entry:
    """Detect and crop the faces, and return them with their labels as arrays."""
    from mien.inference.align import FRAMINGS, crop
    from mien.inference.detectors.haar import Haar

    units = np.array([_units(frame.facs) for frame in frames], np.float32)  # first, as the faces take a while
    detect, detected = Haar(), np.zeros(len(frames), bool)

    def cut(row: int) -> NDArray[np.uint8]:
        image = photo(frames[row].image)
        faces = sorted(detect(image), key=lambda face: float(np.prod(face.box[2:] - face.box[:2])))
        detected[row] = bool(faces)
        box = faces[-1].box if faces else _centre_box(image)
        return crop(image, box, FRAMINGS["fer2013"]["haar"], SIZE, 1)

    images = np.empty((len(frames), SIZE, SIZE, 1), np.uint8)
    with threads() as pool, bar("CK+", len(frames)) as advance:
        for row, image in enumerate(pool.map(cut, range(len(frames)))):
            images[row] = image
            advance(1)
    order = [LABELS.index(name) for name in ORDERS["ckplus"]]
    arrays: dict[str, NDArray[Any]] = {
        "images": images,
        "label": np.array([order[frame.code] for frame in frames], np.int8),
        "units": units,
        "subject": np.array([frame.subject for frame in frames], np.str_),
        "ids": np.array([frame.image.stem for frame in frames], np.str_),
    }
    return Entry(arrays, {"found": int(detected.sum()), "images": digest(images, units)})


def _centre_box(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the central square of a frame, three quarters of its height."""
    height, width = image.shape[:2]
    half = 0.375 * height
    return np.array([width / 2 - half, height / 2 - half, width / 2 + half, height / 2 + half], np.float32)


def _files(folder: Path, frame: Frame) -> dict[str, Path]:
    paths = [frame.image, frame.emotion, *([frame.facs] if frame.facs else [])]
    return {path.relative_to(folder).as_posix(): path for path in paths}


def _code(emotion: Path) -> int:
    numbers = _numbers(emotion)
    value = numbers[0] if len(numbers) == 1 else float("nan")
    if value not in range(len(ORDERS["ckplus"])):
        raise DataError(
            f"{emotion}: label {' '.join(map(str, numbers))!r}", "one number from 0 (neutral) to 7 (surprise)"
        )
    return int(value)


def _units(facs: Path | None) -> list[float]:
    if facs is None:
        return [float("nan")] * len(UNITS)
    numbers = _numbers(facs)
    if len(numbers) % 2 or any(value != round(value) for value in numbers[::2]):
        raise DataError(f"{facs}: {len(numbers)} numbers", "pairs of an action unit and its intensity")
    seen = {f"au{int(value)}" for value in numbers[::2]}
    return [float(unit in seen) for unit in UNITS]


def _numbers(path: Path) -> list[float]:
    """Return the numbers of a text file; DataError when it holds anything else."""
    wanted = "such as 3.0000000e+00"
    words = content(path, wanted, MIB).split()
    with parsing(path, wanted, says="is not a list of numbers"):
        numbers = [float(word) for word in words]
        if not np.isfinite(numbers).all():
            raise ValueError("inf or nan")
        return numbers
