"""Let every peer that is installed answer the same 3,589 PrivateTest crops, and keep what it said.

    MIEN_DATA=path/to/data python benchmarks/peers/predict.py        (after `make peers`)

Writes results/peers/NAME.csv: the picture's id and the peer's probabilities under its own names, no pixels.  Nothing is
detected: the crop is the face.  `mien compare --from csv results/peers/*.csv` scores them.
"""

import csv
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from mien.data import load

HERE = Path(__file__).parent
RESULTS = HERE.parents[1] / "results" / "peers"
FER = HERE.parents[1] / ".venv-fer" / "bin" / "python"
ONE = dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1")
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3"}

Answer = tuple[list[str], list[list[float]]]


def fer(crops: np.ndarray, folder: Path) -> Answer | None:
    """Return the order and the probabilities (N, 7) of fer's default path; None where it is not installed."""
    if not FER.is_file():
        return None
    np.save(folder / "crops.npy", crops)
    run([FER, HERE / "fer_tflite.py", folder / "crops.npy", folder / "fer.npz"])
    with np.load(folder / "fer.npz") as told:
        probs = told["probs"] / told["probs"].sum(1, keepdims=True)  # fer rounds to two decimals
        return told["order"].tolist(), probs.tolist()


def script(name: str) -> Callable[[np.ndarray, Path], Answer | None]:
    """Return what runs one of the JavaScript peers."""

    def read(crops: np.ndarray, folder: Path) -> Answer | None:
        if not (HERE / "node_modules").is_dir() or not shutil.which("node"):
            return None
        crops.tofile(folder / "crops.bin")
        run(["node", HERE / f"{name}.mjs", folder / "crops.bin", folder / f"{name}.json"])
        told = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        return told["order"], told["probs"]

    return read


PEERS = {"fer": fer, "human": script("human"), "face-api": script("face_api")}


def run(words: list[str | Path]) -> None:
    """Run a peer on one thread to its end."""
    quiet = {**os.environ, **ONE, **QUIET}
    subprocess.run(words, env=quiet, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)


def main() -> None:
    """Ask every peer and write its table."""
    test = load("fer2013", None, "test")
    crops = np.ascontiguousarray(test.images[..., 0])
    RESULTS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for name, peer in PEERS.items():
            answer = peer(crops, Path(folder))
            if answer is None:
                print(f"{name} is not installed here: `make peers`")
                continue
            order, probs = answer
            with (RESULTS / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
                table = csv.writer(file)
                table.writerow(["id", *order])
                table.writerows([i, *(f"{p:.6f}" for p in row)] for i, row in zip(test.ids, probs, strict=True))
            print(f"wrote {RESULTS / name}.csv")


if __name__ == "__main__":
    main()
