"""What the documents' networks cost on AffectNet: one epoch end to end on drawn images, and the hours of all images.

    python benchmarks/affectnet.py [--images 5000] [RECIPE...]      -> results/scale_training.json, key "affectnet"

AffectNet must be requested, so faces of its later layout are drawn: 224 pixels, its eight classes as often as in the
published counts.  Each recipe runs in a process of its own at the settings of its document, with images on disk
(`data.hold=disk`), for one epoch: reading the data, training, export, scores.  `cpu` is the processor's seconds in all
threads, so other work on the machine does not count.  What a class is filled up or thinned out to is in proportion to
the number of images.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from bench.environment import facts, load
from bench.training import ALL, COUNTS, PER_CLASS
from PIL import Image

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
KEPT = ROOT / "results" / "scale_training.json"
ALEXNET = ("data.name=affectnet", "data.size=256", "augment.crop=224", "batch=256")
RECIPES: dict[str, tuple[str, ...]] = {
    "alexnet-imbalanced": ALEXNET,
    "alexnet-weighted": (*ALEXNET, "optim.lr=0.01", "optim.weight_decay=5.0e-4"),
    "alexnet-down": ALEXNET,
    "alexnet-up": ALEXNET,
    "resnet18": (),
    "googlenet": (),
    "resnet34": (),
}

RUN = """
import json, resource, sys, time
from pathlib import Path
from mien.training import recipe as recipes, runlog
from mien.training.finalize import finish
from mien.training.prepared import prepare
from mien.training.train import choose_precision, train

def step(name, work):
    before, begun = time.process_time(), time.perf_counter()
    made = work()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    spent[name] = {"cpu": time.process_time() - before, "wall": time.perf_counter() - begun, "peak_mib": peak}
    return made

spent, root, out = {}, Path(sys.argv[1]), Path(sys.argv[2])
recipe = recipes.load(sys.argv[3], sys.argv[4:])
spent["epochs"] = recipes.load(sys.argv[3], []).epochs
prepared = step("read", lambda: prepare(recipe, root, "cpu"))
spent["precision"] = str(choose_precision(recipe.precision, prepared.train.images.device)).removeprefix("torch.")
run = runlog.create(recipe, out)
data = prepared.train
spent |= {"rows": len(data.rows) // recipe.batch * recipe.batch or len(data.rows), "train": len(data.images)}
spent["val"] = len(prepared.val.images)
step("train", lambda: train(recipe, root, run, prepared=prepared))
step("export and scores", lambda: finish(recipe, root, run, prepared=prepared))
print(json.dumps(spent))
"""


def draw(root: Path, images: int) -> None:
    """Write the arrays of AffectNet's later release."""
    from tests.gated_files import face

    from mien.labels import ORDERS

    rng = np.random.default_rng(0)
    codes = np.repeat(np.arange(8), np.round(np.array(COUNTS) * images / sum(COUNTS)).astype(int))
    for name, drawn in (("train_set", rng.permutation(codes)), ("val_set", np.arange(80) % 8)):
        for part in ("images", "annotations"):
            (root / name / part).mkdir(parents=True)
        for k, code in enumerate(drawn.tolist()):
            grey = Image.fromarray(face(ORDERS["affectnet"][code], 224, rng))
            grey.convert("RGB").save(root / name / "images" / f"{k}.jpg", quality=95)
            for kind, value in {"exp": str(code), "val": "0.25", "aro": "-0.25"}.items():
                np.save(root / name / "annotations" / f"{k}_{kind}.npy", np.array(value))


def measured(recipe: str, root: Path, images: int, out: Path) -> dict[str, Any]:
    """Run a recipe for one epoch; the first run of a size decodes or resizes the images."""
    more = RECIPES[recipe]
    if recipe in ("alexnet-down", "alexnet-up"):
        more = (*more, f"data.per_class={round(PER_CLASS * images / ALL)}")
    words = [sys.executable, "-c", RUN, str(root), str(out), f"papers/{recipe}", *more, "epochs=1", "data.hold=disk"]
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
    spent: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return spent | {"drawn": images, "load": round(load(), 1)}


def main() -> None:
    """Run the recipes and keep what was measured, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("recipes", nargs="*", choices=[[], *RECIPES], metavar="RECIPE")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        os.environ["MIEN_CACHE"] = f"{name}/cache"
        draw(Path(name) / "data", chosen.images)
        for recipe in chosen.recipes or RECIPES:
            row = measured(recipe, Path(name) / "data", chosen.images, Path(name) / "runs")
            kept = json.loads(KEPT.read_text()) if KEPT.exists() else {}
            kept.setdefault("affectnet", {"facts": facts(False), "rows": {}})["rows"][recipe] = row
            KEPT.write_text(json.dumps(kept, indent=1) + "\n")
            print(recipe, json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
