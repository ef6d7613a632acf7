"""The bodies of requests: counted while they are received, parsed in memory, never on a disk."""

import re
import sys
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

from pydantic import Base64Bytes, BaseModel, ConfigDict, ValidationError
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from mien.serving.errors import ApiError, invalid
from mien.serving.settings import MB

MAX_IMAGES = 100  # of one request
MAX_NAME = 255  # characters of an image's name
MAX_FIELDS = 20
FIELD = "images"


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
    data: Base64Bytes


class _Json(BaseModel):
    model_config = ConfigDict(extra="allow")  # options, which are checked with those of the query
    images: list[_Image]


class _InMemory(MultiPartParser):
    spool_max_size = sys.maxsize  # larger parts would go into a temporary file


async def received(request: Request, max_bytes: int) -> Body:
    """Return the body of a request; ApiError when it is too large or cannot be read."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in KINDS:
        raise ApiError(415, "unsupported_media_type", f"expected {' or '.join(KINDS)}")
    try:
        body: Body = await KINDS[kind](request, max_bytes)
    except ClientDisconnect:
        raise ApiError(400, "incomplete", "the request ended early") from None
    if not body.images:
        raise ApiError(422, "no_images", f"expected images in `{FIELD}`")
    if len(body.images) > MAX_IMAGES:
        raise ApiError(413, "too_many", f"expected at most {MAX_IMAGES} images in a request")
    return body


async def counted(request: Request, max_bytes: int) -> AsyncGenerator[bytes, None]:
    """Yield a body as it comes; ApiError as soon as it is larger than `max_bytes`, whatever its header says."""
    if _declared(request) > max_bytes:
        raise too_large(max_bytes)
    count = 0
    async for chunk in request.stream():
        count += len(chunk)
        if count > max_bytes:
            raise too_large(max_bytes)
        yield chunk


def too_large(max_bytes: int) -> ApiError:
    """Return the error of a body of more than `max_bytes`."""
    return ApiError(413, "too_large", f"expected at most {max_bytes / MB:g} MB")


def _declared(request: Request) -> int:
    text = request.headers.get("content-length", "0")
    return int(text) if text.isdecimal() else 0


async def _multipart(request: Request, max_bytes: int) -> Body:
    parser = _InMemory(request.headers, counted(request, max_bytes), max_files=MAX_IMAGES + 1, max_fields=MAX_FIELDS)
    try:
        form = await parser.parse()
    except (MultiPartException, ValueError, KeyError):
        raise ApiError(400, "invalid_multipart", "the form cannot be read") from None
    images: list[Upload] = []
    options: dict[str, Any] = {}
    try:
        for name, value in form.multi_items():
            if name == FIELD and isinstance(value, UploadFile):
                images.append(Upload(source(value.filename, len(images) + 1), await value.read()))
            else:
                options[name] = value if isinstance(value, str) else ""
    finally:
        await form.close()
    return Body(tuple(images), options)


async def _json(request: Request, max_bytes: int) -> Body:
    text = b"".join([chunk async for chunk in counted(request, max_bytes)])
    try:
        body = _Json.model_validate_json(text)
    except ValidationError as error:
        raise invalid(error.errors(include_url=False, include_input=False, include_context=False)) from None
    images = tuple(Upload(source(one.name, k), one.data) for k, one in enumerate(body.images, 1))
    return Body(images, body.model_extra or {})


KINDS = {"multipart/form-data": _multipart, "application/json": _json}


def source(name: str | None, number: int) -> str:
    r"""Return what an image is called in its row.

    >>> source("a/b\\c.jpg", 1), source("", 2)
    ('c.jpg', 'image 2')
    """
    return re.split(r"[\\/]", name or "")[-1][:MAX_NAME] or f"image {number}"
