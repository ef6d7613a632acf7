"""Fit how probabilities are brought to another prior: `Adjustment` in the card, fitted on validation images.

    adjustment = fit_adjustment(probs, target, {"neutral": 0.3, ...})

The uniform prior is for images in which every expression is equally common.  Validation images are not so: each counts
in inverse proportion to how common its label is there.  They also resemble the training images more than
anything that users have, so `mien.evaluation.stress.corruptions.with_copies` adds corrupted copies.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from mien.evaluation.calibration.temperature import fit_threshold, logs, softmax
from mien.evaluation.metrics import Floats
from mien.prior import UNIFORM, Adjustment, chosen

STEPS = 100
"""Most Newton steps of a fit; ten are usual."""


def fit_adjustment(probs: Floats, target: Floats, training: Mapping[str, float], accuracy: float = 0.9) -> Adjustment:
    """Return strength, temperature and threshold for the uniform prior, fitted on probs and target (N, K).

    `training` has the fraction of every label, in the order of the columns.  The mean NLL, in which every label weighs
    the same, is convex in 1/temperature and strength/temperature: Newton's steps, halved until it falls, find its
    minimum.  `accuracy` is what the threshold reaches among the images that are not abstained on.
    """
    z, y = logs(probs), np.asarray(target, np.float64)
    weight = balanced(y)
    terms = np.stack([z, np.broadcast_to(-np.log(list(training.values())), z.shape)])  # (2, N, K)

    def loss(at: NDArray[np.float64]) -> float:
        p = softmax(np.tensordot(at, terms, 1))
        return float(-(weight * (y * np.log(p.clip(1e-300))).sum(1)).sum())

    at = np.array([1.0, 1.0])
    for _ in range(STEPS):
        p = softmax(np.tensordot(at, terms, 1))
        slope = np.einsum("n,nk,ink->i", weight, p - y, terms)
        centred = terms - (p * terms).sum(2, keepdims=True)
        bend = np.einsum("n,nk,ink,jnk->ij", weight, p, centred, centred)
        step, reached = np.linalg.solve(bend + 1e-9 * np.eye(2), slope), loss(at)
        tried = [(at - step / 2**k).clip([0.05, 0.0], [20.0, 20.0]) for k in range(20)]
        better = next((one for one in tried if loss(one) < reached - 1e-12), None)
        if better is None:
            break
        at = better
    fitted = Adjustment(training=dict(training), strength=min(4.0, float(at[1] / at[0])), temperature=float(1 / at[0]))
    adjusted = chosen(UNIFORM, list(training), fitted, "").applied(np.asarray(probs, np.float32))
    return fitted.model_copy(update={"threshold": fit_threshold(adjusted, y, accuracy, weight)})


def balanced(target: Floats) -> NDArray[np.float64]:
    """Return weights, float64 (N,) summing to one, under which every label that occurs is equally common.

    >>> balanced(np.eye(2)[[0, 0, 0, 1]]).round(3).tolist()
    [0.167, 0.167, 0.167, 0.5]
    """
    y = np.asarray(target, np.float64)
    common = y.sum(0)
    weight = (y / np.where(common > 0, common, 1)).sum(1)
    normal: NDArray[np.float64] = weight / weight.sum()
    return normal
