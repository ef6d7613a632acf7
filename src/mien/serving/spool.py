"""Where videos are while they are read: in memory that has no name or, if the operator chose that, in files.

On Linux the files lose their name when they are made, so that nothing is left of them whatever ends the server.  On
other systems they stand in a folder of the server's own, which is emptied when it starts and ends.
"""

import os
import stat
import tempfile
from contextlib import ExitStack
from multiprocessing import reduction
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO

from mien.errors import UsageError, reason
from mien.outputs.lock import locked
from mien.serving.errors import ApiError
from mien.serving.shared import ANONYMOUS

DESCRIPTORS = Path("/proc/self/fd")
NAME, PREFIX = "mien-spool", "video-"


class Held:
    """The bytes of one video; `close` lets go of them.

    Attributes:
        file: where they are written.
        path: its name, or None where it has none.
    """

    def __init__(self, file: IO[bytes], path: Path | None) -> None:
        self.file, self.path = file, path

    def send(self, connection: Connection) -> None:
        """Send them to a process, which calls `received`."""
        self.file.flush()
        connection.send_bytes(os.fsencode(self.path or ""))
        if self.path is None:
            reduction.send_handle(connection, self.file.fileno(), None)

    def close(self) -> None:
        """Forget them."""
        self.file.close()
        if self.path is not None:
            self.path.unlink(missing_ok=True)


def received(connection: Connection) -> Path:
    """Return the path at which the process that holds the other end finds what `Held.send` sent."""
    name = os.fsdecode(connection.recv_bytes())
    return Path(name) if name else DESCRIPTORS / str(reduction.recv_handle(connection))


class Spool:
    """Holds videos in memory, or in a folder."""

    def __init__(self, parent: Path | None) -> None:
        """Take the folder in which the server makes its own, or None for memory."""
        self._folder = None if parent is None else parent / NAME
        self._lock = ExitStack()

    def start(self) -> None:
        """Make the folder and empty it; UsageError when it is not ours, OutputError when another server has it."""
        if self._folder is None:
            return
        try:
            self._folder.mkdir(0o700, exist_ok=True)
        except OSError as error:
            raise UsageError(f"{self._folder}: {reason(error)}", do="give another `spool`") from None
        status = self._folder.lstat()
        if not stat.S_ISDIR(status.st_mode) or (hasattr(os, "getuid") and status.st_uid != os.getuid()):
            raise UsageError(f"{self._folder} is not a folder of this user", do="give another `spool`")
        self._folder.chmod(0o700)
        self._lock.enter_context(locked(self._folder))
        self._empty()

    def hold(self) -> Held:
        """Return where a video goes; ApiError on a system without memory of this kind and without a folder."""
        if self._folder is None:
            if not (ANONYMOUS and DESCRIPTORS.is_dir()):
                raise ApiError(501, "no_video", "this server takes no videos: it was started without `spool`")
            return Held(os.fdopen(os.memfd_create("video"), "w+b"), None)
        number, name = tempfile.mkstemp(prefix=PREFIX, dir=self._folder)
        if DESCRIPTORS.is_dir():
            Path(name).unlink()
        return Held(os.fdopen(number, "w+b"), None if DESCRIPTORS.is_dir() else Path(name))

    def close(self) -> None:
        """Empty the folder and leave it to others."""
        if self._folder is not None:
            self._empty()
        self._lock.close()

    def _empty(self) -> None:
        for path in self._folder.glob(f"{PREFIX}*") if self._folder else ():
            path.unlink(missing_ok=True)
