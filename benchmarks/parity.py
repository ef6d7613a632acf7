"""How far our landmarks, blendshapes and head pose are from MediaPipe's: results/measures/parity.json.

    python benchmarks/parity.py        (make measures first)

The faces and MediaPipe's numbers are those of benchmarks/reference.py, each image read as a photo.  `landmarks`: the
mean distance over 478 points in distances between the irises; `blendshapes`: the mean difference over 52; `pose`: the
largest difference of yaw, pitch and roll in degrees, on our own mesh and on MediaPipe's landmarks.
"""

import json
import sys

import numpy as np
from bench.interleave import ROOT

from mien.inference.detectors import make
from mien.inference.measures import files
from mien.inference.measures.measurer import Measurer
from mien.inference.measures.mesh import Networks
from mien.inference.measures.pose import Pose, angles, pose

FOLDER = ROOT / "tests" / "inference" / "measures"
OUT = ROOT / "results" / "measures" / "parity.json"
IRISES = [468, 473]


def turned(head: Pose, matrix: np.ndarray) -> float:
    """Return the largest difference in degrees between a pose and that of a matrix (4, 4)."""
    expected = angles(matrix[:3, :3].astype(float))
    return float(np.abs(np.subtract((head.yaw, head.pitch, head.roll), expected)).max())


def main() -> None:
    """Compare every image and keep it."""
    sys.path.append(str(FOLDER))
    from images import IMAGES

    reference = np.load(FOLDER / "reference.npz")
    template, measurer, detect, rows = Networks(files.locate()).template, Measurer(), make("yunet"), []
    for name, read in IMAGES.items():
        image = read()
        height, width = image.shape[:2]
        points = reference[f"{name}/landmarks"] * np.array([width, height, width], np.float32)
        (face,) = measurer.start()(image, detect(image), False)
        off = np.linalg.norm(face.mesh[:, :2] - points[:, :2], axis=1).mean()
        heads = {key: pose(mesh, width, height, template) for key, mesh in (("own", face.mesh), ("equal", points))}
        rows.append(
            {
                "image": name,
                "landmarks": float(off / np.linalg.norm(np.subtract(*points[IRISES, :2]))),
                "blendshapes": float(np.abs(face.blendshapes - reference[f"{name}/blendshapes"]).mean()),
                **{f"pose_{key}": turned(head, reference[f"{name}/matrix"]) for key, head in heads.items()},
            }
        )
    keys = list(rows[0])[1:]
    summary = {kind: {key: float(of([row[key] for row in rows])) for key in keys} for kind, of in KINDS.items()}
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps({**summary, "images": rows}, indent=1) + "\n", encoding="utf-8")


KINDS = {"mean": np.mean, "most": np.max}

if __name__ == "__main__":
    main()
