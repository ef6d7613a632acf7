"""What `mien doctor` checks for `mien serve`: its packages, and the files of the page; nothing of them is imported."""

from collections.abc import Iterator
from pathlib import Path

from mien.inference.doctor import Check, package
from mien.inference.shipped import sums
from mien.reading.digest import sha256_of

PACKAGES = ("fastapi", "httpx", "prometheus-client", "python-multipart", "starlette", "uvicorn", "websockets")
VENDOR = Path(__file__).parent / "page" / "vendor"


def checks() -> Iterator[Check]:
    """Yield every check."""
    for name in PACKAGES:
        yield package(name, optional=True)
    yield _vendor()


def _vendor() -> Check:
    """Return the check of onnxruntime-web, which the page reads images with."""
    known = sums(VENDOR)
    if not known:
        return Check("page", "vendor", None, "not installed; `make page` fetches the files")
    other = [name for name, digest in known.items() if _digest(VENDOR / name) != digest]
    if other:
        return Check("page", "vendor", False, f"missing or altered: {', '.join(other)}; `make page` fetches them again")
    return Check("page", "vendor", True, f"{len(known)} files, {VENDOR}")


def _digest(path: Path) -> str:
    return sha256_of(path) if path.is_file() else ""
