"""The numbers that our face mesh, blendshapes and head pose are held against: MediaPipe's and LiteRT's own.

    python benchmarks/reference.py     -> tests/inference/measures/reference.npz   (make peers first)

Faces come out of installed packages (tests/inference/measures/images.py); only numbers are kept.  MediaPipe 0.10.21 is
shown each as a video that stands still, until its crop has come to rest: `NAME/landmarks` (478, 3; x and z in widths of
the image, y in heights), `NAME/blendshapes` (52,), `NAME/matrix` (4, 4; canonical face to camera, centimetres).  LiteRT
is given our two graphs' inputs: `mesh`, `presence`, `blendshapes`.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from bench import interleave

FOLDER = interleave.ROOT / "tests" / "inference" / "measures"


def main() -> None:
    """Ask both and keep what they say."""
    sys.path.append(str(FOLDER))
    from images import CROPS, IMAGES, crop, points

    with tempfile.TemporaryDirectory() as folder:
        images, inputs, *outs = (Path(folder, f"{name}.npz") for name in ("images", "inputs", "mediapipe", "litert"))
        np.savez(images, **{name: read() for name, read in IMAGES.items()})
        np.savez(inputs, crops=np.stack([crop(name) for name in CROPS]), points=points())
        worker = interleave.mediapipe(folder)
        if worker is None:
            sys.exit(1)
        with worker:
            worker.ask(do="reference", images=str(images), out=str(outs[0]))
            worker.ask(do="graphs", inputs=str(inputs), out=str(outs[1]))
        kept = {name: array for out in outs for name, array in np.load(out).items()}
    np.savez_compressed(FOLDER / "reference.npz", **{name: array.astype(np.float32) for name, array in kept.items()})


if __name__ == "__main__":
    main()
