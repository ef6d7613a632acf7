"""Typer's errors about the command line, as *got / expected / do this*."""

import os
from collections.abc import Sequence
from typing import Any

from mien.errors import UsageError

EXPECTED = (("integer", "a whole number"), ("number", "a number"), ("float", "a number"))
"""Words in a validator's message and what is then expected; the first match counts."""


def mistake(error: Any, words: Sequence[str]) -> UsageError:
    """Return Typer's UsageError about these words of the command line in the form of ours."""
    command = f"see `{error.ctx.command_path} --help`" if error.ctx else ""
    option = next(iter(getattr(getattr(error, "param", None), "opts", ())), "")
    message = error.format_message().rstrip(".")
    value = _value(option, words)
    if value is None or message.startswith("Missing"):
        return UsageError(message, do=_file(error, words) or command)
    return UsageError(f"{option} {value}".rstrip(), _expected(message), command)


def _value(option: str, words: Sequence[str]) -> str | None:
    """Return the last value of an option, None where it was not given."""
    given = None
    for word, after in zip(words, [*words[1:], ""], strict=True):
        if word == option:
            given = after
        elif word.startswith(f"{option}="):
            given = word.partition("=")[2]
    return given if option.startswith("-") else None


def _expected(message: str) -> str:
    minimum = message.partition("greater than or equal to ")[2] or message.partition("x>=")[2]
    if minimum:
        return f"at least {minimum.rstrip('.')}"
    return next((what for mentioned, what in EXPECTED if mentioned in message), message)


def _file(error: Any, words: Sequence[str]) -> str:
    """Return advice where a file's name begins like an option, else an empty text."""
    if not hasattr(error, "option_name"):
        return ""
    name = next((word for word in words if word.startswith("-") and os.path.lexists(word)), None)
    return f"write ./{name} for the file of that name" if name else ""
