"""The conclusion of a fairness audit in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mien.evaluation.statistics.mcnemar import LEVEL

if TYPE_CHECKING:
    from mien.evaluation.fairness.report import Gap, GroupScores, GroupTest


def conclude(groups: Sequence[GroupScores], tests: Sequence[GroupTest], gap: Gap | None, min_group: int) -> str:
    """Return what follows from the tests of a column; `gap` is None where fewer than two groups are large enough."""
    small = ", ".join(f"{group.n} < {min_group} in {group.group}" for group in groups if not group.enough)
    if gap is None:
        return f"too few to conclude: {small or 'there are not two groups'}"
    accuracy, *rates = tests
    differs = accuracy.p_holm < LEVEL
    start = "accuracy differs between the groups" if differs else "no difference in accuracy is shown"
    parts = [f"{start} ({p_text(accuracy.p_holm)} after Holm): {gap}"]
    if others := [f"{test.what} ({p_text(test.p_holm)})" for test in rates if test.p_holm < LEVEL]:
        parts.append(f"different between the groups: {', '.join(others)}")
    if small:
        parts.append(f"too few to conclude: {small}")
    return "; ".join(parts)


def p_text(p: float) -> str:
    """Return a p value in words.

    >>> p_text(0.0312), p_text(0.00002)
    ('p = 0.031', 'p < 0.001')
    """
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
