"""Train the class-conditional generator on a data set's training split and draw images from it.

    mien generate fer2013 --root path/to/data --out generator

The folder then holds last.pt, log.csv, generated.npz (for `data.train.generated` of a recipe), contact.png and
about.json.  Randomness derives from (seed, block of steps) and each block ends with a checkpoint.  So the same command
in the same folder resumes a killed run and ends with the same weights.

The loss is the squared error of the eigenfaces' weights, each times its eigenface's deviation, so that details count
for more than in pixels, plus a little of the codes' divergence from a normal distribution.  Afterwards a normal
distribution is fitted to each class's codes, its covariance shrunk towards that of all, and new codes are drawn from
it.  Rare classes are sampled more often, by the inverse square root of their number.  Val and test are never opened.
"""

import json
import math
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mien.data import load
from mien.data.generated import save_generated
from mien.data.overview import contact_sheet
from mien.data.samples import Samples
from mien.errors import DataError, DivergedError, OutputError, UsageError, WeightsError
from mien.models.generator import CODE, SIDE, Generator
from mien.outputs.result_folder import result_folder
from mien.reading.guard import parsing
from mien.training import checkpoint
from mien.training.batches import lay
from mien.training.optim import restore
from mien.training.progress import Progress
from mien.training.run import check_device
from mien.training.runlog import make, write_log
from mien.training.train import choose_precision

BLOCK = 250
"""Steps between checkpoints."""

OWN = 0.7
"""Weight of a class's own covariance; the rest is that of all classes."""

WARMUP = 100
"""Steps in which the rate rises."""

CALM = 0.7
"""Deviation of the noise that new images are drawn from; below one they are plainer and have fewer artefacts."""


@dataclass(frozen=True)
class Settings:
    """How a generator is trained.

    rate: the highest learning rate, falling to zero as a cosine; divergence: its weight in the loss.
    """

    steps: int = 3000
    seed: int = 0
    batch: int = 256
    rate: float = 1.5e-3
    divergence: float = 8e-4


@dataclass(frozen=True, eq=False)
class Faces:
    """The training split on the device.

    images uint8 (N, 1, 48, 48), target float32 (N, K), often float32 (N,): how often each is shown.
    """

    images: Tensor
    target: Tensor
    often: Tensor


KEPT = ("generated.npz", "contact.png", "about.json")
"""What `generate` writes at the end, beside its log and checkpoint."""


def generate(
    name: str,
    root: Path | None,
    out: Path,
    options: Mapping[str, Any],
    settings: Settings,
    *,
    per_class: int = 500,
    device: str = "auto",
    force: bool = False,
) -> dict[str, Any]:
    """Train or resume in `out`, draw `per_class` images of every class and return the content of about.json."""
    if settings.steps < 1 or per_class < 1:
        raise UsageError(f"`steps` {settings.steps}, `per_class` {per_class}", "1 or more of each")
    if settings.seed < 0:
        raise UsageError(f"`seed` {settings.seed}", "0 or more")
    check_device(device)
    samples = load(name, root, "train", **options)
    if samples.images.shape[1:] != (SIDE, SIDE, 1):
        raise DataError(f"{name}: images of {samples.images.shape[1:]}", f"{SIDE}x{SIDE} grey faces, such as fer2013")
    request = {
        "data": name,
        "options": dict(options),
        **asdict(settings),
        "per_class": per_class,
        "device": device,
        "force": force,
    }
    with result_folder("generate", out, KEPT, [root], request) as writing:
        make(out)
        _refuse_log(out, force)
        place = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device)
        faces = _faces(samples, place)
        model, seconds = train(faces, samples.fingerprint, out, settings)
        images, target = draw(model, faces, per_class, settings.seed)
        facts = {
            "data": name,
            "split": "train",
            "options": dict(options),
            "fingerprint": samples.fingerprint,
            "settings": asdict(settings),
            "seconds": round(seconds, 1),
            "device": place.type,
            "per_class": per_class,
            "labels": list(samples.labels),
        }
        ids = np.arange(len(images)).astype(np.str_)
        with writing() as outputs:
            with outputs.staged("generated.npz") as path:
                save_generated(path, images, target, samples.labels, facts)
            with outputs.staged("contact.png") as path:
                contact_sheet({"generated": Samples(images, target, samples.labels, ids)}).save(path, "PNG")
            outputs.write("about.json", f"{json.dumps(facts, indent=2)}\n".encode())
            for name in ("last.pt", "log.csv"):
                outputs.done(name)
        files = {"generated": str(out / "generated.npz"), "contact_sheet": str(out / "contact.png")}
        return {**facts, "pictures": len(images), "files": files}


def _refuse_log(out: Path, force: bool) -> None:
    """Refuse a log without a checkpoint, which somebody else wrote; OutputError."""
    if not force and os.path.lexists(out / "log.csv") and not (out / "last.pt").is_file():
        got = f"{out / 'log.csv'} was not written by mien"
        raise OutputError(got, do="choose another folder with `out`, or overwrite it with `force`")


def to_text(facts: Mapping[str, Any]) -> str:
    """Return a summary of what `generate` did."""
    lines = [f"{facts['pictures']:,} images, {facts['per_class']} of each of {', '.join(facts['labels'])}"]
    lines += [f"trained on {facts['data']} train for {facts['settings']['steps']} steps, {facts['seconds']:.0f} s"]
    return "\n".join(lines + [f"wrote {path}" for path in facts["files"].values()])


def train(faces: Faces, fingerprint: str, out: Path, settings: Settings) -> tuple[Generator, float]:
    """Train a generator, from the start or from `out/last.pt`; returns it and the seconds it has taken."""
    device = faces.images.device
    identity = {**asdict(settings), "fingerprint": fingerprint}
    torch.manual_seed(settings.seed)
    model = Generator(faces.target.shape[1]).to(device)
    model.look(faces.images)
    weights = torch.stack([_weights(model, faces.images, mirrored=mirrored) for mirrored in (False, True)])
    importance = model.deviations / model.deviations.mean()
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=1e-4)
    parts: dict[str, Any] = {"model": model, "optimizer": optimizer}
    step, seconds, history = _resume(parts, out, identity)
    precision = choose_precision("auto", device)
    with Progress("generator", settings.steps, step) as progress:
        while step < settings.steps:
            began = time.perf_counter()
            seed = int(np.random.SeedSequence((settings.seed, step)).generate_state(1, np.uint64)[0] >> np.uint64(1))
            chance = torch.Generator(device).manual_seed(seed)
            count = min(BLOCK, settings.steps - step)
            losses = torch.zeros(2, device=device)
            for _ in range(count):
                for group in optimizer.param_groups:
                    group["lr"] = _rate(step, settings)
                rows = torch.multinomial(faces.often, settings.batch, replacement=True, generator=chance)
                x = weights[torch.randint(2, rows.shape, generator=chance, device=device), rows]
                noise = torch.randn(len(x), CODE, generator=chance, device=device)
                with torch.autocast(device.type, torch.bfloat16, enabled=precision == torch.bfloat16):
                    made, mean, spread = model(x, faces.target[rows], noise)
                each = distances(made, x, importance, mean, spread)
                optimizer.zero_grad()
                (each[0] + settings.divergence * each[1]).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                losses += each.detach()
                step += 1
                progress.advance()
            seconds += time.perf_counter() - began
            error, divergence = (losses / count).tolist()
            if not math.isfinite(error + divergence):
                got = f"diverged: loss not finite between step {step - count + 1} and {step}"
                raise DivergedError(got, do="train again in a new folder, with another `seed`")
            history.append({"step": step, "error": error, "divergence": divergence, "seconds": seconds})
            state = {"step": step, "seconds": seconds, "history": history, "identity": identity}
            states = {name: part.state_dict() for name, part in parts.items()}
            checkpoint.save({**states, **state}, out / "last.pt")
            write_log(history, out / "log.csv")
    return model, seconds


def distances(made: Tensor, weights: Tensor, importance: Tensor, mean: Tensor, spread: Tensor) -> Tensor:
    """Return two numbers: the mean squared error times importance, and the codes' divergence from normal in nats.

    made and weights are (N, M), importance (M,); mean and spread (log variance) are (N, D).

    >>> flat, codes = torch.zeros(2, 4), torch.zeros(2, 3)
    >>> distances(flat, flat + 0.5, torch.ones(4), codes, codes).tolist()
    [0.25, 0.0]
    """
    error = ((made - weights).square() * importance).mean()
    return torch.stack([error, 0.5 * (mean.square() + spread.exp() - 1 - spread).sum(1).mean()])


@torch.no_grad()
def draw(model: Generator, faces: Faces, per_class: int, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return `per_class` new images of every class in turn, uint8 (N, 48, 48, 1), and one-hot targets (N, K)."""
    device = faces.images.device
    chance = torch.Generator(device).manual_seed(seed)
    model.eval()
    codes = model.encode(_weights(model, faces.images))[0].double()
    images, classes = [], torch.eye(faces.target.shape[1], device=device)
    for label, centre, root in zip(classes, *class_normals(codes, faces.target.double()), strict=True):
        noise = CALM * torch.randn(per_class, CODE, generator=chance, device=device)
        code = centre + noise.double() @ root.T
        images.append(model.show(model.decode(code.float(), label.expand(per_class, -1))))
    pixels = (torch.cat(images) * 255).round().byte().permute(0, 2, 3, 1)
    return pixels.cpu().numpy(), classes.repeat_interleave(per_class, 0).cpu().numpy()


def class_normals(codes: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Return means (K, D) and Cholesky factors (K, D, D) of the codes (N, D) of every class, weighted by target (N, K).

    A covariance is OWN parts the class's; the rest is that of all codes around the means of their classes.  A class
    without an image gets the mean of all codes.
    """
    total = target.sum(0)
    whole = codes.mean(0)
    means = torch.where(total[:, None] > 0, target.T @ codes / total.clamp(min=1e-9)[:, None], whole)
    own = []
    for weight, mean in zip(target.T, means, strict=True):
        apart = codes - mean
        own.append((apart * weight[:, None]).T @ apart)
    pooled = torch.stack(own).sum(0) / total.sum()
    covariances = torch.stack([part / max(n, 1e-9) if n > 0 else pooled for part, n in zip(own, total, strict=True)])
    little = 1e-6 * torch.eye(codes.shape[1], dtype=codes.dtype, device=codes.device)
    return means, torch.linalg.cholesky(OWN * covariances + (1 - OWN) * pooled + little)


def _faces(samples: Samples, device: torch.device) -> Faces:
    images = lay(np.array(np.asarray(samples.images)[..., 0])[:, None], device)
    target = lay(np.nan_to_num(samples.target), device)
    often = (target / target.sum(0).clamp(min=1).sqrt()).sum(1)
    return Faces(images, target, often)


@torch.no_grad()
def _weights(model: Generator, images: Tensor, *, mirrored: bool = False) -> Tensor:
    parts = images.split(4096)  # type: ignore[no-untyped-call]
    return torch.cat([model.weigh((part.flip(3) if mirrored else part).float() / 255) for part in parts])


def _rate(step: int, settings: Settings) -> float:
    return settings.rate * min(1.0, (step + 1) / WARMUP) * (1 + math.cos(math.pi * step / settings.steps)) / 2


def _resume(
    parts: Mapping[str, Any], out: Path, identity: Mapping[str, Any]
) -> tuple[int, float, list[checkpoint.Row]]:
    if not (out / "last.pt").is_file():
        return 0, 0.0, []
    last = checkpoint.load(out / "last.pt", checkpoint.Drawing)
    if last.identity != identity:
        raise UsageError(f"{out} holds a generator of other data or settings", "a new folder, or the same command")
    with parsing(out / "last.pt", kind=WeightsError, says="is not of this generator"):
        parts["model"].load_state_dict(last.model)
        restore(parts["optimizer"], last.optimizer)
    return last.step, last.seconds, last.history
