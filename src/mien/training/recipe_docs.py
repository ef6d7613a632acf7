"""A recipe with comments on its keys, from the docstrings and descriptions of the recipe's classes."""

import inspect
import textwrap
import types
from collections.abc import Iterator
from typing import Any, Literal, Union, get_args, get_origin

import yaml
from pydantic import BaseModel

from mien.training.recipe import Recipe, Strict

WIDTH = 110


def explained(recipe: Recipe) -> str:
    """Return the full recipe as YAML, each section headed by its class's docstring, each key by its description.

    `load` reads it back to the same recipe.
    """
    return "\n".join(_lines(recipe.model_dump(mode="json"), Recipe, "", set())) + "\n"


def _lines(
    content: dict[str, Any], model: type[BaseModel], indent: str, documented: set[type[Strict]]
) -> Iterator[str]:
    for key, value in content.items():
        field = model.model_fields[key]
        section = _section(field.annotation)
        about = inspect.getdoc(section) if section and section not in documented else None
        documented |= {section} if section else set()
        for text in (*(about or "").split("\n\n"), field.description or "", _choices(field.annotation)):
            words = " ".join(text.split())
            yield from (f"{indent}# {line}" for line in textwrap.wrap(words, WIDTH, break_on_hyphens=False))
        if section and isinstance(value, dict):
            yield f"{indent}{key}:"
            yield from _lines(value, section, indent + "  ", documented)
        else:
            yield textwrap.indent(yaml.safe_dump({key: value}, sort_keys=False).rstrip("\n"), indent)


def _choices(annotation: Any) -> str:
    return f"one of {', '.join(get_args(annotation))}" if get_origin(annotation) is Literal else ""


def _section(annotation: Any) -> type[Strict] | None:
    """Return the section that a field holds, None for a plain value."""
    if get_origin(annotation) in (Union, types.UnionType):
        return next((section for one in get_args(annotation) if (section := _section(one))), None)
    return annotation if isinstance(annotation, type) and issubclass(annotation, Strict) else None
