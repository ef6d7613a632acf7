"""What is left where labels are restricted to those that predictions and data both know."""

import numpy as np

from mien.evaluation.label_sets import restrict
from mien.evaluation.result import Provenance, Result


def test_a_sample_of_which_half_lies_outside_is_left_out_and_the_others_renormalised() -> None:
    target = [[0.5, 0, 0.5], [0.6, 0, 0.4], [0, 1, 0]]
    probs = [[0.7, 0.3, 0], [0.4, 0.6, 0], [0.2, 0.8, 0]]
    labels, facts = ("neutral", "happiness", "anger"), {"answer_labels": ["neutral", "happiness"]}
    whole = Result(probs, target, labels, ["a", "b", "c"], group=["x", "y", "z"], provenance=Provenance(**facts))  # type: ignore[arg-type]
    (part,) = restrict([whole])
    assert part.labels == ("neutral", "happiness")
    assert part.ids.tolist() == ["b", "c"]
    assert part.group is not None
    assert part.group.tolist() == ["y", "z"]
    np.testing.assert_allclose(part.target, [[1, 0], [0, 1]])
    np.testing.assert_allclose(part.probs, [[0.4, 0.6], [0.2, 0.8]], atol=1e-6)
