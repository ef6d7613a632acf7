"""Rows and sweeps in a terminal: published and measured scores, and what happened to each row."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from rich.console import Console
from rich.table import Table

from mien.data import gated
from mien.errors import spelled
from mien.evaluation.published import published
from mien.experiments import sweep, table
from mien.experiments.record import find, identity, known, resolve
from mien.experiments.reproduce import Outcome, Place, reproduce
from mien.experiments.schema import Row, Sweep
from mien.printable import printable, say
from mien.reading.shape import fits
from mien.training import recipe as recipes
from mien.training.recipe import Recipe

HEAD = (
    "id", "seed", "published, %", "val, %", "test, %", "without near-duplicates, %", "minutes", "device", "",
)  # fmt: skip


class Jsonable(Protocol):
    """A value that JSON can hold."""

    def to_dict(self) -> dict[str, Any]: ...


def to_table(outcomes: Sequence[Outcome]) -> Table:
    """Return the rows of `reproduce` as a table; of several published systems each names its split."""
    view = Table(*HEAD, caption="accuracy with its 95 % interval, and the published metric where it is another")
    for outcome in outcomes:
        add(view, cells(outcome))
    return view


def add(view: Table, cells: Sequence[str]) -> None:
    """Add a line to a table, each cell printable."""
    view.add_row(*("\n".join(map(printable, cell.split("\n"))) for cell in cells))


def cells(outcome: Outcome) -> list[str]:
    """Return a row's cells."""
    row = outcome.row
    done = [row] if row.figures else []
    val, test = table.part(done, "val"), table.part(done, "test")
    return [
        row.name,
        str(row.recipe.seed),
        headlines(row),
        "\n".join(table.measured(row, val)),
        "\n".join(table.measured(row, test)),
        table.accuracy([scores.clean for scores in test]),
        f"{row.environment.seconds / 60:.1f}" if done else "-",
        table.device(row.environment) if done else "-",
        state(outcome),
    ]


def headlines(row: Row) -> str:
    """Return the published scores to compare a row with, a line each."""
    return "\n".join(map(table.unsourced, table.headlines(row))) or "-"


def state(outcome: Outcome) -> str:
    """Return what happened to a row, in words."""
    row = outcome.row
    if outcome.status == "failed":
        return f"failed: {outcome.error}"
    if outcome.status == "needs data":
        return f"needs the data set: {outcome.content['needs']}"
    words = ["kept from before" if outcome.status == "kept" else "measured"]
    words += [f"shortened to {table.shortened(row.shortened)}"] if row.shortened else []
    return "; ".join([*words, *table.unlike(row)])


@dataclass(frozen=True)
class Listing:
    """A packaged recipe: published scores, and whether it can be and has been measured here.

    Attributes:
        seeds: of the measured rows; shortened: whether a budget shortened one; other: whether they have other keys.
        needs: where to request its data, None where they are here; sources: of the published scores.
    """

    recipe: Recipe
    published: Sequence[dict[str, Any]]
    seeds: Sequence[int]
    shortened: bool
    other: bool
    needs: str | None
    sources: Sequence[str]

    @property
    def row(self) -> Row:
        """The recipe as a row without scores."""
        content = {"recipe": self.recipe.model_dump(mode="json"), "published": self.published}
        return fits(Row, {"name": identity(self.recipe.name), **content, "environment": {}, "figures": {}})

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as `mien reproduce --list --json` prints it."""
        return {
            "name": identity(self.recipe.name),
            "recipe": self.recipe.model_dump(mode="json"),
            "published": self.published,
            "seeds": self.seeds,
            "shortened": self.shortened,
            "other": self.other,
            "needs": self.needs,
            "sources": self.sources,
        }


def listed(place: Place) -> list[Listing]:
    """Return every packaged recipe."""
    measured = [row for group in table.collect(place.results).values() for row in group if row.figures]
    return [listing(name, [row for row in measured if row.recipe.name == name], place) for name in resolve([])]


def listing(name: str, own: Sequence[Row], place: Place) -> Listing:
    """Return a packaged recipe, given its own measured rows."""
    recipe = recipes.load(name)
    missing = gated.missing(recipe.data.name, place.root)
    return Listing(
        recipe=recipe,
        published=known(name),
        seeds=[row.recipe.seed for row in own],
        shortened=any(row.shortened for row in own),
        other=any(find(place.results, recipes.load(name, [f"seed={row.recipe.seed}"])) is None for row in own),
        needs=missing.source if missing else None,
        sources=sorted({record.source for record in published(name)}),
    )


CAPTION = (
    "data in brackets must be requested and is not here; * measured with other keys, so reproduce trains it again; "
    "macro-F1 is our mean of the F1 by class where the source prints no mean"
)


def to_list(listings: Sequence[Listing]) -> Table:
    """Return the packaged recipes as a table."""
    view = Table("id", "recipe", "data", "published, %", "measured", caption=CAPTION)
    for each in listings:
        seeds = ", ".join(f"seed {seed}" for seed in each.seeds)
        seeds += ", shortened" * each.shortened + "*" * each.other
        data = f"({each.recipe.data.name})" if each.needs else each.recipe.data.name
        add(view, [identity(each.recipe.name), each.recipe.name, data, headlines(each.row), seeds or "-"])
    return view


def show(content: Jsonable | Sequence[Jsonable], view: Table, *, as_json: bool) -> None:
    """Print rows on stdout, as one JSON document or as a table that is wide enough unless a terminal limits it."""
    if as_json:
        values = [each.to_dict() for each in content] if isinstance(content, Sequence) else content.to_dict()
        print(json.dumps(values))
        return
    console = Console(highlight=False)
    Console(highlight=False, width=console.width if console.is_terminal else 200).print(view)


def run(names: list[str], place: Place, minutes: float | None, seeds: int, *, as_json: bool) -> int:
    """Reproduce, print, and return the exit code: 0, 2 where a recipe failed, 1 where we crashed, 130 for Ctrl-C."""
    try:
        outcomes = reproduce(names, place, minutes=minutes, seeds=seeds)
    except KeyboardInterrupt:
        say("", "stopped; resume with the same command")
        return 130
    show(outcomes, to_table(outcomes), as_json=as_json)
    failed = [outcome for outcome in outcomes if outcome.status == "failed"]
    if any(outcome.status == "kept" for outcome in outcomes):
        say(spelled("rows kept from before: delete them, or give another folder as `results`, to measure again"))
    say(f"{len(outcomes) - len(failed)} of {len(outcomes)} rows; {place.results / 'TABLE.md'}")
    return 1 if any(outcome.crashed for outcome in failed) else 2 if failed else 0


def to_sweep(swept: Sweep) -> Table:
    """Return a sweep as a table."""
    several = f"mean +- standard deviation of {swept.seeds} seeds"
    caption = f"{'one seed' if swept.seeds == 1 else several}; all of val, test stays closed"
    view = Table(*map(printable, sweep.head(swept)), title=printable(swept.title), caption=caption)
    for cell in swept.cells:
        add(view, sweep.line(cell))
    return view
