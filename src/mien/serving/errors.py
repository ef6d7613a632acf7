"""Errors as JSON: `{"error": {"code": "too_large", "message": "..."}}`, with nothing of the machine in them."""

import logging
from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

log = logging.getLogger("mien.serving")

CODES = {404: "not_found", 405: "method_not_allowed"}
MESSAGES = {404: "there is nothing here", 405: "another method is needed here"}
FAULTS = {
    "extra": "not an option",
    "missing": "it is missing",
    "bool": "expected true or false",
    "float": "expected a number",
    "finite": "expected a number",
    "int": "expected a whole number",
    "greater": "expected a number from {ge} on",
    "less": "expected a number up to {le:g}",
    "string": "expected text",
    "list": "expected a list",
    "json": "expected JSON",
    "model": "expected an object",
}
"""What is wrong with a value, by the first word of pydantic's type of error."""


class ApiError(Exception):
    """A response that is an error.

    Attributes:
        status: of HTTP; code: for programs; message: for people; retry_after: seconds after which to try again.
    """

    def __init__(self, status: int, code: str, message: str, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.retry_after = status, code, message, retry_after

    def response(self) -> JSONResponse:
        """Return the error as a response."""
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        headers |= {"WWW-Authenticate": "Bearer"} if self.status == 401 else {}
        return error_response(self.status, self.code, self.message, headers)


def busy(retry_after: int = 1) -> ApiError:
    """Return the error of a full queue."""
    return ApiError(429, "busy", "too much is waiting; try again later", retry_after)


def full() -> ApiError:
    """Return the error of a video that there is no room for."""
    return ApiError(507, "full", "there is no room for the video; try again later", 60)


def unavailable() -> ApiError:
    """Return the error of a request whose process died."""
    return ApiError(503, "unavailable", "reading was interrupted; try again", 1)


def error_response(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Return an error as JSON."""
    return JSONResponse({"error": {"code": code, "message": message}}, status, headers)


def add_handlers(app: FastAPI) -> None:
    """Make JSON errors of everything that is raised while a request is served."""
    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _invalid)


async def _api_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ApiError)
    return error.response()


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    code = CODES.get(error.status_code, "bad_request")
    message = MESSAGES.get(error.status_code, "the request cannot be read")
    return error_response(error.status_code, code, message, error.headers)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    return invalid(error.errors()).response()


def invalid(faults: object) -> ApiError:
    """Return the error of values that pydantic refused: where the first is and what was expected, never the value."""
    first = faults[0] if isinstance(faults, list | tuple) and faults else {}
    kind = str(first.get("type", ""))
    place = ".".join(str(part) for part in first.get("loc", ()) if part not in ("query", "body"))
    if kind == "value_error":  # our own
        fault = str(first["msg"]).removeprefix("Value error, ")
    else:
        fault = FAULTS.get(kind.partition("_")[0], "not valid").format(**first.get("ctx", {}))
    return ApiError(422, "invalid_request", f"{place or 'the request'}: {fault}"[:300])
