"""Whether JSON, or a checkpoint's facts, have the types that somebody will read from them, and what to say if not."""

import re
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

Shape = TypeVar("Shape", bound="Facts")

SHOULD = r"^\w+ should (be |have |match )?"


class Facts(BaseModel):
    """What some file holds, as far as something is read from it; more may be there and is kept as it is."""

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


def wrong(told: Mapping[str, Any]) -> str:
    """Return what is wrong with a value, of one of pydantic's errors, without its "Input should be"."""
    if told["type"] == "missing":
        return "it is missing"
    message = str(told["msg"]).removeprefix("Value error, ")
    if told["type"] == "value_error" or not re.match(SHOULD, message):
        return message
    return f"{repr(told['input'])[:60]} instead of {wants(message)}"


def wants(message: str) -> str:
    """Return what one of pydantic's messages says that a value should be.

    >>> wants("Input should be a valid number, unable to parse string as a number")
    'a valid number'
    """
    fits = re.sub(SHOULD, "", message)
    return re.split(r",? (?:unable|got|not|after|or instance) ", fits)[0]
