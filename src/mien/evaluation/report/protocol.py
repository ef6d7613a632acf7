"""What was measured on what, how the weights were chosen, and what it takes to do it again."""

from typing import Any

from mien.evaluation.report.components import section
from mien.evaluation.report.model import Report
from mien.evaluation.text import label_sets
from mien.evaluation.training_duplicates import not_searched
from mien.html.markup import EMPTY, Html, escape, join, markup
from mien.html.page import facts, percent, table


def protocol(report: Report) -> Html:
    """What was measured on what, how it was chosen, and what it takes to do it again."""
    told = {name: _protocol(report, name) for name in report.results}
    if report.single:
        (one,) = told.values()
        recipe = _recipe(report, *told)
        return section("protocol", "Protocol", markup('<div class="box">{}{}</div>', facts(one), recipe))
    fields = [field for field in next(iter(told.values())) if any(facts_of[field] for facts_of in told.values())]
    rows = [
        [escape(field), *(escape(facts_of[field] or "not recorded") for facts_of in told.values())] for field in fields
    ]
    return section("protocol", "Protocol", table(("", *told), rows, words=True))


def _protocol(report: Report, name: str) -> dict[str, str]:
    f = report.figures[name]
    environment, recipe, val = (report.known(name, key) for key in ("environment", "recipe", "val"))
    options = ", ".join(f"{key} {value}" for key, value in (f.get("options") or {}).items())
    why = not_searched(report.results[name])
    clean = "" if why else f"{f['clean']['n']:,} have no twin in training (equal, or correlated ≥ 0.98)"
    return {
        "weights": str(f.get("weights") or name),
        "file (sha256)": str(f.get("weights_sha256") or "")[:16],
        "prior": str(f.get("prior") or ("natural, as in training" if f.get("weights_sha256") else "")),
        "data": " ".join(str(f[key]) for key in ("dataset", "split") if f.get(key))
        + (f", {options}" if options else ""),
        "images": f"{f['n']:,}; " + (clean or f"twins in training not searched: {why}"),
        "labels merged": ", ".join(f"{new} of {' and '.join(old)}" for new, old in _merged(f)),
        "labels": "; ".join(label_sets(report.scores[name])),
        "fingerprint of this split": str(f.get("fingerprint") or ""),
        "selected by": _selected(recipe, val, f),
        "recipe": ", ".join(filter(None, [str(recipe.get("name", "")), _length(recipe)])),
        "seed": str(recipe.get("seed", "")),
        "hardware": _hardware(environment),
        "trained for": f"{environment['seconds'] / 60:.0f} minutes" if environment.get("seconds") else "",
        "commit": str(environment.get("commit") or ""),
        "versions": ", ".join(f"{key} {value}" for key, value in environment.get("versions", {}).items() if value),
        "measured with": f"mien {f['version']}" if f.get("version") else "",
        "read from a table": "; ".join(report.results[name].provenance.notes or []),
    }


def _merged(f: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """Return which labels the weights' recipe put together."""
    classes = f.get("classes")
    return [(new, old) for new, old in classes.items() if len(old) > 1] if isinstance(classes, dict) else []


def _selected(recipe: dict[str, Any], val: dict[str, Any], f: dict[str, Any]) -> str:
    if not recipe:
        return ""
    reached = f" ({percent(val['accuracy'], 1)} of {val['n']:,})" if val.get("accuracy") is not None else ""
    apart = "; test plays no part in it" if f.get("split") == "test" else ""
    return f"{recipe.get('select', 'accuracy')} on val{reached}{apart}"


def _length(recipe: dict[str, Any]) -> str:
    if recipe.get("steps"):
        return f"{recipe['steps']:,} steps"
    return f"{recipe['epochs']} epochs" if recipe.get("epochs") else ""


def _hardware(environment: dict[str, Any]) -> str:
    device = str(environment.get("device") or "")
    threads = environment.get("threads")
    return f"{device}, {threads} thread{'' if threads == 1 else 's'}" if device and threads else device


def _recipe(report: Report, name: str) -> Html:
    import yaml

    if not (recipe := report.known(name, "recipe")):
        return EMPTY
    text = escape_lines(yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True))
    return markup(
        "<details><summary>The recipe in full</summary>"
        '<pre tabindex="0" role="region" aria-label="the recipe">{}</pre></details>',
        text,
    )


def escape_lines(text: str) -> Html:
    """Return text of several lines safe for a <pre>."""
    return join((escape(line) for line in text.splitlines()), "\n")
