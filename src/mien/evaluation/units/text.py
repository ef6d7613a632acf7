"""Scores of action units as text for a terminal."""

from mien.evaluation.statistics.clusters import by
from mien.evaluation.text import prototype_line
from mien.evaluation.units import SCORES, UnitEvaluation, UnitScores

HEADS = {"f1": "F1", "auc": "AUC", "pcc": "PCC", "icc": "ICC(3,1)"}


def to_text(evaluation: UnitEvaluation) -> str:
    """Return an evaluation as lines for a terminal: a row per unit, and the mean."""
    level = f"95 % {by(evaluation.groups)}" if evaluation.groups else "95 % by images"
    lines = [f"{evaluation.predictions} against {evaluation.coded}: {evaluation.n:,} rows, {level}"]
    lines += [*evaluation.notes, ""]
    lines.append(f"{'unit':6}{'rows':>8}{'there':>8}" + "".join(f"  {HEADS[key]:<25}" for key in SCORES).rstrip())
    lines += [_row(name, scores) for name, scores in evaluation.units.items()]
    lines.append(_row("mean", evaluation.mean, counted=False))
    systems = [prototype_line(scores, f"expressions by the {name}") for name, scores in evaluation.expressions.items()]
    return "\n".join([*lines, *([""] if systems else []), *systems])


def _row(name: str, scores: UnitScores, counted: bool = True) -> str:
    counts = f"{scores.n:>8,}{scores.present:>8,}" if counted else " " * 16
    return f"{name:6}{counts}" + "".join(f"  {_cell(scores, key):<25}" for key in SCORES).rstrip()


def _cell(scores: UnitScores, key: str) -> str:
    value, (low, high) = scores.scores[key], scores.intervals[key]
    if value is None:
        return "-"
    return f"{value:z.3f}" + (f" ({low:z.3f} to {high:z.3f})" if low is not None and high is not None else " (-)")
