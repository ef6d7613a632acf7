"""The objective equals torch's own where both apply."""

import pytest

torch = pytest.importorskip("torch", reason="training needs mien[train]")

from torch.nn import functional as F  # noqa: E402

from mien.training.losses import cross_entropy  # noqa: E402
from mien.training.objective import objective  # noqa: E402
from mien.training.recipe import Loss  # noqa: E402


def table(rows: int = 16, classes: int = 5) -> tuple["torch.Tensor", "torch.Tensor"]:
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(rows, classes, generator=generator)
    return logits, torch.rand(rows, classes, generator=generator).softmax(1)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_cross_entropy_equals_torch(smoothing: float) -> None:
    logits, target = table()
    torch.testing.assert_close(
        cross_entropy(logits, target, label_smoothing=smoothing),
        F.cross_entropy(logits, target, label_smoothing=smoothing),
    )


def test_cross_entropy_of_hard_labels_equals_torch() -> None:
    logits, target = table()
    index = target.argmax(1)
    torch.testing.assert_close(
        cross_entropy(logits, F.one_hot(index, 5).float(), label_smoothing=0.1),
        F.cross_entropy(logits, index, label_smoothing=0.1),
    )


def test_unlabelled_rows_count_for_nothing() -> None:
    logits, target = table()
    expected = cross_entropy(logits[:10], target[:10])
    target[10:] = torch.nan
    logits.requires_grad_()
    loss = cross_entropy(logits, target)
    torch.testing.assert_close(loss, expected)
    loss.backward()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()
    assert (logits.grad[10:] == 0).all()


def test_a_weight_that_is_no_number_is_not_hidden() -> None:
    logits, target = table()
    assert cross_entropy(logits, target, weights=torch.full((16, 1), torch.nan)).isnan()


def test_no_labels_at_all_is_zero() -> None:
    logits, target = table()
    assert cross_entropy(logits, target * torch.nan).item() == 0


def test_objective_adds_the_second_head() -> None:
    logits, target = table()
    aux_logits, aux = table(classes=3)
    outputs, batch = {"logits": logits, "aux": aux_logits}, {"target": target, "aux": aux}
    expected = cross_entropy(logits, target) + 0.5 * cross_entropy(aux_logits, aux)
    torch.testing.assert_close(objective(outputs, batch, Loss(auxiliary=0.5)), expected)


@pytest.mark.parametrize("tau", [0.5, 1.0])
def test_logit_adjustment_adds_the_logarithm_of_the_shares(tau: float) -> None:
    logits, target = table()
    shares = torch.tensor([0.4, 0.3, 0.2, 0.1, 0.0])
    expected = F.cross_entropy(logits + tau * torch.tensor([0.4, 0.3, 0.2, 0.1, 1e-6]).log(), target)
    batch = {"target": target, "shares": shares}
    torch.testing.assert_close(objective({"logits": logits}, batch, Loss(logit_adjustment=tau)), expected)


def test_objective_smooths_the_label_but_not_the_second_one() -> None:
    logits, target = table()
    aux_logits, aux = table(classes=3)
    outputs, batch = {"logits": logits, "aux": aux_logits}, {"target": target, "aux": aux}
    expected = F.cross_entropy(logits, target, label_smoothing=0.2) + F.cross_entropy(aux_logits, aux)
    torch.testing.assert_close(objective(outputs, batch, Loss(label_smoothing=0.2)), expected)
