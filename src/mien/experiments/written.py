"""The files that a reproduction writes into its results, and a check that none of them is somebody else's."""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from mien.errors import OutputError, UsageError
from mien.experiments import table
from mien.experiments.record import identity
from mien.outputs.record import read
from mien.training.recipe import Recipe
from mien.training.runlog import read_json

TABLE = "TABLE.md"
OF_A_ROW = (".json", "-val.npz", "-test.npz", "-log.csv", "-steps.csv")
"""Endings of the files of a row, after its seed."""


def names(results: Path, wanted: Sequence[Recipe], groups: Iterable[str]) -> Iterator[str]:
    """Yield the names of the files of these recipes' rows, of the table and of the figures."""
    ids = dict.fromkeys([*groups, *(identity(recipe.name) for recipe in wanted)])
    yield TABLE
    for recipe in wanted:
        yield from (f"{identity(recipe.name)}/{recipe.seed}{ending}" for ending in OF_A_ROW)
    yield from (f"figures/{id}-{kind}.svg" for id in ids for kind in ("curves", "confusion"))
    yield from (f"figures/sweep-{name}.svg" for name in table.sweeps(results))


def refuse_others(results: Path, files: Iterable[str]) -> None:
    """Refuse results with a file that mien would overwrite but did not write; OutputError.

    Rows of an earlier version, and those that came with mien, have no record, so their content is checked.
    """
    mark = read(results)
    for name in (name for name in files if os.path.lexists(results / name)):
        if not (mark and mark.owns(name)) and not known(results, name):
            got = f"{results / name} was not written by mien"
            raise OutputError(got, do="choose another folder with `results`, or remove that file")


def known(results: Path, name: str) -> bool:
    """Whether a file belongs to a row or to a table of ours."""
    folder, _, last = name.partition("/")
    if folder in (TABLE, "figures"):
        with suppress(OSError):
            return (results / TABLE).read_bytes().startswith(table.INTRODUCTION[:10].encode())
        return False
    with suppress(UsageError):
        row = read_json(results / folder / f"{last.partition('-')[0].removesuffix('.json')}.json")
        return {"recipe", "figures", "published"} <= row.keys()
    return False
