"""Random changes to a batch of faces, on the device, drawn from a given generator.

`augment(x, spec, generator)` flips, then turns, scales and shifts with one resampling and cuts a window (`move`), then
changes brightness and contrast, takes the image as a poor camera would and erases a rectangle (`shade`), each image
on its own.  x is float32 (N, C, H, W) in [0, 1] before and after.  Mixing of images with each other: mixing.py.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from mien.training.recipe import Augment


def augment(x: Tensor, spec: Augment, generator: torch.Generator) -> Tensor:
    """Return a randomly changed copy of x (N, C, H, W) in [0, 1]."""
    return shade(move(x, spec, generator), spec, generator)


def move(x: Tensor, spec: Augment, generator: torch.Generator) -> Tensor:
    """Change where things are: flip, affine map, window; all channels of an image alike."""
    if spec.shift or spec.rotate or spec.scale != (1.0, 1.0):
        x = affine(x, spec, generator)
    elif spec.flip:
        x = torch.where(_chance(x, spec.flip, generator), x.flip(3), x)
    return x if spec.crop is None else window(x, spec.crop, generator)


def shade(x: Tensor, spec: Augment, generator: torch.Generator) -> Tensor:
    """Change how things look: brightness, contrast, sharpness and noise, an erased rectangle."""
    if spec.brightness or spec.contrast:
        x = light(x, spec.brightness, spec.contrast, generator)
    if spec.degrade:
        x = degrade(x, spec.degrade, generator)
    if spec.erase:
        x = erase(x, spec.erase, generator)
    return x


def affine(x: Tensor, spec: Augment, generator: torch.Generator) -> Tensor:
    """Flip, rotate, scale and shift each image in one bilinear resampling; `fill` sets the pixels outside the image."""
    angle = _uniform(x, -math.radians(spec.rotate), math.radians(spec.rotate), generator)
    scale = _uniform(x, *spec.scale, generator)
    mirror = torch.where(_chance(x, spec.flip, generator).flatten(), -1.0, 1.0)
    cos, sin = angle.cos() / scale, angle.sin() / scale
    # affine_grid spans [-1, 1]: a shift of the whole side is 2
    right, down = (_uniform(x, -2 * spec.shift, 2 * spec.shift, generator) for _ in range(2))
    rows = [torch.stack([cos * mirror, -sin, right], 1), torch.stack([sin * mirror, cos, down], 1)]
    grid = F.affine_grid(torch.stack(rows, 1), list(x.shape), align_corners=False)
    padding = {"black": "zeros", "edge": "border"}[spec.fill]
    return F.grid_sample(x, grid, mode="bilinear", padding_mode=padding, align_corners=False)


def window(x: Tensor, side: int, generator: torch.Generator) -> Tensor:
    """Cut a random window (side, side) out of each image."""
    rooms = [length - side + 1 for length in x.shape[2:]]
    down, right = (torch.randint(room, (len(x), 1), generator=generator, device=x.device) for room in rooms)
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


def light(x: Tensor, brightness: float, contrast: float, generator: torch.Generator) -> Tensor:
    """Scale each image by 1 +- contrast and add +- brightness."""
    gain = _uniform(x, 1 - contrast, 1 + contrast, generator)[:, None, None, None]
    lift = _uniform(x, -brightness, brightness, generator)[:, None, None, None]
    return (x * gain + lift).clamp(0, 1)


def degrade(x: Tensor, chance: float, generator: torch.Generator) -> Tensor:
    """Make each image, with this chance, worse in one way: blurred, coarser or noisy, all three alike often."""
    luck, x = torch.rand(len(x), generator=generator, device=x.device), x.clone()
    for number, worsen in enumerate((blur, coarsen, grain)):
        hit = ((luck * 3 / chance).floor() == number).nonzero().flatten()
        if len(hit):
            x[hit] = worsen(x[hit], generator)
    return x


def blur(x: Tensor, generator: torch.Generator) -> Tensor:
    """Blur each image with a Gaussian whose deviation is 1 to 5 % of the side; the edge is repeated outside."""
    side = x.shape[3]
    radius = math.ceil(3 * 0.05 * side)
    deviation = _uniform(x, 0.01 * side, 0.05 * side, generator)[:, None]
    taps = torch.exp(-((torch.arange(-radius, radius + 1, device=x.device) / deviation) ** 2) / 2)
    taps = (taps / taps.sum(1, keepdim=True)).repeat_interleave(x.shape[1], 0)[:, None]
    planes = x.reshape(1, -1, *x.shape[2:])
    for kernel, padding in ((taps[..., None], (0, 0, radius, radius)), (taps[:, :, None], (radius, radius, 0, 0))):
        planes = F.conv2d(F.pad(planes, padding, mode="replicate"), kernel, groups=planes.shape[1])
    return planes.reshape(x.shape)


def coarsen(x: Tensor, generator: torch.Generator) -> Tensor:
    """Shrink the images to 25 to 75 % of their side, one factor for the whole batch, and enlarge them again."""
    factor = 0.25 + 0.5 * torch.rand(1, generator=generator, device=x.device).item()
    small = F.interpolate(x, [max(1, round(factor * side)) for side in x.shape[2:]], mode="area")
    return F.interpolate(small, list(x.shape[2:]), mode="bilinear", align_corners=False)


def grain(x: Tensor, generator: torch.Generator) -> Tensor:
    """Add Gaussian noise to each image, of a deviation of 2 to 15 % of the range."""
    deviation = _uniform(x, 0.02, 0.15, generator)[:, None, None, None]
    return (x + deviation * torch.randn(x.shape, generator=generator, device=x.device)).clamp(0, 1)


def erase(x: Tensor, chance: float, generator: torch.Generator) -> Tensor:
    """Cover a random rectangle, a tenth to nearly half of each side, with one random grey (arXiv 1708.04896)."""
    inside = _span(x, x.shape[2], generator)[:, :, None] & _span(x, x.shape[3], generator)[:, None, :]
    hit = _chance(x, chance, generator) & inside[:, None]
    return torch.where(hit, _uniform(x, 0.0, 1.0, generator)[:, None, None, None], x)


def _span(x: Tensor, side: int, generator: torch.Generator) -> Tensor:
    centre, length = _uniform(x, 0, side, generator), _uniform(x, 0.1 * side, 0.45 * side, generator)
    pixels = torch.arange(side, device=x.device) + 0.5
    return (pixels[None] - centre[:, None]).abs() < length[:, None] / 2


def _uniform(x: Tensor, low: float, high: float, generator: torch.Generator) -> Tensor:
    return torch.rand(len(x), generator=generator, device=x.device) * (high - low) + low


def _chance(x: Tensor, chance: float, generator: torch.Generator) -> Tensor:
    return (torch.rand(len(x), generator=generator, device=x.device) < chance)[:, None, None, None]
