"""The bodies of requests: counted while they are received; images are parsed in memory, never on a disk."""

import asyncio
import logging
import os
import re
import sys
from base64 import b64decode
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import IO, Any

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from mien.errors import reason
from mien.serving.errors import ApiError, busy, full, invalid
from mien.serving.settings import MB

log = logging.getLogger("mien.serving")

MAX_IMAGES = 100  # of one request
MAX_NAME = 255  # characters of an image's name
MOST = {"max_files": MAX_IMAGES + 1, "max_fields": 20}  # parts of a form
FIELD, VIDEO = "images", "video"
MULTIPART = "multipart/form-data"
SECONDS = 120  # in which a body must arrive
Take = Callable[[int], None]


@dataclass(frozen=True)
class Upload:
    """An image as it was sent.

    Attributes:
        name: the last part of the name that was given, or "image 1" and so on.
        data: its bytes.
    """

    name: str
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class Body:
    """What a body holds: images, and options by name."""

    images: tuple[Upload, ...]
    options: dict[str, Any]


class _Image(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str = ""
    data: bytes

    @field_validator("data", mode="before")
    @classmethod
    def _base64(cls, text: object) -> bytes:
        if not isinstance(text, str):
            raise ValueError("expected base64")
        try:
            return b64decode(text, validate=True)
        except ValueError:
            raise ValueError("expected base64") from None


class _Json(BaseModel):
    model_config = ConfigDict(extra="allow")  # options, which are checked with those of the query
    images: list[_Image]


class _InMemory(MultiPartParser):
    spool_max_size = sys.maxsize  # larger parts would go into a temporary file


class _ToFile(MultiPartParser):
    """Writes the first video into a file as it comes; of other files nothing is kept."""

    file: IO[bytes] | None = None

    def on_headers_finished(self) -> None:
        super().on_headers_finished()
        if (upload := self._current_part.file) is None:
            return
        if self.file is not None and self._current_part.field_name == VIDEO:
            upload.file, self.file = os.fdopen(os.dup(self.file.fileno()), "wb"), None
        else:
            upload.file = open(os.devnull, "wb")  # noqa: PTH123, SIM115 - the form closes it
        self._files_to_close_on_error.append(upload.file)  # type: ignore[arg-type]


class Inbox:
    """The bytes that all requests hold together, from their first chunk until their response."""

    def __init__(self, most: int) -> None:
        self._free = most

    @contextmanager
    def space(self) -> Iterator[Take]:
        """Return what takes bytes until the block ends; it raises an ApiError when none are left."""
        taken = 0

        def take(count: int) -> None:
            nonlocal taken
            if count > self._free:
                raise busy()
            taken += count
            self._free -= count

        try:
            yield take
        finally:
            self._free += taken


async def received(request: Request, max_bytes: int, take: Take) -> Body:
    """Return the body of a request; ApiError when it is too large, too slow or cannot be read."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in KINDS:
        raise ApiError(415, "unsupported_media_type", f"expected {' or '.join(KINDS)}")
    async with _arriving():
        body: Body = await KINDS[kind](request, counted(request, max_bytes, take))
    if not body.images:
        raise ApiError(422, "no_images", f"expected images in `{FIELD}`")
    if len(body.images) > MAX_IMAGES:
        raise ApiError(413, "too_many", f"expected at most {MAX_IMAGES} images in a request")
    return body


async def received_video(request: Request, max_bytes: int, take: Take, file: IO[bytes]) -> tuple[str, dict[str, Any]]:
    """Write the video of a request into a file; return its name and the options.  ApiError as `received`."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != MULTIPART:
        raise ApiError(415, "unsupported_media_type", f"expected {MULTIPART}")
    parser = _ToFile(request.headers, counted(request, max_bytes, take), **MOST)
    parser.file = file
    async with _arriving(), _form(parser) as form:
        videos = [value for value in form.getlist(VIDEO) if isinstance(value, UploadFile)]
        if len(videos) != 1:
            raise ApiError(422, "no_video", f"expected one video in `{VIDEO}`")
        options = {name: value if isinstance(value, str) else "" for name, value in form.items() if name != VIDEO}
        return source(videos[0].filename, 1, "video"), options


@asynccontextmanager
async def _arriving() -> AsyncIterator[None]:
    """Raise an ApiError when a body does not arrive whole and in time."""
    try:
        async with asyncio.timeout(SECONDS):
            yield
    except TimeoutError:
        raise ApiError(408, "too_slow", f"expected the request within {SECONDS} s") from None
    except ClientDisconnect:
        raise ApiError(400, "incomplete", "the request ended early") from None


async def counted(request: Request, max_bytes: int, take: Take) -> AsyncGenerator[bytes, None]:
    """Yield a body as it comes; ApiError as soon as it is larger than `max_bytes`, whatever its header says."""
    if _declared(request) > max_bytes:
        raise too_large(max_bytes)
    count = 0
    async for chunk in request.stream():
        count += len(chunk)
        if count > max_bytes:
            raise too_large(max_bytes)
        take(len(chunk))
        yield chunk


def too_large(max_bytes: int) -> ApiError:
    """Return the error of a body of more than `max_bytes`."""
    return ApiError(413, "too_large", f"expected at most {max_bytes / MB:g} MB")


def _declared(request: Request) -> int:
    text = request.headers.get("content-length", "0")
    return int(text) if text.isdecimal() else 0


@asynccontextmanager
async def _form(parser: MultiPartParser) -> AsyncIterator[FormData]:
    try:
        form = await parser.parse()
    except (MultiPartException, ValueError, KeyError):
        raise ApiError(400, "invalid_multipart", "the form cannot be read") from None
    except OSError as error:
        log.warning("a video cannot be kept: %s", reason(error))
        raise full() from None
    try:
        yield form
    finally:
        await form.close()


async def _multipart(request: Request, chunks: AsyncGenerator[bytes, None]) -> Body:
    images: list[Upload] = []
    options: dict[str, Any] = {}
    async with _form(_InMemory(request.headers, chunks, **MOST)) as form:
        for name, value in form.multi_items():
            if name == FIELD and isinstance(value, UploadFile):
                images.append(Upload(source(value.filename, len(images) + 1), await value.read()))
            else:
                options[name] = value if isinstance(value, str) else ""
    return Body(tuple(images), options)


async def _json(request: Request, chunks: AsyncGenerator[bytes, None]) -> Body:
    text = b"".join([chunk async for chunk in chunks])
    try:
        body = _Json.model_validate_json(text)
    except ValidationError as error:
        raise invalid(error.errors(include_url=False, include_input=False, include_context=False)) from None
    images = tuple(Upload(source(one.name, k), one.data) for k, one in enumerate(body.images, 1))
    return Body(images, body.model_extra or {})


KINDS = {MULTIPART: _multipart, "application/json": _json}


def source(name: str | None, number: int, kind: str = "image") -> str:
    r"""Return what an image is called in its row.

    >>> source("a/b\\c.jpg", 1), source("", 2)
    ('c.jpg', 'image 2')
    """
    return re.split(r"[\\/]", name or "")[-1][:MAX_NAME] or f"{kind} {number}"
