"""What is noticed of covered faces, and what that costs: results/measures/covered.json.

    MIEN_DATA=path/to/data python benchmarks/covered.py

Images of FERPlus Training at random give the limits of mien/inference/measures/covered.py: quantiles, so that so many
are lost to each.  Images of FERPlus val give the figures: as they are, and with each cover that bench/covers.py draws
over the landmarks, of those that are measured as they are.  `passes` are those that the other reasons let through, by
presence as well; `noticed` are those of these that are taken for covered.  Covers are drawn: none is a real mask, hand
or pair of glasses.  Val also has covered faces of its own, which count as a cost.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from bench.covers import COVERS, laid
from bench.environment import facts
from bench.interleave import ROOT

from mien.data import load
from mien.face import Face
from mien.inference.measures import covered, measurer
from mien.inference.measures.mesh import Mesh

OUT = ROOT / "results" / "measures" / "covered.json"
LIMITS_ON, FACES, SEED, LARGE, LOST = 1500, 300, 0, 192, 0.005
PRESENCE = (0.5, 0.9, 0.99)
Seen = tuple[Mesh, str | None]


def seen(reader: measurer.Measurer, image: np.ndarray) -> Seen:
    """Return the mesh of an image that is a face, and why it has no measures, covers aside."""
    face, start = Face(np.array([0, 0, *image.shape[1::-1]], np.float32), 1.0), reader.start()
    mesh = start._mesh(image, face, None)
    reason = start._measured(image, face, mesh).measures_reason
    return mesh, None if reason == measurer.COVERED else reason


def marks(mesh: Mesh) -> tuple[float, float]:
    """Return what the image shows of eyes and mouth."""
    return covered.marks(mesh.crop, mesh.square.within_crop(mesh.points))


def faces(split: str, count: int) -> Iterator[np.ndarray]:
    """Yield images of a split at random, uint8 RGB."""
    images = load("ferplus", Path(os.environ["MIEN_DATA"]), split, labels="majority").images
    for row in np.random.default_rng(SEED).choice(len(images), count, replace=False):
        yield np.repeat(images[row], 3, 2)


def row(name: str, meshes: list[Seen]) -> dict[str, object]:
    """Return the counts of a kind of images."""
    passing = [mesh for mesh, reason in meshes if reason is None]
    noticed = sum(covered.covered(mesh.crop, mesh.square.within_crop(mesh.points)) for mesh in passing)
    least = {str(least): sum(mesh.presence >= least for mesh in passing) for least in PRESENCE}
    return {"name": name, "faces": len(meshes), "passes": len(passing), "presence": least, "noticed": noticed}


def main() -> None:
    """Read, count and keep."""
    reader, rng = measurer.Measurer(), np.random.default_rng(SEED)
    training = [
        marks(mesh) for mesh, reason in (seen(reader, image) for image in faces("train", LIMITS_ON)) if not reason
    ]
    dark, flat = np.array(training).T
    limits = {"dark": round(float(np.quantile(dark, 1 - LOST)), 3), "flat": round(float(np.quantile(flat, LOST)), 3)}
    kinds: dict[str, list[Seen]] = {"as they are": [], **{name: [] for name in COVERS}}
    for image in faces("val", FACES):
        mesh, reason = seen(reader, image)
        if reason:
            continue
        kinds["as they are"].append((mesh, reason))
        scale = LARGE / len(image)
        large = cv2.resize(image, (LARGE, LARGE), interpolation=cv2.INTER_CUBIC)
        points = (mesh.points + 0.5) * scale - 0.5
        for name, cover in COVERS.items():
            drawn = laid(large, *cover(large, points, rng))
            kinds[name].append(seen(reader, cv2.resize(drawn, image.shape[1::-1], interpolation=cv2.INTER_AREA)))
    report = {
        **facts(False),
        "training": {"images": LIMITS_ON, "measured": len(training), "lost_to_each": LOST, **limits},
    }
    report["val"] = {"images": FACES, "rows": [row(name, meshes) for name, meshes in kinds.items()]}
    OUT.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
