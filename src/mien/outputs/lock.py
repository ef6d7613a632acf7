"""One process at a time in a folder: a lock file that says who holds it.

    with locked(Path("result")):
        ...                       # another mien that wants the same folder is refused in one line

The system's own lock on the file (flock) ends with the process, also after SIGKILL, so a file that was left behind is
taken over.  Where a file system has none, the file's existence is the lock, and one whose process is gone is taken
over when that process ran on this machine.
"""

import contextlib
import json
import os
import secrets
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from mien.errors import OutputError
from mien.outputs.files import cannot_write

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

NAME = ".mien-lock"
UNSURE = 40  # times to look again, WAIT seconds apart, while the holder changes
WAIT = 0.025
OPEN = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


@contextmanager
def locked(folder: Path, name: str = NAME) -> Iterator[None]:
    """Hold the lock `name` of an existing folder inside the `with` block.

    OutputError names the process that holds it and since when, or says why no lock can be written.
    """
    path = folder / name
    try:
        descriptor = _take(path)
    except OSError as error:
        raise cannot_write(path, error, "choose a folder that you may write to") from None
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # name before lock: a waiting process sees that the file is gone
            if _same(descriptor, path):  # the folder may have been removed, and be another one by now
                path.unlink()
        os.close(descriptor)


def _take(path: Path) -> int:
    """Return the descriptor of the lock file, ours from now on."""
    for _ in range(UNSURE):
        try:
            descriptor, made = _opened(path)
        except FileNotFoundError:  # given back between two looks
            continue
        keep = False
        try:
            locked = _locked(descriptor)
            holder = {} if made else _holder(descriptor, path)
            if locked is None and not made and _gone(holder):
                _remove(path, descriptor)
            elif locked or (locked is None and made):
                keep = _same(descriptor, path)
                if keep:
                    _sign(descriptor)
                    return descriptor
            elif holder:
                raise OutputError(_in_use(path.parent, holder), do="wait until it has ended, or choose another folder")
        finally:
            if not keep:
                os.close(descriptor)
        time.sleep(WAIT)
    raise OutputError(f"{path.parent} is in use by another process", do="wait until it has ended")


def _opened(path: Path) -> tuple[int, bool]:
    """Return the file's descriptor, and whether we made the file."""
    try:
        return os.open(path, OPEN | os.O_CREAT | os.O_EXCL, 0o666), True
    except FileExistsError:
        return os.open(path, OPEN), False


def _locked(descriptor: int) -> bool | None:
    """Lock the file; False when somebody else has, None where this file system has no locks."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _holder(descriptor: int, path: Path) -> dict[str, Any]:
    """Return what the holder wrote into the file, nothing when it has not yet; OutputError for a file of others."""
    text = os.pread(descriptor, 4096, 0) if hasattr(os, "pread") else path.read_bytes()
    if not text:
        return {}
    with contextlib.suppress(ValueError, RecursionError):
        holder = json.loads(text)
        if isinstance(holder, dict) and isinstance(holder.get("pid"), int):
            return holder
    raise OutputError(f"{path} is not a lock of mien", do="remove it, or choose another folder")


def _gone(holder: dict[str, Any]) -> bool:
    """Whether the process that made the file ran on this machine and runs no more."""
    if not holder or holder.get("host") != socket.gethostname() or os.name != "posix":
        return False
    try:
        os.kill(holder["pid"], 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return bool(holder.get("begun") != _begun(holder["pid"]))  # its number may be another process's by now


def _begun(pid: int) -> str | None:
    """Return when a process began, in the system's own ticks, where the system tells."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None


def _remove(path: Path, descriptor: int) -> None:
    """Remove a lock file that was left behind; one that somebody else made meanwhile is put back."""
    aside = path.with_name(f"{path.name}-{secrets.token_hex(4)}")
    with contextlib.suppress(FileNotFoundError):
        path.rename(aside)
        if not _same(descriptor, aside):
            with contextlib.suppress(FileExistsError):
                os.link(aside, path)
        aside.unlink()


def _same(descriptor: int, path: Path) -> bool:
    """Whether the path still names the open file."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _sign(descriptor: int) -> None:
    pid = os.getpid()
    holder = {
        "pid": pid,
        "host": socket.gethostname(),
        "since": datetime.now().astimezone().isoformat(timespec="seconds"),
        "begun": _begun(pid),
        "command": " ".join(sys.argv[1:2]),
    }
    os.ftruncate(descriptor, 0)
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, json.dumps(holder).encode())


def _in_use(folder: Path, holder: dict[str, Any]) -> str:
    where = "" if holder.get("host") == socket.gethostname() else f" on {holder.get('host')}"
    command = f" (mien {holder['command']})" if holder.get("command") else ""
    return f"{folder} is in use by process {holder['pid']}{command}{where} since {holder.get('since')}"
