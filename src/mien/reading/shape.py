"""Whether JSON, or a checkpoint's facts, have the types that somebody will read from them; in pydantic's words."""

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError


class Facts(BaseModel):
    """What some file holds, as far as something is read from it; more may be there and is kept as it is."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", protected_namespaces=())


def fits(kind: type[Facts], value: Any) -> None:
    """Refuse a value that has not these types; ValueError names the first place.

    >>> class Run(Facts):
    ...     epoch: int
    >>> fits(Run, {"epoch": "one", "more": 1})
    Traceback (most recent call last):
    ValueError: epoch: Input should be a valid integer
    """
    try:
        kind.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise ValueError(f"{place}: {first['msg']}" if place else first["msg"]) from None
