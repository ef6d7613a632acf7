"""READ FIRST: the one training loop.

A recipe names data (batches.py), network (network.py), augmentation, loss and schedule.  The training images are
uint8 on the device, or on disk where they are too many (held.py).  A batch is gathered by index, augmented, and run
through the network, in bfloat16 where the hardware is faster with it.  After each epoch the averaged weights are scored
on val, under the prior that they are for (prior.py); that alone selects the epoch.
A solver without epochs (SOLVERS) replaces the only epoch; the rest is the same.  Randomness derives from (seed, epoch)
and every epoch ends with a checkpoint.  So a run that is killed and resumed ends with the same weights as one that is
not, bit for bit on one kind of CPU.

Several processes (distributed.py) share each batch and val; the first one alone reads and writes the run folder.

This module reads train and val.  Test is opened once, after the weights are fixed: see finalize.py.
"""

import ctypes
import math
import sys
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mien import outputs
from mien.errors import WeightsError
from mien.evaluation.metrics import METRICS
from mien.inference.classify import runs_in
from mien.reading.guard import parsing
from mien.training import checkpoint, diverged, prior, runlog, stored
from mien.training import recipe as recipes
from mien.training.adversarial import perturb
from mien.training.augment import center_crop
from mien.training.batches import Split, fetched, gather, needed, parts
from mien.training.distributed import ALONE, World
from mien.training.held import Held, crops, part_of
from mien.training.losses import cross_entropy
from mien.training.objective import DIMENSIONS, objective, outputs_of
from mien.training.optim import SOLVERS, ExponentialMovingAverage, optimizer, rate, restore, sam_perturbation
from mien.training.prepared import TRIED, Prepared, prepare
from mien.training.progress import Progress
from mien.training.recipe import Augment, Recipe
from mien.training.stages import train_mode
from mien.training.targets import RANGES, SELECTABLE, head_scores

PROBED = ("nll", "accuracy")
"""Metrics on val between epochs, where the recipe sets `probe`."""


@dataclass
class State:
    """Everything that a run carries from one epoch to the next, as stored in `last.pt`."""

    model: nn.Module
    average: ExponentialMovingAverage
    optimizer: torch.optim.Optimizer | None
    epoch: int = 0
    step: int = 0
    seconds: float = 0.0
    best: float | None = None
    history: list[checkpoint.Row] = field(default_factory=list)
    shared: nn.Module | None = None
    """The loss as the processes share it, from the first step on; not stored."""

    def content(self) -> dict[str, Any]:
        return {
            "model": self.model.state_dict(),
            "average": self.average.model.state_dict(),
            "optimizer": self.optimizer.state_dict() if self.optimizer else None,
            **{name: getattr(self, name) for name in ("epoch", "step", "seconds", "best", "history")},
        }

    def restore(self, last: checkpoint.Last) -> None:
        self.model.load_state_dict(last.model)
        self.average.model.load_state_dict(last.average)
        if self.optimizer:
            restore(self.optimizer, last.optimizer)
        for name in ("epoch", "step", "seconds", "best", "history"):
            setattr(self, name, getattr(last, name))


def train(
    recipe: Recipe,
    root: Path | None,
    run: Path,
    *,
    device: str = "auto",
    prepared: Prepared | None = None,
    world: World = ALONE,
) -> Path:
    """Train a recipe in a run folder, from the start or from `run/last.pt`, and return the folder.

    Writes env.json at once, and network.onnx of a network of your own; steps.csv, log.csv, last.pt after each epoch,
    and best.pt whenever val improves.  With `prepared` nothing is read or built again.
    """
    keep_memory()
    last = world.once(lambda: _last(run))
    if last and last.threads != torch.get_num_threads() and last.processes == world.size:
        torch.set_num_threads(last.threads)  # the order of additions, and so the last bits, depend on it
    prepared = prepared or prepare(recipe, root, device, fresh=last is None)
    data, val, model = prepared.train, prepared.val, prepared.model
    recipe = prior.as_scored(recipe, last)
    state = State(model, ExponentialMovingAverage(model, recipe.ema), optimizer(model, recipe.optim))
    written = world.once(lambda: runlog.recipe_digest(run))
    with world.agreed():
        if last and last.training_digest != data.training_digest:
            given = "its own data and teachers"
            raise WeightsError(f"{run} was trained on other data or targets", given, "give its `root`, or train again")
        if last:
            refuse_changes(run, last, written, val.fingerprint)
            refuse_other_code(run, last, prepared, recipe)
            with parsing(run / "last.pt", kind=WeightsError, says="does not fit its recipe"):
                state.restore(last)
    wanted = last.precision if last else recipe.precision
    precision = world.once(lambda: choose_precision(wanted, data.images.device))
    facts = {**trained_with(data, precision), "select_prior": recipe.select_prior, "processes": world.size}
    facts |= {"recipe_digest": written, "val_fingerprint": val.fingerprint}
    environment = _begin(recipe, root, run, prepared, state, facts) if world.first else None
    plan, shift = Plan.of(recipe, data), prior.shift(recipe, data, recipe.select_prior)
    with Progress(recipe.name, plan.steps, state.step) as progress:
        if state.history:
            progress.resumed(state.history[-1], state.best)
        while state.step < plan.steps and not waited(recipe, state.history):
            began = time.perf_counter()
            with diverged.recorded(run, state.epoch + 1, world.first):
                take = _fit if recipe.optim.name in SOLVERS else _epoch
                steps = take(plan, data, val, state, precision, progress, world)
                means = {key: float(np.mean([row[key] for row in steps])) for key in ("loss", "train_accuracy")}
                diverged.finite("loss", means["loss"])
                diverged.finite_weights(state.average.model.state_dict())
                scores = score(state.average.model, val, precision, flip=recipe.views.flip, shift=shift, world=world)
                if recipe.select in METRICS:  # a head may predict a constant, which has no CCC
                    diverged.finite(f"val {recipe.select}", scores[f"val_{recipe.select}"])
            state.epoch += 1
            state.seconds += time.perf_counter() - began
            row = {"epoch": state.epoch, "step": state.step, **means, "seconds": state.seconds, **scores}
            state.history.append(row)
            value = scores[f"val_{recipe.select}"]
            if improved := SELECTABLE[recipe.select].better(value, state.best):
                state.best = value
            if environment:
                if improved or state.best is None:  # None: a head that gave a constant so far
                    best = {"average": state.average.model.state_dict(), "epoch": state.epoch, **facts}
                    checkpoint.save(best, run / "best.pt")
                runlog.append_steps(steps, run / "steps.csv")
                checkpoint.save({**state.content(), **facts}, run / "last.pt")
                runlog.write_log(state.history, run / "log.csv")
                runlog.write_environment(environment.after(state.seconds), run)
            progress.epoch(row, state.best)
    return run


def _last(run: Path) -> checkpoint.Last | None:
    diverged.refuse(run)
    return checkpoint.load(run / "last.pt", checkpoint.Last) if (run / "last.pt").exists() else None


def refuse_changes(run: Path, last: checkpoint.Last, recipe: str | None, val: str) -> None:
    """Refuse a run whose recipe.yaml was edited since it began, or whose val changed; WeightsError."""
    if last.recipe_digest not in (None, recipe):
        got, do = (
            f"{run / 'recipe.yaml'} was edited since the run began",
            "undo it, or start a new run with the changes",
        )
        raise WeightsError(got, "the recipe that the run began with: it holds for all of its epochs", do)
    if last.val_fingerprint not in (None, val):
        got, given = f"{run} was scored on other val images or labels", "its own: the best epoch is chosen by them"
        raise WeightsError(got, given, "give its `root`, or train again")


def refuse_other_code(run: Path, last: checkpoint.Last, prepared: Prepared, recipe: Recipe) -> None:
    """Refuse a run whose network of your own has other code since it began; WeightsError.  Earlier runs keep none."""
    kept = run / stored.NAME
    if prepared.graph is None or not kept.is_file():
        return
    if not stored.same_network(kept, prepared.graph, last.average, crops(prepared.val.images[:TRIED])):
        got = f"{run} was trained with other code of {recipe.model.name}: its graph is not that of {kept}"
        do = "undo the change, or train again in a new folder"
        raise WeightsError(got, "the network that the run began with: its weights are of no other", do)


def _begin(
    recipe: Recipe, root: Path | None, run: Path, prepared: Prepared, state: State, facts: dict[str, Any]
) -> runlog.Environment:
    """Write what a run folder holds before the first step, or cut what a killed run wrote after its checkpoint."""
    source = runlog.Data(
        name=recipe.data.name, root=str(root.resolve()) if root else None, fingerprint=prepared.train.fingerprint
    )
    place = prepared.train.images.device
    environment = runlog.environment(run, place, facts["precision"], source, facts["processes"])
    if prepared.started:
        environment = environment.model_copy(update={"init": prepared.started.to_dict()})
    runlog.write_environment(environment.after(state.seconds), run)
    runlog.write_log(state.history, run / "log.csv")
    runlog.cut_steps(run / "steps.csv", state.step)
    fresh = not (run / "last.pt").exists()
    if prepared.graph and (fresh or not (run / stored.NAME).exists()):
        outputs.write(run / stored.NAME, prepared.graph)
    if fresh:
        checkpoint.save({**state.content(), **facts}, run / "last.pt")
    return environment


def waited(recipe: Recipe, history: Sequence[checkpoint.Row]) -> bool:
    """Return whether val has not improved for the recipe's `patience` epochs; it depends on the log alone."""
    if recipe.patience is None or not history:
        return False
    values = [float(row[f"val_{recipe.select}"]) for row in history]
    best = SELECTABLE[recipe.select].best(values) if any(map(math.isfinite, values)) else 0
    return len(history) - 1 - best >= recipe.patience


def trained_with(data: Split, precision: torch.dtype) -> dict[str, Any]:
    """Return what a checkpoint holds besides weights and progress: the network's shape and how it is trained."""
    return {
        "labels": list(data.labels),
        "aux_labels": list(data.aux_labels),
        "action_units": list(data.unit_names),
        "size": data.side,
        "channels": data.images.shape[1],
        "learnt": data.training_digest,  # the key of all checkpoints so far
        "threads": torch.get_num_threads(),
        "precision": str(precision).removeprefix("torch."),
    }


@dataclass(frozen=True)
class Plan:
    """What a recipe does at each step: the main schedule, then the refinement if there is one."""

    recipe: Recipe
    per_epoch: int

    @classmethod
    def of(cls, recipe: Recipe, data: Split) -> "Plan":
        """Plan a recipe with one step per whole batch of an epoch; a solver takes one step."""
        fitted = recipe.optim.name in SOLVERS
        return cls(recipe, 1 if fitted else max(1, len(data.rows) // recipe.batch))

    @property
    def main(self) -> int:
        """Steps of the main schedule; a recipe with `steps` completes it by then."""
        whole = self.per_epoch * (1 if self.recipe.optim.name in SOLVERS else self.recipe.epochs)
        return min(whole, self.recipe.steps or whole)

    @property
    def steps(self) -> int:
        """All steps, up to the recipe's `steps`."""
        whole = self.main + (self.recipe.refine.epochs * self.per_epoch if self.recipe.refine else 0)
        return min(whole, self.recipe.steps or whole)

    def rate(self, step: int, losses: Sequence[float] = ()) -> float:
        """The learning rate of a step, given the losses on val after each epoch so far."""
        return rate(step, self.main, self.per_epoch, self.recipe.optim, self.recipe.refine, losses)

    def augment(self, step: int) -> Augment:
        """The augmentation of a step."""
        refine = self.recipe.refine
        return refine.augment if refine and step >= self.main else self.recipe.augment


def _epoch(
    plan: Plan,
    data: Split,
    val: Split,
    state: State,
    precision: torch.dtype,
    progress: Progress,
    world: World = ALONE,
) -> list[dict[str, float]]:
    """Take the steps of one epoch; return for each its step, loss and accuracy, and scores on val where probed."""
    recipe, device = plan.recipe, data.images.device
    seed = int(np.random.SeedSequence((recipe.seed, state.epoch)).generate_state(1, np.uint64)[0] >> np.uint64(1))
    torch.manual_seed(seed)  # dropout
    generator = torch.Generator(device).manual_seed(seed)
    order = data.rows[torch.randperm(len(data.rows), generator=generator, device=device)]
    losses = [row["val_nll"] for row in state.history]
    shift = prior.shift(recipe, data, recipe.select_prior)
    assert state.optimizer is not None
    state.shared = loss_of = state.shared or world.shared(BatchLoss(state.model, recipe, precision, world))
    train_mode(state.model)
    steps, probes = [], {}
    count = min(plan.per_epoch, plan.steps - state.step)
    batches = chunks(order[: count * recipe.batch], recipe.batch)[:count]
    rows = (needed(index, plan.augment(step), world.part) for step, index in enumerate(batches, state.step))
    for index, seen in zip(batches, fetched(data, rows), strict=True):
        for group in state.optimizer.param_groups:
            group["lr"] = plan.rate(state.step, losses) * group.get("scale", 1.0)
        how: dict[str, Any] = {"attention": recipe.loss.attention > 0, "part": world.part, "seen": seen}
        batch = gather(data, index, plan.augment(state.step), generator, **how)
        loss, logits = loss_of(batch, generator)
        state.optimizer.zero_grad()
        (loss * world.size).backward()  # the processes' gradients are averaged, and belong added
        if recipe.optim.sharpness:
            with sam_perturbation(state.model, recipe.optim.sharpness):
                state.optimizer.zero_grad()
                (loss_of(batch, generator)[0] * world.size).backward()
        if recipe.optim.clip:
            nn.utils.clip_grad_norm_(state.model.parameters(), recipe.optim.clip)
        state.optimizer.step()
        state.average.update(state.model, state.step)
        steps.append(torch.stack([loss.detach(), _accuracy(logits, batch["top"])]))  # read once, at the end
        state.step += 1
        if recipe.probe and state.step % recipe.probe == 0:
            average_statistics(state, world)
            how = {"flip": recipe.views.flip, "shift": shift, "only": PROBED, "world": world}
            probes[state.step] = score(state.average.model, val, precision, **how)
        progress.advance()
    average_statistics(state, world)
    first = state.step - count + 1
    means = enumerate(torch.stack(steps).tolist(), first)
    return [{"step": step, "loss": loss, "train_accuracy": hit, **probes.get(step, {})} for step, (loss, hit) in means]


def average_statistics(state: State, world: World) -> None:
    """Give every process the mean of their batch-norm statistics.

    They are linear in what each batch adds, so this is the same whenever it is done.
    """
    if world.size > 1:
        modules = [module for module in state.model.modules() if module.training]
        buffers = [buffer for module in modules for buffer in module.buffers(recurse=False)]
        world.mean_(buffer for buffer in buffers if buffer.is_floating_point())
        for own, new in zip(state.average.model.buffers(), state.model.buffers(), strict=True):
            own.copy_(new)


def _fit(
    plan: Plan,
    data: Split,
    val: Split,
    state: State,
    precision: torch.dtype,
    progress: Progress,
    world: World = ALONE,
) -> list[dict[str, float]]:
    """Solve for the weights of a linear network in one step; nothing is random."""
    recipe, spec = plan.recipe, plan.recipe.optim
    progress.bar.stop()  # the solver has its own bar
    rows = data.rows[data.top[data.rows] >= 0]
    seen, label = center_crop(data.images[rows], recipe.augment.crop or data.side), data.top[rows]
    arrays = seen.permute(0, 2, 3, 1).cpu().numpy(), label.cpu().numpy()
    importance = None if data.importance is None else data.importance[rows]
    how: dict[str, Any] = {"C": spec.C, "max_iter": spec.max_iter, "seed": recipe.seed}
    how["weight"] = None if importance is None else importance.cpu().numpy()
    solved = SOLVERS[spec.name](*arrays, len(data.labels), **how)
    for model in (state.model, state.average.model):
        linear = next(module for module in model.modules() if isinstance(module, nn.Linear))
        with torch.no_grad():
            for own, new in zip((linear.weight, linear.bias), solved, strict=True):
                own.copy_(torch.from_numpy(new))
    scores = logits(state.average.model, seen, precision, flip=False)
    weights = None if importance is None else importance[:, None]
    loss = cross_entropy(scores, data.target[rows], weights=weights).item()
    state.step += 1
    progress.advance()
    return [{"step": state.step, "loss": loss, "train_accuracy": _accuracy(scores, label).item()}]


class BatchLoss(nn.Module):
    """The loss of a whole batch as one module, of which each process has a part of the images."""

    def __init__(self, model: nn.Module, recipe: Recipe, precision: torch.dtype, world: World = ALONE) -> None:
        super().__init__()
        self.model, self.recipe, self.precision, self.world = model, recipe, precision, world

    def forward(self, batch: dict[str, Tensor], generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return the loss, plus that of adversarial neighbours if the recipe has them, and the logits, detached."""
        recipe, total = self.recipe, len(batch["target"])
        if "clean" in batch:
            batch = batch | {"clean": self.world.gather(batch["clean"], total)}

        def of(x: Tensor) -> tuple[Tensor, Tensor]:
            with self.world.drawing(len(x), total):
                given = forward(self.model, x, self.precision)
            names = [name for name in outputs_of(recipe.loss, recipe.heads, batch) if name in given]
            outputs = {name: self.world.gather(given[name], total, DIMENSIONS.get(name, 0)) for name in names}
            return objective(outputs, batch, recipe.loss, generator, recipe.heads), outputs["logits"]

        spec = recipe.loss.adversarial
        x = batch["x"].detach().requires_grad_(spec is not None)
        loss, logits = of(x)
        if spec is not None:
            how = spec.model_dump(exclude={"multiplier"})
            (slope,) = torch.autograd.grad(loss, x, retain_graph=True)
            near = perturb(x, lambda x: of(x)[0], slope=slope, **how)
            loss = loss + spec.multiplier * of(near)[0]
        return loss, logits.detach()


def _accuracy(logits: Tensor, top: Tensor) -> Tensor:
    labelled = top >= 0
    return ((logits.argmax(1) == top) & labelled).sum() / labelled.sum().clamp(min=1)


def forward(model: nn.Module, x: Tensor, precision: torch.dtype) -> dict[str, Tensor]:
    """Run a batch (N, C, H, W) in [0, 1] through the network and return float32 outputs."""
    x = x.contiguous(memory_format=torch.channels_last)
    with torch.autocast(x.device.type, torch.bfloat16, enabled=precision == torch.bfloat16):
        outputs: dict[str, Tensor] = model(x)
    return {name: value.float() for name, value in outputs.items()}


@torch.no_grad()
def predict(
    model: nn.Module, images: Held, precision: torch.dtype, names: Sequence[str], *, flip: bool, batch: int = 512
) -> dict[str, Tensor]:
    """Return outputs of the network by name, float32 (N, ...), for uint8 images (N, C, H, W).

    With `flip` each is the mean of those of the image and of its mirror image.
    """

    def read(chunk: Tensor) -> dict[str, Tensor]:
        x = chunk.float() / 255
        seen = [forward(model, view, precision) for view in ([x, x.flip(3)] if flip else [x])]
        return {name: torch.stack([outputs[name] for outputs in seen]).mean(0) for name in names}

    model.eval()
    read_parts = [read(part) for part in parts(images, batch)]
    return {name: torch.cat([part[name] for part in read_parts]) for name in names}


def logits(model: nn.Module, images: Held, precision: torch.dtype, *, flip: bool) -> Tensor:
    """Return the logits float32 (N, K) of uint8 images (N, C, H, W); see `predict`."""
    return predict(model, images, precision, ["logits"], flip=flip)["logits"]


def chunks(rows: Tensor, size: int) -> tuple[Tensor, ...]:
    """Split a tensor into pieces of `size` rows; the last may be shorter."""
    pieces: tuple[Tensor, ...] = rows.split(size)  # type: ignore[no-untyped-call]
    return pieces


def score(
    model: nn.Module,
    val: Split,
    precision: torch.dtype,
    *,
    flip: bool,
    shift: Tensor | None = None,
    only: Collection[str] = METRICS,
    world: World = ALONE,
) -> dict[str, float]:
    """Return all METRICS or `only` some on val, as `val_<key>`, of the probabilities of the logits plus `shift` (K,).

    With all of them also those of heads for which val has targets (`head_scores`).  Each process reads its part of val,
    the first one computes the metrics.  DivergedError unless the logits are finite.
    """
    heads = {name: target for name in RANGES if only is METRICS and (target := getattr(val, name)) is not None}
    read = predict(model, part_of(val.images, world.part), precision, ["logits", *heads], flip=flip)
    outputs = {name: world.gather(part, len(val.images)) for name, part in read.items()}
    finite = diverged.finite_all("logits on val", outputs["logits"])

    def measured() -> dict[str, float]:
        probs = (finite if shift is None else finite + shift).softmax(1).double().cpu().numpy()
        target = val.target.double().cpu().numpy()
        scores = {f"val_{name}": float(METRICS[name](probs, target)) for name in only}
        return scores | head_scores(outputs, heads)

    return world.once(measured)


def choose_precision(wanted: str, device: torch.device) -> torch.dtype:
    """Return the dtype to compute in; `auto` takes bfloat16 where the hardware multiplies it faster."""
    if wanted == "auto":
        capable = torch.cuda.is_bf16_supported() if device.type == "cuda" else _cpu_bfloat16()
        wanted = "bfloat16" if capable else "float32"
    return torch.bfloat16 if wanted == "bfloat16" else torch.float32


def keep_memory() -> None:
    """Let glibc keep freed memory: each step allocates the same blocks, and mapping them again costs 8 % of it."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        for option in (-3, -1):  # M_MMAP_THRESHOLD, M_TRIM_THRESHOLD
            mallopt(option, 2**30)


def _cpu_bfloat16() -> bool:
    return any(getattr(torch.cpu, probe, bool)() for probe in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))


def resume_recipe(run: Path) -> Recipe:
    """Return the recipe that a run folder was started with."""
    if not (run / "recipe.yaml").is_file():
        hint = f"the newest run in it is {inside[-1]}" if (inside := runs_in(run)) else ""
        raise WeightsError(
            f"{run} is not a run folder", "a folder that `mien train` made, with recipe.yaml in it", hint
        )
    return recipes.load(run / "recipe.yaml")
