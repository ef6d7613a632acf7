"""Sphinx settings of the documentation: `make docs` builds it into docs/build, offline, and every warning is an error.

Pages are plain Markdown, so that they read well without being built.  What would otherwise be written twice is put in
at build time, where a comment marks the place: the reference of the Python names (from their docstrings), that of the
command line (from Typer), the table of weights (from the README), the history (from the changelog).
"""

import re
from functools import partial
from pathlib import Path
from typing import Any

import mien

project = "mien"
version = release = mien.__version__
copyright = "the mien authors"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
exclude_patterns = ["build"]
html_theme = "furo"
html_title = f"mien {version}"
html_copy_source = False

myst_heading_anchors = 4
nitpicky = True
nitpick_ignore_regex = [(r"py:.*", r"(?!mien\.\w+$).*")]  # only the public names have entries to link to
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_default_options = {"members": True, "special-members": "__call__", "exclude-members": "model_config"}
napoleon_use_ivar = True
napoleon_attr_annotations = False  # the signature has them
python_maximum_signature_line_length = 80
copybutton_selector = "div.highlight-sh pre, div.highlight-console pre, div.highlight-python pre"

ROOT = Path(__file__).parents[1]
CONTENTS = {
    "How to": (
        "howto/page howto/serve howto/requests howto/photos howto/video howto/archives howto/measures "
        "howto/baseline howto/explain howto/study howto/own-images howto/your-data howto/own-network "
        "howto/train howto/processes howto/heads howto/measure howto/compare"
    ),
    "Look up": "numbers measures columns formats weights speed glossary reference/commands reference/python",
    "Know": "limits law privacy changelog",
}


def contents() -> str:
    """Return the tables of contents, one for each caption."""
    toctree = "```{{toctree}}\n:hidden:\n:caption: {}\n\n{}\n```\n"
    return "\n".join(toctree.format(caption, "\n".join(pages.split())) for caption, pages in CONTENTS.items())


def names() -> str:
    """Return an autodoc directive for every public name: the pipeline first, then functions, then values."""
    kinds = {name: "class" if isinstance(getattr(mien, name), type) else "function" for name in mien.__all__}
    kinds = dict(sorted(kinds.items(), key=lambda item: (item[0] != "Pipeline", item[1] == "class")))
    return "\n".join(
        f"## {name}\n\n```{{eval-rst}}\n.. auto{kind}:: mien.{name}\n```\n"
        for name, kind in kinds.items()
        if not name.startswith("__")
    )


def commands() -> str:
    """Return the help of every command as Markdown, made by Typer from the commands themselves."""
    from typer import Context
    from typer.cli import get_docs_for_click
    from typer.main import get_command

    from mien.cli import app

    command = get_command(app)
    text = get_docs_for_click(obj=command, ctx=Context(command, info_name="mien"), name="mien")
    return text[text.index("\n## ") :]


def weights() -> str:
    """Return the README's table of the weights."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return text[text.index("| weights |") :].partition("\n\n")[0]


def changelog() -> str:
    """Return the changelog without its title."""
    return (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").partition("\n")[2]


GENERATED = {
    "<!-- contents -->": contents,
    "<!-- names -->": names,
    "<!-- commands -->": commands,
    "<!-- table of weights -->": weights,
    "<!-- changelog -->": changelog,
}


def fill(app: Any, page: str, source: list[str]) -> None:
    """Put in what is generated; links to Markdown outside docs/, such as results/TABLE.md, become downloads."""
    for mark, make in GENERATED.items():
        if mark in source[0]:
            source[0] = source[0].replace(mark, make())
    here = ROOT / "docs" / page
    source[0] = re.sub(r"\[`?([^\]`]+)`?\]\(([^)#]+\.md)\)", partial(download, here.parent), source[0])


def download(folder: Path, link: re.Match[str]) -> str:
    """Return a link as a download where it leaves docs/."""
    inside = (folder / link[2]).resolve().is_relative_to(ROOT / "docs")
    return link[0] if inside else f"{{download}}`{link[1]} <{link[2]}>`"


def as_rst(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Turn a docstring's `code` and its indented examples into reStructuredText."""
    for k, line in enumerate(lines):
        lines[k] = re.sub(r"(?<!`)`([^`]+)`(?!`)", r"``\1``", line)
        if line.endswith(":") and lines[k + 1 : k + 2] == [""] and lines[k + 2 : k + 3][0].startswith("    "):
            lines[k] += ":"


def as_array(app: Any, what: str, name: str, obj: Any, options: Any, *signature: str | None) -> tuple[str | None, ...]:
    """Shorten the types of arrays in a signature and in what it returns."""
    long = r"~?numpy\.ndarray\[tuple\[~?typing\.Any, \.\.\.\], ~?numpy\.dtype\[~?numpy\.(\w+)\]\]"
    return tuple(part and re.sub(long, r"NDArray[\1]", part) for part in signature)


def setup(app: Any) -> None:
    """Register what is done while pages are read."""
    app.connect("source-read", fill)
    app.connect("autodoc-process-docstring", as_rst, priority=100)
    app.connect("autodoc-process-signature", as_array)
