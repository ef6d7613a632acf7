"""Predict and time crops with fer's default (tflite) path; runs in fer's own environment, `make peers` creates it.

    python benchmarks/peers/fer_tflite.py CROPS.npy OUT.npz     # uint8 (N, 48, 48)

The face rectangle is the whole crop and the offsets are 0: its default widens every box by 10 px.  Writes
probabilities (N, 7) in fer's own order and the CPU ms per face of each round, the model loaded and warm.
"""

import sys
import time

import numpy as np
from fer.fer import FER

ORDER = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")


def main(crops: str, out: str, rounds: int = 5, timed: int = 320) -> None:
    """Read every crop once, then time `rounds` passes over the first ones."""
    images = np.repeat(np.load(crops)[..., None], 3, axis=3)
    detector = FER(offsets=(0, 0))
    whole = [(0, 0, images.shape[2], images.shape[1])]

    def read(image: np.ndarray) -> dict[str, float]:
        return detector.detect_emotions(image, face_rectangles=whole)[0]["emotions"]

    probs = np.array([[read(image)[name] for name in ORDER] for image in images])
    times = []
    for _ in range(rounds):
        began = time.process_time()
        for image in images[:timed]:
            read(image)
        times.append((time.process_time() - began) / min(timed, len(images)) * 1e3)
    np.savez(out, probs=probs, ms=times, order=ORDER)


if __name__ == "__main__":
    main(*sys.argv[1:3])
