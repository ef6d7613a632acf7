"""The graph that an ONNX file computes: uint8 crops in; probabilities, the other heads and an embedding out.

Scaling, the average over mirror images and zooms, the prior, the temperature and the softmax are part of it.
"""

import logging
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mien.models.mirror import plain
from mien.prior import NATURAL
from mien.training import prior
from mien.training.batches import Split
from mien.training.recipe import Recipe, TestTimeAugmentation


class Graph(nn.Module):
    """What the ONNX file computes: uint8 crops (N, size, size, C) to probabilities float32 (N, K)."""

    def __init__(
        self,
        model: nn.Module,
        views: TestTimeAugmentation,
        fill: str = "black",
        log_prior: Tensor | None = None,
        heads: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self.model = model
        self.views = views
        self.fill = fill
        self.log_prior = log_prior  # of a network trained with logit adjustment, which its logits lack
        self.heads = tuple(heads)
        self.temperature: float | Tensor = 1.0

    def outputs(self, crops: Tensor) -> dict[str, Tensor]:
        """Return `logits` (N, K), the other heads and, where there, `embedding` (N, D), float32, means over the views.

        The views go through the network as one batch.
        """
        x = crops.permute(0, 3, 1, 2).float() / 255
        seen = [zoom(x, factor, self.fill) for factor in self.views.zooms]
        seen += [view.flip(3) for view in seen] if self.views.flip else []
        outputs: dict[str, Tensor] = self.model(torch.cat(seen))
        kept = {name: outputs[name] for name in ("logits", *self.heads, "embedding") if name in outputs}
        means: dict[str, Tensor] = {
            name: one.reshape(len(seen), -1, one.shape[1]).mean(0) for name, one in kept.items()
        }
        if self.log_prior is not None:
            means["logits"] = means["logits"] + self.log_prior
        return means

    def logits(self, crops: Tensor) -> Tensor:
        """Return the logits float32 (N, K), the mean over the views."""
        return self.outputs(crops)["logits"]

    def forward(self, crops: Tensor) -> Tensor:
        return (self.logits(crops) / self.temperature).softmax(1)

    def named(self, outputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the outputs of the file by name from those of `outputs`."""
        return Outputs(self).named(outputs)

    def write(self, size: int, channels: int, path: Path) -> None:
        """Write the graph as ONNX."""
        program(self, size, channels).save(path)


FINAL: dict[str, Callable[[Tensor], Tensor]] = {
    "valence_arousal": lambda mean: mean.clamp(-1, 1),
    "action_units": torch.sigmoid,
    "embedding": F.normalize,
}
"""What becomes of the mean over the views, by output; in the order in which the file has them, after `probs`."""


class Outputs(nn.Module):
    """What the file outputs: probabilities (N, K), valence and arousal (N, 2), units (N, A), an embedding (N, D)."""

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.network = graph

    def named(self, outputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the outputs of the file by name from those of the graph."""
        probs = (outputs["logits"] / self.network.temperature).softmax(1)
        return {"probs": probs, **{name: final(outputs[name]) for name, final in FINAL.items() if name in outputs}}

    def forward(self, crops: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.named(self.network.outputs(crops)).values())


def zoom(x: Tensor, factor: float, fill: str = "black") -> Tensor:
    """Return x (N, C, S, S) zoomed out by `factor`, padded with `fill` as in training, at its own size."""
    size = x.shape[-1]
    margin = round(size * (factor - 1) / 2)
    if margin == 0:
        return x
    padded = F.pad(x, [margin] * 4, mode="replicate" if fill == "edge" and margin > 0 else "constant")
    return F.interpolate(padded, size=(size, size), mode="bilinear", align_corners=False)


def exported(recipe: Recipe, network: nn.Module, train: Split) -> Graph:
    """Return a recipe's network as the graph that is exported, in evaluation mode, on the CPU."""
    lacking = prior.shift(recipe, train, NATURAL)
    log_prior = None if lacking is None else lacking.cpu()
    return Graph(plain(network), recipe.views, recipe.augment.fill, log_prior, recipe.heads.more).eval()


def program(graph: Graph, size: int, channels: int, *, optimize: bool = True) -> torch.onnx.ONNXProgram:
    """Return the graph as ONNX, for crops of this shape; without `optimize` its weights keep their names and values."""
    example = torch.zeros((2, size, size, channels), dtype=torch.uint8)
    written = Outputs(graph).eval()
    with torch.no_grad():
        names = list(written.named(graph.outputs(example)))
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it warns of the torchvision that is not needed
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        made = torch.onnx.export(
            written,
            (example,),
            input_names=["crops"],
            output_names=names,
            dynamic_shapes=({0: torch.export.Dim("faces", min=1)},),
            dynamo=True,
            verbose=False,
            optimize=optimize,
        )
    assert made is not None
    for node in made.model.graph:  # source lines and module paths of the machine that exported
        node.metadata_props.clear()
        node.doc_string = None
    return made
