"""What the operator of a server decides, checked before it starts."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

from mien.errors import UsageError
from mien.inference.classify import names
from mien.inference.measures import files
from mien.prior import NATURAL, UNIFORM

PRIORS = (NATURAL, UNIFORM)
MIN_TOKEN = 16  # characters
MB = 1_000_000


@dataclass(frozen=True)
class Settings:
    """The options of `mien serve`.

    Attributes:
        host, port: where to listen; any address but that of this machine alone needs a token.
        token: what clients of /v1 must send, or empty.
        max_upload: bytes of one request.
        rate: requests a second and client; 0 means any number.
        measures: whether clients may ask for measures.
        weights, prior: what is taken where a request names none.
        certfile, keyfile: of TLS, or None.
        spool: a folder for videos while they are read, or None for memory.
        aliases: names of this server, beside those of its own machine, that a request may be addressed to.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    token: str = field(default="", repr=False)
    max_upload: int = 32 * MB
    rate: float = 10.0
    measures: bool = False
    weights: str = "ferplus"
    prior: str = "natural"
    certfile: Path | None = None
    keyfile: Path | None = None
    aliases: Sequence[str] = ()
    spool: Path | None = None

    def __post_init__(self) -> None:
        """Raise UsageError for settings that cannot be, or would leave the server open to everybody."""
        if os.name != "posix":
            raise UsageError("`mien serve` on Windows", "Linux or macOS", "WSL runs it: its processes need limits")
        if not 0 <= self.port <= 65535:
            raise UsageError(f"`port` {self.port}", "0 to 65535")
        if self.token and len(self.token) < MIN_TOKEN:
            raise UsageError(
                f"`token` of {len(self.token)} characters", f"at least {MIN_TOKEN}", "`openssl rand -hex 32`"
            )
        if not (self.token.isascii() and self.token.isprintable()):
            raise UsageError("`token` with other characters", "printable ASCII")
        if not self.loopback and not self.token:
            raise UsageError(
                f"`host` {self.host} without `token`", "`token` or MIEN_TOKEN", "others could use the server"
            )
        if self.max_upload < 1:
            raise UsageError(f"`max_upload` {self.max_upload / MB:g}", "a number of megabytes above 0")
        if not 0 <= self.rate < float("inf"):
            raise UsageError(f"`rate` {self.rate:g}", "requests a second, or 0 for any number")
        if self.weights not in names():
            raise UsageError(f"no weights that ship are called {self.weights!r}", f"one of {', '.join(names())}")
        if self.prior not in PRIORS:
            raise UsageError(f"`prior` {self.prior}", " or ".join(PRIORS))
        if self.measures:
            files.locate()  # WeightsError where they are not installed
        if (self.certfile is None) != (self.keyfile is None):
            raise UsageError("one of `certfile` and `keyfile`", "both")
        for option, path in (("certfile", self.certfile), ("keyfile", self.keyfile)):
            if path is not None and not path.is_file():
                raise UsageError(f"`{option}` {path} is not a file", "a file in PEM")

        if self.spool is not None and not self.spool.is_dir():
            raise UsageError(f"`spool` {self.spool} is not a folder", "an existing folder")

    @property
    def loopback(self) -> bool:
        """Whether only this machine can connect."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False
