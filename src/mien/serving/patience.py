"""Clients that open connections and leave them, send a word at a time, or never read: how long each is waited for.

uvicorn waits without end for the head of a request, and for a client that does not read its response.
"""

import contextlib
import resource
import socket
from asyncio import BaseTransport

from uvicorn.protocols.http.h11_impl import H11Protocol

SECONDS = 10  # for the whole head of a request, from one to two times this; and for requests when the server ends
MANY = 1 << 16
UNREAD_SECONDS = 60  # in which the system sees nothing of a response being received


class Connection(H11Protocol):
    """A connection that is closed where no request begins in time; bodies have a time of their own (bodies.py)."""

    def connection_made(self, transport: BaseTransport) -> None:
        """Begin to wait."""
        super().connection_made(transport)  # type: ignore[arg-type]
        self._wait()

    def _wait(self) -> None:
        self._before = self.cycle
        self.loop.call_later(SECONDS, self._check)

    def _check(self) -> None:
        if self not in self.connections:  # it is closed, or a websocket now
            return
        idle = self.cycle is self._before and (self.cycle is None or self.cycle.response_complete)
        if idle and not self.transport.get_write_buffer_size():  # else somebody reads slowly, or the system gives up
            self.transport.abort()
        else:
            self._wait()


def impatient(listening: socket.socket) -> socket.socket:
    """Let the system close connections whose client receives nothing of a response; return the socket."""
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # accepted sockets inherit it
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_SECONDS * 1000)
    return listening


def allow_many() -> None:
    """Let this process have MANY files and connections, where the system lets it: usual are 1,024, soon taken."""
    least, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if least != resource.RLIM_INFINITY and least < MANY:
        with contextlib.suppress(ValueError, OSError):  # macOS allows fewer than it says
            resource.setrlimit(
                resource.RLIMIT_NOFILE, (MANY if most == resource.RLIM_INFINITY else min(MANY, most), most)
            )
