"""Build the recipe's network for its data, or say in one line why it cannot be built.

Options, image size and the outputs that the losses need are tried on two black images before training starts.
"""

import inspect
from collections.abc import Collection, Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from mien.data.sampling import listed
from mien.errors import RecipeError, WeightsError
from mien.labels import EXPRESSIONS
from mien.models import MODELS
from mien.models.own import imported, is_own, refuse_outputs
from mien.reading.guard import parsing
from mien.training import initial
from mien.training.augment import center_crop
from mien.training.batches import Split
from mien.training.checkpoint import Weights
from mien.training.diverged import DO, finite_weights
from mien.training.heads import add_heads
from mien.training.links import LINKS
from mien.training.optim import OPTIMIZERS, SCHEDULES, SOLVERS
from mien.training.recipe import Heads, Recipe
from mien.training.targets import selectable

MAX_PARAMETERS = 1_000_000_000
"""Parameters of a network; more can only be a typing error in the recipe."""


MAX_OPTION = 100_000
"""Largest number in a network's options; with more, building it would never end."""


class CenterCrop(nn.Module):
    """A network trained on random windows; of a larger image it sees the centre."""

    def __init__(self, network: nn.Module, side: int) -> None:
        super().__init__()
        self.network = network
        self.side = side

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        outputs: dict[str, Tensor] = self.network(center_crop(x, self.side))
        return outputs


def check(recipe: Recipe, *, fresh: bool = True) -> None:
    """Refuse unknown names and options before any data is read; only a `fresh` run needs the weights to start from."""
    from mien.inference.align import FRAMINGS  # OpenCV is not needed to train
    from mien.inference.classify import locate

    names: tuple[tuple[str, str, Collection[str]], ...] = (
        ("model.name", recipe.model.name, [recipe.model.name] if is_own(recipe.model.name) else MODELS),
        ("select", recipe.select, selectable(recipe.heads)),
        ("data.framing", recipe.data.framing, FRAMINGS),
        ("heads.link", recipe.heads.link, LINKS),
        ("optim.name", recipe.optim.name, [*OPTIMIZERS, *SOLVERS]),
        ("optim.schedule.name", recipe.optim.schedule.name, SCHEDULES),
    )
    for key, value, registry in names:
        if value not in registry:
            raise RecipeError(f"{key}: {value!r}", f"one of {', '.join(registry)}")
    if recipe.optim.name in SOLVERS and recipe.model.name != "svm":
        raise RecipeError(
            f"optim.name: {recipe.optim.name} cannot fit {recipe.model.name}",
            "model.name=svm, the one linear network",
            f"take one of {', '.join(OPTIMIZERS)} for {recipe.model.name}",
        )
    if recipe.optim.name in SOLVERS and recipe.data.imbalance == "weighted":
        raise RecipeError(f"data.imbalance: weighted, with optim.name={recipe.optim.name}", "none, down or up")
    if recipe.optim.name in SOLVERS and recipe.heads != Heads():
        raise RecipeError(f"heads, with optim.name={recipe.optim.name}", f"one of {', '.join(OPTIMIZERS)}")
    if is_own(recipe.model.name):  # it may take the channels of its data alone
        imported(recipe.model.name)
    else:
        make(recipe, EXPRESSIONS[:2], 1, recipe.data.size)
    if recipe.data.keep:
        listed(recipe.data.keep)
    if recipe.init and fresh:
        initial.find(recipe.init)
    for teacher in recipe.distill.weights if recipe.distill else ():
        locate(teacher)


def make(
    recipe: Recipe, labels: Sequence[str], channels: int, size: int | None, aux_classes: int = 0, units: int = 0
) -> nn.Module:
    """Return the recipe's network on the CPU, for images of `size` (None: the family's default, without heads).

    RecipeError when the options or the size do not fit the family.
    """
    name, own = recipe.model.name, is_own(recipe.model.name)
    family = imported(name) if own else MODELS[name]
    classes = LINKS[recipe.heads.link].width(labels)
    takes, options = inspect.signature(family).parameters, dict(recipe.model.options)
    seen = recipe.augment.crop or size
    if seen and "size" in takes:
        options["size"] = seen
    if aux_classes:
        if "aux_classes" not in takes:
            raise RecipeError(f"data.auxiliary: {name} has no second head", do="set data.auxiliary=null")
        options["aux_classes"] = aux_classes
    given = f"model.options: {str(recipe.model.options)[:100]}"
    if not own and largest(recipe.model.options) > MAX_OPTION:
        raise RecipeError(f"{given}: {largest(recipe.model.options):.3g}", f"numbers up to {MAX_OPTION:,}")
    do = f"see {name.partition(':')[0]}" if own else f"`mien list models` describes {name}"
    with parsing(given, kind=RecipeError, do=do, says=f"do not make a {name}"):
        if not own and (size_of := _parameters(family, classes, channels, options)) > MAX_PARAMETERS:
            raise ValueError(f"{size_of:,} parameters, of at most {MAX_PARAMETERS:,}")
        network = family(classes, channels, **options)
        if seen:
            network = add_heads(network, recipe.heads, labels, units, torch.zeros(1, channels, seen, seen))
    return CenterCrop(network, recipe.augment.crop) if recipe.augment.crop else network


def build(recipe: Recipe, data: Split, device: torch.device) -> nn.Module:
    """Return the recipe's network for this data, tried out, channels-last on the device; RecipeError unless it fits."""
    height, width = data.images.shape[2:]
    if height != width:
        raise RecipeError(f"images of {width} x {height} pixels", "squares", "set data.size=SIDE")
    if recipe.augment.crop and recipe.augment.crop > width:
        do = "set a smaller augment.crop or a larger data.size"
        raise RecipeError(f"augment.crop: {recipe.augment.crop}", f"at most {width}, the side of the images", do)
    model = make(recipe, data.labels, data.images.shape[1], width, len(data.aux_labels), len(data.unit_names))
    _try_out(recipe, model, data.labels, data.images.shape[1], width)
    return model.to(device).to(memory_format=torch.channels_last)  # type: ignore[no-any-return,call-overload]


def restored(recipe: Recipe, best: Weights, trained: nn.Module | None = None) -> nn.Module:
    """Return the network of a checkpoint `best.pt`, with the averaged weights, on the CPU and in evaluation mode.

    A network of your own is built where it is trained only, and then given as `trained`.  WeightsError for one that is
    not, and for weights of another network; DivergedError for weights that are not finite.
    """
    if not is_own(recipe.model.name):
        model = make(recipe, best.labels, best.channels, best.size, len(best.aux_labels), len(best.action_units))
    elif trained is not None:
        model = deepcopy(trained).cpu().to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    else:
        raise WeightsError(f"{recipe.model.name} is a network of your own, which only training imports")
    with parsing("best.pt", kind=WeightsError, says="does not fit its recipe"):
        model.load_state_dict(best.average)
    finite_weights(best.average, " in best.pt", DO)
    return model.eval()


def largest(value: Any) -> float:
    """Return the largest number in an option, however nested; 0 for none.

    >>> largest({"width": 2, "depths": [1, {"more": -40}]}), largest("wide")
    (40, 0)
    """
    if isinstance(value, int | float):
        return abs(value) if value == value else 0
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return max(map(largest, inner), default=0)


def _parameters(family: Any, classes: int, channels: int, options: dict[str, Any]) -> int:
    """Count the network's parameters without allocating them; 0 where that fails."""
    try:
        with torch.device("meta"):
            return sum(part.numel() for part in family(classes, channels, **options).parameters())
    except Exception:
        return 0  # building it reports what is wrong


def _try_out(recipe: Recipe, model: nn.Module, labels: Sequence[str], channels: int, side: int) -> None:
    name, loss = recipe.model.name, recipe.loss
    try:
        with torch.no_grad():
            outputs = model.eval()(torch.zeros(2, channels, side, side))
    except (
        Exception,
        SystemExit,
    ) as error:  # torch and the families raise what they like where options and images do not fit
        reason = (str(error).splitlines() or [type(error).__name__])[0][:100]
        do = "set another data.size or augment.crop, or other model.options"
        raise RecipeError(f"model.name: {name} does not fit images of {side} pixels: {reason}", do=do) from None
    refuse_outputs(name, outputs, len(labels))
    if not any(part.requires_grad for part in model.parameters()):
        raise RecipeError(f"model.name: {name} has no parameters to train", "a network with some")
    needs = (
        ("loss.attention", loss.attention > 0, "attended"),
        ("loss.representation", loss.representation is not None, "embedding"),
    )
    for key, wanted, output in needs:
        if wanted and output not in outputs:
            do = f"leave {key} out, or take model.name=feratt"
            raise RecipeError(f"{key}: {name} gives no {output!r}", "a network that does", do)
