"""Symmetric mienets: every stage commutes with mirroring, and what is exported is an ordinary network that does too."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs mien[train]")

from torch import Tensor, nn  # noqa: E402

from mien.data import DATASETS  # noqa: E402
from mien.inference.onnx import onnxruntime  # noqa: E402
from mien.models.mienet import Mienet, mienet  # noqa: E402
from mien.models.mirror import MirrorConv2d, MirrorNorm2d, plain  # noqa: E402
from mien.training.graph import Graph  # noqa: E402
from mien.training.int8 import quantise  # noqa: E402
from mien.training.recipe import TestTimeAugmentation  # noqa: E402

NANO = {"width": 0.75, "depths": (1, 1, 1, 1), "stem_stride": 2, "symmetric": True}
SHAPES = [({**NANO, "width": 0.5}, 1, 48), ({"width": 0.25, "symmetric": True, "aux_classes": 3}, 3, 32)]


def trained(options: dict[str, object], channels: int, size: int) -> Mienet:
    """A network whose normalisations have statistics, scales and offsets that differ from channel to channel."""
    torch.manual_seed(0)
    model = mienet(7, channels, **options).train()
    for norm in model.modules():
        if isinstance(norm, nn.BatchNorm2d):
            nn.init.uniform_(norm.weight, 0.5, 1.5)
            nn.init.uniform_(norm.bias, -0.5, 0.5)
    for _ in range(10):
        model(torch.rand(8, channels, size, size))
    return model.eval()


def exchanged(x: Tensor) -> Tensor:
    """A feature map as it is of the mirror image: mirrored, its halves exchanged."""
    return x.flip(3).roll(x.shape[1] // 2, 1)


@pytest.mark.parametrize(("options", "channels", "size"), SHAPES)
@pytest.mark.parametrize("training", [False, True])
def test_every_stage_commutes_with_mirroring(
    options: dict[str, object], channels: int, size: int, training: bool
) -> None:
    model = trained({**options, "dropout": 0.0}, channels, size).train(training)
    x = torch.rand(8, channels, size, size)
    seen: list[Tensor] = []
    for stage in (model.stem, *model.blocks):
        stage.register_forward_hook(lambda module, inputs, output: seen.append(output))
    with torch.no_grad():
        outputs, of_mirror = model(x), model(x.flip(3))
    half = len(seen) // 2
    assert half == 1 + len(model.blocks)
    for one, other in zip(seen[:half], seen[half:], strict=True):
        torch.testing.assert_close(other, exchanged(one), atol=1e-5, rtol=1e-5)
        assert (other - one).abs().max() > 1e-2, "a map that is its own mirror image would prove nothing"
    assert outputs["logits"].std(0).min() > 1e-4, "the same logits for all would prove nothing"
    for name, value in outputs.items():
        torch.testing.assert_close(of_mirror[name], value, atol=1e-5, rtol=1e-5)


def test_an_ordinary_one_does_not() -> None:
    model, x = trained({**NANO, "symmetric": False}, 1, 48), torch.rand(8, 1, 48, 48)
    with torch.no_grad():
        assert (model(x)["logits"] - model(x.flip(3))["logits"]).abs().max() > 1e-2


@pytest.mark.parametrize(("options", "channels", "size"), SHAPES)
def test_plain_computes_the_same_with_ordinary_layers(options: dict[str, object], channels: int, size: int) -> None:
    model, x = trained(options, channels, size), torch.rand(8, channels, size, size)
    written = plain(model)
    assert not [one for one in written.modules() if isinstance(one, MirrorConv2d | MirrorNorm2d)]
    assert [one for one in model.modules() if isinstance(one, MirrorConv2d)], "the network itself stays as it is"
    with torch.no_grad():
        for name, value in model(x).items():
            torch.testing.assert_close(written(x)[name], value, atol=1e-5, rtol=1e-5)


def test_norms_take_both_halves_for_one_channel() -> None:
    norm, x = MirrorNorm2d(4).train(), torch.randn(8, 4, 6, 6) * torch.tensor([1.0, 2, 3, 4])[:, None, None]
    seen = norm(x).unflatten(1, (2, 2)).transpose(1, 2).flatten(2)  # (N, pair, half and pixels)
    torch.testing.assert_close(seen.mean((0, 2)), torch.zeros(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(seen.var((0, 2), correction=0), torch.ones(2), atol=1e-3, rtol=0)


def test_half_of_the_weights() -> None:
    symmetric, ordinary = (sum(p.numel() for p in mienet(8, **{**NANO, "symmetric": on}).parameters()) for on in (1, 0))
    assert 0.5 < symmetric / ordinary < 0.56, "four columns instead of three where a stage halves the width"


@pytest.mark.parametrize("size", [40, 47, 50])
def test_a_width_that_cannot_be_halved_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="halved symmetrically"):
        mienet(7, **NANO)(torch.rand(2, 1, size, size))


def test_squeeze_is_refused() -> None:
    with pytest.raises(ValueError, match="symmetric with squeeze"):
        mienet(7, symmetric=True, squeeze=True)


@torch.no_grad()
def spread(model: Mienet, images: Tensor) -> None:
    """Give the logits the mean zero and the deviation one, as random weights would give all images one label."""
    logits = model(images.permute(0, 3, 1, 2) / 255)["logits"]
    last = model.head[1]
    last.weight.div_(logits.std(0)[:, None])
    last.bias.sub_(logits.mean(0)).div_(logits.std(0))


@pytest.mark.slow
def test_mirror_images_in_the_files(tmp_path: Path, mien_data: Path) -> None:
    """Float and int8, on real faces; the calibration sees these images, not their mirror images."""
    images = np.array(DATASETS["fer2013"](mien_data, "val").images[:1024]).reshape(-1, 48, 48, 1)
    model = trained(NANO, 1, 48).train()
    for _ in range(10):
        model(torch.from_numpy(images[:256]).permute(0, 3, 1, 2) / 255)
    spread(model.eval(), torch.from_numpy(images[:256]))
    whole, small = tmp_path / "whole.onnx", tmp_path / "small.onnx"
    Graph(plain(model), TestTimeAugmentation(flip=False)).eval().write(48, 1, whole)
    assert quantise(whole, small, torch.from_numpy(images[:512]).permute(0, 3, 1, 2))
    for path, apart in ((whole, 1e-5), (small, 1e-3)):
        run = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run
        one, other = (run(["probs"], {"crops": each})[0] for each in (images, images[:, :, ::-1].copy()))
        assert len(set(one.argmax(1))) > 2, "the same label for all would prove nothing"
        assert np.mean(one.argmax(1) != other.argmax(1)) <= 0.01
        assert np.median(np.abs(one - other).max(1)) < apart
        assert np.median(one.max(1) - one.min(1)) > 0.1
