"""The objective: one number per batch, the losses of all outputs in the weights of the recipe."""

from collections.abc import Mapping

import torch
from torch import Tensor

from mien.training.links import LINKS
from mien.training.losses import affect, attention, cross_entropy, log_fractions, representation, units
from mien.training.recipe import Heads, Loss

DIMENSIONS = {"side": 1}
"""Which dimension of an output counts the images, where that is not the first."""


def outputs_of(loss: Loss, heads: Heads, batch: Mapping[str, Tensor]) -> list[str]:
    """Return the outputs of a network, those it has, that the objective reads."""
    wanted = {
        "logits": True,
        "side": True,
        **dict.fromkeys(heads.more, True),
        "aux": "aux" in batch,
        "attended": loss.attention > 0,
        "embedding": loss.representation is not None,
    }
    return [name for name, there in wanted.items() if there]


def objective(
    outputs: Mapping[str, Tensor],
    batch: Mapping[str, Tensor],
    loss: Loss,
    generator: torch.Generator | None = None,
    heads: Heads | None = None,
) -> Tensor:
    """Return the scalar to minimise for a model's outputs on a batch; `generator` is for the representation loss.

    The batch has `target` and, depending on the recipe, `weights` and `shares` (frequencies) of the classes, `aux` (the
    second label set), `importance` (N,) of the images, `clean` (what the attended image should be), `valence_arousal`
    and `action_units`.  Side heads, `side` (H, N, K), get the same target as the logits.
    """
    heads = heads or Heads()
    target, weights = batch["target"], batch.get("weights")
    expression = LINKS[heads.link].loss

    def classify(logits: Tensor) -> Tensor:
        if loss.logit_adjustment:
            logits = logits + loss.logit_adjustment * log_fractions(batch["shares"])
        return expression(logits, target, label_smoothing=loss.label_smoothing, weights=weights)

    total = heads.expression * classify(outputs["logits"])
    for side in outputs.get("side", ()):
        total = total + heads.expression * loss.side * classify(side)
    if heads.valence_arousal:
        total = total + heads.valence_arousal * affect(
            outputs["valence_arousal"], batch["valence_arousal"], batch.get("importance")
        )
    if heads.action_units:
        total = total + heads.action_units * units(
            outputs["action_units"], batch["action_units"], batch.get("importance")
        )
    if "aux" in batch:
        total = total + loss.auxiliary * cross_entropy(outputs["aux"], batch["aux"])
    if loss.attention:
        total = total + loss.attention * attention(outputs["attended"], batch["clean"])
    if (spec := loss.representation) is not None:
        assert generator is not None
        z = outputs["embedding"]
        total = total + spec.weight * representation(z, target, generator, beta=spec.beta, sigma=spec.sigma)
    return total
