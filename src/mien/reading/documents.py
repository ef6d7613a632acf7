"""JSON and YAML: plain text, numbers, lists and mappings, of bounded size and depth."""

import json
from pathlib import Path
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from mien.errors import DataError, MienError
from mien.reading.guard import MIB, content, parsing, short_reason

MAX_JSON_BYTES = 256 * MIB
MAX_YAML_BYTES = MIB
MAX_VALUES = 100_000
"""Of a YAML file with all aliases expanded: a few lines of nested aliases expand to billions."""
MAX_DIGITS = 100
"""Of an integer in YAML; Python refuses to print more than 4,300."""
MAX_DEPTH = 100
"""Levels of nesting."""


def read_json(path: Path, wanted: str, kind: type[MienError] = DataError, do: str = "") -> dict[str, Any]:
    """Return the mapping in a JSON file in UTF-8; an error of `kind` names the file."""
    data = content(path, wanted, MAX_JSON_BYTES, kind, do)
    with parsing(path, wanted, kind, do):
        value = json.loads(data.decode("utf-8"))
        if not isinstance(value, dict):
            raise ValueError(f"{_named(value)} instead of a mapping")
        depth(value)
    return value


def parse_json(text: str) -> Any:
    """Return the value of a JSON text; ValueError for anything else, also if it is nested too deeply."""
    try:
        value = json.loads(text)
        depth(value)
    except RecursionError as error:
        raise ValueError(short_reason(error)) from None
    return value


def read_yaml(path: Path, wanted: str, kind: type[MienError] = DataError, do: str = "") -> dict[str, Any]:
    """Return the mapping in a YAML file in UTF-8; an error of `kind` names the file.

    Dates stay text, keys are unique text, and tags for anything but plain values are refused.
    """
    data = content(path, wanted, MAX_YAML_BYTES, kind, do)
    with parsing(path, wanted, kind, do, says="is not YAML"):
        value = parse_yaml(data.decode("utf-8-sig"))
    if not isinstance(value, dict):
        raise kind(f"{path} holds {_named(value)} instead of a mapping", wanted, do)
    return value


def parse_yaml(text: str) -> Any:
    """Return the value of a YAML text; ValueError explains why it cannot be read.

    >>> parse_yaml("a: [1, 2001-13-45, 1e-3]")
    {'a': [1, '2001-13-45', '1e-3']}
    >>> parse_yaml("{a: 1, a: 2}")
    Traceback (most recent call last):
    ValueError: duplicate key 'a' (line 1)
    """
    try:
        loader = _Plain(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _bounded(node, {}, 0)
        return loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        line = f" (line {error.problem_mark.line + 1})" if error.problem_mark else ""
        raise ValueError(f"{error.problem or error}{line}") from None
    except (yaml.YAMLError, ArithmeticError, LookupError, RecursionError) as error:
        raise ValueError(short_reason(error)) from None


def depth(value: Any, level: int = 0) -> None:
    """Refuse a value that is nested more than MAX_DEPTH levels; ValueError."""
    if level > MAX_DEPTH:
        raise ValueError("it is nested too deeply")
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            depth(inner, level + 1)


class _Plain(yaml.SafeLoader):
    """SafeLoader without dates: nothing here is one, and `2001-13-45` looks like one."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - as the parent has it
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


_TAGS = {f"tag:yaml.org,2002:{kind}" for kind in ("null", "bool", "int", "float", "str", "seq", "map", "merge")}


def _bounded(node: Node, sizes: dict[int, int], level: int) -> int:
    """Return the number of values of a node, its aliases expanded; ValueError for values that no recipe can hold."""
    if (known := sizes.get(id(node))) is not None:
        if known < 0:
            raise ValueError(f"an alias inside its own value{_line(node)}")
        return known
    if level > MAX_DEPTH:
        raise ValueError(f"it is nested too deeply{_line(node)}")
    if node.tag == "tag:yaml.org,2002:int" and len(node.value) > MAX_DIGITS:
        raise ValueError(f"a number of {len(node.value):,} digits{_line(node)}")
    if node.tag not in _TAGS:
        raise ValueError(f"the tag {node.tag.replace('tag:yaml.org,2002:', '!!')}{_line(node)}")
    sizes[id(node)] = -1
    total = 1 + sum(_bounded(inner, sizes, level + 1) for inner in _inner(node))
    if total > MAX_VALUES:
        raise ValueError(f"its aliases expand to more than {MAX_VALUES:,} values{_line(node)}")
    sizes[id(node)] = total
    return total


def _inner(node: Node) -> list[Node]:
    if isinstance(node, SequenceNode):
        return list(node.value)
    if not isinstance(node, MappingNode):
        return []
    seen = set()
    for key, _ in node.value:
        if not isinstance(key, ScalarNode) or key.tag not in ("tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"):
            shown = repr(key.value)[:40] if isinstance(key, ScalarNode) else "a list or mapping"
            raise ValueError(f"the key {shown} is not text{_line(key)}; quote it if it is meant")
        if key.value in seen:
            raise ValueError(f"duplicate key {key.value[:40]!r}{_line(key)}")
        seen.add(key.value)
    return [value for _, value in node.value]


def _line(node: Node) -> str:
    return f" (line {node.start_mark.line + 1})" if node.start_mark else ""


def _named(value: Any) -> str:
    kinds = {list: "a list", str: "a text", type(None): "nothing"}
    return kinds.get(type(value), f"a {type(value).__name__}")
