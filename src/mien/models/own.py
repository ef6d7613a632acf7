"""A network of your own, named as package.module:function: imported, its channels adapted, its logits found.

`def build(num_classes, in_channels=1, **options) -> nn.Module` is what the function looks like; `size` is passed to one
that takes it.  Without `in_channels` it is a network for RGB: grey images are repeated in three channels, inside the
graph that is exported, so that the weights read the same grey crops as in training.  Its
forward returns a dict with `logits` (N, num_classes), as those of mien do, or the logits alone.

Importing runs the module's code.  Nothing but training imports it: exported weights do not need it.
"""

import inspect
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import torch
from torch import Tensor, nn

from mien.errors import RecipeError
from mien.reading.guard import short_reason

BUILDS = "a function (num_classes, in_channels=1, ...) that returns a torch.nn.Module"


class Own(nn.Module):
    """A network that may take RGB only and may return its logits alone, with the interface of mien's."""

    def __init__(self, network: nn.Module, repeat: bool) -> None:
        super().__init__()
        self.network = network
        self.repeat = repeat

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        outputs = self.network(x.repeat(1, 3, 1, 1) if self.repeat else x)
        return {"logits": outputs} if isinstance(outputs, Tensor) else outputs


def is_own(name: str) -> bool:
    """Return whether a model's name is that of a function to import."""
    return ":" in name


def imported(name: str) -> Callable[..., nn.Module]:
    """Return the builder behind package.module:function; RecipeError in one line where there is none.

    Modules are looked for where Python looks, then in the working directory.
    """
    module, _, function = name.partition(":")
    if not module or not function:
        raise RecipeError(f"model.name: {name!r}", "package.module:function")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    try:
        found = getattr(import_module(module), function, None)
    except (Exception, SystemExit) as error:  # the module runs its own code
        raise RecipeError(f"model.name: {name}: {_why(error, module)}", BUILDS) from None
    if found is None:
        got = f"model.name: {name}: {module} has no {function!r}"
        raise RecipeError(got, BUILDS, f"it has {', '.join(_functions(module)) or 'no functions'}")
    try:
        takes = inspect.signature(found)
        takes.bind(2, **({"in_channels": 1} if "in_channels" in takes.parameters else {}))
    except (TypeError, ValueError) as error:
        raise RecipeError(f"model.name: {name} cannot be called with num_classes ({error})", BUILDS) from None
    return builder(name, found)


def builder(name: str, function: Callable[..., object]) -> Callable[..., nn.Module]:
    """Return a function of your own with the signature of mien's builders."""
    takes = inspect.signature(function).parameters
    options = any(parameter.kind is parameter.VAR_KEYWORD for parameter in takes.values())

    def build(num_classes: int, in_channels: int = 1, **given: object) -> nn.Module:
        colours = {"in_channels": in_channels} if "in_channels" in takes or options else {}
        try:
            network = function(num_classes, **colours, **given)
        except SystemExit as error:
            raise RecipeError(f"model.name: {name} exits ({short_reason(error)})", BUILDS) from None
        if not isinstance(network, nn.Module):
            raise RecipeError(f"model.name: {name} returns {type(network).__name__}", BUILDS)
        return Own(network, repeat=not colours and in_channels == 1)

    rest = [parameter for key, parameter in takes.items() if key == "size"]
    own = inspect.signature(build)
    build.__signature__ = own.replace(  # type: ignore[attr-defined]
        parameters=[*list(own.parameters.values())[:2], *(one.replace(kind=one.KEYWORD_ONLY) for one in rest)]
    )
    return build


def refuse_outputs(name: str, outputs: object, classes: int) -> None:
    """Refuse outputs for two images without `logits` (2, classes) of numbers; RecipeError."""
    wanted = f"logits of shape (N, {classes}), alone or in a dict as 'logits'"
    if not isinstance(outputs, dict) or not all(isinstance(one, Tensor) for one in outputs.values()):
        raise RecipeError(f"model.name: {name} gives {type(outputs).__name__}", wanted)
    if "logits" not in outputs:
        raise RecipeError(f"model.name: {name} gives {', '.join(map(repr, outputs)) or 'nothing'}", wanted)
    shape = tuple(outputs["logits"].shape)
    if shape != (2, classes) or not torch.is_floating_point(outputs["logits"]):
        got = f"model.name: {name} gives logits {outputs['logits'].dtype} of shape {shape} for 2 images"
        raise RecipeError(got, wanted, "give its last layer num_classes outputs")


def _why(error: BaseException, module: str) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name and f"{module}.".startswith(f"{error.name}."):
        return f"there is no module {error.name!r} in Python's path or in {Path.cwd()}"
    return f"importing {module} fails ({type(error).__name__}: {short_reason(error)})"


def _functions(module: str) -> list[str]:
    content = vars(sys.modules[module])
    return [name for name, one in content.items() if getattr(one, "__module__", "") == module and callable(one)][:5]
