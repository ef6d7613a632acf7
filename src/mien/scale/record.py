"""The files beside the shards: `mien-run.json` says what they are, `runs/` has a record of every run.

A folder holds shards of one kind: the same weights, options and block size.  Another kind is refused, so that nobody
reads two kinds of rows as one table.  Sources may be added by later runs.

When a source changes, its block gets another key.  The old shard then moves to `replaced/`, out of the table, and moves
back when the source is again what it was: nothing that was read is deleted.
"""

import json
import os
import re
import secrets
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mien.errors import OutputError, reason
from mien.inference.media.sources import Skipped
from mien.outputs import cannot_write
from mien.outputs.files import ELSEWHERE, NotThisFileError, write
from mien.outputs.folder import now, run_facts
from mien.outputs.record import RECORD
from mien.outputs.record import SHARDS as KIND
from mien.scale.listing import listed
from mien.scale.reader import SHARDS, shard
from mien.scale.store import Store, absolute
from mien.scale.work import Block, Item

RUNS, REPLACED = "runs", "replaced"
NAME = re.compile(r"([0-9a-f]{32})\.parquet")  # of a shard; files of others stay out of it


def check(store: Store, kind: Mapping[str, Any]) -> None:
    """Raise OutputError for a folder that holds something else than shards of this kind."""
    if any(map(NAME.fullmatch, store.names(""))):
        above = Path(store.address).parent if store.local else store.address.rstrip("/").rpartition("/")[0]
        raise OutputError(f"`shards`: {store.address} holds the shards of {above}", f"{above}, or a new folder")
    known = _known(store)
    if known is not None:
        _compare(store, known, kind)


def claim(store: Store, kind: Mapping[str, Any]) -> None:
    """Take a folder for shards of a kind, or find that it is; OutputError where it is another's."""
    if _known(store) is None:
        facts = run_facts({}) | {"by": "predict", "start": now(), KIND: dict(kind), "files": []}
        content = f"{json.dumps(facts, indent=1, default=str)}\n".encode()
        if store.local:
            _create(Path(store.address), content)
        else:
            store.write(RECORD, content)
    check(store, kind)  # also what another run wrote at the same time


def _create(folder: Path, content: bytes) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write(folder / RECORD, content, over=False)
    except NotThisFileError:  # another run was first
        if not (folder / RECORD).exists():
            raise
    except OSError as error:
        raise cannot_write(f"`shards`: {folder}", error, "choose another folder") from None


def _known(store: Store) -> dict[str, Any] | None:
    """Return what the record says of the shards, None for a new folder; OutputError for a folder of others."""
    content = store.read(RECORD)
    if content is None:
        if next(store.names(SHARDS), None) is not None:
            raise OutputError(f"`shards`: {store.address}/{SHARDS} holds files but no {RECORD}", do=_elsewhere())
        return None
    try:
        known = json.loads(content)[KIND]
        return dict(known)
    except (ValueError, KeyError, TypeError):
        raise OutputError(f"`shards`: {store.address} holds the output of another command", do=_elsewhere()) from None


def _compare(store: Store, known: Mapping[str, Any], kind: Mapping[str, Any]) -> None:
    kind = json.loads(json.dumps(kind, default=str))
    for name in sorted({*known, *kind}):
        if known.get(name) != kind.get(name):
            got = f"`shards`: {store.address} holds rows read with {name} {known.get(name)}, not {kind.get(name)}"
            raise OutputError(got, do=f"use the same options, or {_elsewhere()}")


def _elsewhere() -> str:
    return ELSEWHERE.replace("`out`", "`shards`")


class RunRecord:
    """The record of one run, in `runs/`: written when it begins and when it ends."""

    def __init__(self, store: Store, facts: Mapping[str, Any]) -> None:
        self._store = store
        self._facts = {**run_facts({}), **facts, "host": socket.gethostname(), "start": now(), "status": "running"}
        start = self._facts["start"][:19].replace(":", "")
        self.name = f"{RUNS}/{start}-{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(2)}.json"
        self._write()

    def end(self, status: str, facts: Mapping[str, Any]) -> None:
        """Write how the run ended."""
        self._facts |= {"status": status, "end": now(), **facts}
        self._write()

    def _write(self) -> None:
        self._store.write(self.name, f"{json.dumps(self._facts, indent=1, default=str)}\n".encode())


def set_aside(store: Store, expected: set[str], items: Iterable[Item], there: set[str]) -> tuple[int, int]:
    """Move shards away that hold sources of this run under another key, and those back that fit again.

    Returns how many moved each way.  OutputError, before anything moves, for a shard that also holds sources which
    exist and are not of this run, or those of this run under another name: rows would be lost or doubled.
    """
    back = [key for key in _keys(store, REPLACED) if key in expected and key not in there]
    unknown, old = there - expected, []
    if unknown:
        named = {item.name: item for item in items}
        places = {item.path: name for name, item in named.items() if not item.store}
        for key in sorted(unknown):
            held = _sources(store, key)
            _refuse_other_names(store, key, held - named.keys(), places)
            if held & named.keys():
                _refuse_lost(store, key, held - named.keys())
                old.append(key)
    for key in old:
        store.move(shard(key), f"{REPLACED}/{key}.parquet")
    for key in back:
        store.move(f"{REPLACED}/{key}.parquet", shard(key))
    return len(old), len(back)


def keys(store: Store) -> set[str]:
    """Return the keys of the shards that are there."""
    return _keys(store, SHARDS)


def _keys(store: Store, below: str) -> set[str]:
    return {key[1] for name in store.names(below) if (key := NAME.fullmatch(name))}


def _sources(store: Store, key: str) -> set[str]:
    """Return the sources of a shard; nothing for one that another run has just moved."""
    try:
        with store.input(shard(key)) as file:
            return set(pc.unique(pq.read_table(file, columns=["source"])["source"]).to_pylist())
    except FileNotFoundError:
        return set()
    except (pa.ArrowException, KeyError) as error:
        got = f"`shards`: {store.address}/{shard(key)} cannot be read as a shard: {reason(error)[:100]}"
        raise OutputError(got, do="remove it") from None


def _refuse_lost(store: Store, key: str, others: set[str]) -> None:
    for item in listed(sorted(others), store.address, Skipped()):
        if item.error is None:
            got = f"`shards`: {store.address}/{shard(key)} also holds rows of {item.name}, which this run does not read"
            raise OutputError(got, "the sources of the earlier run, or more", "choose another folder")


def _refuse_other_names(store: Store, key: str, others: Iterable[str], places: Mapping[str, str]) -> None:
    for name in sorted(others):
        if again := places.get(absolute(name)):
            got = f"`shards`: {store.address}/{shard(key)} holds rows of {name}, which this run calls {again}"
            raise OutputError(got, "sources spelled as in the earlier run", "they would be read twice")


def expected_keys(blocks: Iterable[Block]) -> set[str]:
    """Return the keys of blocks."""
    return {block.key for block in blocks}
