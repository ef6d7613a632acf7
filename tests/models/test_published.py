"""Parameter counts as published or as counted by hand, shapes on the way, and the options of each family."""

from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="training needs mien[train]")

from torch import nn  # noqa: E402

from mien.models import MODELS  # noqa: E402


def count(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize(
    ("name", "arguments", "options", "parameters"),
    [
        ("cnn2", (7, 1), {}, 320 + 64 + 18_496 + 128 + (36_864 + 1) * 512 + 513 * 7),
        # conv, filters, each with a bias and two vectors of normalisation; hidden layers of 4,608, 256 and 512
        ("cnn4", (7, 1), {}, 768 + 205_184 + 591_360 + 2_360_832 + 1_180_416 + 132_608 + 3_591),
        # stage by stage; a convolution of k x k has (k k i + 3) o; then 128 hidden units and 7 classes
        ("nsl", (7, 1), {"variant": "a"}, 104_384 + 369_792 + 2_067_456 + 1_179_776 + 903),
        ("nsl", (7, 1), {"variant": "b"}, 104_384 + 221_952 + 886_272 + 3_542_016 + 4_721_664 + 65_664 + 903),
        ("nsl", (7, 1), {"variant": "c"}, 37_824 + 111_168 + 517_632 + 443_520 + 2_691_584 + 65_664 + 903),
        ("nsl", (7, 1), {"variant": "d"}, 26_592 + 92_736 + 148_224 + 369_792 + 2_691_584 + 65_664 + 903),
        ("nsl", (7, 1), {}, 9_696 + 92_736 + 148_224 + 369_792 + 5_313_024 + 65_664 + 903),
        ("nsl", (3, 1), {"variant": "final"}, 6_000_039 - 4 * 129),
        ("svm", (7, 1), {}, 2_305 * 7),
        ("vgg13", (8, 1), {"size": 64}, 8_757_704),  # "8.75 million", arXiv 1608.01041
        ("alexnet", (1000, 3), {"size": 227}, 60_965_224),  # the count of Caffe's reference model, two groups
        ("alexnet", (1000, 3), {"size": 224}, 60_965_224),
        ("alexnet", (1000, 3), {"size": 56}, 60_965_224 - 32 * 256 * 4096),  # 2x2 instead of 6x6 reach the hidden layer
        ("resnet18", (1000, 3), {}, 11_689_512),  # torchvision's counts
        ("resnet34", (1000, 3), {}, 21_797_672),
        ("resnet18", (1000, 3), {"stem": "small"}, 11_689_512 - 64 * 3 * (49 - 9)),
        # Caffe's reference model (6,998,552 without side heads) with two vectors instead of a bias for 7,280 filters;
        # a side head has 128 filters, 2,048 x 1,024 and 1,024 x 1,000 weights
        ("googlenet", (1000, 3), {}, 6_998_552 + 7_280 + 65_792 + 67_840 + 2 * (2_098_176 + 1_025_000)),
        ("preact_resnet18", (10, 3), {}, 11_171_146),  # the usual count for CIFAR-10
        ("preact_resnet18", (10, 3), {"embedding": 64}, 11_171_146 - 5_130 + 513 * 64 + 65 * 10),
        # encoder, decoder, its head, features, reconstruction, classifier
        ("feratt", (8, 1), {"map_size": 32}, 21_278_400 + 13_310_944 + 10_304 + 159_840 + 18_787 + 11_168_968),
        ("feratt", (8, 1), {}, 21_278_400 + 13_310_944 + 9_512 + 10_584 + 4_963 + 11_172_968 - 4_000),
        ("feratt", (8, 1), {"map_size": 32, "embedding": 64}, 45_947_243 - 4_104 + 513 * 64 + 65 * 8),
    ],
)
def test_parameters(name: str, arguments: tuple[int, int], options: dict[str, Any], parameters: int) -> None:
    assert count(MODELS[name](*arguments, **options)) == parameters


def outputs_of(layers: Any) -> list[tuple[int, ...]]:
    """A list that fills with the shapes that these layers put out, in order."""
    seen: list[tuple[int, ...]] = []
    for layer in layers:
        layer.register_forward_hook(lambda module, inputs, output: seen.append(tuple(output.shape[1:])))
    return seen


def maps(model: nn.Module, kind: type[nn.Module], x: "torch.Tensor") -> list[tuple[int, ...]]:
    """The shapes that layers of a kind put out, in order."""
    shapes = outputs_of(module for module in model.modules() if isinstance(module, kind))
    model.eval()(x)
    return shapes


def test_nsl_ends_at_one_pixel() -> None:
    shapes = maps(MODELS["nsl"](7), nn.MaxPool2d, torch.rand(1, 1, 48, 48))
    assert shapes == [(32, 24, 24), (64, 12, 12), (64, 6, 6), (128, 3, 3), (512, 1, 1)]


@pytest.mark.parametrize("variant", ["c", "d"])
def test_nsl_pads_even_kernels_behind(variant: str) -> None:
    model = MODELS["nsl"](7, variant=variant)
    shapes = maps(model, nn.Conv2d, torch.rand(1, 1, 48, 48))
    assert shapes[-3:] == [(512, 3, 3)] * 3
    pads = [module.padding for module in model.modules() if isinstance(module, nn.ZeroPad2d)]
    assert pads == [(0, 1, 0, 1)] * 2


def test_nsl_dropouts() -> None:
    rates = {
        variant: [module.p for module in MODELS["nsl"](7, variant=variant).modules() if isinstance(module, nn.Dropout)]
        for variant in ("a", "b", "c", "final")
    }
    assert rates["a"] == [0.4, 0.4, 0.5, 0.6]
    assert rates["b"] == [0.4, 0.4, 0.5, 0.5, 0.5, 0.6]
    assert rates["c"] == rates["final"] == [0.5] * 6


def test_nsl_starts_from_he_normal() -> None:
    weight = [module for module in MODELS["nsl"](7).modules() if isinstance(module, nn.Conv2d)][-1].weight
    assert weight.std().item() == pytest.approx((2 / (512 * 9)) ** 0.5, rel=0.01)


@pytest.mark.parametrize(
    ("size", "sides"), [(227, [27, 13, 6]), (224, [27, 13, 6]), (64, [14, 6, 2]), (48, [10, 4, 1])]
)
def test_alexnet_on_large_and_small_images(size: int, sides: list[int]) -> None:
    shapes = maps(MODELS["alexnet"](8, size=size), nn.MaxPool2d, torch.rand(1, 1, size, size))
    assert [shape[1] for shape in shapes] == sides


def test_alexnet_response_normalisation_is_the_papers() -> None:
    norm = next(module for module in MODELS["alexnet"](8).modules() if isinstance(module, nn.LocalResponseNorm))
    x = torch.rand(1, 96, 2, 3) * 100
    near = x[0, 1:6, 0, 0]  # the fourth channel and two on each side
    expected = x[0, 3, 0, 0] / (2 + 1e-4 * near.square().sum()) ** 0.75
    torch.testing.assert_close(norm(x)[0, 3, 0, 0], expected)
    torch.testing.assert_close(norm(x), nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0)(x))


@pytest.mark.parametrize(("stem", "size", "side"), [("imagenet", 224, 7), ("imagenet", 48, 2), ("small", 48, 6)])
def test_resnet_stems(stem: str, size: int, side: int) -> None:
    shapes = maps(MODELS["resnet18"](8, stem=stem), nn.BatchNorm2d, torch.rand(1, 1, size, size))
    assert shapes[-1] == (512, side, side)


def test_resnet_drops_after_both_convolutions_of_every_block() -> None:
    for name, blocks in (("resnet18", 8), ("resnet34", 16)):
        rates = [module.p for module in MODELS[name](8, dropout=0.3).modules() if isinstance(module, nn.Dropout)]
        assert rates == [0.3] * 2 * blocks


def test_googlenet_side_heads_run_only_in_training() -> None:
    model = MODELS["googlenet"](8)
    x = torch.rand(2, 1, 64, 64)
    assert model.train()(x)["side"].shape == (2, 2, 8)
    assert "side" not in model.eval()(x)
    shapes = maps(model, nn.MaxPool2d, torch.rand(1, 1, 224, 224))
    assert [shape[1] for shape in shapes if shape[0] in (64, 192, 480, 832)][:2] == [56, 28]


@pytest.mark.parametrize("pooling", ["none", "avg", "max"])
@pytest.mark.parametrize(("map_size", "filters", "embedding"), [(4, 8, 64), (8, 128, 0)])
def test_feratt_options(pooling: str, map_size: int, filters: int, embedding: int) -> None:
    model = MODELS["feratt"](8, map_size=map_size, filters=filters, embedding=embedding, pooling=pooling).eval()
    outputs = model(torch.rand(1, 1, 64, 64))
    assert outputs["attended"].shape == (1, 1, 64, 64)
    assert outputs["embedding"].shape == (1, embedding or 512)
    assert model.attention(torch.rand(1, 1, 64, 64)).shape == (1, map_size, 64, 64)


def test_feratt_poolings_differ_in_nothing_but_the_pooling() -> None:
    x = torch.rand(1, 1, 64, 64)
    attended = {}
    for pooling in ("none", "avg", "max"):
        torch.manual_seed(0)
        attended[pooling] = MODELS["feratt"](8, pooling=pooling).eval()(x)["attended"]
    assert not torch.equal(attended["none"], attended["avg"])
    assert not torch.equal(attended["avg"], attended["max"])


@pytest.mark.parametrize("classifier_size", [32, 16, 8, 4])
def test_feratt_classifier_reads_the_image_averaged_down(classifier_size: int) -> None:
    model = MODELS["feratt"](8, classifier_size=classifier_size).eval()
    shapes = outputs_of([model.classifier.stem])
    model(torch.rand(1, 1, 64, 64))
    assert shapes == [(64, classifier_size, classifier_size)]


def test_feratt_decoder_meets_every_shortcut() -> None:
    model = MODELS["feratt"](8).eval()
    shapes = outputs_of(model.attention.ups)
    model(torch.rand(1, 1, 64, 64))
    assert shapes == [(256, 2, 2), (256, 4, 4), (256, 8, 8), (64, 16, 16), (128, 32, 32), (32, 64, 64)]


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("nsl", {"variant": "e"}, "variant 'e': one of a, b, c, d, final"),
        ("resnet18", {"stem": "tiny"}, "stem 'tiny': one of imagenet, small"),
        ("feratt", {"pooling": "sum"}, "pooling 'sum': one of none, avg, max"),
        ("feratt", {"map_size": -1}, "map_size -1: at least 0"),
        ("feratt", {"filters": 0}, "filters 0: at least 1"),
        ("feratt", {"classifier_size": 0}, "classifier_size 0: at least 1"),
        ("feratt", {"embedding": -2}, "embedding -2"),
        ("alexnet", {"size": 64, "stem_stride": 5}, "size 64: alexnet with a stem of stride 5 needs at least 77"),
        ("alexnet", {"dropout": 1.5}, "dropout"),
    ],
)
def test_a_wrong_option_is_named(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MODELS[name](8, **options)
