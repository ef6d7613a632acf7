"""Gradient attacks on a run's network, for `mien stress`: what an attacker who has the weights could do.

The network is attacked as it is used: mirror images, zooms and temperature included.  The attacked images have whole
grey levels, so that the exported file can read them.  FGSM is one step (Goodfellow, Shlens and Szegedy,
ICLR 2015); PGD-10 takes ten from a random start (Madry et al., ICLR 2018).
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from mien.evaluation.stress.attack import Attack, Crops
from mien.labels import columns
from mien.training import checkpoint
from mien.training.adversarial import perturb
from mien.training.graph import Graph
from mien.training.network import restored
from mien.training.train import resume_recipe

EPSILONS = (2, 4)
"""Largest change of a pixel, in grey levels out of 255; invisible to people."""
STEPS, REACH = 10, 2.5
"""Steps of PGD, and the length of all of them together, in epsilons."""
BATCH = 64
IMPOSSIBLE = -1e4
"""The logit of a label that the network cannot predict."""


def attacks(run: Path, labels: Sequence[str], seed: int = 0) -> list[Attack]:
    """Return FGSM and PGD-10 in the l-inf ball of every EPSILONS, against the best network of a run folder.

    `labels` are those that the attacks' label indices refer to.  Raises WeightsError unless the folder is a run.
    """
    graph, known = load(run)
    order = columns(tuple(labels), known)
    return [
        Attack(name, epsilon, partial(climb, graph, order, len(labels), epsilon=epsilon, steps=steps, seed=seed))
        for name, steps in (("fgsm", 1), ("pgd-10", STEPS))
        for epsilon in EPSILONS
    ]


def load(run: Path) -> tuple[Graph, tuple[str, ...]]:
    """Return a run's best network as the graph that is exported, in evaluation mode, and its labels."""
    recipe = resume_recipe(run)
    best = checkpoint.load(run / "best.pt", checkpoint.Best)
    graph = Graph(restored(recipe, best).requires_grad_(False), recipe.views, recipe.augment.fill)
    return graph.eval(), tuple(best.labels)


def climb(
    graph: Graph,
    order: Sequence[int],
    count: int,
    crops: Crops,
    label: NDArray[np.int64],
    epsilon: int,
    steps: int,
    seed: int,
) -> Crops:
    """Return crops uint8 (N, S, S, C) moved by at most `epsilon` grey levels up the loss, by FGSM when `steps` is 1.

    The network's k-th logit is of label `order[k]` of `count`; labels that it lacks get IMPOSSIBLE.
    """
    generator = torch.Generator().manual_seed(seed)
    radius = epsilon / 255
    attacked = []
    for first in range(0, len(crops), BATCH):
        x = torch.from_numpy(np.array(crops[first : first + BATCH])).permute(0, 3, 1, 2).float() / 255
        wanted = torch.from_numpy(label[first : first + BATCH])

        def loss(x: Tensor, wanted: Tensor = wanted) -> Tensor:
            logits = graph.logits(x.permute(0, 2, 3, 1) * 255)
            wide = logits.new_full((len(logits), count), IMPOSSIBLE).index_copy(1, torch.tensor(order), logits)
            return F.cross_entropy(wide, wanted)

        noise = (2 * torch.rand(x.shape, generator=generator) - 1) * radius * (steps > 1)
        step = radius if steps == 1 else REACH * radius / steps
        start = (x + noise).clamp(0, 1)
        moved = perturb(x, loss, norm="linf", step=step, steps=steps, radius=radius, start=start, clamp=True)
        attacked.append((moved.permute(0, 2, 3, 1) * 255).round().to(torch.uint8).numpy())
    return np.concatenate(attacked)
