"""Let every installed peer predict the same 3,589 PrivateTest crops, and keep its predictions.

    MIEN_DATA=path/to/data python benchmarks/peers/predict.py        (after `make peers`)

Writes results/peers/NAME.csv: the image's id and the peer's probabilities under its own names, no pixels.  Nothing is
detected: the crop is the face.  `mien compare --from csv results/peers/*.csv` scores them.
"""

import csv
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from bench import interleave

from mien.data import load

RESULTS = interleave.ROOT / "results" / "peers"
PEERS: dict[str, Callable[[Path], interleave.Worker | None]] = {
    "fer": lambda crops: interleave.fer("faces", "tflite", crops, threads=1),
    "fer-keras": lambda crops: interleave.fer("faces", "keras", crops, threads=1),
    "human": lambda crops: interleave.node("human", crops, threads=1),
    "face-api": lambda crops: interleave.node("face_api", crops, threads=1),
}


def write(path: Path, ids: Sequence[str], order: Sequence[str], probs: np.ndarray) -> None:
    """Write one row per image."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["id", *order])
        table.writerows([i, *(f"{p:.6f}" for p in row)] for i, row in zip(ids, probs, strict=True))


def main() -> None:
    """Ask every peer and write its table."""
    test = load("fer2013", None, "test")
    RESULTS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        crops = Path(folder) / "crops.bin"
        np.ascontiguousarray(test.images[..., 0]).tofile(crops)
        for name, start in PEERS.items():
            if (worker := start(crops)) is None:
                continue
            with worker:
                predictions = worker.ask(do="predict")
            probs = np.array(predictions["probs"])
            write(RESULTS / f"{name}.csv", list(test.ids), predictions["order"], probs / probs.sum(1, keepdims=True))
            print(f"wrote {RESULTS / name}.csv")


if __name__ == "__main__":
    main()
