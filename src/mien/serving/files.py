"""The page, the weights and their cards: files of the package, listed once, so that no path of a client is opened."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from mimetypes import guess_type
from pathlib import Path

from fastapi import APIRouter, Request
from starlette.responses import FileResponse, JSONResponse, Response

from mien.inference.classify import locate, names
from mien.inference.measures.files import FOLDER as MEASURES
from mien.serving.browser import settings
from mien.serving.errors import ApiError
from mien.version import __version__

PAGE = Path(__file__).parent / "page"
INDEX, WORKER = "index.html", "sw.js"
YUNET = "yunet.onnx"
TYPES = {
    ".mjs": "text/javascript",
    ".js": "text/javascript",
    ".wasm": "application/wasm",
    ".onnx": "application/octet-stream",
}
ZIPPED = ".gz"
router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class File:
    """A file that is served.

    Attributes:
        path: where it is; kind: its media type; zipped: the same with gzip, or None.
    """

    path: Path
    kind: str
    zipped: Path | None

    def tag(self) -> str:
        """Return what changes when the file does."""
        status = self.path.stat()
        return hashlib.sha256(f"{self.path} {status.st_mtime_ns} {status.st_size}".encode()).hexdigest()[:20]

    def response(self, request: Request) -> Response:
        """Return the file, compressed where the client takes that, or 304 where it has it."""
        accepted = "gzip" in request.headers.get("accept-encoding", "")
        path = self.zipped if accepted and self.zipped else self.path
        tag = f'"{self.tag()}{"-gzip" if path is self.zipped else ""}"'
        headers = {"ETag": tag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        headers |= {"Content-Encoding": "gzip"} if path is self.zipped else {}
        return FileResponse(path, media_type=self.kind, headers=headers)


def listed(samples: Mapping[str, Path] = {}) -> dict[str, File]:
    """Return every file by the path at which it is served, with photographs to try by name."""
    paths = dict(_paths()) | {f"/samples/{name}": path for name, path in samples.items()}
    zipped = {path: paths.pop(path) for path in list(paths) if path.endswith(ZIPPED)}
    return {path: File(file, _kind(file), zipped.get(path + ZIPPED)) for path, file in paths.items()}


def _paths() -> Iterator[tuple[str, Path]]:
    inside = ((path.relative_to(PAGE).as_posix(), path) for path in sorted(PAGE.rglob("*")) if path.is_file())
    for name, path in inside:
        yield {INDEX: "/", WORKER: f"/{WORKER}"}.get(name, f"/page/{name}"), path
    yield from ((f"/weights/{name}.onnx", locate(name)) for name in names())
    if (MEASURES / YUNET).is_file():
        yield f"/weights/{YUNET}", MEASURES / YUNET


def _kind(path: Path) -> str:
    return TYPES.get(path.suffix) or guess_type(path.name)[0] or "application/octet-stream"


@router.get("/weights/{name}.json")
def weights_card(name: str) -> Response:
    if name not in names():
        raise ApiError(404, "not_found", "there is nothing here")
    return JSONResponse(settings(name), headers={"Cache-Control": "no-cache"})


@router.get("/samples.json")
def samples(request: Request) -> list[dict[str, str]]:
    paths = (path for path in request.app.state.files if path.startswith("/samples/"))
    return [{"name": path.removeprefix("/samples/"), "url": path} for path in paths]


@router.get("/sw.js")
def service_worker(request: Request) -> Response:
    """Return the service worker under the list of all files, and a version that changes with any of them."""
    held: dict[str, File] = request.app.state.files
    cards = (f"/weights/{name}.json" for name in names())
    urls = [path for path in held if path != f"/{WORKER}"] + [*cards, "/samples.json"]
    version = hashlib.sha256(json.dumps([__version__, *(one.tag() for one in held.values())]).encode())
    head = f"const VERSION = {json.dumps(version.hexdigest()[:20])}; const FILES = {json.dumps(sorted(urls))};\n"
    text = held[f"/{WORKER}"].path.read_text("utf-8") if f"/{WORKER}" in held else ""
    return Response(head + text, media_type="text/javascript", headers={"Cache-Control": "no-cache"})


@router.head("/")
@router.get("/")
@router.head("/page/{path:path}")
@router.get("/page/{path:path}")
@router.head("/weights/{path:path}")
@router.get("/weights/{path:path}")
@router.get("/samples/{path:path}")
def file(request: Request) -> Response:
    held: dict[str, File] = request.app.state.files
    if (one := held.get(request.url.path)) is None:
        raise ApiError(404, "not_found", "there is nothing here")
    return one.response(request)
