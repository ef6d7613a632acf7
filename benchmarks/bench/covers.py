"""Things in front of a face, drawn over its landmarks: mask, sunglasses, hand, and a texture over half of it.

Each takes an image uint8 RGB (H, W, 3), landmarks (478, 2 or more) in its pixels and a generator, and returns how much
of every pixel is hidden, float32 (H, W), and what is seen there, float32 (H, W, 3), of random size, place and grey.
"""

from collections.abc import Callable

import cv2
import numpy as np
import skimage.data

Array = np.ndarray
JAW = [93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361, 323]
SKIN = [50, 280, 205, 425, 151]  # cheeks and forehead
TEXTURES = ("brick", "coffee", "grass", "gravel", "rocket")


def mask(image: Array, points: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """A surgical mask from the ridge of the nose to below the chin, with up to three folds."""
    flat, (_, _, across, down) = points[:, :2], _axes(points)
    jaw = flat[JAW].mean(0) + (flat[JAW] - flat[JAW].mean(0)) * rng.uniform(1.0, 1.1)
    ends = [flat[[323, 454]].mean(0), flat[[280, 346]].mean(0)], [flat[[50, 117]].mean(0), flat[[93, 234]].mean(0)]
    top = flat[rng.choice([197, 6, 195])]
    seen = _shaded(rng, image.shape, rng.choice([235, 210, 160, 90, 35]))
    for fold in range(rng.integers(0, 4)):
        middle, line = flat[13] + down * (fold - 1) * 0.22, np.zeros(image.shape[:2], np.float32)
        _line(line, middle - across * 0.7, middle + across * 0.7, np.linalg.norm(across) * 0.03)
        seen = np.clip(seen - 30 * line[..., None], 0, 255)
    return _polygon(image, np.vstack([jaw, ends[0], [top], ends[1]])), seen


def sunglasses(image: Array, points: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Dark lenses, round or square, with a bridge and temples."""
    right, left, across, down = _axes(points)
    size, angle = np.linalg.norm(across), float(np.degrees(np.arctan2(across[1], across[0])))
    hidden = np.zeros(image.shape[:2], np.float32)
    lens = 2 * size * rng.uniform(0.36, 0.46), 2 * size * rng.uniform(0.24, 0.36)
    round_, low = rng.random() < 0.5, down * rng.uniform(0, 0.08)
    for eye in (right, left):
        box = (tuple(map(float, eye + low)), lens, angle)
        if round_:
            cv2.ellipse(hidden, box, 1.0, -1, cv2.LINE_AA)
        else:
            cv2.fillPoly(hidden, [np.round(cv2.boxPoints(box)).astype(np.int32)], 1.0, cv2.LINE_AA)
    for a, b in ((right, left), (right, points[234, :2]), (left, points[454, :2])):
        _line(hidden, a, b, size * 0.06)
    return hidden * rng.uniform(0.88, 1.0), _shaded(rng, image.shape, rng.choice([10, 25, 45, 70]), rng.choice([4, 12]))


def hand(image: Array, points: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Four fingers in the colour of the skin over the mouth, both eyes, or a side."""
    flat, (right, left, across, down) = points[:, :2], _axes(points)
    size = np.linalg.norm(across)
    at = np.clip(np.round(flat[SKIN]).astype(int), 0, np.array(image.shape[1::-1]) - 1)
    skin = np.median(image[at[:, 1], at[:, 0]], 0) * rng.uniform(0.75, 1.15)
    places = [flat[[13, 14]], np.stack([right, left]), flat[[33, 50, 61]], flat[[263, 280, 291]]]
    place = int(rng.integers(len(places)))
    turn = np.arctan2(down[1], down[0]) + rng.uniform(-0.5, 0.5)
    turn += rng.choice([1, -1]) * rng.uniform(0.9, 1.4) if place < 2 else 0.0
    along = size * np.array([np.cos(turn), np.sin(turn)])
    beside = np.array([-along[1], along[0]])
    middle, thick = places[place].mean(0) + rng.normal(0, 0.08, 2) * size, rng.uniform(0.24, 0.32)
    hidden, seen = np.zeros(image.shape[:2], np.float32), _shaded(rng, image.shape, 0, 12, low=-99) + skin
    for finger in range(4):
        root = middle + beside * (finger - 1.5) * thick * 1.02
        _line(hidden, root - along * rng.uniform(0.75, 1.0), root + along * 1.6, thick * size)
        edge = np.zeros_like(hidden)
        _line(edge, root + (beside * thick - along * 1.8) / 2, root + beside * thick / 2 + along * 1.6, size * 0.04)
        seen = seen - rng.uniform(20, 60) * edge[..., None]
    return hidden, np.clip(seen, 0, 255)


def half(image: Array, points: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """A texture over the lower or the upper half of the face, or a side."""
    texture = getattr(skimage.data, str(rng.choice(TEXTURES)))()
    texture = texture if texture.ndim == 3 else texture[..., None].repeat(3, 2)
    _, _, across, down = _axes(points)
    flat = points[:, :2]
    middle = flat[[6, 13]].mean(0)
    starts = [(flat[[2, 13]].mean(0), across, down), (flat[6] + 0.3 * down, across, -down)]
    starts += [(middle, down, -across), (middle, down, across)]
    start, side, way = starts[int(rng.integers(4))]
    start = start + way * rng.uniform(-0.1, 0.15)
    corners = [start - 3 * side, start + 3 * side, start + 3 * side + 3 * way, start - 3 * side + 3 * way]
    return _polygon(image, np.array(corners)), cv2.resize(texture, image.shape[1::-1]).astype(np.float32)


COVERS: dict[str, Callable[[Array, Array, np.random.Generator], tuple[Array, Array]]] = {
    "mask": mask,
    "sunglasses": sunglasses,
    "hand": hand,
    "texture over half": half,
}


def laid(image: Array, hidden: Array, seen: Array) -> Array:
    """Return the image with a cover on it."""
    return np.clip(image * (1 - hidden[..., None]) + seen * hidden[..., None], 0, 255).astype(np.uint8)


def _axes(points: Array) -> tuple[Array, Array, Array, Array]:
    """Return the centres of the eyes, the way from the right to the left one, and as far down the face."""
    right, left = points[[33, 133], :2].mean(0), points[[263, 362], :2].mean(0)
    across = left - right
    return right, left, across, np.array([-across[1], across[0]])


def _polygon(image: Array, corners: Array) -> Array:
    hidden = np.zeros(image.shape[:2], np.float32)
    cv2.fillPoly(hidden, [np.round(corners).astype(np.int32)], 1.0, cv2.LINE_AA)
    return hidden


def _line(sheet: Array, start: Array, end: Array, thick: float) -> None:
    first, last = (tuple(map(int, point)) for point in (start, end))
    cv2.line(sheet, first, last, 1.0, max(1, int(thick)), cv2.LINE_AA)


def _shaded(rng: np.random.Generator, shape: tuple[int, ...], grey: float, amount: float = 25, low: float = 0) -> Array:
    """Return a grey with slow shades and a little noise, float32 (H, W, 3)."""
    slow = cv2.resize(rng.normal(0, 1, (4, 4)).astype(np.float32), shape[1::-1], interpolation=cv2.INTER_CUBIC)
    grey_ = np.clip(grey + amount * slow + rng.normal(0, 3, shape[:2]), low, 255)
    return np.repeat(grey_[..., None], 3, 2)
