"""Random changes to a batch of faces, on the device, from given numbers.

`augment(x, spec, draws)` flips, then turns, scales and shifts with one resampling and cuts a window (`move`), then
changes brightness and contrast, takes the image as a poor camera would and erases a rectangle (`shade`), each image
on its own.  x is float32 (N, C, H, W) in [0, 1] before and after.  Mixing of images with each other: mixing.py.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from mien.training.draws import Draws
from mien.training.recipe import Augment


def augment(x: Tensor, spec: Augment, draws: Draws) -> Tensor:
    """Return a randomly changed copy of x (N, C, H, W) in [0, 1]."""
    return shade(move(x, spec, draws), spec, draws)[0]


def move(x: Tensor, spec: Augment, draws: Draws) -> Tensor:
    """Change where things are: flip, affine map, window; all channels of an image alike."""
    if spec.shift or spec.rotate or spec.scale != (1.0, 1.0):
        x = affine(x, spec, draws)
    elif spec.flip:
        x = torch.where(draws.chance(spec.flip), x.flip(3), x)
    return x if spec.crop is None else window(x, spec.crop, draws)


def shade(x: Tensor, spec: Augment, draws: Draws) -> tuple[Tensor, Tensor | None]:
    """Change how things look: light, sharpness and noise, an erased rectangle.

    Also return which images of the whole batch were degraded, bool (total,), None where the recipe degrades none.
    """
    degraded = None
    if spec.brightness or spec.contrast:
        x = light(x, spec.brightness, spec.contrast, draws)
    if spec.gamma or spec.shadow:
        x = uneven(x, spec.gamma, spec.shadow, draws)
    if spec.degrade:
        x, degraded = degrade(x, spec.degrade, draws)
    if spec.erase:
        x = erase(x, spec.erase, draws)
    return x, degraded


def affine(x: Tensor, spec: Augment, draws: Draws) -> Tensor:
    """Flip, rotate, scale and shift each image in one bilinear resampling; `fill` sets the pixels outside the image."""
    angle = draws.uniform(-math.radians(spec.rotate), math.radians(spec.rotate))
    scale = draws.uniform(*spec.scale)
    mirror = torch.where(draws.chance(spec.flip).flatten(), -1.0, 1.0)
    cos, sin = angle.cos() / scale, angle.sin() / scale
    # affine_grid spans [-1, 1]: a shift of the whole side is 2
    right, down = (draws.uniform(-2 * spec.shift, 2 * spec.shift) for _ in range(2))
    rows = [torch.stack([cos * mirror, -sin, right], 1), torch.stack([sin * mirror, cos, down], 1)]
    grid = F.affine_grid(torch.stack(rows, 1), list(x.shape), align_corners=False)
    padding = {"black": "zeros", "edge": "border"}[spec.fill]
    return F.grid_sample(x, grid, mode="bilinear", padding_mode=padding, align_corners=False)


def window(x: Tensor, side: int, draws: Draws) -> Tensor:
    """Cut a random window (side, side) out of each image."""
    rooms = [length - side + 1 for length in x.shape[2:]]
    down, right = (draws.integers(room) for room in rooms)
    pixels = torch.arange(side, device=x.device)
    image = torch.arange(len(x), device=x.device)[:, None, None]
    cut = x.permute(0, 2, 3, 1)[image, (down + pixels)[:, :, None], (right + pixels)[:, None, :]]
    return cut.permute(0, 3, 1, 2)


def center_crop(x: Tensor, side: int) -> Tensor:
    """Cut the window (side, side) in the middle of each image (N, C, H, W); x itself where it has that side.

    >>> center_crop(torch.arange(16.0).reshape(1, 1, 4, 4), 2).flatten().tolist()
    [5.0, 6.0, 9.0, 10.0]
    """
    top, left = ((length - side) // 2 for length in x.shape[2:])
    return x[:, :, top : top + side, left : left + side]


def light(x: Tensor, brightness: float, contrast: float, draws: Draws) -> Tensor:
    """Scale each image by 1 +- contrast and add +- brightness."""
    gain = draws.uniform(1 - contrast, 1 + contrast)[:, None, None, None]
    lift = draws.uniform(-brightness, brightness)[:, None, None, None]
    return (x * gain + lift).clamp(0, 1)


def uneven(x: Tensor, gamma: float, shadow: float, draws: Draws) -> Tensor:
    """Raise each image to a power within exp(+-gamma), and darken it by up to `shadow` towards a random direction."""
    power = draws.uniform(-gamma, gamma).exp()[:, None, None, None]
    depth, angle = draws.uniform(0, shadow), draws.uniform(0, 2 * math.pi)
    across, down = (torch.linspace(-1, 1, side, device=x.device) for side in (x.shape[3], x.shape[2]))
    slope = angle.cos()[:, None, None] * across + angle.sin()[:, None, None] * down[:, None]
    shade = 1 - depth[:, None, None] * (slope / 2**1.5 + 0.5)
    return x.pow(power) * shade[:, None]


def degrade(x: Tensor, chance: float, draws: Draws) -> tuple[Tensor, Tensor]:
    """Make each image, with this chance, worse in one way: blurred, coarser or noisy, all three alike often.

    Also return which images of the whole batch that is, bool (total,).
    """
    luck, x = draws.luck(), x.clone()
    for number, worsen in enumerate((blur, coarsen, grain)):
        hit = (luck * 3 / chance).floor() == number
        if hit.any():
            own, numbers = draws.among(hit)
            x[own] = worsen(x[own], numbers)
    return x, luck < chance


def blur(x: Tensor, draws: Draws) -> Tensor:
    """Blur each image with a Gaussian whose deviation is 1 to 5 % of the side; the edge is repeated outside."""
    side = x.shape[3]
    radius = math.ceil(3 * 0.05 * side)
    deviation = draws.uniform(0.01 * side, 0.05 * side)[:, None]
    if not len(x):
        return x
    taps = torch.exp(-((torch.arange(-radius, radius + 1, device=x.device) / deviation) ** 2) / 2)
    taps = (taps / taps.sum(1, keepdim=True)).repeat_interleave(x.shape[1], 0)[:, None]
    planes = x.reshape(1, -1, *x.shape[2:])
    for kernel, padding in ((taps[..., None], (0, 0, radius, radius)), (taps[:, :, None], (radius, radius, 0, 0))):
        planes = F.conv2d(F.pad(planes, padding, mode="replicate"), kernel, groups=planes.shape[1])
    return planes.reshape(x.shape)


def coarsen(x: Tensor, draws: Draws) -> Tensor:
    """Shrink the images to 25 to 75 % of their side, one factor for the whole batch, and enlarge them again."""
    factor = 0.25 + 0.5 * draws.one()
    if not len(x):
        return x
    small = F.interpolate(x, [max(1, round(factor * side)) for side in x.shape[2:]], mode="area")
    return F.interpolate(small, list(x.shape[2:]), mode="bilinear", align_corners=False)


def grain(x: Tensor, draws: Draws) -> Tensor:
    """Add Gaussian noise to each image, of a deviation of 2 to 15 % of the range."""
    deviation = draws.uniform(0.02, 0.15)[:, None, None, None]
    return (x + deviation * draws.normal(x.shape[1:])).clamp(0, 1)


def erase(x: Tensor, chance: float, draws: Draws) -> Tensor:
    """Cover a random rectangle, a tenth to nearly half of each side, with one random grey (arXiv 1708.04896)."""
    inside = _span(x.shape[2], draws)[:, :, None] & _span(x.shape[3], draws)[:, None, :]
    hit = draws.chance(chance) & inside[:, None]
    return torch.where(hit, draws.uniform(0.0, 1.0)[:, None, None, None], x)


def _span(side: int, draws: Draws) -> Tensor:
    centre, length = draws.uniform(0, side), draws.uniform(0.1 * side, 0.45 * side)
    pixels = torch.arange(side, device=centre.device) + 0.5
    return (pixels[None] - centre[:, None]).abs() < length[:, None] / 2
