"""Which systems are worth having: those that nothing else beats in both cost and accuracy."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Point:
    """One system: its cost (any unit, less is better) and its accuracy, a fraction."""

    name: str
    cost: float
    accuracy: float


def beats(a: Point, b: Point) -> bool:
    """Tell whether `a` is not worse than `b` in either respect and better in one.

    >>> beats(Point("a", 1.0, 0.7), Point("b", 2.0, 0.7)), beats(Point("a", 1.0, 0.6), Point("b", 2.0, 0.7))
    (True, False)
    """
    return a.cost <= b.cost and a.accuracy >= b.accuracy and (a.cost, a.accuracy) != (b.cost, b.accuracy)


def beaten(points: Iterable[Point]) -> dict[str, list[str]]:
    """Return by which others each point is beaten; the front are those that nothing beats.

    >>> beaten([Point("quick", 1, 0.6), Point("good", 3, 0.7), Point("neither", 4, 0.65)])
    {'quick': [], 'good': [], 'neither': ['good']}
    """
    known = list(points)
    return {point.name: [other.name for other in known if beats(other, point)] for point in known}


def front(points: Iterable[Point]) -> list[Point]:
    """Return the points that nothing beats, cheapest first."""
    known = list(points)
    lost = beaten(known)
    return sorted((point for point in known if not lost[point.name]), key=lambda point: point.cost)
