"""The generator: shapes, sizes, and that the decoder listens to the class."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from torch.nn.functional import interpolate

from mien.models import MODELS
from mien.models.generator import CODE, EIGENFACES, SIDE, SPREAD, Generator


def faces(count: int = 400) -> torch.Tensor:
    """Return smooth images, whose variance falls off as that of faces does."""
    chance = torch.Generator().manual_seed(0)
    noise = [torch.rand(count, 1, side, side, generator=chance) / side for side in (3, 6, 12, 24, 48)]
    image = sum(interpolate(part, SIDE, mode="bicubic") for part in noise)
    return ((image - image.min()) / (image.max() - image.min()) * 255).byte()


def test_shapes_and_ranges() -> None:
    model, target = Generator(7), torch.eye(7)[torch.arange(5)]
    weights = torch.randn(5, EIGENFACES)
    made, mean, spread = model(weights, target, torch.randn(5, CODE))
    assert made.shape == weights.shape
    assert mean.shape == spread.shape == (5, CODE)
    assert SPREAD[0] <= spread.min() <= spread.max() <= SPREAD[1]
    assert torch.equal(model(weights, target, torch.zeros(5, CODE))[0], model.decode(mean, target))
    assert model.show(made).shape == (5, 1, SIDE, SIDE)


def test_it_starts_as_the_largest_eigenfaces() -> None:
    model, weights = Generator(7), torch.randn(5, EIGENFACES)
    made = model.decode(model.encode(weights)[0], torch.eye(7)[torch.arange(5)])
    assert torch.equal(made[:, :CODE], weights[:, :CODE])
    assert (made[:, CODE:] == 0).all()


def test_eigenfaces_are_those_of_scikit_learn() -> None:
    model, images = Generator(2), faces()
    model.look(images)
    both = torch.cat([images, images.flip(3)]).flatten(1).double().numpy() / 255
    pca = PCA(EIGENFACES, svd_solver="full").fit(both)
    variance = pca.explained_variance_ * (len(both) - 1) / len(both)
    assert np.allclose(model.mean, both.mean(0), atol=1e-5)
    assert np.allclose(model.deviations**2, variance, rtol=0.01, atol=1e-7)
    together = np.abs((model.eigenfaces[:, :20].T.double().numpy() * pca.components_[:20]).sum(1))
    assert np.allclose(together, 1, atol=1e-3)


def test_weights_and_images_are_two_ways_to_say_the_same() -> None:
    model, images = Generator(2), faces()
    model.look(images)
    weights = model.weigh(images.float() / 255)
    assert weights.std(0).mean().item() == pytest.approx(1, abs=0.05)
    small = 0.1 * torch.randn(4, EIGENFACES)  # nothing is cut off at black and white
    assert torch.allclose(model.weigh(model.show(small)), small, atol=1e-3)


def test_the_class_changes_the_image() -> None:
    model, code = Generator(7), torch.randn(3, CODE)
    torch.nn.init.normal_(model.decoder[-1].weight)
    one, other = torch.eye(7)[[0, 4]][:, None].expand(2, 3, 7)
    assert not torch.allclose(model.decode(code, one), model.decode(code, other), atol=1e-4)


def test_it_is_no_classifier() -> None:
    assert "generator" not in MODELS
