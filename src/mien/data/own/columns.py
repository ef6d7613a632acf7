"""Which columns of a table are what: as the option `columns` says, else by the names that tables commonly use."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from mien.errors import DataError
from mien.labels import canonical

NAMES = {
    "image": "image path file filename file_name file_path filepath img image_path image_name image_file img_path "
    "img_name image_filename photo pth subdirectory_filepath",
    "pixels": "pixels",
    "label": "label expression emotion class target category expression_label emotion_label dominant_emotion",
    "split": "split usage set subset partition",
    "group": "subject subject_id person person_id identity participant participant_id actor clip video user group",
    "id": "id image_id sample_id key",
    "weight": "weight sample_weight",
    "valence": "valence",
    "arousal": "arousal",
    "box": "box bbox face_box bounding_box",
}
"""Common names of columns by what they are; the first that a table has is used.  A `group` beside a subject is often a
condition of an experiment."""

CORNERS = (
    ("box_x1", "box_y1", "box_x2", "box_y2"), ("x1", "y1", "x2", "y2"), ("xmin", "ymin", "xmax", "ymax"),
    ("x_min", "y_min", "x_max", "y_max"), ("left", "top", "right", "bottom"),
)  # fmt: skip
SIZES = (("face_x", "face_y", "face_width", "face_height"), ("left", "top", "width", "height"), ("x", "y", "w", "h"))
"""Four columns of a box: its corners, or its corner, width and height."""

UNIT = re.compile(r"au_?0*([1-9][0-9]?)(_r|_c)?")
CHOICES = {"unknown": "unknown", "nf": "nf", "not_face": "nf", "no_face": "nf"}
"""Columns of votes for anything but an expression."""


@dataclass(frozen=True)
class Columns:
    """The columns of a table.

    Attributes:
        of: the column of each thing of `NAMES` that there is.
        corners, sizes: four columns of a box, or none.
        units: columns by action unit; votes: columns by label or other choice.
    """

    of: Mapping[str, str]
    corners: tuple[str, ...] = ()
    sizes: tuple[str, ...] = ()
    units: Mapping[str, str] = ()  # type: ignore[assignment]
    votes: Mapping[str, str] = ()  # type: ignore[assignment]


def find(path: Path, head: Sequence[str], given: Mapping[str, str], own: Sequence[str] = ()) -> Columns:
    """Return what a table's columns are; `own` are labels that columns of votes may be named by.

    DataError names the columns there are where none holds the images or none the labels.
    """
    plain = {_plain(name): name for name in reversed(head)}
    of = {what: name for what, names in NAMES.items() if (name := _first(plain, names.split()))}
    of |= _given(path, head, given)
    used = set(of.values())
    units = {f"au{match[1]}": name for name in head if (match := UNIT.fullmatch(_plain(name))) and name not in used}
    votes = {choice: name for name in head if name not in used and (choice := _choice(name, own))}
    if "label" in of or sum(choice not in CHOICES.values() for choice in votes) < 2:
        votes = {}
    listed = f"{path} has columns {', '.join(head)}"[:300]
    if "image" not in of and "pixels" not in of:
        raise DataError(listed, "one with the images", "name it: the option columns={image: NAME}")
    if "label" not in of and not votes:
        raise DataError(listed, "one with the labels, or columns of votes", "name it: the option columns={label: NAME}")
    fours = [tuple(plain[name] for name in names) for names in CORNERS if all(name in plain for name in names)]
    sizes = [tuple(plain[name] for name in names) for names in SIZES if all(name in plain for name in names)]
    if "box" in of or fours:
        sizes = []
    return Columns(of, fours[0] if fours and "box" not in of else (), sizes[0] if sizes else (), units, votes)


def _given(path: Path, head: Sequence[str], given: Mapping[str, str]) -> dict[str, str]:
    for what, name in given.items():
        if what not in NAMES:
            raise DataError(f"the option columns: {what!r}", f"one of {', '.join(NAMES)}")
        if name not in head:
            near = get_close_matches(name, head, 1)
            do = f"did you mean {near[0]}?" if near else ""
            raise DataError(f"{path} has no column {name!r}", f"one of {', '.join(head)}"[:300], do)
    return dict(given)


def _first(plain: Mapping[str, str], names: Sequence[str]) -> str:
    return next((plain[name] for name in names if name in plain), "")


def _choice(name: str, own: Sequence[str]) -> str:
    word = re.sub(r"^(votes?|n)_|_(votes?|count)$", "", _plain(name))
    return canonical(word) or CHOICES.get(word, "") or (word if word in own else "")


def _plain(name: str) -> str:
    """Return a column's name as it is looked up.

    >>> _plain("imagePath"), _plain(" Image name")
    ('image_path', 'image_name')
    """
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
