"""Samples: taking, counting, and fingerprints that change with what they are about."""

import numpy as np
import pytest

from mien.data.samples import Samples, digest


def samples() -> Samples:
    return Samples(
        images=np.arange(4 * 4, dtype=np.uint8).reshape(4, 2, 2, 1),
        target=np.array([[1, 0], [0, 1], [0.5, 0.5], [np.nan, np.nan]], np.float32),
        labels=("neutral", "anger"),
        ids=np.array(["a", "b", "c", "d"]),
        votes=np.eye(4, dtype=np.int16),
        fingerprint="f",
    )


@pytest.mark.parametrize(
    "index", [slice(1, 3), np.array([1, 2]), np.array([False, True, True, False])], ids=["slice", "positions", "mask"]
)
def test_take(index: slice | np.ndarray) -> None:
    taken = samples().take(index)
    assert len(taken) == 2
    assert taken.ids.tolist() == ["b", "c"]
    assert taken.images[0, 0, 0, 0] == 4
    assert taken.votes is not None
    assert taken.votes.argmax(1).tolist() == [1, 2]
    assert taken.group is None
    assert taken.fingerprint == samples().take(np.array([1, 2])).fingerprint != "f"
    assert taken.fingerprint != samples().take(np.array([2, 1])).fingerprint


def test_counts_leave_out_what_has_no_label() -> None:
    assert samples().counts() == {"neutral": 2, "anger": 1}


def test_digest_sees_type_shape_and_order() -> None:
    a = np.arange(6)
    same = digest(a)
    others = [digest(a.astype(np.int32)), digest(a.reshape(2, 3)), digest(a[::-1]), digest("a", a), digest(a, "a")]
    assert same == digest(a.copy())
    assert len({same, *others}) == 6
    assert digest("a", "b") != digest("ab")
