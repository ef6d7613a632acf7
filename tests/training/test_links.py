"""Links: products along the tree, classes by themselves, and probabilities that stay probabilities."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs mien[train]")

from torch.nn import functional as F  # noqa: E402

from mien.errors import UsageError  # noqa: E402
from mien.hierarchy import TREE, group_probs, groups  # noqa: E402
from mien.labels import EXPRESSIONS  # noqa: E402
from mien.training import recipe as recipes  # noqa: E402
from mien.training.links import LINKS, along_tree  # noqa: E402
from mien.training.losses import cross_entropy, independent  # noqa: E402
from mien.training.network import make  # noqa: E402


@pytest.mark.parametrize("labels", [EXPRESSIONS, EXPRESSIONS[:7], ("neutral", "sadness", "fear"), ("fear", "anger")])
@pytest.mark.parametrize("link", LINKS)
def test_a_network_ends_in_probabilities(link: str, labels: tuple[str, ...]) -> None:
    recipe = recipes.load("mien/fer2013-nano", ["distill=null", "data.auxiliary=null", f"heads.link={link}"])
    logits = make(recipe, labels, 1, 48).eval()(torch.rand(3, 1, 48, 48))["logits"]
    assert logits.shape == (3, len(labels))
    if link == "tree":
        torch.testing.assert_close(logits.exp().sum(1), torch.ones(3))


def test_the_tree_multiplies_along_its_branches() -> None:
    torch.manual_seed(0)
    numbers = torch.randn(5, 12)
    joint = along_tree(numbers, EXPRESSIONS).exp()
    group, within = numbers[:, :4].softmax(1), numbers[:, 4:]
    np.testing.assert_allclose(group_probs(joint.numpy(), EXPRESSIONS), group, atol=1e-6)
    negative = [EXPRESSIONS.index(label) for label in TREE["negative"]]
    expected = group[:, [2]] * within[:, negative].softmax(1)
    torch.testing.assert_close(joint[:, negative], expected)
    for single in ("neutral", "positive", "surprise"):
        place = EXPRESSIONS.index(TREE[single][0])
        torch.testing.assert_close(joint[:, place], group[:, groups(EXPRESSIONS).index(single)])


def test_its_loss_is_that_of_the_group_and_of_the_expression_within() -> None:
    torch.manual_seed(0)
    numbers, target = torch.randn(6, 12), torch.rand(6, 8).softmax(1)
    whole = cross_entropy(along_tree(numbers, EXPRESSIONS), target)
    of_group = torch.from_numpy(group_probs(target.numpy(), EXPRESSIONS))
    negative = [EXPRESSIONS.index(label) for label in TREE["negative"]]
    within = -(target[:, negative] * numbers[:, 4:][:, negative].log_softmax(1)).sum(1).mean()
    torch.testing.assert_close(whole, cross_entropy(numbers[:, :4], of_group) + within)


def test_own_labels_have_no_tree() -> None:
    recipe = recipes.load("mien/fer2013-nano", ["distill=null", "data.auxiliary=null", "heads.link=tree"])
    with pytest.raises(UsageError, match="'boredom' belongs to no group"):
        make(recipe, ("neutral", "boredom"), 1, 48)


def test_independent_is_binary_cross_entropy() -> None:
    torch.manual_seed(0)
    numbers = torch.randn(4, 3, requires_grad=True)
    target = torch.tensor([[1.0, 0, 0], [0.5, 0.5, 0], [0.6, 0.3, 0.1], [torch.nan] * 3])
    true = torch.tensor([[1.0, 0, 0], [1, 1, 0], [1, 0.5, 1 / 6]])
    expected = F.binary_cross_entropy_with_logits(numbers[:3], true, reduction="sum") / 3
    actual = independent(F.logsigmoid(numbers), target)
    torch.testing.assert_close(actual, expected)
    (slope,) = torch.autograd.grad(actual, numbers)
    assert (slope[3] == 0).all()
    weights = torch.tensor([2.0, 0, 0])
    first = F.binary_cross_entropy_with_logits(numbers[:3, 0], true[:, 0], reduction="sum") / 3
    torch.testing.assert_close(independent(F.logsigmoid(numbers), target, weights=weights), 2 * first)


def test_independent_stays_finite_for_certain_numbers() -> None:
    numbers = torch.tensor([[200.0, -200.0]], requires_grad=True)
    loss = independent(F.logsigmoid(numbers), torch.tensor([[0.0, 1.0]]))
    loss.backward()
    assert loss.isfinite()
    assert numbers.grad.isfinite().all()
