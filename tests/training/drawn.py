"""Drawn faces whose geometry follows known numbers, as a table of PNG files: for heads that must learn something real.

Valence curves the mouth, arousal opens the eyes, au02 lifts the brows, au04 slants them, au26 opens the mouth; light,
skin, place and noise are random.  Some of the numbers are left out of the table, as in real ones.
"""

import csv
from pathlib import Path

import cv2
import numpy as np

UNITS = ("au02", "au04", "au26")
SIDE = 32


def draw(valence: float, arousal: float, units: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a grey face, uint8 (SIDE, SIDE)."""
    y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j] + rng.uniform(-0.06, 0.06, (2, 1, 1))
    image = rng.uniform(30, 90) + rng.normal(0, 8, (SIDE, SIDE))
    skin = rng.uniform(150, 220)
    image[(x / 0.75) ** 2 + (y / 0.92) ** 2 < 1] += skin - 60
    raised, slanted, opened = units
    for side in (-1, 1):
        image[((x - 0.3 * side) / 0.16) ** 2 + ((y + 0.2) / (0.12 + 0.07 * arousal)) ** 2 < 1] = 20
        brow = -0.5 - 0.16 * raised - 0.9 * slanted * (x * side - 0.3)
        image[(abs(y - brow) < 0.05) & (abs(x - 0.3 * side) < 0.22)] = 40
    lips = 0.5 - 0.8 * valence * (x**2 - 0.06)
    image[(abs(y - lips) < 0.05 + 0.14 * opened * (1 - (x / 0.4) ** 2).clip(0)) & (abs(x) < 0.4)] = 30
    return image.clip(0, 255).astype(np.uint8)


def write_faces(folder: Path, train: int, val: int, seed: int = 0) -> None:
    """Write faces and their table; a fifth of the rows of training lacks valence and arousal, another fifth units."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "faces.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "label", "split", "valence", "arousal", *UNITS])
        for k in range(train + val):
            valence, arousal = rng.uniform(-1, 1, 2)
            units = rng.integers(0, 2, len(UNITS))
            cv2.imwrite(str(folder / f"{k:05d}.png"), draw(valence, arousal, units, rng))
            known = k >= train or k % 5 > 0, k >= train or k % 5 < 4
            label = "neutral" if abs(valence) < 0.3 else "happiness" if valence > 0 else "sadness"
            affect = [f"{valence:.3f}", f"{arousal:.3f}"] if known[0] else ["", ""]
            split = "train" if k < train else "val"
            writer.writerow([f"{k:05d}.png", label, split, *affect, *(units if known[1] else [""] * len(UNITS))])
