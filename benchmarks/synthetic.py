"""How many faces in context a second: mien's generator against a plain loop over scikit-image, image by image.

    python benchmarks/synthetic.py [COUNT]      prints one JSON document, best of three each

The loop does what the published generator does at its sizes: a face of 128 pixels in a frame of 148, warped, lit in
Lab, blended, then 48 pixels, CLAHE and blur in a quarter each, 64.  Faces are noise, because what they show costs
nothing.  `per_second` is by the clock with every core of the machine; `cpu_ms` is processor time per image, which
other work disturbs less; `load` is the machine's load average before and after, near zero on an idle one.
Needs scikit-image and scikit-learn.
"""

import json
import os
import sys
import time
from collections.abc import Callable

import numpy as np
from PIL import Image
from skimage.color import gray2rgb, rgb2gray, rgb2lab
from skimage.color import lab2rgb as to_rgb
from skimage.exposure import equalize_adapthist
from skimage.filters import gaussian
from skimage.transform import ProjectiveTransform, resize, warp

from mien.data.synthetic.backgrounds import Backgrounds, backgrounds
from mien.data.synthetic.compose import CORNERS, Plan, compose, plan
from mien.data.synthetic.masks import oval

TIMES = 3
LOOPED = 40


def loop(faces: np.ndarray, behind: Backgrounds, drawn: Plan, count: int) -> None:
    """Make the first images of a plan one after the other, at the published sizes."""
    mask = np.asarray(Image.fromarray(oval(48)).resize((128, 128))) / 255
    for row in range(count):
        face = np.asarray(Image.fromarray(faces[drawn.face[row], ..., 0]).resize((128, 128), Image.Resampling.BICUBIC))
        image = behind.images[drawn.behind[row]][..., 0]
        large = np.asarray(Image.fromarray(image).resize((image.shape[1] * 3, image.shape[0] * 3)))
        top, left = (int(s * (n - 147)) for s, n in zip(drawn.window[row], large.shape, strict=True))
        back = gray2rgb(large[top : top + 148, left : left + 148] / 255)
        moved = CORNERS @ drawn.transform[row, :, :2].T + drawn.transform[row, :, 2] + drawn.warp[row]
        place = ProjectiveTransform.from_estimate((moved + 1) * 74, (CORNERS + 1) * 64)
        there = warp(face / 255, place, output_shape=(148, 148), mode="edge")
        weight = warp(mask, place, output_shape=(148, 148))[..., None]
        lab, around = rgb2lab(gray2rgb(there)), rgb2lab(back)
        mean = (lab[..., :1] * weight).sum() / max(weight.sum(), 1)
        lab[..., 0] = np.clip(lab[..., 0] * np.clip(around[..., 0].mean() / mean, 0.5, 1.5), 0, 100)
        lit = to_rgb(lab)
        small = resize(rgb2gray(lit * weight + back * (1 - weight)), (48, 48), anti_aliasing=True)
        if drawn.clahe[row]:
            small = equalize_adapthist(small.clip(0, 1))
        if drawn.blur[row]:
            small = gaussian(small, drawn.blur[row])
        resize(small, (64, 64))
        resize(rgb2gray(lit * weight), (64, 64), anti_aliasing=True)
        resize(weight[..., 0], (64, 64), anti_aliasing=True)


def measured(work: Callable[[], object], count: int) -> dict[str, float]:
    """Return images per second and milliseconds of processor time per image, the best of `TIMES`."""
    clock, processor = [], []
    for _ in range(TIMES):
        start, used = time.perf_counter(), time.process_time()
        work()
        clock.append(time.perf_counter() - start)
        processor.append(time.process_time() - used)
    return {"per_second": round(count / min(clock), 1), "cpu_ms": round(1000 * min(processor) / count, 3)}


def main(count: int = 10_000) -> None:
    threads = os.cpu_count() or 1
    faces = np.random.default_rng(0).integers(0, 256, (1000, 48, 48, 1), np.uint8)
    report: dict[str, object] = {"images": count, "looped": LOOPED, "threads": threads}
    before = os.getloadavg()[0]
    for source in ("procedural", "packages"):
        behind = backgrounds(source, "train")
        drawn = plan(count, len(faces), len(behind.images), 0)

        def ours(behind: Backgrounds = behind, drawn: Plan = drawn) -> object:
            return compose(faces, oval(48)[None], behind.images, drawn, threads=threads)

        def plain(behind: Backgrounds = behind, drawn: Plan = drawn) -> None:
            loop(faces, behind, drawn, LOOPED)

        fast, slow = measured(ours, count), measured(plain, LOOPED)
        ratio = {"by_clock": round(fast["per_second"] / slow["per_second"], 1)}
        ratio["by_processor"] = round(slow["cpu_ms"] / fast["cpu_ms"], 1)
        report[source] = {"backgrounds": behind.name, "mien": fast, "plain_loop": slow, "ratio": ratio}
    report["load"] = [round(before, 2), round(os.getloadavg()[0], 2)]
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
