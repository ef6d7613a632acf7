"""Whose a measurement is: what its file says of it, and what is asked before it is shown or written over.

    figures = {**fairness(result, columns), **source_facts(result)}
    mismatch_reason(figures, result)          # "" when they are of this result, else why they are not
    check_writable(out, "result.npz", facts)     # refuses a folder whose file is of other weights or data

A folder keeps result.npz, stress.json and fairness.json side by side, so nothing but their content says whether they
belong together.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mien.data.samples import digest
from mien.errors import DataError, UsageError
from mien.evaluation.result import Result
from mien.reading.documents import read_json

FACTS = ("weights", "weights_sha256", "prior", "table", "dataset", "split", "options", "fingerprint")
SAME = ("weights_sha256", "prior", "dataset", "split", "options")
"""Facts by which a file may be written over: the same weights and prior on the same split, measured once more."""


def source_facts(result: Result) -> dict[str, Any]:
    """Return the facts on the answers that a measurement of a result is about, with a digest of them."""
    known = {key: value for key in FACTS if (value := getattr(result.provenance, key))}
    texts = ("\n".join(result.labels), "\n".join(result.ids.tolist()))
    return {**known, "answers": digest(*texts, result.probs, result.target)}


def mismatch_reason(figures: Mapping[str, Any], result: Result) -> str:
    """Say on what else than this result, or its weights, figures were measured; empty when they are its own.

    Figures with `answers` are about those answers, others about the weights, whatever they were asked.
    """
    theirs, mine = figures.get("weights_sha256"), result.provenance.weights_sha256
    if figures.get("answers") == source_facts(result)["answers"]:
        return ""
    if theirs != mine and theirs:
        return f"measured on other weights ({figures.get('weights')}, sha256 {theirs[:12]})"
    if "answers" in figures:
        where = " ".join(str(figures[key]) for key in ("dataset", "split") if figures.get(key))
        return f"measured on other answers ({where or figures.get('table') or 'of unknown data'})"
    return "" if theirs else "it does not say on which weights it was measured"


def check_writable(out: Path | None, name: str, facts: Mapping[str, Any], force: bool = False) -> None:
    """Refuse, before anything is measured, a folder that is none or whose file `name` is of other weights or data.

    `facts` are those of what is to be written; None as folder means that nothing is.  `force` writes over that file.
    """
    if out is None:
        return
    there = next(path for path in (out, *out.parents) if path.exists() or path == path.parent)
    if not there.is_dir():
        raise UsageError(f"`out`: {there} is a file", "a folder")
    if (out / "recipe.yaml").is_file() and name == "result.npz":
        raise UsageError(f"`out`: {out} is a run folder, which has its own results", "another folder")
    if force or not (out / name).is_file():
        return
    held = _facts(out / name)
    keys = SAME if held.get("weights_sha256") or facts.get("weights_sha256") else ("answers",)
    if any(held.get(key) != facts.get(key) for key in keys):
        whose = held.get("weights") or held.get("table") or "others"
        where = " ".join(str(held[key]) for key in ("dataset", "split") if held.get(key))
        told = f"{whose} on {where}" if where else whose
        if held.get("weights") == facts.get("weights") and (sha := held.get("weights_sha256")):
            told += f" (sha256 {sha[:12]})"
        raise UsageError(f"`out`: {out / name} is of {told}", "another folder", "or write over it with `force`")


def _facts(path: Path) -> dict[str, Any]:
    if path.suffix == ".npz":
        return Result.load(path).provenance.to_dict()
    try:
        return read_json(path, "JSON that mien wrote")
    except DataError:
        return {}
