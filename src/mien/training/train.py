"""READ FIRST: the one training loop.

A recipe names data, network, augmentation, loss and schedule.  The training images lie on the device as uint8 the
whole time; a batch is gathered by index, changed at random, and run through the network in bfloat16 where the hardware
gains by it.  After each epoch the averaged weights are scored on val with flips; val alone decides which epoch is kept.
Everything random derives from (seed, epoch) and a checkpoint is written after every epoch, so a run killed at any
moment and resumed ends with the same weights, bit for bit on one kind of CPU, as a run that was not.

This module reads train and val.  Test is opened elsewhere, once, after the weights are fixed: see finish.py.
"""

import ctypes
import sys
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mien.data import load
from mien.data.samples import Samples, digest
from mien.errors import MienError, RecipeError, WeightsError
from mien.evaluation.metrics import METRICS
from mien.inference.align import FRAMINGS
from mien.inference.classify import locate
from mien.models import MODELS
from mien.training import checkpoint, runlog
from mien.training import recipe as recipes
from mien.training.augment import augment
from mien.training.distill import teach
from mien.training.losses import objective
from mien.training.optim import OPTIMIZERS, SCHEDULES, Average, optimizer, rate
from mien.training.progress import Progress
from mien.training.recipe import Augment, Recipe

LOWER_IS_BETTER = frozenset({"ece", "nll", "brier"})


@dataclass(frozen=True)
class Split:
    """One split on the device: uint8 images (N, C, H, W), targets (N, K), perhaps the auxiliary head's (N, A).

    `fingerprint` is the data set's; `learnt` changes with whatever the images are taught, the teacher's word included.
    """

    images: Tensor
    target: Tensor
    aux: Tensor | None
    labels: tuple[str, ...]
    aux_labels: tuple[str, ...]
    fingerprint: str
    learnt: str


@dataclass
class State:
    """All that a run carries from one epoch to the next, and that `last.pt` holds."""

    model: nn.Module
    average: Average
    optimizer: torch.optim.Optimizer
    epoch: int = 0
    step: int = 0
    seconds: float = 0.0
    best: float | None = None
    history: list[dict[str, Any]] | None = None

    def content(self) -> dict[str, Any]:
        return {
            "model": self.model.state_dict(),
            "average": self.average.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            **{name: getattr(self, name) for name in ("epoch", "step", "seconds", "best", "history")},
        }

    def restore(self, content: dict[str, Any]) -> None:
        self.model.load_state_dict(content["model"])
        self.average.model.load_state_dict(content["average"])
        self.optimizer.load_state_dict(content["optimizer"])
        for name in ("epoch", "step", "seconds", "best", "history"):
            setattr(self, name, content[name])


def train(recipe: Recipe, root: Path | None, run: Path, *, device: str = "auto") -> Path:
    """Train a recipe in a run folder, from the start or from where `run/last.pt` stands, and return the folder.

    Writes env.json at once; log.csv, last.pt after every epoch and best.pt whenever val improves.
    """
    check(recipe)
    keep_memory()
    place = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device)
    last = checkpoint.load(run / "last.pt") if (run / "last.pt").exists() else None
    if last and last["threads"] != torch.get_num_threads():
        torch.set_num_threads(last["threads"])  # the order of additions, hence the last bits, depend on it
    data, val = split(recipe, root, "train", place), split(recipe, root, "val", place)
    if last and last["learnt"] != data.learnt:
        given = "the data and the teacher it began with"
        raise WeightsError(f"{run} was trained on other data or targets", given, "give its --root, or start anew")
    torch.manual_seed(recipe.seed)
    model = build(recipe, data, place)
    state = State(model, Average(model, recipe.ema), optimizer(model, recipe.optim), history=[])
    if last:
        state.restore(last)
    precision = choose_precision(last["precision"] if last else recipe.precision, place)
    facts = {
        "labels": list(data.labels),
        "aux_labels": list(data.aux_labels),
        "size": data.images.shape[-1],
        "channels": data.images.shape[1],
        "learnt": data.learnt,
        "threads": torch.get_num_threads(),
        "precision": str(precision).removeprefix("torch."),
    }
    source = {"name": recipe.data.name, "root": str(root.resolve()) if root else None, "fingerprint": data.fingerprint}
    environment = runlog.environment(run, place, str(facts["precision"]), source)
    runlog.write_json({**environment, "seconds": round(state.seconds, 3)}, run / "env.json")
    runlog.write_log(state.history or [], run / "log.csv")
    if not last:
        checkpoint.save({**state.content(), **facts}, run / "last.pt")
    plan = Plan(recipe, max(1, len(data.images) // recipe.batch))
    with Progress(recipe.name, plan.steps, state.step) as progress:
        while state.step < plan.steps:
            began = time.perf_counter()
            loss = _epoch(plan, data, state, precision, progress)
            scores = score(state.average.model, val, precision, flip=recipe.views.flip)
            state.epoch += 1
            state.seconds += time.perf_counter() - began
            row = {"epoch": state.epoch, "step": state.step, "loss": loss, "seconds": state.seconds, **scores}
            assert state.history is not None
            state.history.append(row)
            value = scores[f"val_{recipe.select}"]
            if state.best is None or (value < state.best if recipe.select in LOWER_IS_BETTER else value > state.best):
                state.best = value
                best = {"average": state.average.model.state_dict(), "epoch": state.epoch, **facts}
                checkpoint.save(best, run / "best.pt")
            checkpoint.save({**state.content(), **facts}, run / "last.pt")
            runlog.write_log(state.history, run / "log.csv")
            runlog.write_json({**environment, "seconds": round(state.seconds, 3)}, run / "env.json")
            progress.epoch(row, state.best)
    return run


@dataclass(frozen=True)
class Plan:
    """What a recipe does at which step: the main schedule, then the refinement if there is one."""

    recipe: Recipe
    per_epoch: int

    @property
    def main(self) -> int:
        """Steps of the main schedule."""
        return self.recipe.epochs * self.per_epoch

    @property
    def steps(self) -> int:
        """Steps of the whole, as far as the recipe lets it go."""
        whole = self.main + (self.recipe.refine.epochs * self.per_epoch if self.recipe.refine else 0)
        return min(whole, self.recipe.steps or whole)

    def rate(self, step: int) -> float:
        """The learning rate of a step."""
        return rate(step, self.main, self.per_epoch, self.recipe.optim, self.recipe.refine)

    def augment(self, step: int) -> Augment:
        """The augmentation of a step."""
        refine = self.recipe.refine
        return refine.augment if refine and step >= self.main else self.recipe.augment


def _epoch(plan: Plan, data: Split, state: State, precision: torch.dtype, progress: Progress) -> float:
    recipe, device = plan.recipe, data.images.device
    seed = int(np.random.SeedSequence((recipe.seed, state.epoch)).generate_state(1, np.uint64)[0] >> np.uint64(1))
    torch.manual_seed(seed)  # dropout
    generator = torch.Generator(device).manual_seed(seed)
    order = torch.randperm(len(data.images), generator=generator, device=device)
    total = torch.zeros((), device=device)
    state.model.train()
    count = min(plan.per_epoch, plan.steps - state.step)
    for index in chunks(order[: count * recipe.batch], recipe.batch)[:count]:
        for group in state.optimizer.param_groups:
            group["lr"] = plan.rate(state.step)
        x = augment(data.images[index].float() / 255, plan.augment(state.step), generator)
        batch = {"target": data.target[index]} | ({"aux": data.aux[index]} if data.aux is not None else {})
        outputs = forward(state.model, x, precision)
        loss = objective(outputs, batch, recipe.loss)
        state.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        state.optimizer.step()
        state.average.update(state.model, state.step)
        total += loss.detach()
        state.step += 1
        progress.advance()
    mean = total.item() / count
    if not np.isfinite(mean):
        raise MienError(
            f"the loss became {mean} in epoch {state.epoch + 1}", do="lower optim.lr, or use precision=float32"
        )
    return mean


def forward(model: nn.Module, x: Tensor, precision: torch.dtype) -> dict[str, Tensor]:
    """Run a batch (N, C, H, W) in [0, 1] through the network and return float32 outputs."""
    x = x.contiguous(memory_format=torch.channels_last)
    with torch.autocast(x.device.type, torch.bfloat16, enabled=precision == torch.bfloat16):
        outputs: dict[str, Tensor] = model(x)
    return {name: value.float() for name, value in outputs.items()}


@torch.no_grad()
def logits(model: nn.Module, images: Tensor, precision: torch.dtype, *, flip: bool, batch: int = 512) -> Tensor:
    """Return the logits float32 (N, K) of uint8 images (N, C, H, W), averaged with their mirror images' by `flip`."""

    def read(chunk: Tensor) -> Tensor:
        x = chunk.float() / 255
        seen = [x, x.flip(3)] if flip else [x]
        return torch.stack([forward(model, view, precision)["logits"] for view in seen]).mean(0)

    model.eval()
    return torch.cat([read(chunk) for chunk in chunks(images, batch)])


def chunks(rows: Tensor, size: int) -> tuple[Tensor, ...]:
    """Return a tensor in pieces of `size` rows, the last perhaps shorter."""
    pieces: tuple[Tensor, ...] = rows.split(size)  # type: ignore[no-untyped-call]
    return pieces


def score(model: nn.Module, val: Split, precision: torch.dtype, *, flip: bool) -> dict[str, float]:
    """Return every metric of METRICS on val, as `val_<key>`."""
    probs = logits(model, val.images, precision, flip=flip).softmax(1).double().cpu().numpy()
    target = val.target.double().cpu().numpy()
    return {f"val_{name}": float(metric(probs, target)) for name, metric in METRICS.items()}


def split(recipe: Recipe, root: Path | None, name: str, device: torch.device) -> Split:
    """Read a split as the recipe asks and lay it on the device; the teacher's word is mixed into training targets."""
    options = {**recipe.data.options, **(recipe.data.train if name == "train" else {})}
    samples = load(recipe.data.name, root, name, **options)
    target: Any = samples.target
    if name == "train" and recipe.distill:
        target = teach(samples, recipe.distill)
    aux: Tensor | None = None
    aux_labels: tuple[str, ...] = ()
    if recipe.data.auxiliary:
        other = load(recipe.data.auxiliary.name, root, name, **recipe.data.auxiliary.options)
        aux, aux_labels = torch.from_numpy(join(samples, other)).to(device), other.labels
    images = np.array(samples.images)  # a copy: the cache is read-only
    x = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous().to(device)
    learnt = digest(samples.fingerprint, target, *([] if aux is None else [aux.cpu().numpy()]))
    target = torch.from_numpy(np.array(target)).to(device)
    return Split(x, target, aux, samples.labels, aux_labels, samples.fingerprint, learnt)


def join(samples: Samples, other: Samples) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return the other data set's targets float32 (N, A) for these samples by id, NaN where it has none."""
    place = {name: row for row, name in enumerate(other.ids.tolist())}
    rows = np.array([place.get(name, -1) for name in samples.ids.tolist()])
    if (rows < 0).all():
        raise RecipeError(
            f"data.auxiliary: {other.name} shares no id with {samples.name}", "two label sets of the same images"
        )
    joined: np.ndarray[Any, np.dtype[np.float32]] = other.target[rows].astype(np.float32)
    joined[rows < 0] = np.nan
    return joined


def build(recipe: Recipe, data: Split, device: torch.device) -> nn.Module:
    """Return the recipe's network for this data, channels-last on the device."""
    aux = {"aux_classes": len(data.aux_labels)} if data.aux_labels else {}
    model = make(recipe, len(data.labels), data.images.shape[1], aux).to(device)
    return model.to(memory_format=torch.channels_last)  # type: ignore[no-any-return,call-overload]


def make(recipe: Recipe, classes: int, channels: int, aux: dict[str, int]) -> nn.Module:
    """Return the recipe's network on the CPU; RecipeError when its options do not fit the family."""
    try:
        return MODELS[recipe.model.name](classes, channels, **recipe.model.options, **aux)
    except (TypeError, ValueError) as error:
        raise RecipeError(f"model.options: {error}", do=f"`mien list models` describes {recipe.model.name}") from None


def check(recipe: Recipe) -> None:
    """Refuse, before any time is spent, names that no registry holds and options that no network takes."""
    names: tuple[tuple[str, str, Collection[str]], ...] = (
        ("model.name", recipe.model.name, MODELS),
        ("select", recipe.select, METRICS),
        ("data.framing", recipe.data.framing, FRAMINGS),
        ("optim.name", recipe.optim.name, OPTIMIZERS),
        ("optim.schedule.name", recipe.optim.schedule.name, SCHEDULES),
    )
    for key, value, registry in names:
        if value not in registry:
            raise RecipeError(f"{key}: {value!r}", f"one of {', '.join(registry)}")
    make(recipe, 2, 1, {})
    if recipe.distill:
        locate(recipe.distill.weights)


def choose_precision(wanted: str, device: torch.device) -> torch.dtype:
    """Return bfloat16 where it is asked for, or where `auto` finds hardware that multiplies it faster."""
    if wanted == "auto":
        capable = torch.cuda.is_bf16_supported() if device.type == "cuda" else _cpu_bfloat16()
        wanted = "bfloat16" if capable else "float32"
    return torch.bfloat16 if wanted == "bfloat16" else torch.float32


def keep_memory() -> None:
    """Let glibc keep freed memory: every step asks for the same blocks again, and mapping them anew costs 8 % of it."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        for option in (-3, -1):  # M_MMAP_THRESHOLD, M_TRIM_THRESHOLD
            mallopt(option, 2**30)


def _cpu_bfloat16() -> bool:
    return any(getattr(torch.cpu, probe, bool)() for probe in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))


def resume_recipe(run: Path) -> Recipe:
    """Return the recipe that a run folder was started with."""
    if not (run / "recipe.yaml").is_file():
        raise WeightsError(f"{run} is not a run folder", "one that `mien train` made, with recipe.yaml inside")
    return recipes.load(run / "recipe.yaml")
