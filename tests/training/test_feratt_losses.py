"""FERAtt's losses equal plain loops, spare what has no target, and pull the right way."""

import math

import pytest

torch = pytest.importorskip("torch", reason="training needs mien[train]")

from torch.nn import functional as F  # noqa: E402

from mien.training.losses import attention, cross_entropy, representation  # noqa: E402
from mien.training.mixing import beta as draw  # noqa: E402
from mien.training.objective import objective  # noqa: E402
from mien.training.recipe import Loss, Representation  # noqa: E402


def test_attention_equals_a_loop() -> None:
    generator = torch.Generator().manual_seed(2)
    attended, clean = torch.rand(3, 2, 4, 4, generator=generator), torch.rand(3, 2, 4, 4, generator=generator)
    clean[1, 0, 2, 2] = torch.nan
    terms = [
        math.tanh(3 * abs(a - b))
        for image in (0, 2)
        for a, b in zip(attended[image].flatten().tolist(), clean[image].flatten().tolist(), strict=True)
    ]
    attended.requires_grad_()
    loss = attention(attended, clean)
    assert loss.item() == pytest.approx(5 * sum(terms) / len(terms), rel=1e-5)
    loss.backward()
    assert attended.grad is not None
    assert attended.grad.isfinite().all()
    assert (attended.grad[1] == 0).all()


@pytest.mark.parametrize(("clean", "expected"), [(0.25, 0.0), (torch.nan, 0.0), (100.0, 5.0)])
def test_attention_at_its_ends(clean: float, expected: float) -> None:
    assert attention(torch.full((2, 1, 3, 3), 0.25), torch.full((2, 1, 3, 3), clean)).item() == expected


def manifold(z: list[list[float]], y: list[list[float]], sigma: float) -> float:
    """The representation loss of embeddings that are mixed already, by loops."""
    classes = [k for k in range(len(y[0])) if any(row[k] for row in y)]
    means = {
        k: [sum(row[k] * point[d] for row, point in zip(y, z, strict=True)) / sum(row[k] for row in y) for d in (0, 1)]
        for k in classes
    }
    total = 0.0
    for row, point in zip(y, z, strict=True):
        near = {k: math.exp(-sum((point[d] - means[k][d]) ** 2 for d in (0, 1)) / (2 * sigma**2)) for k in classes}
        total += sum((near.get(k, 0.0) / sum(near.values()) - row[k]) ** 2 for k in range(len(row)))
    return total / len(z)


@pytest.mark.parametrize("sigma", [0.5, 2.0])
def test_representation_equals_loops(sigma: float) -> None:
    rng = torch.Generator().manual_seed(3)
    z = torch.randn(6, 2, generator=rng)
    y = F.one_hot(torch.tensor([0, 2, 2, 0, 1, 2]), 5).float()  # the last two classes are absent
    y[4] = torch.tensor([0.25, 0.75, 0, 0, 0])
    mixed = torch.Generator().manual_seed(4)
    first, second = (torch._standard_gamma(torch.tensor(a), mixed) for a in (2.0, 4.0))
    share, order = first / (first + second), torch.randperm(6, generator=mixed)
    both_z = torch.cat([z, share * z + (1 - share) * z[order]]).double().tolist()
    both_y = torch.cat([y, share * y + (1 - share) * y[order]]).double().tolist()
    got = representation(z, y, torch.Generator().manual_seed(4), beta=(2.0, 4.0), sigma=sigma)
    assert got.item() == pytest.approx(manifold(both_z, both_y, sigma), rel=1e-4)


def test_representation_leaves_out_unlabelled_rows() -> None:
    rng = torch.Generator().manual_seed(5)
    z, y = torch.randn(8, 4, generator=rng), F.one_hot(torch.arange(8) % 3, 3).float()
    y[5:] = torch.nan
    z.requires_grad_()
    loss = representation(z, y, torch.Generator().manual_seed(1))
    torch.testing.assert_close(loss, representation(z[:5], y[:5], torch.Generator().manual_seed(1)))
    loss.backward()
    assert z.grad is not None
    assert z.grad.isfinite().all()
    assert (z.grad[5:] == 0).all()
    assert (z.grad[:5] != 0).any()


def test_representation_without_labels_is_zero_and_has_a_gradient() -> None:
    z = torch.randn(4, 3, requires_grad=True)
    loss = representation(z, torch.full((4, 2), torch.nan), torch.Generator().manual_seed(0))
    loss.backward()
    assert loss.item() == 0
    assert z.grad is not None
    assert (z.grad == 0).all()


def test_representation_falls_as_classes_gather() -> None:
    index = torch.arange(60) % 3
    y = F.one_hot(index, 3).float()
    scattered = torch.randn(60, 3, generator=torch.Generator().manual_seed(6))
    losses = [
        representation(share * 4 * y + (1 - share) * scattered, y, torch.Generator().manual_seed(7)).item()
        for share in (0.0, 0.25, 0.5)
    ]
    assert losses[0] > losses[1] > losses[2]


@pytest.mark.parametrize("beta", [(2.0, 4.0), (4.0, 2.0), (1.0, 1.0), (0.7, 0.7), (4.0, 4.0)])
def test_lambda_is_beta_distributed(beta: tuple[float, float]) -> None:
    generator = torch.Generator().manual_seed(8)
    drawn = torch.stack([draw(beta, generator, torch.zeros(1)) for _ in range(4000)])
    a, b = beta
    assert drawn.mean().item() == pytest.approx(a / (a + b), abs=0.02)
    assert drawn.var().item() == pytest.approx(a * b / ((a + b) ** 2 * (a + b + 1)), rel=0.1)


def test_objective_adds_both_in_their_weights() -> None:
    generator = torch.Generator().manual_seed(5)
    logits, target = torch.randn(4, 3, generator=generator), F.one_hot(torch.tensor([0, 1, 2, 1]), 3).float()
    attended, clean = torch.rand(2, 4, 1, 5, 5, generator=generator)
    z = torch.randn(4, 2, generator=generator)
    outputs, batch = {"logits": logits, "attended": attended, "embedding": z}, {"target": target, "clean": clean}
    loss = Loss(attention=0.25, representation=Representation(weight=0.5, beta=(1.0, 3.0), sigma=0.7))
    same = [torch.Generator().manual_seed(6) for _ in range(2)]
    pulled = representation(z, target, same[0], beta=(1.0, 3.0), sigma=0.7)
    expected = cross_entropy(logits, target) + 0.25 * attention(attended, clean) + 0.5 * pulled
    torch.testing.assert_close(objective(outputs, batch, loss, same[1]), expected)
