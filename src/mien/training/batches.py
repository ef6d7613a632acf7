"""What the loop trains on: a split as the recipe defines it, on the device, and batches of it.

Images stay uint8, on the device or, where they are too many, on disk (held.py).  Classes are selected and images
resized once, on load; an epoch is a list of row indices.  A batch is gathered by index and augmented.  A clean image,
where there is one, is moved with its image but keeps its brightness.
"""

import math
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mien.data import load
from mien.data.apart import check_apart
from mien.data.samples import Samples, digest
from mien.data.sampling import chosen, class_fractions, class_weights, epoch_indices, top_labels
from mien.data.shards import Images
from mien.errors import DataError, RecipeError
from mien.inference.prefetch import background
from mien.training.augment import move, shade
from mien.training.distill import teach
from mien.training.draws import Draws
from mien.training.held import Held, Streamed, held
from mien.training.mixing import mix
from mien.training.optim import SOLVERS
from mien.training.recipe import Augment, Recipe
from mien.training.targets import head_targets

PART_PIXELS = 64 * 64
"""Images of more pixels go through the network in smaller parts."""


@dataclass(frozen=True)
class Split:
    """One split on the device.

    Attributes:
        images: uint8 (N, C, H, W); clean: uint8 of that shape, what the attended images should be, or None.
        target: float32 (N, K), mixed with the teachers' probabilities; top: int64 (N,), the data set's label or -1.
        rows: int64 (M,), the images of an epoch, repeats included.
        shares: float32 (K,), the frequency of each class among them.
        aux: float32 (N, A), the auxiliary head's targets; weights: float32 (K,) of the classes; or None.
        importance: float32 (N,), how much each image counts, 1 on average; or None.
        valence_arousal: float32 (N, 2), action_units: float32 (N, A), NaN where unknown; None without such a head.
        fingerprint: the data set's; training_digest: changes with the images, their targets and weights.
    """

    images: Held
    target: Tensor
    top: Tensor
    rows: Tensor
    labels: tuple[str, ...]
    shares: Tensor
    fingerprint: str
    training_digest: str
    clean: Held | None = None
    aux: Tensor | None = None
    aux_labels: tuple[str, ...] = ()
    weights: Tensor | None = None
    importance: Tensor | None = None
    valence_arousal: Tensor | None = None
    action_units: Tensor | None = None
    unit_names: tuple[str, ...] = ()

    @property
    def side(self) -> int:
        """Pixels along a side of the images."""
        return int(self.images.shape[-1])


def split(recipe: Recipe, root: Path | None, name: str, device: torch.device, samples: Samples | None = None) -> Split:
    """Read a split as the recipe defines it, onto the device; `samples` are what `read` returned, if it was called.

    Only the training split is limited, balanced, repeated, weighted and distilled.
    """
    spec, train = recipe.data, name == "train"
    samples = read(recipe, root, name) if samples is None else samples
    target = np.asarray(teach(samples, recipe.distill) if train and recipe.distill else samples.target)
    rows = np.arange(len(samples))
    if train:
        rows = epoch_indices(samples.target, spec.imbalance, spec.per_class, spec.repeat, recipe.seed)
    weights = class_weights(samples.target) if train and spec.imbalance == "weighted" else None
    importance = _importance(samples, rows) if train and samples.weight is not None else None
    clean = samples.clean if train and recipe.loss.attention else None
    aux, aux_labels = _second(recipe, root, samples)
    targets = head_targets(recipe.heads, samples)

    def hold(images: Images, what: str) -> Held:
        where = "memory" if recipe.optim.name in SOLVERS else spec.hold  # a solver takes all images at once
        return held(images, spec.size, device, where, f"{samples.name} {name}{what}", samples.fingerprint + what)

    trained_on = (part for part in (target, rows, weights, importance, aux, *targets.values()) if part is not None)
    return Split(
        images=hold(samples.images, ""),
        target=lay(target, device),
        top=lay(top_labels(samples.target), device),
        rows=lay(rows, device),
        shares=lay(class_fractions(samples.target[rows]), device),
        labels=samples.labels,
        fingerprint=samples.fingerprint,
        training_digest=digest(samples.fingerprint, str(spec.size), *trained_on),
        clean=None if clean is None else hold(clean, " clean"),
        aux=None if aux is None else lay(aux, device),
        aux_labels=aux_labels,
        weights=None if weights is None else lay(weights, device),
        importance=None if importance is None else lay(importance, device),
        unit_names=samples.unit_names if "action_units" in targets else (),
        **{name: lay(target, device) for name, target in targets.items()},
    )


def _importance(samples: Samples, rows: NDArray[np.intp]) -> NDArray[np.float32]:
    """Return the weights float32 (N,) of samples, 1 on average; DataError where those of an epoch are all 0."""
    weight = np.asarray(samples.weight)
    if not weight[rows].any():
        got = f"data: every image of {samples.split} that is trained on has weight 0"
        raise DataError(got, "a weight above 0", "leave the column out, or give it to images of train")
    return np.asarray(weight / weight.mean(), np.float32)


def read(recipe: Recipe, root: Path | None, name: str) -> Samples:
    """Return a split with the recipe's classes; training is limited too.  Images keep their size."""
    spec, train = recipe.data, name == "train"
    samples = load(spec.name, root, name, **{**spec.options, **(spec.train if train else {})})
    if not len(samples):
        raise RecipeError(f"data: {spec.name} has no {name} images", "some", "other data.options")
    return chosen(samples, spec.keep, spec.classes, spec.limit) if train else chosen(samples, classes=spec.classes)


def read_both(recipe: Recipe, root: Path | None) -> tuple[Samples, Samples]:
    """Return train and val as `read` does; MienError unless they have the same labels and nothing else in common."""
    train, val = read(recipe, root, "train"), read(recipe, root, "val")
    check_apart(train, val, part=bool(recipe.data.limit or recipe.data.keep))
    return train, val


def lay(array: NDArray[Any], device: torch.device) -> Tensor:
    """Copy an array to a tensor on the device; the cache is read-only."""
    return torch.from_numpy(np.array(array)).to(device)


def join(samples: Samples, other: Samples) -> NDArray[np.float32]:
    """Return the other data set's targets float32 (N, A) for these samples by id, NaN where it has none."""
    place = {name: row for row, name in enumerate(other.ids.tolist())}
    rows = np.array([place.get(name, -1) for name in samples.ids.tolist()])
    if (rows < 0).all():
        raise RecipeError(
            f"data.auxiliary: {other.name} shares no id with {samples.name}", "two label sets of the same images"
        )
    joined: NDArray[np.float32] = other.target[rows].astype(np.float32)
    joined[rows < 0] = np.nan
    return joined


def _second(recipe: Recipe, root: Path | None, samples: Samples) -> tuple[NDArray[np.float32] | None, tuple[str, ...]]:
    spec = recipe.data.auxiliary
    if spec is None:
        return None, ()
    other = load(spec.name, root, samples.split, **spec.options)
    return join(samples, other), other.labels


AHEAD = 8
"""Batches read from disk before they are needed."""


def pixels(data: Split, index: Tensor) -> Tensor:
    """Return these images uint8 (n, C, H, W), and their clean ones as further channels where there are any."""
    seen = data.images[index]
    return seen if data.clean is None else torch.cat([seen, data.clean[index]], 1)


def needed(index: Tensor, spec: Augment, part: slice) -> Tensor:
    """Return the rows whose pixels a part of a batch needs: all, where images are mixed with any of the batch."""
    return index if spec.mixup or spec.cutmix else index[part]


def fetched(data: Split, batches: Iterable[Tensor]) -> Generator[Tensor, None, None]:
    """Yield the `pixels` of each of some batches of rows; those on disk are read in a thread, AHEAD batches early."""
    read = (pixels(data, index) for index in batches)
    return background(read, lambda part: part.nbytes, AHEAD) if isinstance(data.images, Streamed) else read


def parts(images: Held, size: int) -> Generator[Tensor, None, None]:
    """Yield images in order, at most `size` at once; those on disk are read in a thread, as `fetched` does.

    Of images with more than PART_PIXELS there are fewer at once: what a network computes for a part is in memory.
    """
    size = max(1, min(size, size * PART_PIXELS // math.prod(images.shape[2:])))
    read = (images[start : start + size] for start in range(0, len(images), size))
    return background(read, lambda part: part.nbytes, AHEAD) if isinstance(images, Streamed) else read


def gather(
    data: Split,
    index: Tensor,
    spec: Augment,
    generator: torch.Generator,
    *,
    attention: bool,
    part: slice = slice(None),
    seen: Tensor | None = None,
) -> dict[str, Tensor]:
    """Return an augmented batch of these images: `x` float32 (n, C, H, W) in [0, 1], `target`, `top`.

    Also `aux`, `weights` (K,), or (n, K) where images count differently, and the targets of heads where the data has
    them, and with `attention` `clean`, moved as x is.  Without clean images it is x before brightness, contrast and
    erasing.  Of `x` and `clean` it holds a `part` of the images, all by default, the same as if it held them all; of
    everything else, all.  `seen` are the `pixels` of the rows `needed`, where they are read already.
    """
    batch = {"target": data.target[index], "top": data.top[index], "shares": data.shares}
    batch |= {"aux": data.aux[index]} if data.aux is not None else {}
    if data.importance is not None:
        batch["importance"] = data.importance[index]
    heads = {"valence_arousal": data.valence_arousal, "action_units": data.action_units}
    batch |= {name: target[index] for name, target in heads.items() if target is not None}
    mixed = bool(spec.mixup or spec.cutmix)
    draws = Draws.of(generator, len(index), slice(None) if mixed else part)
    x = pixels(data, needed(index, spec, part)) if seen is None else seen
    x = move(x.float() / 255, spec, draws)
    x, clean = x[:, : data.images.shape[1]], x[:, -data.images.shape[1] :]
    batch |= {"clean": clean} if attention else {}
    x, degraded = shade(x, spec, draws)
    if degraded is not None and spec.doubt:
        doubt = spec.doubt * degraded[:, None]
        batch["target"] = (1 - doubt) * batch["target"] + doubt * data.shares
    batch = mix(batch | {"x": x}, spec, generator)
    if "importance" in batch:
        batch["weights"] = batch["importance"][:, None] * (1 if data.weights is None else data.weights)
    elif data.weights is not None:
        batch["weights"] = data.weights
    return batch | {name: batch[name][part] for name in ("x", "clean") if mixed and name in batch}
