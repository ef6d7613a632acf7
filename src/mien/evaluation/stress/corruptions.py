"""Fifteen ways in which images of faces go wrong, each in five severities, from slight to hard to read for people.

    corrupted = CORRUPTIONS["motion_blur"](images, 3, np.random.default_rng(0))

After Hendrycks and Dietterich, *Benchmarking neural network robustness to common corruptions and perturbations*, ICLR
2019, with what happens to faces (masks, sunglasses, crops that sit askew) in place of weather.  Lengths are relative to
the image's shorter side, and noise has a grain of one 48th of it, so the effect is the same at 48 and at 224 pixels.
Only JPEG works on blocks of eight pixels whatever the size.  Occlusions lie where eyes and mouth are in images that a
face fills as in FER2013.  A severity of 1 to 5 picks from the tuples below.
"""

from collections.abc import Callable, Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.evaluation.stress.shapes import ellipse, lines, polygon

Images = NDArray[np.uint8]
Rows = NDArray[np.intp]
Corruption = Callable[[Images, int, np.random.Generator], Images]

EYES = (0.37, (0.32, 0.68))
"""Height of the line of the eyes and their places on it, relative to the image: FER2013's mean face."""

GAUSSIAN_BLUR = (0.010, 0.018, 0.027, 0.038, 0.052)  # standard deviation
MOTION_BLUR = (0.06, 0.10, 0.15, 0.21, 0.28)  # length of the path
GAUSSIAN_NOISE = (0.02, 0.04, 0.06, 0.09, 0.13)  # standard deviation, white is 1
SHOT_NOISE = (700, 300, 130, 60, 30)  # photons that make white
IMPULSE_NOISE = (0.005, 0.012, 0.025, 0.05, 0.10)  # fraction of grains that are black or white
JPEG = (40, 25, 15, 10, 6)  # quality
DOWNSCALE = (0.60, 0.45, 0.34, 0.25, 0.18)  # of 48 pixels
BRIGHTNESS = (0.12, 0.22, 0.32, 0.42, 0.52)  # added, white is 1
CONTRAST = (0.60, 0.42, 0.28, 0.18, 0.10)  # what is left
LOW_LIGHT = (
    (1.4, 0.8, 900),
    (1.7, 0.65, 600),
    (2.0, 0.5, 400),
    (2.3, 0.4, 270),
    (2.6, 0.32, 180),
)  # gamma, gain, photons
BARS = (0.06, 0.11, 0.16, 0.22, 0.28)  # thickness
MASK = (0.86, 0.78, 0.70, 0.62, 0.54)  # where it begins, from the top
SUNGLASSES = ((0.6, 0.11), (0.75, 0.125), (0.88, 0.14), (0.96, 0.155), (1.0, 0.17))  # darkness, half width of a glass
ROTATION = (8, 16, 24, 32, 40)  # degrees, to either side
SHIFT = (0.04, 0.08, 0.12, 0.16, 0.20)  # distance, in any direction
GRAINS = 48
"""Grains of noise along a side, and the pixels that `downscale` counts from."""


def gaussian_blur(images: Images, severity: int, rng: np.random.Generator) -> Images:
    """Return images out of focus: a Gaussian of GAUSSIAN_BLUR."""
    sd = GAUSSIAN_BLUR[severity - 1] * _side(images)
    return _each(images, lambda image: cv2.GaussianBlur(image, (0, 0), sd, borderType=cv2.BORDER_REFLECT_101))


def motion_blur(images: Images, severity: int, rng: np.random.Generator) -> Images:
    """Return images that moved MOTION_BLUR of a side in a straight line while exposed, each in its own direction."""
    length = MOTION_BLUR[severity - 1] * _side(images)
    angles = iter(rng.uniform(0, np.pi, len(images)))
    return _each(images, lambda image: cv2.filter2D(image, -1, path(length, next(angles))))


def gaussian_noise(images: Images, severity: int, rng: np.random.Generator) -> Images:
    """Return images with normal noise of GAUSSIAN_NOISE."""
    return _to_uint8(_unit(images) + GAUSSIAN_NOISE[severity - 1] * _grains(images, rng.standard_normal))


def shot_noise(images: Images, severity: int, rng: np.random.Generator) -> Images:
    """Return images counted in photons, SHOT_NOISE for white: noise that grows with the root of the light."""
    return _to_uint8(_photons(_unit(images), SHOT_NOISE[severity - 1], rng))


def impulse_noise(images: Images, severity: int, rng: np.random.Generator) -> Images:
    """Return images with a fraction IMPULSE_NOISE of black or white grains: salt and pepper."""
    luck, fraction = _grains(images, rng.random), IMPULSE_NOISE[severity - 1]
    corrupted = np.where(luck < fraction / 2, 0, np.where(luck > 1 - fraction / 2, 255, images))
    return corrupted.astype(np.uint8)


def jpeg(images: Images, severity: int, rng: np.random.Generator) -> Images:
    """Return images that went through JPEG at quality JPEG."""
    quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG[severity - 1]]

    def squeeze(image: Images) -> NDArray[np.generic]:
        stored = cv2.imencode(".jpg", image[..., ::-1], quality)[1]  # OpenCV writes blue first
        decoded = cv2.imdecode(stored, cv2.IMREAD_COLOR if image.shape[2] == 3 else cv2.IMREAD_GRAYSCALE)
        assert decoded is not None
        return np.atleast_3d(decoded)[..., ::-1]

    return _each(images, squeeze)


def downscale(images: Images, severity: int, rng: np.random.Generator) -> Images:
    """Return images of faces far away: DOWNSCALE of 48 pixels, enlarged to the size they had."""
    height, width = images.shape[1:3]
    factor = DOWNSCALE[severity - 1] * GRAINS / _side(images)
    small = (max(1, round(width * factor)), max(1, round(height * factor)))

    def there_and_back(image: Images) -> NDArray[np.generic]:
        return cv2.resize(cv2.resize(image, small, interpolation=cv2.INTER_AREA), (width, height))

    return _each(images, there_and_back)


def brightness(images: Images, severity: int, rng: np.random.Generator) -> Images:
    """Return overexposed images: BRIGHTNESS added, the lights burnt out."""
    return _to_uint8(_unit(images) + BRIGHTNESS[severity - 1])


def contrast(images: Images, severity: int, rng: np.random.Generator) -> Images:
    """Return flat images: CONTRAST of each image's distance from its own mean."""
    unit = _unit(images)
    mean = unit.mean((1, 2, 3), keepdims=True)
    return _to_uint8(mean + (unit - mean) * CONTRAST[severity - 1])


def low_light(images: Images, severity: int, rng: np.random.Generator) -> Images:
    """Return images taken in the dark: LOW_LIGHT's gamma and gain, and the shot noise of little light."""
    gamma, gain, photons = LOW_LIGHT[severity - 1]
    return _to_uint8(_photons(gain * _unit(images) ** gamma, photons, rng))


def bars(images: Images, severity: int, rng: np.random.Generator) -> Images:
    """Return images with one black bar across and one down, BARS thick, somewhere."""
    corrupted = images.copy()
    for image in corrupted:
        for plane in (image, image.swapaxes(0, 1)):
            thick = max(1, round(BARS[severity - 1] * len(plane)))
            first = rng.integers(len(plane) - thick + 1)
            plane[first : first + thick] = 0
    return corrupted


def mask(images: Images, severity: int, rng: np.random.Generator) -> Images:
    """Return images of people in surgical masks, pulled up from the chin to MASK, lightly folded, with their bands."""
    top = MASK[severity - 1]
    cloth = [
        (0.17, top + 0.04),
        (0.5, top - 0.04),
        (0.83, top + 0.04),
        (0.80, 0.90),
        (0.64, 1.02),
        (0.36, 1.02),
        (0.2, 0.9),
    ]
    cover = polygon(images.shape, cloth)
    bands = lines(images.shape, [((0.18, top + 0.05), (0.0, top - 0.07)), ((0.82, top + 0.05), (1.0, top - 0.07))])
    rows = np.linspace(0, 1, images.shape[1], dtype=np.float32)[:, None, None]
    folds = 0.80 + 0.05 * np.cos(2 * np.pi * (rows - top) / 0.09)
    worn = _blend(_unit(images), np.full_like(rows, 0.85), bands)
    return _to_uint8(_blend(worn, folds, cover))


def sunglasses(images: Images, severity: int, rng: np.random.Generator) -> Images:
    """Return images of people in sunglasses: two glasses and a bridge, as dark and as wide as SUNGLASSES says."""
    darkness, half = SUNGLASSES[severity - 1]
    height, places = EYES
    left, right = places
    glasses = [ellipse(images.shape, (x, height + 0.01), (half, 0.72 * half)) for x in places]
    rim = [((left, height - 0.02), (right, height - 0.02)), ((0.0, height - 0.03), (left, height - 0.02))]
    frame = lines(images.shape, [*rim, ((right, height - 0.02), (1.0, height - 0.03))])
    unit = _blend(_unit(images), np.float32(0.06), 0.9 * frame)
    return _to_uint8(_blend(unit, np.float32(0.04), darkness * np.maximum(*glasses)))


def rotation(images: Images, severity: int, rng: np.random.Generator) -> Images:
    """Return images turned by ROTATION degrees to the left or to the right; the corners mirror what is inside."""
    height, width = images.shape[1:3]
    signs = iter(rng.choice([-1, 1], len(images)))

    def turn(image: Images) -> NDArray[np.generic]:
        matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), next(signs) * ROTATION[severity - 1], 1)
        return cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REFLECT_101)

    return _each(images, turn)


def shift(images: Images, severity: int, rng: np.random.Generator) -> Images:
    """Return crops that sit SHIFT of a side askew, in any direction; what was not in the image is mirrored."""
    height, width = images.shape[1:3]
    angles = iter(rng.uniform(0, 2 * np.pi, len(images)))
    far = SHIFT[severity - 1] * _side(images)

    def move(image: Images) -> NDArray[np.generic]:
        angle = next(angles)
        matrix = np.array([[1, 0, far * np.cos(angle)], [0, 1, far * np.sin(angle)]])
        return cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REFLECT_101)

    return _each(images, move)


CORRUPTIONS: dict[str, Corruption] = {
    "gaussian_blur": gaussian_blur,
    "motion_blur": motion_blur,
    "gaussian_noise": gaussian_noise,
    "shot_noise": shot_noise,
    "impulse_noise": impulse_noise,
    "jpeg": jpeg,
    "downscale": downscale,
    "brightness": brightness,
    "contrast": contrast,
    "low_light": low_light,
    "bars": bars,
    "mask": mask,
    "sunglasses": sunglasses,
    "rotation": rotation,
    "shift": shift,
}
"""Corruption by name: (uint8 (N, H, W, C), severity 1 to 5, generator) to uint8 of the same shape."""

FAMILIES: dict[str, tuple[str, ...]] = {
    "blur": ("gaussian_blur", "motion_blur"),
    "noise": ("gaussian_noise", "shot_noise", "impulse_noise"),
    "resolution": ("jpeg", "downscale"),
    "light": ("brightness", "contrast", "low_light"),
    "occlusion": ("bars", "mask", "sunglasses"),
    "placement": ("rotation", "shift"),
}
"""What kind of mishap each corruption is."""


def path(length: float, angle: float) -> NDArray[np.float32]:
    """Return the kernel float32 (k, k), summing to one, of a straight path through its centre, `length` pixels long.

    >>> path(2.0, 0.0).round(2).tolist()
    [[0.0, 0.0, 0.0], [0.25, 0.5, 0.25], [0.0, 0.0, 0.0]]
    """
    reach = int(np.ceil(length / 2))
    along = (np.arange(512) + 0.5) / 512 * length - length / 2
    grid = np.arange(-reach, reach + 1)
    near_x, near_y = (
        (1 - np.abs(grid[:, None] - along * part)).clip(0) for part in (np.cos(angle), np.sin(angle))
    )  # every point of the path lies between four pixels and is shared among them
    return np.asarray(near_y @ near_x.T / len(along), np.float32)


def with_copies(images: Images, seed: int = 0) -> tuple[Images, NDArray[np.intp]]:
    """Return images, uint8 (N, H, W, C), followed by corrupted copies, and the row that each one was made from.

    Every corruption is applied to every fifth image, in all five severities, so there are three copies per image.
    """
    rows, made = zip((np.arange(len(images)), images), *copies(images.__getitem__, len(images), seed), strict=True)
    return np.concatenate(made), np.concatenate(rows)


def copies(read: Callable[[Rows], Images], count: int, seed: int = 0) -> Iterator[tuple[Rows, Images]]:
    """Yield the corrupted copies of `with_copies` in parts, with the rows of each; `read` returns images by row."""
    for number, corrupt in enumerate(CORRUPTIONS.values()):
        rng = np.random.default_rng([seed, number])
        for severity in range(1, 6):
            picked = np.arange(number % 5 + 5 * (severity - 1), count, 25)
            if len(picked):
                yield picked, corrupt(read(picked), severity, rng)


def _side(images: Images) -> int:
    return int(min(images.shape[1:3]))


def _unit(images: Images) -> NDArray[np.float32]:
    unit: NDArray[np.float32] = np.divide(images, 255, dtype=np.float32)
    return unit


def _to_uint8(unit: NDArray[np.floating]) -> Images:
    return (unit * 255).round().clip(0, 255).astype(np.uint8)


def _each(images: Images, change: Callable[[Images], NDArray[np.generic]]) -> Images:
    corrupted = np.empty_like(images)
    for place, image in zip(corrupted, images, strict=True):
        place[...] = np.asarray(change(image)).reshape(place.shape)  # OpenCV drops a single channel
    return corrupted


def _grains(images: Images, draw: Callable[..., NDArray[np.float64]]) -> NDArray[np.float32]:
    n, height, width, channels = images.shape
    size = max(1, round(_side(images) / GRAINS))
    coarse: NDArray[np.float32] = draw((n, -(-height // size), -(-width // size), channels)).astype(np.float32)
    return coarse.repeat(size, 1).repeat(size, 2)[:, :height, :width]


def _photons(unit: NDArray[np.float32], white: float, rng: np.random.Generator) -> NDArray[np.float32]:
    # a count of 6 or more is close to normal, and a normal draw can have grains where a count cannot
    noise = _grains(np.empty(unit.shape, np.uint8), rng.standard_normal)
    counted: NDArray[np.float32] = unit + noise * np.sqrt(unit / white)
    return counted


def _blend(
    unit: NDArray[np.float32], colour: NDArray[np.floating] | np.floating, cover: NDArray[np.floating]
) -> NDArray[np.float32]:
    blended: NDArray[np.float32] = (unit * (1 - cover) + colour * cover).astype(np.float32)
    return blended
