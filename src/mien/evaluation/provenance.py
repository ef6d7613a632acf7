"""Which weights and predictions a measurement is of, as its file records it; checked before it is shown or replaced.

    report = fairness(result, columns).to_dict()      # has source_facts(result)
    mismatch_reason(report, result)                   # "" when it is of this result, else the reason
    check_writable(out, "result.npz", facts)          # refuses a folder whose file is of other weights or data

A folder keeps result.npz, stress.json and fairness.json side by side, so only their content shows whether they belong
together.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mien.data.samples import digest
from mien.errors import DataError, UsageError
from mien.evaluation.result import Result
from mien.prior import NATURAL
from mien.reading.documents import read_json

FACTS = ("weights", "weights_sha256", "prior", "table", "dataset", "split", "options", "fingerprint")
SAME = ("weights_sha256", "prior", "dataset", "split", "options")
"""Facts that must agree before a file is overwritten: the same weights and prior on the same split, measured again."""


def source_facts(result: Result) -> dict[str, Any]:
    """Return which predictions a measurement of a result is of, with a digest of them under `answers`."""
    known = {key: value for key in FACTS if (value := getattr(result.provenance, key))}
    texts = ("\n".join(result.labels), "\n".join(result.ids.tolist()))
    return {**known, "answers": digest(*texts, result.probs, result.target)}


def mismatch_reason(report: Mapping[str, Any], result: Result) -> str:
    """Return on what other than this result, or its weights, a report was measured; empty when it is of this result.

    A report with the key `answers` is of those predictions, any other is of the weights on whatever data.
    """
    theirs, mine = report.get("weights_sha256"), result.provenance.weights_sha256
    if report.get("answers") == source_facts(result)["answers"]:
        return ""
    if theirs != mine and theirs:
        return f"measured on other weights ({report.get('weights')}, sha256 {theirs[:12]})"
    if "answers" in report:
        where = " ".join(str(report[key]) for key in ("dataset", "split") if report.get(key))
        return f"measured on other predictions ({where or report.get('table') or 'of unknown data'})"
    return "" if theirs else "it does not record on which weights it was measured"


def check_writable(out: Path | None, name: str, facts: Mapping[str, Any], force: bool = False) -> None:
    """Refuse, before anything is measured, an `out` that is not a folder or whose file is of other weights or data.

    `facts` describe the new file `name`; without `out` nothing is written.  `force` allows overwriting.
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
        got = f"`out`: {out / name} is of {_named(held, facts)}"
        raise UsageError(got, "another folder", "or overwrite it with `force`")


def _named(held: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    """Return whose result a file holds, with the digest of weights that are called like ours."""
    where = " ".join(str(held[key]) for key in ("dataset", "split") if held.get(key))
    named = " on ".join(filter(None, (str(held.get("weights") or held.get("table") or "others"), where)))
    if held.get("prior") != facts.get("prior"):
        named += f" under the prior {held.get('prior') or NATURAL}"
    sha = held.get("weights_sha256") if held.get("weights") == facts.get("weights") else None
    return f"{named} (sha256 {sha[:12]})" if sha else named


def _facts(path: Path) -> dict[str, Any]:
    if path.suffix == ".npz":
        return Result.load(path).provenance.to_dict()
    try:
        return read_json(path, "JSON that mien wrote")
    except DataError:
        return {}
