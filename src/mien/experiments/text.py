"""Rows in a terminal: published beside ours, and what happened to each."""

import json
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from mien.data import gated
from mien.errors import spelled
from mien.evaluation.published import published
from mien.experiments import record as rows
from mien.experiments import sweep, table
from mien.experiments.reproduce import Place, reproduce
from mien.printable import printable_in, say
from mien.training import recipe as recipes

HEAD = ("id", "seed", "published, %", "val, %", "test, %", "without twins, %", "minutes", "device", "")


def to_table(told: Sequence[dict[str, Any]]) -> Table:
    """Return the rows of `reproduce` as a table; where several systems were published, the source's split is named."""
    view = Table(*HEAD, caption="accuracy with its 95 % interval; published figures: accuracy unless named, on what")
    for row in told:
        view.add_row(*cells(row))
    return view


def cells(row: dict[str, Any]) -> list[str]:
    """Return a row's cells."""
    done = [row] if row.get("figures") else []
    test = table.part(done, "test")
    said = [table.quoted(record, []).removesuffix(" [1]") for record in table.headlines(row)]
    environment = row.get("environment") or {}
    minutes = f"{environment['seconds'] / 60:.1f}" if done else "-"
    shown = [table.share(table.part(done, "val")), table.share(test), table.share([f["clean"] for f in test])]
    where = table.device(environment) if done else "-"
    return [row["name"], str(row["recipe"]["seed"]), "\n".join(said) or "-", *shown, minutes, where, state(row)]


def state(row: dict[str, Any]) -> str:
    """Return what happened to a row, in words.

    >>> state({"status": "kept", "shortened": {"steps": None, "epochs": 1, "of": 9}})
    'kept from before; shortened to 1 of 9 epochs'
    """
    if row["status"] == "failed":
        return f"failed: {row['error']}"
    if row["status"] == "needs data":
        return f"needs the data set: {row['needs']}"
    words = "kept from before" if row["status"] == "kept" else "measured"
    return words + (f"; shortened to {table.shortened(row['shortened'])}" if row.get("shortened") else "")


def listed(place: Place) -> list[dict[str, Any]]:
    """Return every packaged recipe with what was published about it, the rows that are there, and if its data are."""
    measured = [row for group in table.collect(place.results).values() for row in group if row.get("figures")]
    found: list[dict[str, Any]] = []
    for name in rows.resolve([]):
        recipe = recipes.load(name)
        row: dict[str, Any] = {
            "name": rows.identity(name),
            "recipe": recipe.model_dump(mode="json"),
            "published": rows.known(name),
        }
        own = [r for r in measured if r["recipe"]["name"] == name]
        seeds = {"seeds": [r["recipe"]["seed"] for r in own], "shortened": any(r.get("shortened") for r in own)}
        seeds["other"] = bool(own) and rows.find(place.results, recipe) is None and not seeds["shortened"]
        needs = {"needs": missing.source if (missing := gated.missing(recipe.data.name, place.root)) else None}
        found.append({**row, **seeds, **needs, "sources": sorted({p.source for p in published(name)})})
    return found


CAPTION = "data in brackets must be asked for and is not here; * measured with other keys, so reproduce trains it anew"


def to_list(found: Sequence[dict[str, Any]]) -> Table:
    """Return what `listed` found as a table."""
    view = Table("id", "recipe", "data", "published, %", "measured", caption=CAPTION)
    for row in found:
        said = [table.quoted(record, []).removesuffix(" [1]") for record in table.headlines(row)]
        seeds = (
            ", ".join(f"seed {seed}" for seed in row["seeds"]) + ", shortened" * row["shortened"] + "*" * row["other"]
        )
        data = f"({row['recipe']['data']['name']})" if row["needs"] else row["recipe"]["data"]["name"]
        view.add_row(row["name"], row["recipe"]["name"], data, "\n".join(said) or "-", seeds or "-")
    return view


def show(content: Any, view: Table, *, as_json: bool) -> None:
    """Print rows on stdout, as one JSON document or as a table wide enough where no terminal limits it."""
    if as_json:
        print(json.dumps(content))
        return
    console = Console(highlight=False)
    Console(highlight=False, width=console.width if console.is_terminal else 200).print(view)


def run(names: list[str], place: Place, minutes: float | None, seeds: int, *, as_json: bool) -> int:
    """Reproduce, print, and return the exit code: 0, 2 where a recipe failed, 1 where we crashed, 130 for Ctrl-C."""
    try:
        told = reproduce(names, place, minutes=minutes, seeds=seeds)
    except KeyboardInterrupt:
        say("", "stopped; the same command goes on where this one was")
        return 130
    show(told, to_table(printable_in(told)), as_json=as_json)
    lost = [row for row in told if row["status"] == "failed"]
    if any(row["status"] == "kept" for row in told):
        say(spelled("rows kept from before: `results` with another folder, or deleting them, measures anew"))
    say(f"{len(told) - len(lost)} of {len(told)} rows; {place.results / 'TABLE.md'}")
    return 1 if any(row["crashed"] for row in lost) else 2 if lost else 0


def to_sweep(content: dict[str, Any]) -> Table:
    """Return a sweep as a table."""
    several = f"mean +- standard deviation of {content['seeds']} seeds"
    caption = f"{'one seed' if content['seeds'] == 1 else several}; all of val, test stays closed"
    view = Table(*sweep.head(content), title=content["title"], caption=caption)
    for cell in content["cells"]:
        view.add_row(*sweep.line(cell))
    return view
