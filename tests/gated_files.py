"""Small drawn stand-ins for the gated data sets, in exactly their published layout; their images mean nothing.

write("ckplus", folder)
"""

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien.data import affectnet, rafdb
from mien.data.ckplus import EMOTION, FACS, IMAGES
from mien.labels import CODES, EXPRESSIONS, ORDERS

MOUTHS = {  # curve, opening, slant of the brows
    "neutral": (0, 0, 0), "happiness": (5, 2, -1), "sadness": (-5, 0, -2), "surprise": (0, 6, -1), "fear": (-3, 3, -3),
    "disgust": (0, 0, 2), "anger": (-1, 0, 3), "contempt": (3, 0, 1),
}  # fmt: skip


def write(name: str, folder: Path) -> None:
    """Write a drawn data set into a folder."""
    WRITERS[name](folder)


def write_affectnet(folder: Path) -> None:
    """Write 96 lines of training.csv and 24 of validation.csv with their images; every ninth has no expression."""
    rng = np.random.default_rng(0)
    for table, count in (("training", 96), ("validation", 24)):
        lines = []
        for row in range(count):
            kind = EXPRESSIONS[row % 8]
            name = f"{1 + row % 5}/{table}{row:04d}.jpg"
            place, side = rng.integers(0, 40, 2), int(rng.integers(60, 90))
            image = np.asarray(rng.integers(0, 255, (140, 160, 3)), np.uint8)
            image[place[1] : place[1] + side, place[0] : place[0] + side] = face(kind, side, rng)[..., None]
            (folder / affectnet.IMAGES / name).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(folder / affectnet.IMAGES / name, quality=95)
            none = row % 9 == 8
            feeling = (-2, -2) if none else rng.uniform(-1, 1, 2).round(4).tolist()
            code = 8 + row % 3 if none else ORDERS["affectnet"].index(kind)
            lines.append([name, *place.tolist(), side, side, "0.0;" * 135 + "0.0", code, *feeling])
        with (folder / f"{table}.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([affectnet.COLUMNS, *lines])


def write_ckplus(folder: Path) -> None:
    """Write ten subjects with three sequences each, two of them labelled, and the FACS codes of the labelled ones."""
    rng = np.random.default_rng(0)
    order, units = ORDERS["ckplus"], {"happiness": (6, 12), "surprise": (1, 2, 5, 27), "sadness": (1, 4, 15)}
    for subject in range(10):
        for sequence in range(1, 4):
            kind = order[1 + (2 * subject + sequence) % 7]
            place, stem = Path(f"S{5 + subject:03d}", f"{sequence:03d}"), f"S{5 + subject:03d}_{sequence:03d}_"
            for part in (IMAGES, EMOTION, FACS):
                (folder / part / place).mkdir(parents=True)
            for frame in range(1, 4):
                image = np.full((490, 640), 90, np.uint8)
                image[95:395, 170:470] = face(kind, 300, rng, strength=(frame - 1) / 2)
                Image.fromarray(image).save(folder / IMAGES / place / f"{stem}{frame:08d}.png")
            if sequence < 3:
                (folder / EMOTION / place / f"{stem}00000003_emotion.txt").write_text(f"   {order.index(kind):.7e}\n")
                seen = "".join(f"   {unit:.7e}   {0:.7e}\n" for unit in units.get(kind, (4, 17)))
                (folder / FACS / place / f"{stem}00000003_facs.txt").write_text(seen)


def face(kind: str, side: int, rng: np.random.Generator, strength: float = 1.0) -> NDArray[np.uint8]:
    """Draw a face, uint8 (side, side): an oval with eyes, brows and the mouth of an expression at some strength."""
    curve, opening, slant = (strength * value for value in MOUTHS[kind])
    y, x = (np.mgrid[:side, :side] + 0.5) * 48 / side - 24 + rng.uniform(-1, 1, (2, 1, 1))
    image = 60 + rng.normal(0, 6, (side, side))
    image[(x / 18) ** 2 + (y / 22) ** 2 < 1] = rng.uniform(160, 220)
    for eye in (-1, 1):
        image[((x - 7 * eye) / 3.5) ** 2 + ((y + 5) / 2.5) ** 2 < 1] = 20
        image[(abs(y + 12 - slant * (7 - eye * x) / 7 + slant / 2) < 1.2) & (abs(x - 7 * eye) < 5)] = 40
    middle = 11 - curve * ((x / 9) ** 2 - 0.4)
    image[(abs(y - middle) < 1.3 + opening * (1 - (x / 10) ** 2).clip(0)) & (abs(x) < 10)] = 30
    return image.clip(0, 255).astype(np.uint8)


def write_rafdb(folder: Path) -> None:
    """Write 70 training and 21 test images, aligned, and the list that names them."""
    rng, lines = np.random.default_rng(0), []
    (folder / rafdb.IMAGES).mkdir(parents=True)
    for split, count in (("train", 70), ("test", 21)):
        for k in range(count):
            code = 1 + k % 7
            lines.append(f"{split}_{k + 1:05d}.jpg {code}\n")
            image = Image.fromarray(face(CODES["rafdb"][code], 100, rng)).convert("RGB")
            image.save(folder / rafdb.IMAGES / f"{split}_{k + 1:05d}_aligned.jpg", quality=95)
    (folder / rafdb.LABELS).parent.mkdir()
    (folder / rafdb.LABELS).write_text("".join(lines))


def write_affectnet_arrays(folder: Path, train: int = 80, test: int = 16) -> None:
    """Write AffectNet's later release: images/0.jpg and annotations/0_exp.npy, 0_val.npy, 0_aro.npy, 0_lnd.npy."""
    rng = np.random.default_rng(0)
    for name, count in (("train_set", train), ("val_set", test)):
        for part in ("images", "annotations"):
            (folder / name / part).mkdir(parents=True)
        for k in range(count):
            image = Image.fromarray(face(EXPRESSIONS[k % 8], 224, rng)).convert("RGB")
            image.save(folder / name / "images" / f"{k}.jpg", quality=95)
            annotation = {"exp": str(k % 8), "val": "0.5" if k % 5 else "-2", "aro": "-0.25", "lnd": np.zeros(136)}
            for kind, value in annotation.items():
                np.save(folder / name / "annotations" / f"{k}_{kind}.npy", np.array(value))


WRITERS = {"affectnet": write_affectnet, "ckplus": write_ckplus, "rafdb": write_rafdb}
"""What draws the files of a data set, by its name."""
