"""results/PEERS.md: peers with offline weights and ours on the same PrivateTest crops, from predictions in results/.

python benchmarks/peers/table.py        (after predict.py, or from the committed tables)
"""

from pathlib import Path

from mien.evaluation.compare import Request, compare
from mien.evaluation.compare.comparison import Subset

RESULTS = Path(__file__).parents[2] / "results"
OURS = ("fer2013", "fer2013-nano")
PEERS = {
    "fer": "fer 25.10.3 (PyPI), tflite, its default; offsets 0",
    "fer-keras": "fer 25.10.3 (PyPI), keras; offsets 0",
    "human": "@vladmandic/human 3.3.6 (npm), its emotion graph, wasm",
    "face-api": "@vladmandic/face-api 1.7.15 (npm), wasm",
}
KEYS = ("accuracy", "macro_f1", "balanced_accuracy", "top2", "ece", "nll")
HEAD = ("system", "n", "accuracy (95 %)", "macro-F1", "balanced", "top-2", "ECE", "log loss")
INTRODUCTION = """# Peers

Expression models whose weights arrive inside a package, on the same FER2013 PrivateTest crops as ours: nothing is
detected, the crop is the face, labels are mapped to the seven classes.  The predictions of each peer are in `peers/`,
written by `benchmarks/peers/predict.py`; this page by `benchmarks/peers/table.py`, which scores the predictions as
`mien compare --from csv` does.  Percent but for the log loss.  The peers do not say which images they were trained and
selected on, so *clean* is clean for our rows only: a peer may have been trained on these images.
fer rounds probabilities to two decimals, so its ties fall to the first label and its log loss suffers.
"""


def main() -> None:
    """Compare and write the page."""
    ours = [RESULTS / name / "0-test.npz" for name in OURS]
    comparison = compare(Request((*ours, *(RESULTS / "peers" / f"{name}.csv" for name in PEERS))))
    parts = [INTRODUCTION]
    parts.append(section("All images", comparison.full))
    parts.append(section("Without near-duplicates in the Training of our weights", comparison.clean))
    (RESULTS / "PEERS.md").write_text("\n".join(parts), encoding="utf-8")


def section(title: str, part: Subset) -> str:
    """Return the table of a subset, and which neighbours in its ranking differ significantly."""
    lines = [f"## {title}", "", "| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD)]
    for place in part.ranking:
        name, scores = place.name, part.systems[place.name].to_dict()
        low, high = scores["accuracy_interval"]
        shown = [f"{100 * scores[key]:.2f}" for key in KEYS[1:-1]]
        accuracy = f"{100 * scores['accuracy']:.2f} ({100 * low:.2f} to {100 * high:.2f})"
        cells = (PEERS.get(name, f"mien `{name}`"), f"{part.n:,}", accuracy, *shown, f"{scores['nll']:.3f}")
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", "Neighbours in this order, McNemar with Holm's correction over all pairs:", ""]
    for above, below in zip(part.ranking, part.ranking[1:], strict=False):
        verdict = "may be noise" if above.noise else "different"
        p = f"p {above.p_holm:.3f}" if above.p_holm >= 0.001 else "p < 0.001"
        lines.append(f"- {above.name} above {below.name} by {100 * above.gap:.2f} points: {verdict} ({p})")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
