"""Objects that are lent to threads."""

import pytest

from mien.inference.detectors.lending import Lending


class Taken(list[int]):
    """What another thread empties after it was seen to hold something."""

    def __bool__(self) -> bool:
        return True


def test_an_object_that_another_thread_took_first_is_made() -> None:
    lending = Lending(lambda: 7)
    lending._idle = Taken()
    with lending.one() as lent:
        assert lent == 7


def test_an_object_is_lent_again_but_not_after_an_error() -> None:
    made: list[int] = []
    lending = Lending(lambda: made.append(1) or len(made))  # type: ignore[func-returns-value]
    for number in (1, 1):
        with lending.one() as lent:
            assert lent == number
    with pytest.raises(ValueError, match="odd"), lending.one():
        raise ValueError("odd")
    with lending.one() as lent:
        assert lent == 2
