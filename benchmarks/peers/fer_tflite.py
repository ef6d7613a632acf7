"""Predict and time crops with fer's default (tflite) path; runs in fer's own environment, `make peers` creates it.

    python benchmarks/peers/fer_tflite.py CROPS.npy OUT.npz     # uint8 (N, 48, 48)

The face rectangle is the whole crop and the offsets are 0: its default widens every box by 10 px.  Reads every crop
once, writes probabilities (N, 7) in fer's own order, and says `ready`.  Then every line on stdin is answered with the
CPU ms per face of one pass over the first crops, one image per call, since fer's batch method is a loop.
"""

import sys
import time

import numpy as np
from fer.fer import FER

ORDER = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
TIMED = 256


def main(crops: str, out: str) -> None:
    """Answer as the module says until stdin ends."""
    images = np.repeat(np.load(crops)[..., None], 3, axis=3)
    detector = FER(offsets=(0, 0))
    whole = [(0, 0, images.shape[2], images.shape[1])]

    def read(image: np.ndarray) -> dict[str, float]:
        return detector.detect_emotions(image, face_rectangles=whole)[0]["emotions"]

    probs = np.array([[read(image)[name] for name in ORDER] for image in images])
    np.savez(out, probs=probs, order=ORDER)
    print("ready", flush=True)
    for _ in sys.stdin:
        began = time.process_time()
        for image in images[:TIMED]:
            read(image)
        print((time.process_time() - began) / min(TIMED, len(images)) * 1e3, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:3])
