"""The folder of a command that measures: refused before the work, kept from other processes, written after it.

    with result_folder("evaluate", out, names, inputs, settings) as writing:
        scores = measure()                  # minutes; the files of an earlier run stay until there are new ones
        with writing() as outputs:
            outputs.write("metrics.json", text)

Without a folder nothing is claimed, and `writing` must not be called.
"""

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from mien.errors import UsageError
from mien.outputs.folder import Outputs, claimed, now, replaced, run_facts
from mien.outputs.targets import Kinds, check
from mien.reading.digest import sha256_of

Writing = Callable[[], AbstractContextManager[Outputs]]


@contextmanager
def result_folder(
    command: str,
    out: Path | None,
    names: Iterable[str],
    inputs: Iterable[Path | str | None],
    settings: Mapping[str, Any],
    ever: tuple[str, ...] = (),
) -> Iterator[Writing]:
    """Lock the folder `out` inside the `with` block and yield `writing`: `with writing() as outputs` writes into it.

    `names` are those of the files that the command writes, `inputs` the files and folders that it was given, and
    `settings` its options, of which `force` says whether to write over files that are not ours.  OutputError, before
    anything is measured, as `output_folder` says; UsageError for `force` without a folder.
    `ever` are patterns of the names that other runs of the command write, which are removed.
    """
    if out is None and settings.get("force"):
        raise UsageError("`force` without `out`", "`out` as well")
    if out is None:
        yield _nowhere
        return
    named = list(dict.fromkeys(Path(given) for given in inputs if given is not None))
    files, kinds, force = list(_files(named)), Kinds(tuple(names), ever=ever), bool(settings.get("force"))
    began, new = now(), not out.exists()
    facts = {**run_facts(settings), "inputs": _inputs([_input(path, named=path in named) for path in files])}
    try:
        with claimed(out, command, kinds, files, force) as before:

            @contextmanager
            def writing() -> Iterator[Outputs]:
                check(out, command, kinds, before, files, force)  # once more: measuring took its time
                with replaced(out, command, kinds, before, facts) as outputs:
                    outputs.facts["start"] = began
                    yield outputs

            yield writing
    finally:
        if new:  # a folder made for nothing
            with contextlib.suppress(OSError):
                out.rmdir()


def _nowhere() -> AbstractContextManager[Outputs]:
    raise AssertionError("no folder was given")


def _files(named: Iterable[Path]) -> Iterator[Path]:
    """Yield the files among what was named, and those in the folders; names that are neither are not files."""
    for path in named:
        with contextlib.suppress(OSError, ValueError):
            if path.is_dir():
                yield from sorted(each for each in path.iterdir() if each.is_file())
            elif path.is_file():
                yield path


def _inputs(entries: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what the record says of all inputs, as `mien predict` does, whose entries are in a file."""
    lines = "".join(f"{json.dumps(entry)}\n" for entry in entries)
    return {"entries": entries, "count": len(entries), "sha256": hashlib.sha256(lines.encode()).hexdigest()}


def _input(path: Path, named: bool) -> dict[str, Any]:
    """Return an input's entry; it has a digest only if it was named itself: a data root may hold an archive."""
    seen = path.stat()
    entry = {"path": str(path.absolute()), "bytes": seen.st_size, "mtime_ns": seen.st_mtime_ns}
    return entry | ({"sha256": sha256_of(path)} if named else {})
