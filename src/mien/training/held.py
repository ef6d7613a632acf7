"""Where the images of a split are while a network trains: on the device, or on disk, read a batch ahead.

    images = held(samples.images, size, device, "auto")     # a tensor, or Streamed
    images[index]                                           # uint8 (n, C, H, W) on the device, the same bytes from both

Both give the same bytes in the same order, so a run is the same to the bit.  On disk the memory does not grow with the
number of images.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mien.data.cache import Entry, kept_in_steps
from mien.data.resize import chunk_of, resize
from mien.data.samples import digest
from mien.data.shards import Images, blocks_of, write
from mien.printable import say
from mien.torchrun import beside
from mien.training import memory

MAX_FRACTION = 0.5
"""Of the memory that is free, which images may fill, in all processes of a run together: training needs some itself."""


@dataclass(frozen=True, eq=False)
class Streamed:
    """Images that are read when they are indexed, by positions or a slice: uint8 (n, C, H, W) on the device."""

    images: Images
    device: torch.device

    def __len__(self) -> int:
        return len(self.images)

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, C, H, W)."""
        count, height, width, channels = self.images.shape
        return count, channels, height, width

    def __getitem__(self, index: Tensor | slice) -> Tensor:
        rows = index.cpu().numpy() if isinstance(index, Tensor) else index
        return _turned(np.asarray(self.images[rows])).to(self.device)


Held = Tensor | Streamed
"""Images uint8 (N, C, H, W): indexed by positions or a slice, with `shape`, `device` and `len`."""


def part_of(images: Held, part: slice) -> Held:
    """Return some of the images without reading them."""
    return Streamed(images.images[part], images.device) if isinstance(images, Streamed) else images[part]


def held(images: Images, size: int | None, device: torch.device, where: str, name: str, fingerprint: str) -> Held:
    """Return images uint8 (N, H, W, C) for training, resized to `size` if it is given.

    `where` is "memory", "disk" or "auto", which takes the disk for images that fill more than MAX_FRACTION of the
    memory that is free on the device.  Resized images on disk are made once and kept in the cache, by `fingerprint`.
    """
    shape = (len(images), *(images.shape[1:3] if size is None else (size, size)), images.shape[3])
    if where != "memory" and _on_disk(where, name, shape, device):
        return Streamed(images if shape == images.shape else _resized(images, size or 0, name, fingerprint), device)
    out = torch.empty((shape[0], shape[3], *shape[1:3]), dtype=torch.uint8, device=device)
    start = 0
    for block in blocks_of(images, chunk_of(images.shape)):
        out[start : start + len(block)] = _turned(resize(block, size) if size else block)
        start += len(block)
    return out


def _on_disk(where: str, name: str, shape: tuple[int, ...], device: torch.device) -> bool:
    """Whether images stay on disk, by wish or since they are too large; a line says so."""
    images, size = f"{name}: {shape[0]:,} images of {shape[1]} pixels", math.prod(shape)
    if where == "disk":
        say(f"mien: {images} are read from disk while training")
        return True
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else memory.available() // beside()
    if size <= MAX_FRACTION * free:
        return False
    from rich.filesize import decimal

    pixels = f"{images} fill {decimal(size)}"
    say(f"mien: {pixels}, more than half of the {decimal(free)} that are free: they are read from disk while training")
    return True


def _resized(images: Images, size: int, name: str, fingerprint: str) -> Images:
    chunk, shape = chunk_of(images.shape), (size, size, images.shape[3])

    def part(rows: range) -> NDArray[np.uint8]:
        return resize(np.asarray(images[rows.start : rows.stop]), size)

    def build(folder: Path) -> Entry:
        title = f"resizing {name} to {size} pixels"
        return Entry({}, {}, write(folder, title, len(images), shape, chunk, part))

    return kept_in_steps(f"resized-{digest(fingerprint, str(size))}", build).images


def crops(images: Tensor) -> Tensor:
    """Return images uint8 (n, C, S, S) as the crops uint8 (n, S, S, C) that a file takes, on the CPU."""
    return images.cpu().permute(0, 2, 3, 1).contiguous()


def _turned(images: NDArray[np.uint8]) -> Tensor:
    """Return images uint8 (n, H, W, C) as a tensor (n, C, H, W); the cache is read-only, which torch does not like."""
    return torch.from_numpy(images if images.flags.writeable else images.copy()).permute(0, 3, 1, 2).contiguous()
