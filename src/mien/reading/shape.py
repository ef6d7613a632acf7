"""Types of JSON and of a checkpoint's facts: checked before they are read, with a message that names the place."""

import re
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

Shape = TypeVar("Shape", bound="Facts")

SHOULD = r"^\w+ should (be |have |match )?"


class Facts(BaseModel):
    """The part of a file that is read; other keys are allowed and ignored."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", protected_namespaces=())


def fits(kind: type[Shape], value: Any) -> Shape:
    """Return a value with these types; ValueError names the first place that has another.

    >>> class Run(Facts):
    ...     epoch: int
    >>> fits(Run, {"epoch": "one", "more": 1})
    Traceback (most recent call last):
    ValueError: epoch: 'one' instead of a valid integer
    """
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place, why = ".".join(map(str, first["loc"])), wrong(first)
        raise ValueError(f"{place}: {why}" if place else why) from None


def wrong(error: Mapping[str, Any]) -> str:
    """Return the message of one of pydantic's errors without its "Input should be"."""
    if error["type"] == "missing":
        return "it is missing"
    message = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "value_error" or not re.match(SHOULD, message):
        return message
    return f"{repr(error['input'])[:60]} instead of {wants(message)}"


def wants(message: str) -> str:
    """Return the expected value from one of pydantic's messages.

    >>> wants("Input should be a valid number, unable to parse string as a number")
    'a valid number'
    """
    fits = re.sub(SHOULD, "", message)
    return re.split(r",? (?:unable|got|not|after|or instance) ", fits)[0]
