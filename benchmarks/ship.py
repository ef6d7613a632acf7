"""Put a run's weights among those that ship, and what was measured into results/.

    python benchmarks/ship.py RUN NAME [model|model-int8]     e.g. RUN ferplus model-int8

Copies the file to src/mien/inference/weights/NAME.onnx under its shipped name, and writes results/NAME/SEED.json (the
figures on val and test, the environment, the recipe), SEED-val.npz and SEED-test.npz (ids, probabilities, targets; no
pixels).  `python benchmarks/ship.py --table` regenerates results/TABLE.md from all of them.
"""

import json
import sys
from pathlib import Path

from mien.inference.classify import WEIGHTS, Classifier
from mien.training.export import stamp
from mien.training.finish import measure
from mien.training.train import resume_recipe

RESULTS = Path(__file__).parents[1] / "results"


def ship(run: Path, name: str, stem: str) -> None:
    """Copy the file, name its card, score it on val and test - the one time this file meets test - and keep both."""
    target = WEIGHTS / f"{name}.onnx"
    target.write_bytes((run / f"{stem}.onnx").read_bytes())
    stamp(target, Classifier(target).card.model_copy(update={"name": name}))
    recipe = resume_recipe(run)
    environment = json.loads((run / "env.json").read_text(encoding="utf-8"))
    root = environment["data"].pop("root")
    results, figures = measure(target, recipe, Path(root) if root else None, ["val", "test"], {})
    folder = RESULTS / name
    folder.mkdir(parents=True, exist_ok=True)
    for split, result in results.items():
        result.save(folder / f"{recipe.seed}-{split}.npz")
    content = {"name": name, "file": stem, "figures": figures, "environment": environment}
    content["recipe"] = recipe.model_dump(mode="json")
    (folder / f"{recipe.seed}.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def table() -> str:
    """Return results/TABLE.md: one row per measured seed."""
    names = ("weights", "seed", "file", "split", "n", "accuracy, %", "clean n", "clean accuracy, %", "macro-F1", "ECE")
    head = "| " + " | ".join((*names, "device", "minutes")) + " |"
    lines = ["# Measured", "", "Written by `python benchmarks/ship.py --table` from the files beside it.", "", head]
    lines.append("|" + "---|" * (head.count("|") - 1))
    for path in sorted(RESULTS.glob("*/[0-9]*.json")):
        content = json.loads(path.read_text(encoding="utf-8"))
        environment = content["environment"]
        for split, f in content["figures"].items():
            clean = f["clean"]
            cells = (
                content["name"], content["recipe"]["seed"], content["file"], f"{f['dataset']} {split}", f["n"],
                share(f), clean["n"], share(clean), f"{100 * f['macro_f1']:.2f}", f"{100 * f['ece']:.2f}",
                f"{environment['device']}, {environment['threads']} threads", round(environment["seconds"] / 60),
            )  # fmt: skip
            lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines) + "\n"


def share(figures: dict) -> str:
    """Return an accuracy with its interval in percent."""
    low, high = figures["accuracy_interval"]
    return f"{100 * figures['accuracy']:.2f} ({100 * low:.2f} to {100 * high:.2f})"


if __name__ == "__main__":
    if sys.argv[1:] == ["--table"]:
        (RESULTS / "TABLE.md").write_text(table(), encoding="utf-8")
    elif len(sys.argv) in (3, 4):
        ship(Path(sys.argv[1]), sys.argv[2], *sys.argv[3:] or ["model"])
    else:
        sys.exit(__doc__)
