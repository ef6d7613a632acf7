"""Faces composed into images: moved, matched in lightness to the background, blended, and sometimes degraded.

After the generator of FERAtt (arXiv 1902.03284): a face of 128 pixels in a frame of 148, scale 1 +- 0.2, flipped,
turned by up to 30 degrees, moved by up to 0.2 of the frame, its corners by up to 0.1.  Its lightness (L of CIE Lab) is
brought towards the background's by a factor from 0.5 to 1.5.  Then 48 pixels, CLAHE and blur in a quarter of the images
each, and 64.  Everything up to 48 pixels is linear, so it is computed at 48 at once, a ninth of the work.

All random choices are made beforehand, so neither the number of threads nor the chunk size changes a pixel.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.data.synthetic.relight import match_lightness

Pixels = NDArray[np.uint8]

FRAME = 48
"""Side in pixels at which a composite is made."""

FACE = 128 / 148
"""Side of an unscaled face as a fraction of the frame."""

SCALE, TURN, MOVE, WARP = 0.2, 30.0, 0.2, 0.1
"""Maxima: change of size, degrees, shift as a fraction of the frame, shift of a corner as a fraction of the face."""

DEGRADED = 0.25
"""Probability of CLAHE, and of blur."""

CHUNK = 256
"""Images that a thread makes at a time."""


@dataclass(frozen=True, eq=False)
class Plan:
    """What happens to each of N images.

    Attributes:
        face, behind: int (N,) which face and which background.
        window: float32 (N, 2) from 0 to 1, where in the background; mirrored: bool (N,) whether it is flipped.
        transform: float32 (N, 2, 3), from the face image to the composite, both from -1 to 1, x right and y down.
        warp: float32 (N, 4, 2), by how much the corners move after that, in the composite's coordinates.
        clahe: bool (N,); blur: float32 (N,) sigma in pixels of 48, 0 for none.
    """

    face: NDArray[np.intp]
    behind: NDArray[np.intp]
    window: NDArray[np.float32]
    mirrored: NDArray[np.bool_]
    transform: NDArray[np.float32]
    warp: NDArray[np.float32]
    clahe: NDArray[np.bool_]
    blur: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.face)


@dataclass(frozen=True, eq=False)
class Composites:
    """Images uint8 (N, S, S, C), the faces alone on black (N, S, S, C) and where they are, (N, S, S, 1)."""

    images: Pixels
    clean: Pixels
    mask: Pixels


def plan(count: int, faces: int, backgrounds: int, seed: int) -> Plan:
    """Draw what happens to `count` images; every face is used equally often, give or take one.

    >>> sorted(plan(5, 2, 9, 0).face.tolist()) in ([0, 0, 0, 1, 1], [0, 0, 1, 1, 1])
    True
    """
    rng = np.random.default_rng(seed)
    rounds = [rng.permutation(faces) for _ in range(-(-count // faces))]
    scale = FACE * rng.uniform(1 - SCALE, 1 + SCALE, count)
    turn = np.deg2rad(rng.uniform(-TURN, TURN, count))
    flip = rng.choice((-1.0, 1.0), count)
    move = 2 * rng.uniform(-MOVE, MOVE, (count, 2))  # the frame is 2 wide
    cos, sin = scale * np.cos(turn), scale * np.sin(turn)
    matrix = [flip * cos, -sin, move[:, 0], flip * sin, cos, move[:, 1]]
    blurred = rng.uniform(size=count) < DEGRADED
    return Plan(
        face=np.concatenate(rounds)[:count],
        behind=rng.integers(backgrounds, size=count),
        window=rng.uniform(size=(count, 2)).astype(np.float32),
        mirrored=rng.uniform(size=count) < 0.5,
        transform=np.stack(matrix, axis=1).reshape(count, 2, 3).astype(np.float32),
        warp=(scale[:, None, None] * rng.uniform(-WARP, WARP, (count, 4, 2))).astype(np.float32),
        clahe=rng.uniform(size=count) < DEGRADED,
        blur=np.where(blurred, rng.uniform(0.4, 1.0, count), 0).astype(np.float32),
    )


def compose(
    faces: Pixels,
    masks: Pixels,
    backgrounds: tuple[Pixels, ...],
    plan: Plan,
    *,
    size: int = 64,
    threads: int = 2,
    advance: Callable[[int], None] = lambda _: None,
) -> Composites:
    """Make the images of a plan.

    faces uint8 (F, 48, 48, C); masks uint8 (F, 48, 48) or one for all, (1, 48, 48); backgrounds uint8 (H, W, C) of at
    least 48 pixels a side; C is 1 or 3 throughout.  `advance` is called with the number of images that are done.
    """
    shape = (len(plan), size, size)
    channels = faces.shape[-1]
    made = Composites(*(np.empty((*shape, depth), np.uint8) for depth in (channels, channels, 1)))
    work = partial(_chunk, faces, masks, backgrounds, plan, made)
    with ThreadPoolExecutor(threads) as pool:
        for done in pool.map(work, range(0, len(plan), CHUNK)):
            advance(done)
    return made


def _chunk(faces: Pixels, masks: Pixels, behind: tuple[Pixels, ...], plan: Plan, made: Composites, start: int) -> int:
    rows = range(start, min(start + CHUNK, len(plan)))
    clahe = cv2.createCLAHE(2.0, (4, 4))  # not thread-safe
    for row in rows:
        face, mask = faces[plan.face[row]], masks[plan.face[row] % len(masks)]
        face, mask = _placed(face, mask, _homography(plan.transform[row], plan.warp[row]))
        back = _window(behind[plan.behind[row]], plan.window[row], mirrored=bool(plan.mirrored[row]))
        face = match_lightness(face, mask, back)
        weight = mask.astype(np.uint16)
        clean = face * weight
        image = _divided_by_255(clean + back * (255 - weight))
        if plan.clahe[row]:
            image = _equalised(image, clahe)
        if plan.blur[row]:
            image = _deep(cv2.GaussianBlur(image, (0, 0), float(plan.blur[row])))
        size = made.images.shape[1]
        made.images[row], made.clean[row], made.mask[row] = (
            _deep(cv2.resize(part, (size, size), interpolation=cv2.INTER_CUBIC))
            for part in (image, _divided_by_255(clean), mask)
        )
    return len(rows)


def _homography(transform: NDArray[np.float32], warp: NDArray[np.float32]) -> NDArray[Any]:
    """Return the 3x3 matrix from pixels of the face to pixels of the frame, both 48 on a side."""
    moved = CORNERS @ transform[:, :2].T + transform[:, 2] + warp
    return np.asarray(cv2.getPerspectiveTransform(_pixels(CORNERS), _pixels(moved)))


CORNERS = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], np.float32)


def _pixels(points: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray((points + 1) * (FRAME / 2) - 0.5, np.float32)  # whose centres lie at whole numbers


def _placed(face: Pixels, mask: Pixels, matrix: NDArray[Any]) -> tuple[Pixels, Pixels]:
    """Return face (48, 48, C) and mask (48, 48, 1) in the frame; beyond the face its edge is repeated, masked out."""
    frame = (FRAME, FRAME)
    moved = cv2.warpPerspective(face, matrix, frame, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return _deep(moved), _deep(cv2.warpPerspective(mask, matrix, frame, flags=cv2.INTER_LINEAR))


def _window(image: Pixels, place: NDArray[np.float32], *, mirrored: bool) -> Pixels:
    top, left = (int(fraction * (side - FRAME + 1)) for fraction, side in zip(place, image.shape, strict=False))
    cut = image[top : top + FRAME, left : left + FRAME]
    return cut[:, ::-1] if mirrored else cut


def _equalised(image: Pixels, clahe: cv2.CLAHE) -> Pixels:
    if image.shape[-1] == 1:
        return _deep(clahe.apply(image))
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)
    lab[..., 0] = clahe.apply(np.ascontiguousarray(lab[..., 0]))
    return _deep(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB))


def _divided_by_255(weighted: NDArray[Any]) -> Pixels:
    """Return 255 times 8-bit values as 8-bit values, rounded."""
    return ((weighted + 127) // 255).astype(np.uint8)


def _deep(image: Any) -> Pixels:
    """Return an image of OpenCV with its last axis, which OpenCV drops for one channel."""
    return np.asarray(image if image.ndim == 3 else image[..., None], np.uint8)
