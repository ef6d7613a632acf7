"""Compare mien's weights with another system, whose predictions are a CSV table.

    python examples/compare_systems.py results/fer2013/0-test.npz results/peers/fer.csv

The result has the labels, so no data set is needed.  The table has an id and a probability per expression.
"""

import sys

import mien


def main(systems: list[str]) -> None:
    """Print the comparison, then what a program would read of it."""
    comparison = mien.compare(*systems)
    print(comparison)
    for rank in comparison.full.ranking:
        print(f"{rank.rank}. {rank.name}: {rank.accuracy:.1%}")
    for pair in comparison.full.pairs:
        gap = pair.differences["accuracy"]
        low, high = gap.interval
        print(f"{pair.a} - {pair.b}: {100 * gap.difference:.1f} points ({100 * low:.1f} to {100 * high:.1f})")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("usage: python examples/compare_systems.py SYSTEM SYSTEM...")
    try:
        main(sys.argv[1:])
    except mien.MienError as error:
        sys.exit(str(error))
