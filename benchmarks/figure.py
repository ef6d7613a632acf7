"""Draw accuracy against CPU ms per face from results/speed.json, for the README.

    python benchmarks/figure.py            ->  results/figures/speed-accuracy.svg

Filled marks were measured in one run by benchmarks/weights.py.  Hollow marks are peers measured once, on another day
and the same kind of machine, on the same images, each image being the crop; they place the peers, no more.
"""

import json
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt

RESULTS = Path(__file__).parents[1] / "results"
ELSEWHERE = {  # FER2013 PrivateTest accuracy, CPU ms per face at batch 64
    "@vladmandic/human 3.3.6": (0.6659, 4.4),
    "@vladmandic/face-api 1.7.15": (0.5893, 6.2),
    "fer 25.10.3 (keras)": (0.6545, 1.8),
    "PyEmotion 1.0.0": (0.5252, 2.3),
}


def main() -> None:
    """Write the figure."""
    rows = json.loads((RESULTS / "speed.json").read_text(encoding="utf-8"))["rows"]
    plt.rcParams.update({"svg.hashsalt": "mien", "font.size": 10, "svg.fonttype": "none"})
    figure, axes = plt.subplots(figsize=(7.2, 4.2), layout="constrained")
    for row in rows:
        if row["data"] != "fer2013":
            continue
        own = row["system"].startswith("mien")
        axes.scatter(row["ms_per_face"], 100 * row["accuracy"], s=64, color="#1f6feb" if own else "#8b949e", zorder=3)
        label(axes, row["system"], row["ms_per_face"], row["accuracy"], bold=own)
    for name, (right, ms) in ELSEWHERE.items():
        axes.scatter(ms, 100 * right, s=56, facecolors="none", edgecolors="#8b949e", zorder=3)
        label(axes, name, ms, right, bold=False)
    for face, words in (("#8b949e", "measured in the same run"), ("none", "measured once, in another run")):
        axes.scatter([], [], s=56, facecolors=face, edgecolors="#8b949e", label=words)
    axes.legend(loc="lower left", frameon=False, fontsize=9)
    axes.set(
        xscale="log",
        xlabel="CPU ms per face (one thread; mien in batches of 64)",
        ylabel="FER2013 PrivateTest accuracy, %",
        xlim=(0.07, 60),
        ylim=(51, 75),
    )
    axes.set_xticks([0.1, 0.2, 0.5, 1, 2, 5, 10], ["0.1", "0.2", "0.5", "1", "2", "5", "10"])
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    path = RESULTS / "figures" / "speed-accuracy.svg"
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
    print(path)


def label(axes: plt.Axes, name: str, ms: float, right: float, *, bold: bool) -> None:
    """Write a system's name beside its mark."""
    weight = "bold" if bold else "normal"
    axes.annotate(name, (ms, 100 * right), (7, 4), textcoords="offset points", weight=weight, fontsize=9)


if __name__ == "__main__":
    main()
