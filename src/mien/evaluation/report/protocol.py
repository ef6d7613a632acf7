"""What was measured on what, how the weights were chosen, and how to repeat it."""

from mien.evaluation.report.components import section
from mien.evaluation.report.facts import Environment, Recipe, Val
from mien.evaluation.report.model import Report
from mien.evaluation.result import Provenance
from mien.evaluation.text import label_sets
from mien.evaluation.training_duplicates import not_searched
from mien.html.markup import EMPTY, Html, escape, join, markup
from mien.html.page import facts, percent, table
from mien.prior import UNIFORM


def protocol(report: Report) -> Html:
    """What was measured on what, how the weights were chosen, and how to repeat it."""
    protocols = {name: _protocol(report, name) for name in report.results}
    if report.single:
        ((name, lines),) = protocols.items()
        box = markup('<div class="box">{}{}</div>', facts(lines), _recipe(report, name))
        return section("protocol", "Protocol", box)
    fields = [field for field in next(iter(protocols.values())) if any(lines[field] for lines in protocols.values())]
    rows = [
        [escape(field), *(escape(lines[field] or "not recorded") for lines in protocols.values())] for field in fields
    ]
    return section("protocol", "Protocol", table(("", *protocols), rows, words=True))


def _protocol(report: Report, name: str) -> dict[str, str]:
    known, own = report.facts_of(name), report.results[name].provenance
    environment, recipe = known.environment or Environment(), known.recipe or Recipe()
    return {
        "weights": own.weights or name,
        "file (sha256)": (own.weights_sha256 or "")[:16],
        "prior": own.prior or ("natural, as in training" if own.weights_sha256 else ""),
        "data": ", ".join(filter(None, [own.measured_on, *(f"{k} {v}" for k, v in (own.options or {}).items())])),
        "read as": own.about or "",
        "images": _images(report, name),
        "labels merged": ", ".join(f"{new} of {' and '.join(old)}" for new, old in _merged(own)),
        "labels": "; ".join(label_sets(report.scores[name])),
        "fingerprint of this split": own.fingerprint or "",
        "selected by": _selected(known.recipe, known.val or Val(), own),
        "recipe": ", ".join(filter(None, [recipe.name, _length(recipe)])),
        "seed": "" if recipe.seed is None else str(recipe.seed),
        "hardware": _hardware(environment),
        "trained for": f"{environment.seconds / 60:.0f} minutes" if environment.seconds else "",
        "commit": environment.commit or "",
        "versions": ", ".join(f"{key} {value}" for key, value in (environment.versions or {}).items() if value),
        "measured with": f"mien {own.version}" if own.version else "",
        "read from a table": "; ".join(own.notes or []),
    }


def _images(report: Report, name: str) -> str:
    scores, reason = report.scores[name], not_searched(report.results[name])
    if reason:
        return f"{scores.n:,}; near-duplicates in training not searched: {reason}"
    return f"{scores.n:,}; {scores.clean.n:,} have no near-duplicate in training (equal, or correlated ≥ 0.98)"


def _merged(own: Provenance) -> list[tuple[str, list[str]]]:
    """Return which labels the weights' recipe merged."""
    classes = own.classes
    return [(new, old) for new, old in classes.items() if len(old) > 1] if isinstance(classes, dict) else []


def _selected(recipe: Recipe | None, val: Val, own: Provenance) -> str:
    if recipe is None:
        return ""
    reached = f" ({percent(val.accuracy, 1)} of {val.n:,})" if val.accuracy is not None and val.n is not None else ""
    apart = "; test was not used" if own.split == "test" else ""
    under = " under the uniform prior" if recipe.select_prior == UNIFORM else ""
    return f"{recipe.select or 'accuracy'} on val{under}{reached}{apart}"


def _length(recipe: Recipe) -> str:
    if recipe.steps:
        return f"{recipe.steps:,} steps"
    return f"{recipe.epochs} epochs" if recipe.epochs else ""


def _hardware(environment: Environment) -> str:
    device, threads = environment.device or "", environment.threads
    return f"{device}, {threads} thread{'' if threads == 1 else 's'}" if device and threads else device


def _recipe(report: Report, name: str) -> Html:
    import yaml

    if not (recipe := report.facts_of(name).full_recipe):
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
