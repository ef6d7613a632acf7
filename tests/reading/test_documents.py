"""JSON and YAML that are cut, nested, repeated, tagged, too large or in another encoding."""

from pathlib import Path

import pytest

from mien.errors import DataError, RecipeError
from mien.reading.documents import parse_json, parse_yaml, read_json, read_yaml

BOMB = "a0: &a0 [1, 1]\n" + "".join(f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]\n" for k in range(1, 12))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [", "line 1"),
        ("a: 1\na: 2", "duplicate key 'a' (line 2)"),
        ("1: one", "the key '1' is not text"),
        ("[1]: one", "the key a list or mapping is not text"),
        ("a: !!python/object/apply:os.system [ls]", "the tag !!python/object/apply:os.system"),
        ("a: !!binary aGk=", "the tag !!binary"),
        ("a: !!timestamp 2001-13-45", "the tag !!timestamp"),
        ("a: !!int word", "invalid literal"),
        ("a: !!float word", "could not convert"),
        ("a: !own x", "the tag !own"),
        (BOMB, "expand to more than"),
        ("a: &a [*a]", "an alias inside its own value"),
        ("a: " + "[" * 150 + "]" * 150, "nested too deeply"),
        ("a: " + "[" * 5000 + "]" * 5000, "nested too deeply"),
        ("a: 0x" + "f" * 5000, "a number of 5,002 digits"),
        ("a: " + "9" * 5000, "a number of 5,000 digits"),
        ("a: b\x00c", "special characters are not allowed"),
        ("a: 1\n--- \nb: 2", "another document"),
        ("%YAML 3.1\n---\na: 1", "version"),
        ("a: *b", "undefined alias"),
    ],
)
def test_yaml_that_is_refused(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=r"\w") as caught:
        parse_yaml(text)
    assert words in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_yaml_that_is_read() -> None:
    text = "day: 2001-13-45\nother: 2001-01-01\nbase: &b {lr: 1.0e-3, flag: yes}\nmore: {<<: *b, lr: .inf}\nnone:\n"
    value = parse_yaml(text)
    assert value["day"], value["other"] == ("2001-13-45", "2001-01-01")
    assert value["more"] == {"lr": float("inf"), "flag": True}
    assert parse_yaml("") is None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "holds nothing instead of a mapping"),
        (b"- 1", "holds a list instead of a mapping"),
        ("a: 1".encode("utf-16"), "is not YAML"),
        (b"\x00\x01\xff", "is not YAML"),
        (b"a: 1\n" + b"#" * (1 << 20), "larger than 1 MiB"),
    ],
)
def test_yaml_files_that_are_refused(content: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_bytes(content)
    with pytest.raises(RecipeError, match=words):
        read_yaml(path, "a recipe", RecipeError)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "Expecting value"),
        (b"[1]", "a list instead of a mapping"),
        (b'{"a": 1', "delimiter"),
        (b'{"a": ' + b"[" * 200 + b"]" * 200 + b"}", "nested too deeply"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a": ' + b"9" * 5000 + b"}", "limit"),
        (b'{"a": "\xff"}', "utf-8"),
        (b"\xef\xbb\xbf{}", "BOM"),
    ],
)
def test_json_that_is_refused(content: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "env.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"env\.json cannot be read") as caught:
        read_json(path, "JSON")
    assert words in str(caught.value)


def test_no_file_a_folder_and_a_long_name(tmp_path: Path) -> None:
    for path, words in ((tmp_path / "a", "no file"), (tmp_path, "is a folder"), (tmp_path / ("a" * 300), "no file")):
        with pytest.raises(DataError, match=words):
            read_json(path, "JSON")


def test_text_of_json() -> None:
    assert parse_json('{"a": [1]}') == {"a": [1]}
    with pytest.raises(ValueError, match="nested"):
        parse_json("[" * 100_000)
