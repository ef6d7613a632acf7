"""The two training loops that speedrun.py sets against each other, each in a process that bench/interleave.py asks.

    loops.py mien RECIPE PRECISION [key=value...]        mien's own loop, `mien.training.train`
    loops.py plain RECIPE WORKERS [key=value...]         a Dataset, a DataLoader and a loop, as they are usually written

Both serve {"do": "epoch"}: one epoch of training; {"do": "feed"}: its batches, changed at random, without the network;
{"do": "network"}: its steps on one batch that is there already.  The plain loop learns the same targets (the teacher's
word included) with the same network, loss, optimiser, rates and averaged weights, in float32.  Its images are changed
one by one with OpenCV and numpy, the quickest of the usual ways, in WORKERS processes or, with 0, in the loop itself.
`cpu` is the processor time of all threads and worker processes.
"""

import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from itertools import repeat
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, Dataset

from mien.training import recipe as recipes
from mien.training.batches import Split, gather, split
from mien.training.network import build, make
from mien.training.optim import ExponentialMovingAverage, optimizer
from mien.training.progress import Progress
from mien.training.recipe import Augment, Recipe
from mien.training.train import BatchLoss, Plan, State, _epoch, choose_precision, keep_memory

Batch = tuple[Tensor, Tensor, Tensor]
CPU = torch.device("cpu")
WRITTEN = frozenset({"flip", "shift", "rotate", "scale", "fill", "crop", "brightness", "contrast", "degrade", "erase"})
"""What of a recipe's augmentation the plain loop changes images by."""

BORDERS = {"black": cv2.BORDER_CONSTANT, "edge": cv2.BORDER_REPLICATE}


class Faces(Dataset[Batch]):
    """The training images, changed one by one."""

    def __init__(self, data: Split, spec: Augment) -> None:
        self.images = data.images[:, 0].numpy()
        self.target = data.target
        self.aux = data.target if data.aux is None else data.aux
        self.spec = spec

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Batch:
        image = shaded(moved(self.images[index], self.spec), self.spec)
        return torch.from_numpy(image)[None], self.target[index], self.aux[index]


def moved(image: np.ndarray, spec: Augment) -> np.ndarray:
    """Flip, rotate, scale and shift a grey image uint8 (H, W) in one resampling, then cut a window."""
    side = len(image)
    if spec.shift or spec.rotate or spec.scale != (1.0, 1.0):
        middle = ((side - 1) / 2, (side - 1) / 2)
        matrix = cv2.getRotationMatrix2D(middle, random.uniform(-spec.rotate, spec.rotate), random.uniform(*spec.scale))
        matrix[:, 2] += [random.uniform(-spec.shift, spec.shift) * side for _ in range(2)]
        border = BORDERS[spec.fill]
        image = cv2.warpAffine(image, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=border)
    if random.random() < spec.flip:
        image = image[:, ::-1]
    if spec.crop:
        top, left = (random.randint(0, side - spec.crop) for _ in range(2))
        image = image[top : top + spec.crop, left : left + spec.crop]
    return image


def shaded(image: np.ndarray, spec: Augment) -> np.ndarray:
    """Return an image as float32 in [0, 1] with its light changed, perhaps degraded or a rectangle covered."""
    x = image.astype(np.float32) / 255
    if spec.brightness or spec.contrast:
        gain = random.uniform(1 - spec.contrast, 1 + spec.contrast)
        x = np.clip(x * gain + random.uniform(-spec.brightness, spec.brightness), 0, 1)
    if random.random() < spec.degrade:
        x = random.choice((_blurred, _coarse, _noisy))(x)
    if random.random() < spec.erase:
        (top, bottom), (left, right) = (_span(length) for length in x.shape)
        x[top:bottom, left:right] = random.random()
    return x


def _blurred(x: np.ndarray) -> np.ndarray:
    deviation = random.uniform(0.01, 0.05) * x.shape[1]
    return cv2.GaussianBlur(x, (0, 0), deviation, borderType=cv2.BORDER_REPLICATE)


def _coarse(x: np.ndarray) -> np.ndarray:
    size, share = x.shape[::-1], random.uniform(0.25, 0.75)
    small = cv2.resize(x, [max(1, round(share * length)) for length in size], interpolation=cv2.INTER_AREA)
    return cv2.resize(small, size, interpolation=cv2.INTER_LINEAR)


def _noisy(x: np.ndarray) -> np.ndarray:
    noise = torch.randn(x.shape).numpy()
    return np.clip(x + random.uniform(0.02, 0.15) * noise, 0, 1)


def _span(side: int) -> tuple[int, int]:
    centre, half = random.uniform(0, side), random.uniform(0.1, 0.45) * side / 2
    return max(0, round(centre - half)), round(centre + half)


def plain(recipe: Recipe, workers: int) -> dict[str, Callable[[], Iterator[int]]]:
    """Return the plain loop, its feeding alone and its network alone, each as something that counts images."""
    refuse(recipe)
    data = split(recipe, None, "train", CPU)
    torch.manual_seed(recipe.seed)
    model = make(recipe, data.labels, 1, data.side, len(data.aux_labels))
    descent = optimizer(model, recipe.optim)
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(recipe.ema), use_buffers=True)
    plan = Plan.of(recipe, data)
    loader = DataLoader(
        Faces(data, recipe.augment), recipe.batch, shuffle=True, num_workers=workers, drop_last=True,
        persistent_workers=workers > 0, worker_init_fn=_begin,
    )  # fmt: skip

    def learn(batches: Iterator[Batch] | DataLoader[Batch]) -> Iterator[int]:
        assert descent is not None
        model.train()
        right = loss_sum = 0.0
        for step, (x, target, aux) in enumerate(batches):
            for group in descent.param_groups:
                group["lr"] = plan.rate(step)
            outputs = model(x)
            loss = F.cross_entropy(outputs["logits"], target, label_smoothing=recipe.loss.label_smoothing)
            if "aux" in outputs:
                labelled = ~aux[:, 0].isnan()
                loss = loss + recipe.loss.auxiliary * F.cross_entropy(outputs["aux"][labelled], aux[labelled])
            descent.zero_grad()
            loss.backward()
            descent.step()
            average.update_parameters(model)
            loss_sum += loss.item()
            right += (outputs["logits"].argmax(1) == target.argmax(1)).sum().item()
            yield len(x)

    first = next(iter(DataLoader(loader.dataset, recipe.batch)))
    return {
        "epoch": lambda: learn(loader),
        "feed": lambda: (len(x) for x, _, _ in loader),
        "network": lambda: learn(repeat(first, plan.per_epoch)),
    }


def _begin(worker: int) -> None:
    cv2.setNumThreads(0)  # the usual advice; a process per core is enough
    random.seed(torch.initial_seed() + worker)


def refuse(recipe: Recipe) -> None:
    """Raise ValueError for what the plain loop does not do."""
    changed = {name for name in type(recipe.augment).model_fields if getattr(recipe.augment, name) != IDLE[name]}
    loss = recipe.loss
    further = loss.adversarial, loss.representation, loss.attention, loss.logit_adjustment, recipe.optim.sharpness
    if changed - WRITTEN or any(further) or recipe.data.imbalance != "none":
        raise ValueError(
            f"{recipe.name}: the plain loop flips, moves, shades, degrades and erases; it has no {changed - WRITTEN}"
        )


IDLE = {**Augment().model_dump(), "flip": 0.0}


def ours(recipe: Recipe, precision: str) -> dict[str, Callable[[], Iterator[int]]]:
    """Return mien's loop, its feeding alone and its network alone, each as something that counts images."""
    keep_memory()
    data = split(recipe, None, "train", CPU)
    torch.manual_seed(recipe.seed)
    model = build(recipe, data, CPU)
    state = State(model, ExponentialMovingAverage(model, recipe.ema), optimizer(model, recipe.optim))
    plan, kind = Plan.of(recipe, data), choose_precision(precision, CPU)
    generator = torch.Generator().manual_seed(recipe.seed)
    progress = Progress(recipe.name, plan.per_epoch, 0)

    def batch() -> dict[str, Tensor]:
        index = torch.randint(len(data.images), (recipe.batch,), generator=generator)
        return gather(data, index, recipe.augment, generator, attention=False)

    def epoch() -> Iterator[int]:
        state.step = 0
        _epoch(plan, data, data, state, kind, progress)
        yield plan.per_epoch * recipe.batch

    def network() -> Iterator[int]:
        held = batch()
        assert state.optimizer is not None
        model.train()
        for _ in range(plan.per_epoch):
            loss, _ = BatchLoss(model, recipe, kind)(held, generator)
            state.optimizer.zero_grad()
            loss.backward()
            state.optimizer.step()
            state.average.update(model, state.step)
            yield recipe.batch

    return {"epoch": epoch, "feed": lambda: (len(batch()["x"]) for _ in range(plan.per_epoch)), "network": network}


def timed(work: Callable[[], Iterator[int]]) -> dict[str, float]:
    """Do it and return how many images went through, and what it took."""
    cpu, wall = processor(), time.perf_counter()
    images = sum(work())
    return {"images": images, "wall": time.perf_counter() - wall, "cpu": processor() - cpu}


def processor() -> float:
    """Return the processor seconds of this process and its living children so far."""
    own, ticks = str(os.getpid()), 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            result = path.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended meanwhile
            continue
        if result[1] == own:
            ticks += int(result[11]) + int(result[12])
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


def main(which: str, name: str, how: str, *overrides: str) -> None:
    """Serve requests as the module says."""
    recipe = recipes.load(name, list(overrides))
    works = ours(recipe, how) if which == "mien" else plain(recipe, int(how))
    sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a file, its own folder is what Python looks into
    from bench.worker import serve

    serve({what: (lambda work=work: timed(work)) for what, work in works.items()})


if __name__ == "__main__":
    main(*sys.argv[1:])
