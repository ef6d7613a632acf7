"""HTML is a type: mypy refuses text that nobody escaped, and templates are literals."""

import ast
from pathlib import Path

import pytest

import mien
from mien.html.markup import element, escape, join, markup

CHECKED = """
from collections.abc import Sequence
from mien.html.markup import Html, element, escape, join, markup
from mien.html.page import page, table
name: str = "<b>"
"""
REFUSED = [
    "page('title', name)",
    "markup('<p>{}</p>', name)",
    "markup('<p>{name}</p>', name=name)",
    "element('p', name)",
    "join([name])",
    "table(('head',), [[name]])",
    "page('title', escape(name) + name)",
    "page('title', f'<p>{escape(name)}</p>')",
]
TAKEN = [
    "page(name, element('p', escape(name), title=name))",
    "markup('<p>{} {:.1f}</p>', escape(name), 0.5)",
    "table((name,), [[escape(name)], [markup('{:,}', 3)]])",
]


@pytest.mark.slow
def test_mypy_refuses_text_that_was_not_escaped(tmp_path: Path) -> None:
    api = pytest.importorskip("mypy.api")
    snippet = tmp_path / "snippet.py"
    snippet.write_text(CHECKED + "\n".join([*REFUSED, *TAKEN]) + "\n")
    root = Path(mien.__file__).parents[1]
    config = tmp_path / "mypy.ini"
    config.write_text(f"[mypy]\nstrict = True\nmypy_path = {root}\ncache_dir = {tmp_path / 'cache'}\n")
    report, problems, _ = api.run(["--config-file", str(config), "--follow-imports", "silent", str(snippet)])
    assert not problems
    lines = [
        int(line.split(":")[-3 if line.count(":") > 2 else 1]) for line in report.splitlines() if ": error:" in line
    ]
    first = CHECKED.count("\n") + 1
    assert sorted(set(lines)) == list(range(first, first + len(REFUSED))), report


def calls(name: str) -> list[tuple[str, ast.Call]]:
    root = Path(mien.__file__).parent
    return [
        (path.relative_to(root).as_posix(), node)
        for path in sorted(root.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name
    ]


def test_templates_are_literals() -> None:
    templates = calls("markup")
    assert templates
    assert [where for where, call in templates if not isinstance(call.args[0], ast.Constant)] == []


def test_only_the_kit_vouches_for_text_that_is_not_a_literal() -> None:
    vouched = {where for where, call in calls("Html") if not isinstance(call.args[0], ast.Constant)}
    assert vouched == {"html/chart.py", "html/markup.py", "html/page.py", "evaluation/report/__init__.py"}


def test_gaps_and_attributes() -> None:
    assert markup("<b>{}</b>{:.2f}", escape("<"), 0.5) == "<b>&lt;</b>0.50"
    assert element("i", title='"', data_row=3, hidden=None) == '<i title="&quot;" data-row="3"></i>'
    assert element("path", d="M0 0") == '<path d="M0 0"/>'
    assert join([escape("a"), escape("b")], " <") == "a &lt;b"
