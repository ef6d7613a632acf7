"""The folder of a command that measures: refused before the work, kept from other processes, written after it.

    with taken("evaluate", out, names, inputs, settings) as begin:
        figures = measure()                 # minutes; what stands in the folder stays until there is something new
        with begin() as outputs:
            outputs.write("metrics.json", text)

Without a folder nothing is claimed, and `begin` must not be called.
"""

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import mien
from mien.errors import UsageError
from mien.outputs import Outputs, now, replacing, reserved
from mien.outputs.targets import Kinds, check
from mien.reading.digest import sha256_of

Begin = Callable[[], AbstractContextManager[Outputs]]
NOT_SETTINGS = ("force", "as_json")


@contextmanager
def taken(
    command: str,
    out: Path | None,
    names: Iterable[str],
    inputs: Iterable[Path | str | None],
    settings: Mapping[str, Any],
    ever: tuple[str, ...] = (),
) -> Iterator[Begin]:
    """Hold the folder `out` inside the `with` block; `begin()` then writes it, and leaves our record.

    `names` are those of the files that the command writes, `inputs` the files and folders that it was given, and
    `settings` its options, of which `force` says whether to write over files that are not ours.  OutputError, before
    anything is measured, as `mien.outputs.claimed` says; UsageError for `force` without a folder.
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
    facts = {
        "mien": mien.__version__,
        "command": ["mien", *sys.argv[1:]],
        "settings": {name: value for name, value in settings.items() if name not in NOT_SETTINGS},
        "inputs": [_input(path, named=path in named) for path in files],
    }
    try:
        with reserved(out, command, kinds, files, force) as mark:

            @contextmanager
            def begin() -> Iterator[Outputs]:
                check(out, command, kinds, mark, files, force)  # once more: measuring took its time
                with replacing(out, command, kinds, mark, facts) as outputs:
                    outputs.facts["start"] = began
                    yield outputs

            yield begin
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


def _input(path: Path, named: bool) -> dict[str, Any]:
    """Return what the record says of an input; the digest of a named one alone: a data root may hold an archive."""
    seen = path.stat()
    told = {"path": str(path.absolute()), "bytes": seen.st_size, "mtime_ns": seen.st_mtime_ns}
    return told | ({"sha256": sha256_of(path)} if named else {})
