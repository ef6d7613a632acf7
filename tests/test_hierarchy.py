"""The tree holds the vocabulary once, sums probabilities, and refuses what it does not hold."""

import numpy as np
import pytest

from mien.errors import UsageError
from mien.hierarchy import GROUP_OF, TREE, group_probs, groups
from mien.labels import EXPRESSIONS


def test_every_expression_is_in_one_group() -> None:
    assert sorted(label for labels in TREE.values() for label in labels) == sorted(EXPRESSIONS)
    assert {GROUP_OF[name] for name in ("sadness", "fear", "disgust", "anger", "contempt")} == {"negative"}
    assert (GROUP_OF["happiness"], GROUP_OF["neutral"], GROUP_OF["surprise"]) == ("positive", "neutral", "surprise")


@pytest.mark.parametrize("labels", [EXPRESSIONS, tuple(reversed(EXPRESSIONS)), ("sadness", "happiness", "fear")])
def test_groups_sum_their_expressions(labels: tuple[str, ...]) -> None:
    probs = np.random.default_rng(0).dirichlet(np.ones(len(labels)), (5, 2)).astype(np.float32)
    summed = group_probs(probs, labels)
    assert summed.dtype == np.float32
    assert summed.shape == (5, 2, len(groups(labels)))
    for k, group in enumerate(groups(labels)):
        members = [labels.index(label) for label in labels if label in TREE[group]]
        np.testing.assert_allclose(summed[..., k], probs[..., members].sum(-1), atol=1e-6)


def test_a_label_outside_the_tree_is_one_line() -> None:
    with pytest.raises(
        UsageError, match=r"^'boredom' belongs to no group; expected expressions among neutral, [^\n]*$"
    ):
        groups(("neutral", "boredom"))
