"""What a reproduction writes among the results, and whether that would be over somebody else's files."""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from mien.errors import OutputError, UsageError
from mien.experiments import record as rows
from mien.experiments import table
from mien.outputs.record import read
from mien.training.recipe import Recipe
from mien.training.runlog import read_json

TABLE = "TABLE.md"
OF_A_ROW = (".json", "-val.npz", "-test.npz", "-log.csv", "-steps.csv")
"""How the names of a row's files end, after its seed."""


def names(results: Path, wanted: Sequence[Recipe], groups: Iterable[str]) -> Iterator[str]:
    """Yield the names of the files that these recipes' rows, the table and the figures are written to."""
    ids = dict.fromkeys([*groups, *(rows.identity(recipe.name) for recipe in wanted)])
    yield TABLE
    for recipe in wanted:
        yield from (f"{rows.identity(recipe.name)}/{recipe.seed}{ending}" for ending in OF_A_ROW)
    yield from (f"figures/{id}-{kind}.svg" for id in ids for kind in ("curves", "confusion"))
    yield from (f"figures/sweep-{name}.svg" for name in table.sweeps(results))


def refuse_others(results: Path, files: Iterable[str]) -> None:
    """Refuse results among which a file would be written over that mien did not write; OutputError.

    Rows of an earlier version, and those that came with mien, are in no record: they are known by what they hold.
    """
    mark = read(results)
    for name in (name for name in files if os.path.lexists(results / name)):
        if not (mark and mark.owns(name)) and not known(results, name):
            got = f"{results / name} was not written by mien"
            raise OutputError(got, do="choose another folder with `results`, or remove that file")


def known(results: Path, name: str) -> bool:
    """Whether a file is part of a row, or was drawn with a table of ours."""
    folder, _, last = name.partition("/")
    if folder in (TABLE, "figures"):
        with suppress(OSError):
            return (results / TABLE).read_bytes().startswith(table.INTRODUCTION[:10].encode())
        return False
    with suppress(UsageError):
        row = read_json(results / folder / f"{last.partition('-')[0].removesuffix('.json')}.json")
        return {"recipe", "figures", "published"} <= row.keys()
    return False
