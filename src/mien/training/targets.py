"""The targets of heads beside the expression, checked before training, and the scores of the heads on val."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from mien.card import UNIT
from mien.data.samples import Samples
from mien.errors import RecipeError
from mien.evaluation.metrics import METRICS, REGRESSION, UNITS
from mien.evaluation.metrics.counts import mean_known
from mien.evaluation.metrics.metric import Metric
from mien.training.recipe import Heads

RANGES = {"valence_arousal": (-1.0, 1.0), "action_units": (0.0, 1.0)}
"""The least and the largest target of a head; NaN, unknown, is in no need of one."""


HEAD_METRICS: dict[str, tuple[str, Metric]] = {
    "valence_ccc": ("valence_arousal", Metric(REGRESSION["ccc"], True)),
    "arousal_ccc": ("valence_arousal", Metric(REGRESSION["ccc"], True)),
    "units_f1": ("action_units", Metric(UNITS["f1"], True)),
}
"""The scores of `head_scores` that may select the epoch, by key, with their head."""

SELECTABLE = METRICS | {key: metric for key, (_, metric) in HEAD_METRICS.items()}


def selectable(heads: Heads) -> list[str]:
    """Return the keys of the scores that may select the epoch with these heads.

    >>> "valence_ccc" in selectable(Heads()), "valence_ccc" in selectable(Heads(valence_arousal=1))
    (False, True)
    """
    return [*METRICS, *(key for key, (head, _) in HEAD_METRICS.items() if head in heads.more)]


def check_select(select: str, val: Mapping[str, object]) -> None:
    """Refuse to select by a head that val has no targets of; RecipeError."""
    head = HEAD_METRICS[select][0] if select in HEAD_METRICS else None
    if head is not None and val.get(head) is None:
        raise RecipeError(f"select: {select}, but val has no {head.replace('_', ' ')}", "data with such columns in val")


def head_targets(heads: Heads, samples: Samples) -> dict[str, NDArray[np.float32]]:
    """Return the targets of these heads by name: valence and arousal (N, 2), action units (N, A), NaN where unknown.

    RecipeError where training has none, for one out of range and for a unit whose name is none.  Val may have none.
    """
    held = {"valence_arousal": samples.regression, "action_units": samples.units}
    targets = {}
    for name in heads.more:
        target, what = held[name], name.replace("_", " and " if name == "valence_arousal" else " ")
        if target is None or np.isnan(target).all():
            if samples.split == "train":
                got = f"heads.{name}: {samples.name} has no {what} to train on"
                raise RecipeError(got, "data with such columns", f"set heads.{name}=0")
            continue
        low, high = RANGES[name]
        if wrong := target[(target < low) | (target > high)].tolist():
            raise RecipeError(f"heads.{name}: {what} of {wrong[0]:g} in {samples.name}", f"{low:g} to {high:g}")
        targets[name] = target
    if "action_units" in targets and (odd := [name for name in samples.unit_names if not UNIT.fullmatch(name)]):
        raise RecipeError(f"heads.action_units: unit {odd[0][:40]!r}", "names such as au12")
    return targets


def head_scores(outputs: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> dict[str, float]:
    """Return `val_valence_ccc`, `val_arousal_ccc` and `val_units_f1`, the mean over units, as far as there are targets.

    Outputs are the network's, so units are logits; targets that are NaN do not count.
    """
    scores: dict[str, float] = {}
    arrays = {name: target.double().cpu().numpy() for name, target in targets.items()}
    predicted = {name: outputs[name].double().cpu().numpy() for name in targets}
    if "valence_arousal" in targets:
        for k, name in enumerate(("valence", "arousal")):
            columns = (of["valence_arousal"][:, k] for of in (predicted, arrays))
            scores[f"val_{name}_ccc"] = REGRESSION["ccc"](*columns)
    if "action_units" in targets:
        present = (predicted["action_units"] > 0).astype(np.float64)
        pairs = zip(present.T, arrays["action_units"].T, strict=True)
        scores["val_units_f1"] = float(mean_known([UNITS["f1"](*pair) for pair in pairs]))
    return scores
