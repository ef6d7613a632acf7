"""Prose uses the field's words: no page, help text, message, docstring or comment has a phrase of the old dialect.

Each pattern has the words to use instead.  Code in pages, and strings that are one key or column, are contracts and do
not count; neither does the changelog of what is released.  ALLOWED has sentences in which a phrase is right English.
"""

import ast
import io
import re
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

BANNED = {  # pattern: what to write instead
    r"\bpictures?\b": "image",
    r"\b(un)?answer(s|ed|ing|able)?\b": "prediction, predicts; abstained",
    r"\btold\b": "reported; distinguished",
    r"\bsaid\b": "reported, printed",
    r"\bspoilt\b": "corrupted",
    r"\btwins?\b": "near-duplicate",
    r"(?<!ground )\btruth\b": "label, ground truth",
    r"\b(go(es|ne|ing)?|went) on with\b": "resume",
    r"\banew\b|\bafresh\b": "again, from scratch",
    r"\blearnt\b": "trained on",
    r"\blikeli?est\b": "top-1, most probable",
    r"\bright among\b": "top-2 accuracy",
    r"\brightly\b": "correctly; accuracy",
    r"\bguessed\b": "inferred",
    r"\bstands? (ready|twice|beside)\b": "is available; is a duplicate; is printed beside",
    r"\bwhat is no\b": "anything that is not",
    r"\b(?<!there )(?<!where )(is|are|was|were) no (?!longer\b|more than\b|less than\b)\w": "is not a",
    r"(?-i:\bIn figures\b)": "Data table",
    r"\bBeside this page\b": "Files",
    r"\b(a|the|its|their|what|which|same|this|these) shares?\b|\bshares? of\b": "fraction, probability",
    r"\bwhoever\b": "if you, those who",
    r"\bnothing to go by\b": "no information",
    r"\bquestions per\b": "queries per",
    r"\basked for\b": "requested, chosen",
    r"\bnobody expected\b": "unexpected",
    r"\bso called\b": "with that name",
}
ALLOWED = (  # where a banned word is right
    "near-duplicate (twin)",  # once, for those who know the word from older results
    "near-duplicates (twins)",
    "near-duplicates in training (twins)",
    "answer output",  # names of columns in other systems' tables
    "truth target true",
    "truth=...",  # a field of --column
    "id,truth",  # the columns that a rater saves
    "id, label, truth, ignore",
    "; twins:",  # a key of result.npz
)
NAMES = re.compile(
    r"(^|_)(told|asked|said|twins?|spoilt|learnt|likeliest|pictures?|answers?|answered|truth|hear|stranger)(_|$)"
    r"|^(Answers|Truth|Told|Twins?)$"
)
ALLOWED_NAMES = {"twins", "answers", "answer_labels", "truth_labels"}
"""Fields that are named after their keys in result.npz and stress.json, which are a contract."""

PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted(path for path in (ROOT / "docs").rglob("*.md") if "build" not in path.parts),
    ROOT / "results" / "LOG.md",
]
SOURCES = [*sorted((ROOT / "src").rglob("*.py")), *sorted((ROOT / "src").rglob("*.yaml"))]
CHECKED = [*PAGES, *SOURCES]


def prose_of_page(text: str) -> str:
    """Return a page without its code; of the changelog what is not released."""
    text = re.sub(r"^## \[\d.*", "", text, flags=re.S | re.M)
    return re.sub(r"```.*?```|`[^`\n]*`|\]\([^)]*\)", "", text, flags=re.S)


def prose_of_recipe(text: str) -> str:
    return "\n".join(re.findall(r"#.*$", text, re.M))


def prose_of_source(text: str) -> str:
    """Return a module's comments and strings, without `code`, what f-strings fill in, and strings that are one key."""
    comments = [
        token.string for token in tokenize.generate_tokens(io.StringIO(text).readline) if token.type == tokenize.COMMENT
    ]
    strings = [
        node.value
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    words = "\n".join([*comments, *(string for string in strings if not re.fullmatch(r"[\w.:=/-]*", string))])
    return re.sub(r"`[^`\n]*`|^ *(>>>|\.\.\.) .*$", "", words, flags=re.M)


PROSE = {".md": prose_of_page, ".yaml": prose_of_recipe, ".py": prose_of_source}


@pytest.mark.parametrize("path", CHECKED, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_prose_has_no_old_phrase(path: Path) -> None:
    text = PROSE[path.suffix](path.read_text(encoding="utf-8"))
    for sentence in ALLOWED:
        text = re.sub(re.escape(sentence), "", text, flags=re.IGNORECASE)
    found = [
        f"{text[max(0, match.start() - 40) : match.end() + 30]!r}: write {instead}"
        for pattern, instead in BANNED.items()
        for match in re.finditer(pattern, text, re.IGNORECASE)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "path", [path for path in CHECKED if path.suffix == ".py"], ids=lambda path: path.relative_to(ROOT).as_posix()
)
def test_names_have_no_old_word(path: Path) -> None:
    tokens = tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline)
    found = {token.string for token in tokens if token.type == tokenize.NAME and NAMES.search(token.string)}
    assert found <= ALLOWED_NAMES
