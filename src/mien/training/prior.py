"""The prior of the training images: what a network's logits hold of it, and what any wanted prior adds to them.

The logits of a network trained with `loss.logit_adjustment` lack that many times the logarithm of the training prior
(Menon et al., *Long-tail learning via logit adjustment*, ICLR 2021).  Those of any other network hold it once.
"""

from torch import Tensor

from mien.errors import RecipeError
from mien.training.batches import Split
from mien.training.checkpoint import Best
from mien.training.losses import log_fractions
from mien.training.recipe import Recipe

WANTED = {"natural": 1.0, "uniform": 0.0}
"""How many times the logarithm of the training prior the logits hold under each; under any other, as they come."""


def shift(recipe: Recipe, train: Split, prior: str) -> Tensor | None:
    """Return float32 (K,), what brings the network's logits to a prior; None where they are there as they come.

    `prior` is "natural", "uniform" or "none", which leaves them as they come.
    """
    absent = recipe.loss.logit_adjustment
    weight = WANTED.get(prior, 1 - absent) - (1 - absent)
    return weight * log_fractions(train.shares) if weight else None


def as_scored(recipe: Recipe, held: Best | None) -> Recipe:
    """Return the recipe with the prior under which a run's epochs were scored so far.

    Runs from before there was `select_prior` scored logits as they came.
    """
    if held is None or (held.select_prior is None and not recipe.loss.logit_adjustment):
        return recipe
    return recipe.model_copy(update={"select_prior": held.select_prior or "none"})


def check(recipe: Recipe, train: Split) -> None:
    """Refuse to select under the uniform prior where a label has no training image; RecipeError."""
    missing = [label for label, share in zip(train.labels, train.shares.tolist(), strict=True) if not share]
    if recipe.select_prior == "uniform" and missing:
        raise RecipeError(
            f"select_prior: uniform, but no training image shows {missing[0]}",
            "some of every label",
            "select_prior=natural",
        )
