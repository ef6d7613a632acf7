"""The linear support vector machine: scikit-learn's LinearSVC on raw pixels, one class against the rest.

LinearSVC fits the classes one after another and reports no progress.  So each class is fitted by its own call, which is
the same problem, and a bar advances.  The primal is solved (`dual=False`, LinearSVC's choice for more images than
pixels) by Newton steps in a trust region.  A class took 5 to 23 of them, where the dual's coordinate descent passes
over the images a thousand times.

Measured on FER2013 (28,709 images of 2,304 pixels, TOLERANCE as below, one shared core): accuracy on val
36.4, 37.9 and 37.8 % for C of 1e-4, 1e-3 and 1e-2, in 104, 156 and 1,026 seconds; on Training 36.5, 40.1 and 43.3 %.  A
tolerance of 1e-3 at C = 1e-3 gives 38.1 % in 1,130 seconds.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.errors import DataError
from mien.progress import bar

TOLERANCE = 1e-2
"""A class is done when its gradient has fallen to this fraction of its first length."""


def fit(
    images: NDArray[np.uint8],
    index: NDArray[np.integer[Any]],
    classes: int,
    *,
    C: float = 1e-3,
    max_iter: int = 1000,
    seed: int = 0,
    weight: NDArray[np.float32] | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return weight (K, D) and bias (K,) of a linear machine for images whose pixels are divided by 255.

    images is uint8 (N, H, W, C), index (N,) the class of each in 0..classes-1; D = C*H*W, channel by channel and row
    by row, as a network flattens (N, C, H, W).  `C` weighs errors against margin: smaller is smoother.  `weight` (N,)
    is how much the errors of each image count, all alike without.

    Raises DataError for a class without an image that counts.

    >>> weight, bias = fit(np.array([0, 51, 204, 255], np.uint8).reshape(4, 1, 1, 1), np.array([0, 0, 1, 1]), 2, C=10.0)
    >>> (np.array([[0.1], [0.9]]) @ weight.T + bias).argmax(1).tolist()
    [0, 1]
    """
    from sklearn.svm import LinearSVC  # type: ignore[import-untyped]

    counts = np.bincount(index if weight is None else index[weight > 0], minlength=classes)
    if len(counts) != classes or counts.min() == 0 or classes < 2:
        raise DataError(f"images per class {counts.tolist()}", f"{max(classes, 2)} classes with at least one each")
    pixels = images.transpose(0, 3, 1, 2).reshape(len(images), -1) / 255
    slope, bias = np.empty((classes, pixels.shape[1]), np.float32), np.empty(classes, np.float32)
    with bar("linear SVM, classes", classes) as advance:
        for k in range(classes):
            machine = LinearSVC(C=C, dual=False, tol=TOLERANCE, max_iter=max_iter, random_state=seed)
            machine.fit(pixels, index == k, weight)
            slope[k], bias[k] = machine.coef_[0], machine.intercept_[0]
            advance(1)
    return slope, bias
