"""Words for labels, as folders and tables have them, become labels of the vocabulary or of the data set's own.

Happy, joy, 3_happiness          happiness, as every name of an expression; reported once
bored                            refused, unless the option `labels` names it
0, 1, 2                          refused, unless the file says what they mean or the options `codes` or `labels` do
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

from mien.data.own.options import Options
from mien.errors import DataError
from mien.html.page import count
from mien.labels import CODES, EXPRESSIONS, MAX_LABEL, SYNONYMS, canonical, is_label, ordered, spelled_as_label

LISTED = 5
"""How many unknown words an error lists."""

NUMBER = re.compile(r"[+]?\d{1,6}(\.0+)?")


class Meaning(NamedTuple):
    """What the words of a data set mean.

    Attributes:
        labels: the labels that occur, in order; of: the label of each word, None for one to leave out.
        unknown: words that mean nothing, and what to do about each.
        note: which words are other names of their label; "" where none is.
    """

    labels: tuple[str, ...]
    of: Mapping[str, str | None]
    unknown: Mapping[str, str]
    note: str


def meaning(words: Sequence[str], options: Options, names: Sequence[str] = (), codes: str | None = None) -> Meaning:
    """Return what the words mean; `names` are what numbers stand for, or `codes` whose they are, where a file says so.

    >>> meaning(["Happy", "bored", "calm"], Options(labels=["bored"], ignore=["calm"])).of
    {'Happy': 'happiness', 'bored': 'bored', 'calm': None}
    """
    known = _known(options, names, codes)
    distinct = Counter(words)
    of = {word: known.get(_key(word)) or _plain(word) for word in distinct}
    ignored = {_key(word) for word in options.ignore}
    left = {word for word, label in of.items() if {_key(word), label} & ignored}
    of = {word: None if word in left else label for word, label in of.items()}
    unknown = {word: _near(word, known) for word, label in of.items() if label is None and word not in left}
    labels = ordered(tuple({label for label in of.values() if label}))
    return Meaning(labels, of, unknown, _note(of))


def refuse_unknown(origin: Path, found: Meaning, words: Sequence[str], own: Sequence[str] = ()) -> None:
    """Raise the DataError that lists unknown words, how many rows have each, and the options that would do.

    `own` are the labels outside the vocabulary that the options name.
    """
    if not found.unknown:
        return
    counts = Counter(word for word in words if word in found.unknown).most_common()
    listed = [f"{word!r} ({count(number, 'row')}{found.unknown[word]})" for word, number in counts[:LISTED]]
    more = [f"{len(counts) - LISTED} more"] if len(counts) > LISTED else []
    got = f"{origin}: {'the label' if len(counts) == 1 else 'the labels'} {', '.join(listed + more)}"
    if all(NUMBER.fullmatch(word.strip()) for word, _ in counts):
        orders = "; ".join(f"codes={name}: {_order(name)}" for name in ("fer2013", "ferplus", "affectnet", "rafdb"))
        raise DataError(got, "names: data sets number the expressions differently", f"say whose numbers ({orders})")
    raise DataError(got, f"one of {', '.join((*EXPRESSIONS, *own))}", _remedy([word for word, _ in counts], own))


def _remedy(words: Sequence[str], own: Sequence[str]) -> str:
    """Return which options keep unknown words as labels, and which leave their images out.

    >>> _remedy(["bored", "seconds_bored"], ["tired"])[:42]
    'the option labels=tired,bored keeps bored,'
    """
    possible = [word for word in words if is_label(spelled_as_label(word))]
    labels = ",".join(dict.fromkeys((*own, *map(spelled_as_label, possible))))
    kept = f"the option labels={labels} keeps {', '.join(possible[:LISTED])}, " if possible else ""
    left = ",".join(words) if not any("," in word for word in words) else str(list(words))
    return f"{kept}the option ignore={left} leaves images out"


def _known(options: Options, names: Sequence[str], codes: str | None) -> dict[str, str]:
    """Return the labels of words that the options or the file explain; DataError for what cannot be a label."""
    own: dict[str, str] = {}
    numbers = CODES.get(options.codes or codes or "", {})
    if not numbers:
        numbers = dict(enumerate(names or (options.labels if isinstance(options.labels, tuple) else ())))
    for code, name in numbers.items():
        own[str(code)] = canonical(name) or spelled_as_label(name)
    given = options.labels if isinstance(options.labels, dict) else dict.fromkeys(options.labels, ())
    for label, words in given.items():
        name = canonical(label) or label
        if not is_label(name):
            do = f"write {spelled_as_label(label)}" if is_label(spelled_as_label(label)) else ""
            raise DataError(f"the option labels: {label!r}", f"small letters, digits and _, at most {MAX_LABEL}", do)
        for word in (label, *words):
            if own.setdefault(_key(word), name) != name:
                raise DataError(f"the option labels: {word!r} is {own[_key(word)]} and {name}", "one of them")
    return own


def _plain(word: str) -> str | None:
    """Return the expression that a word names, perhaps after a number, as in `3_happy`; None for other words."""
    return canonical(_key(word)) or canonical(re.sub(r"^\d+[\W_]+", "", _key(word)))


def _key(word: str) -> str:
    """Return a word as it is looked up: small, composed letters, and 3 for 3.0."""
    key = unicodedata.normalize("NFC", word).strip().lower()
    if NUMBER.fullmatch(key):
        return str(int(float(key)))
    return spelled_as_label(key) or key


def _near(word: str, known: Mapping[str, str]) -> str:
    near = get_close_matches(_key(word), [*EXPRESSIONS, *SYNONYMS, *known], 1, 0.7)
    return f"; did you mean {near[0]}?" if near and not NUMBER.fullmatch(word.strip()) else ""


def _order(name: str) -> str:
    return " ".join(f"{code} {label}" for code, label in CODES[name].items())


def _note(of: Mapping[str, str | None]) -> str:
    """Return which words were read as another word, by label."""
    other: dict[str, list[str]] = {}
    for word, label in sorted(of.items()):
        if label and word.strip().lower() != label:
            other.setdefault(label, []).append(word.strip())
    return "; ".join(f"{', '.join(words)} = {label}" for label, words in sorted(other.items()))
