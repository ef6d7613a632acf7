"""Put a run's weights among those that ship, and what was measured into results/.

    python benchmarks/ship.py RUN NAME [model|model-int8]     e.g. RUN ferplus model-int8

Copies the file to src/mien/inference/weights/NAME.onnx under its shipped name, and writes results/NAME/SEED.json (the
figures on val and test, the environment, the recipe), SEED-val.npz and SEED-test.npz (ids, probabilities, targets; no
pixels), and updates results/TABLE.md and its figures.  `python benchmarks/ship.py --again` computes the figures
of every row with what mien measures by now; no weights change.

    python benchmarks/ship.py --rewrite

gives shipped weights what `mien export` does by now: the output `embedding`, average pools as convolutions, and in the
card licences, terms, the scores per expression and the neutral face of results/NAME, and the adjustment to other
priors.  On all val images their probabilities must come out the same to the bit, so every measured figure stands;
results/NAME gets the file's new sha256.

    python benchmarks/ship.py --sums

writes the table of sha256 that every file is checked by when it is loaded; after any other change of a file.
"""

import hashlib
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from embed import embed

from mien.card import Card
from mien.data.sampling import class_fractions
from mien.data.terms import terms_of
from mien.evaluation.evaluate import evaluate
from mien.evaluation.inputs import to_crops
from mien.evaluation.result import Result
from mien.evaluation.scores import score
from mien.experiments import record as rows
from mien.experiments import table
from mien.inference.classify import WEIGHTS, Classifier, names
from mien.inference.shipped import record
from mien.inference.video.baseline import neutral_face
from mien.prior import Adjustment
from mien.reading.digest import sha256_of
from mien.training.batches import read
from mien.training.export import CODE_LICENCE, adjustment, stamp, trained_on
from mien.training.finalize import in_card, measure
from mien.training.onnx_pooling import pools_as_convolutions
from mien.training.recipe import Recipe
from mien.training.runlog import read_environment, read_json, write_json
from mien.training.train import resume_recipe

RESULTS = Path(__file__).parents[1] / "results"
LICENCE = "research use only, as the data they were trained on (src/mien/inference/weights/LICENSE)"


def ship(run: Path, name: str, stem: str) -> None:
    """Copy the file, name its card, score it on val and test - the one time this file meets test - and keep both."""
    target = WEIGHTS / f"{name}.onnx"
    target.write_bytes((run / f"{stem}.onnx").read_bytes())
    recipe = resume_recipe(run)
    stamp(target, licensed(Classifier(target).card.model_copy(update={"name": name}), recipe))
    environment = read_environment(run)
    root = environment.data.root
    results, scores = measure(target, recipe, Path(root) if root else None, ["val", "test"], {})
    folder = RESULTS / name
    for split, result in results.items():
        result.save(folder / f"{recipe.seed}-{split}.npz")
    rows.write(recipe, folder, scores, environment, file=stem)
    record(WEIGHTS)
    table.draw(RESULTS)


def licensed(card: Card, recipe: Recipe) -> Card:
    """Return the card of weights that ship, with the licence that they ship under."""
    terms = {"weights_licence": LICENCE, "code_licence": CODE_LICENCE, "data_terms": terms_of(*trained_on(recipe))}
    return card.model_copy(update=terms)


def prior_of(path: Path, recipe: Recipe) -> Adjustment | None:
    """Return how a file's probabilities are brought to other priors, fitted on val as `mien export` does."""
    train, val = (read(recipe, None, name) for name in ("train", "val"))
    training = dict(zip(train.labels, class_fractions(train.target).astype(float).tolist(), strict=True))
    return adjustment(path, to_crops(val.images, Classifier(path).card), val.target.astype(np.float64), training)


def neutral_of(name: str) -> dict[str, float]:
    """Return how neutral faces read, from the probabilities of val that are kept of a file that ships."""
    kept = Result.load(RESULTS / name / "0-val.npz")
    return neutral_face(kept.labels, kept.probs, kept.target)


def again() -> None:
    """Compute every row's scores again, for shipped files from new predictions, for others from stored ones."""
    for path in sorted(RESULTS.glob("*/[0-9]*.json")):
        content = read_json(path)
        data = content["recipe"]["data"]
        for split in content.get("figures", ()):
            kept = path.with_name(f"{path.stem}-{split}.npz")
            if path.parent.name in names():
                result = evaluate(path.parent.name, data["name"], None, split, **data["options"])[0]
                result.save(kept)
            else:
                result = Result.load(kept)
            content["figures"][split] = score(result).to_dict()
        write_json(content, path)
    table.draw(RESULTS)


def rewrite(name: str) -> None:
    """Give shipped weights an embedding and faster pools where their probabilities stay the same to the bit."""
    target = WEIGHTS / f"{name}.onnx"
    row = read_json(RESULTS / name / "0.json")
    data = row["recipe"]["data"]
    with tempfile.TemporaryDirectory() as folder:
        changed = Path(folder) / target.name
        changed.write_bytes(target.read_bytes())
        if "embedding" not in Classifier(name).outputs:
            embed(changed)
        pools = pools_as_convolutions(changed)
        card = Classifier(changed).card
        recipe = Recipe.model_validate(card.recipe)
        more = {"prior": prior_of(changed, recipe), "metrics": in_card(row["figures"])}
        more["neutral_face"] = neutral_of(name)
        stamp(changed, licensed(card, recipe).model_copy(update=more))
        before, after = (evaluate(path, data["name"], None, "val", **data["options"])[0] for path in (target, changed))
        if not np.array_equal(before.probs, after.probs):
            sys.exit(f"{name}: its probabilities would move; not written")
        old = hashlib.sha256(target.read_bytes()).hexdigest()
        target.write_bytes(changed.read_bytes())
        record(WEIGHTS)
    new = hashlib.sha256(target.read_bytes()).hexdigest()
    for path in (*(RESULTS / name).glob("*.json"), RESULTS / "other_labs.jsonl"):
        path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    describe(RESULTS / name, target)
    print(f"{name}: the same probabilities on {len(before.probs)} val images; {pools} pools became convolutions")


def describe(folder: Path, weights: Path) -> None:
    """Give the kept probabilities the file's sha256, and the adjustment by which `mien compare` changes their prior."""
    card, sha = Classifier(weights).card, sha256_of(weights)
    for path in folder.glob("*.npz"):
        result = Result.load(path)
        adjustment = card.prior.model_dump() if card.prior else None
        facts = result.provenance.updated(weights_sha256=sha, adjustment=adjustment)
        replace(result, provenance=facts).save(path)


if __name__ == "__main__":
    if sys.argv[1:] == ["--rewrite"]:
        for each in names():
            rewrite(each)
        sys.exit()
    if sys.argv[1:] == ["--sums"]:
        record(WEIGHTS)
        sys.exit()
    if sys.argv[1:] == ["--again"]:
        again()
        sys.exit()
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    ship(Path(sys.argv[1]), sys.argv[2], *sys.argv[3:] or ["model"])
