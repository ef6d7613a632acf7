"""Draw the benchmark for the README: accuracy against cost per face, and frames per second by clip.

    python benchmarks/figure.py        results/bench/*.json -> results/figures/speed-accuracy.svg, video-speed.svg

Every mark of a figure was measured in one run.  The line joins the systems that no other beats in both respects.
"""

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
from bench import environment
from bench.pareto import Point, front
from matplotlib.axes import Axes
from matplotlib.figure import Figure

OWN, OTHER = "#1f6feb", "#8b949e"
TITLES = {"fer2013": "FER2013's labels", "ferplus": "FERPlus's labels, seven expressions"}
BATCH, THREADS = 64, 1


def draw(parts: dict[str, dict[str, Any]], quick: bool) -> list[Path]:
    """Write the figures that can be drawn and return their paths."""
    plt.rcParams.update({"svg.hashsalt": "mien", "font.size": 10, "svg.fonttype": "none"})
    home = environment.folder(quick) if quick else environment.folder(quick).parent / "figures"
    made = []
    if "faces" in parts:
        made.append(_save(speed_accuracy(parts["faces"]), home / "speed-accuracy.svg"))
    if "video" in parts:
        made.append(_save(frames(parts["video"]), home / "video-speed.svg"))
    return made


def _save(figure: Figure, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
    return path


def speed_accuracy(report: dict[str, Any]) -> Figure:
    """Return accuracy against CPU ms per face, a panel per set of labels."""
    figure, panels = plt.subplots(1, 2, figsize=(9.6, 4.2), layout="constrained", squeeze=False)
    cost = {r["system"]: r["cpu_ms"] for r in report["rows"] if (r["batch"], r["threads"]) == (BATCH, THREADS)}
    for axes, (data, parts) in zip(panels[0], report["accuracy"].items(), strict=False):
        scored = parts["full"]["systems"]
        points = [Point(name, ms, 100 * scored[name]["accuracy"]) for name, ms in cost.items() if name in scored]
        panel(axes, points)
        axes.set(title=f"{TITLES[data]} (n {parts['full']['n']:,})", ylabel="accuracy, %")
    figure.supxlabel(f"CPU ms per face (one thread, batches of {BATCH})", fontsize=10)
    return figure


def panel(axes: Axes, points: list[Point]) -> None:
    """Draw points with their names, and the front."""
    best = front(points)
    axes.plot([p.cost for p in best], [p.accuracy for p in best], color=OWN, linewidth=1, alpha=0.5, zorder=1)
    for point in points:
        own = point.name.startswith("mien ")
        axes.scatter(point.cost, point.accuracy, s=56, color=OWN if own else OTHER, zorder=3)
        axes.annotate(
            point.name.removeprefix("mien "),
            (point.cost, point.accuracy),
            (6, -12) if own else (6, 4),
            textcoords="offset points",
            weight="bold" if own else "normal",
            fontsize=9,
        )
    low, high = min(p.accuracy for p in points), max(p.accuracy for p in points)
    ticks = [0.1, 0.2, 0.5, 1, 2, 5, 10]
    axes.set(xscale="log", xlim=(0.06, 40), ylim=(low - 3, high + 3))
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def frames(report: dict[str, Any]) -> Figure:
    """Return frames per second of both systems for each clip, on a log axis."""
    figure, axes = plt.subplots(figsize=(9.6, 3.8), layout="constrained")
    clips = list(dict.fromkeys((row["size"], row["faces"]) for row in report["rows"]))
    for shift, name, colour in ((-0.2, "mien", OWN), (0.2, "fer", OTHER)):
        rows = {(r["size"], r["faces"]): r["frames_per_second"] for r in report["rows"] if r["system"] == name}
        places = [k + shift for k, clip in enumerate(clips) if clip in rows]
        drawn = axes.bar(places, list(rows.values()), 0.38, color=colour, label=name, zorder=2)
        axes.bar_label(drawn, [f"{value:.3g}" for value in rows.values()], fontsize=8)
    axes.axhline(30, color="black", linewidth=0.8, linestyle=":", zorder=1)
    axes.set(yscale="log", ylabel="frames per second")
    axes.set_xticks(range(len(clips)), [f"{size}\n{faces} face{'s' * (faces > 1)}" for size, faces in clips])
    ticks = [1, 3, 10, 30, 100, 300]
    axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.legend(frameon=False)
    axes.grid(axis="y", alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


if __name__ == "__main__":
    for path in draw(environment.kept(quick=False), quick=False):
        print(path)
