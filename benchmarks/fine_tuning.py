"""Fine-tuning on 500 images under another label set, beside random weights and the mapped files that ship.

    python benchmarks/fine_tuning.py DATA [RUNS]     # trains what RUNS lacks, writes results/fine_tuning.json

Three groups of FERPlus's expressions (surprise is left out), 500 images of Training, the same for all; three seeds.
Every arm sees each image 20 times.  Scored on val (PublicTest), on which the best epoch was selected as well; test
stays closed.  A mapped file adds up its probabilities by group, without any training.  Differences are paired by image,
with 95 % intervals by bootstrap over images.

The shipped files were trained on FERPlus's or FER2013's Training, of which the 500 images are part: fine-tuning has an
advantage here that images of one's own do not give.  From fer2013-nano the labels are new, the images are not.
"""

import json
import sys
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mien import outputs
from mien.data.samples import Samples
from mien.evaluation.inputs import predict
from mien.evaluation.statistics.intervals import proportion_interval
from mien.inference.classify import Classifier
from mien.training import checkpoint
from mien.training import recipe as recipes
from mien.training.batches import read
from mien.training.held import held
from mien.training.network import restored
from mien.training.recipe import Recipe
from mien.training.train import logits, train

RESULT = Path(__file__).parents[1] / "results" / "fine_tuning.json"
FULL = ("freeze=0", "optim.lr=0.002")
ARMS = {  # overrides of the recipe by the name of the arm, and the file that it is compared with
    "scratch": (("init=null", *FULL), "ferplus-nano"),
    "ferplus-nano": (("init=ferplus-nano", *FULL), "ferplus-nano"),
    "frozen-ferplus-nano": ((), "ferplus-nano"),
    "fer2013-nano": (("init=fer2013-nano", *FULL), "fer2013-nano"),
    "frozen-fer2013-nano": (("init=fer2013-nano",), "fer2013-nano"),
}
SEEDS = range(3)


def right(recipe: Recipe, root: Path, run: Path, val: Samples) -> NDArray[np.bool_]:
    """Return which val images a run gets right, bool (N,), training it to its end first."""
    run.mkdir(parents=True, exist_ok=True)
    outputs.write(run / "recipe.yaml", recipes.dump(recipe).encode())
    train(recipe, root, run, device="cpu")
    network = restored(recipe, checkpoint.load(run / "best.pt", checkpoint.Best))
    images = held(val.images, recipe.data.size, torch.device("cpu"), "memory", val.name, val.fingerprint)
    predicted = logits(network, images, torch.float32, flip=recipe.views.flip).argmax(1).numpy()
    return np.asarray(predicted == val.target.argmax(1))


def mapped(name: str, recipe: Recipe, val: Samples) -> NDArray[np.bool_]:
    """Return which val images a shipped file gets right when its probabilities are added up by group, bool (N,)."""
    classifier, groups = Classifier(name), recipe.data.classes
    assert isinstance(groups, dict)
    probs = predict(classifier, val)["probs"]
    known = classifier.card.labels
    sums = [sum(probs[:, known.index(one)] for one in groups[group] if one in known) for group in val.labels]
    return np.asarray(np.stack(sums, 1).argmax(1) == val.target.argmax(1))


def difference(runs: NDArray[np.bool_], other: NDArray[np.bool_]) -> dict[str, Any]:
    """Return the mean accuracy of runs (R, N) less another's (N,), with its 95 % interval over images."""
    each = runs.mean(0) - other
    drawn = np.random.default_rng(0).integers(0, len(each), (2000, len(each)))
    low, high = np.percentile(each[drawn].mean(1), (2.5, 97.5))
    return {"difference": round(float(each.mean()), 4), "interval": [round(float(low), 4), round(float(high), 4)]}


def main(root: Path, runs: Path) -> None:
    """Measure every arm and write the result."""
    recipe = recipes.load("mien/three-groups")
    val = read(recipe, root, "val")
    files = {name: mapped(name, recipe, val) for name in ("ferplus-nano", "fer2013-nano")}
    arms = {}
    for arm, (words, _) in ARMS.items():
        made = [recipes.load("mien/three-groups", [*words, f"seed={seed}"]) for seed in SEEDS]
        arms[arm] = np.stack([right(one, root, runs / arm / str(one.seed), val) for one in made])
    content: dict[str, Any] = {"n": len(val), "images": recipe.data.limit, "labels": list(val.labels)}
    content["mapped"] = {
        name: {"accuracy": round(float(hit.mean()), 4), "interval": [round(end, 4) for end in proportion_interval(hit)]}
        for name, hit in files.items()
    }
    content["arms"] = {
        arm: {
            "overrides": list(ARMS[arm][0]),
            "accuracy": [round(float(hit.mean()), 4) for hit in hits],
            "mean": round(mean(hits.mean(1).tolist()), 4),
            "std": round(stdev(hits.mean(1).tolist()), 4),
            "to_mapped": {"file": ARMS[arm][1], **difference(hits, files[ARMS[arm][1]])},
            "to_scratch": difference(hits, arms["scratch"].mean(0)),
        }
        for arm, hits in arms.items()
    }
    outputs.write(RESULT, f"{json.dumps(content, indent=2)}\n".encode())


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2] if sys.argv[2:] else "runs/fine-tuning"))
