"""JSON and YAML: plain words, numbers, lists and mappings, of bounded size and depth."""

import json
from pathlib import Path
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from mien.errors import DataError, MienError
from mien.reading.guard import MIB, content, parsing, short_reason

LONGEST_JSON = 256 * MIB
LONGEST_YAML = MIB
NODES = 100_000
"""Values of a YAML file with every alias written out: a few lines of aliases to aliases stand for billions."""
DIGITS = 100
"""Of a whole number in YAML; Python refuses to print one of more than 4,300."""
DEEPEST = 100
"""Levels of nesting."""


def read_json(path: Path, wanted: str, kind: type[MienError] = DataError, do: str = "") -> dict[str, Any]:
    """Return the mapping in a JSON file in UTF-8; an error of `kind` names the file."""
    found = content(path, wanted, LONGEST_JSON, kind, do)
    with parsing(path, wanted, kind, do):
        value = json.loads(found.decode("utf-8"))
        if not isinstance(value, dict):
            raise ValueError(f"no mapping but {_named(value)}")
        depth(value)
    return value


def parse_json(text: str) -> Any:
    """Return the value of a JSON text; ValueError for anything that is none, nested too deeply included."""
    try:
        value = json.loads(text)
        depth(value)
    except RecursionError as error:
        raise ValueError(short_reason(error)) from None
    return value


def read_yaml(path: Path, wanted: str, kind: type[MienError] = DataError, do: str = "") -> dict[str, Any]:
    """Return the mapping in a YAML file in UTF-8; an error of `kind` names the file.

    Dates stay words, keys are words and stand once, and tags that make anything but plain values are refused.
    """
    found = content(path, wanted, LONGEST_YAML, kind, do)
    with parsing(path, wanted, kind, do, says="is not YAML"):
        value = parse_yaml(found.decode("utf-8-sig"))
    if not isinstance(value, dict):
        raise kind(f"{path} holds no mapping but {_named(value)}", wanted, do)
    return value


def parse_yaml(text: str) -> Any:
    """Return the value of a YAML text; ValueError says why there is none.

    >>> parse_yaml("a: [1, 2001-13-45, 1e-3]")
    {'a': [1, '2001-13-45', '1e-3']}
    >>> parse_yaml("{a: 1, a: 2}")
    Traceback (most recent call last):
    ValueError: 'a' stands twice (line 1)
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
    """Refuse a value that is nested more than DEEPEST levels; ValueError."""
    if level > DEEPEST:
        raise ValueError("it is nested too deeply")
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            depth(inner, level + 1)


class _Plain(yaml.SafeLoader):
    """SafeLoader without dates: nothing here is one, and `2001-13-45` looks like one."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - as the parent has it
        first: [(tag, pattern) for tag, pattern in found if tag != "tag:yaml.org,2002:timestamp"]
        for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


_TAGS = {f"tag:yaml.org,2002:{kind}" for kind in ("null", "bool", "int", "float", "str", "seq", "map", "merge")}


def _bounded(node: Node, sizes: dict[int, int], level: int) -> int:
    """Return how many values a node stands for, its aliases written out; ValueError for what no recipe can hold."""
    if (known := sizes.get(id(node))) is not None:
        if known < 0:
            raise ValueError(f"an alias stands inside what it is an alias of{_line(node)}")
        return known
    if level > DEEPEST:
        raise ValueError(f"it is nested too deeply{_line(node)}")
    if node.tag == "tag:yaml.org,2002:int" and len(node.value) > DIGITS:
        raise ValueError(f"a number of {len(node.value):,} digits{_line(node)}")
    if node.tag not in _TAGS:
        raise ValueError(f"the tag {node.tag.replace('tag:yaml.org,2002:', '!!')}{_line(node)}")
    sizes[id(node)] = -1
    total = 1 + sum(_bounded(inner, sizes, level + 1) for inner in _inner(node))
    if total > NODES:
        raise ValueError(f"its aliases stand for more than {NODES:,} values{_line(node)}")
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
            told = repr(key.value)[:40] if isinstance(key, ScalarNode) else "a list or mapping"
            raise ValueError(f"the key {told} is no word{_line(key)}; put quotes around it if it is meant")
        if key.value in seen:
            raise ValueError(f"{key.value[:40]!r} stands twice{_line(key)}")
        seen.add(key.value)
    return [value for _, value in node.value]


def _line(node: Node) -> str:
    return f" (line {node.start_mark.line + 1})" if node.start_mark else ""


def _named(value: Any) -> str:
    kinds = {list: "a list", str: "a word", type(None): "nothing"}
    return kinds.get(type(value), f"a {type(value).__name__}")
