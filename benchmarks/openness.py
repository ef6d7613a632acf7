"""The reference of openness: percentiles on images of FERPlus Training -> results/measures/openness.json.

    MIEN_DATA=path/to/data python benchmarks/openness.py

The 1st and 99th percentile become 0 and 1 (`REFERENCE` in mien/inference/measures/openness.py).  Images
that are not measured are left out.
"""

import json

import numpy as np
from bench.interleave import ROOT

from mien.data import load
from mien.inference.detectors import make
from mien.inference.measures.measurer import Measurer
from mien.inference.measures.openness import eye_ratio, mouth_ratio

IMAGES, SEED = 1500, 0
PERCENTILES = (1, 5, 25, 50, 75, 95, 99)


def main() -> None:
    images = load("ferplus", None, "train").images
    measurer, detect, rows = Measurer(), make("whole"), []
    for place in np.random.default_rng(SEED).choice(len(images), IMAGES, replace=False):
        image = np.repeat(images[place], 3, axis=2)
        (face,) = measurer.start()(image, detect(image), False)
        if face.mesh is not None:
            rows.append([eye_ratio(face.mesh, "right"), eye_ratio(face.mesh, "left"), mouth_ratio(face.mesh)])
    found = np.percentile(rows, PERCENTILES, axis=0).round(4).T.tolist()
    kept = {"images": IMAGES, "seed": SEED, "measured": len(rows), "percentiles": PERCENTILES}
    kept |= dict(zip(("eye_right", "eye_left", "mouth"), found, strict=True))
    (ROOT / "results" / "measures" / "openness.json").write_text(json.dumps(kept, indent=1) + "\n")
    print(json.dumps(kept))


if __name__ == "__main__":
    main()
