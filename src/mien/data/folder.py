"""Folder: your own images, sorted into a folder per class; RGB or grey, of any size.

    happy/a.jpg  sad/b.png ...                    one split: every `--split` is all of it
    train/happy/a.jpg  val/...  test/...          its own splits, under any of their usual names
    happy/train/a.jpg  happy/test/b.jpg  sad/...  the same

Class folders are named in any case, by any name of an expression or by `labels`; folders in them are read too.  Hidden
files, files that are not images and empty folders are passed over.  Ids are paths below the root.
See mien.data.own for what the options do.
"""

import os
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from mien.data.files import unreadable
from mien.data.own.faults import Fault
from mien.data.own.images import ImageFiles
from mien.data.own.listing import Listing
from mien.data.own.options import Options
from mien.data.own.samples import read
from mien.data.own.splits import split_of
from mien.data.samples import Samples
from mien.errors import DataError
from mien.html.page import count
from mien.labels import canonical
from mien.outputs.record import OwnFiles

NAMED = 3
"""How many folders a message names."""

HIDDEN = (".", "__MACOSX", "@eaDir", "$")
"""How names begin that systems leave behind."""


def folder(root: Path, split: str, **options: Any) -> Samples:
    """Return a split of images in class folders as a memory map, targets one-hot; see `mien.data.own.options.Options`.

    DataError for folders without images, names that name no label, and images that cannot be read.
    """
    given = Options.of("folder", options)
    return read("folder", listing(root, given), split, given)


def listing(root: Path, options: Options) -> Listing:
    """Return the images of class folders, by split, class and path."""
    own = OwnFiles(root)
    top, classes, stray = _classes(root, own, pooled=options.ignore_splits)
    rows = [(split, name, place, path) for split, name, place in classes for path in _images(place, own)]
    if not rows:
        inside = f"{count(stray, 'image')} and no class folders" if stray else "no images in class folders"
        do = f"did you mean {root.parent if root.name else root.resolve().parent}?" if stray else ""
        raise DataError(f"{root} has {inside}", "a folder of images per expression, such as happy/", do)
    group, faults = _groups(rows, options.group, top)
    kept = [row for k, row in enumerate(rows) if k not in faults]
    paths = [path for *_, path in kept]
    ids = [_name(path.relative_to(top)) for path in paths]
    return Listing(
        origin=root,
        images=ImageFiles(paths),
        ids=np.array(ids, np.str_),
        places=ids,
        words=[name for _, name, *_ in kept],
        splits=[split for split, *_ in kept] if any(split for split, *_ in kept) else (),
        group=None if options.group is None else np.array([group[k] for k in range(len(rows)) if k not in faults]),
        faults=tuple(faults.values()),
        notes=(f"{count(stray, 'image')} outside class folders not read",) if stray else (),
    )


def _classes(root: Path, own: OwnFiles, *, pooled: bool) -> tuple[Path, list[tuple[str, str, Path]], int]:
    """Return the folder that paths begin at, the class folders with their split and name, and how many images lie out.

    A folder that only holds the data set's folder is passed through: that is how archives unpack.  Where splits are
    `pooled`, class folders may hold images outside those of splits.
    """
    if not root.is_dir():
        got = f"{root} is a file" if root.exists() else f"{root} does not exist"
        raise DataError(
            got, "a folder with a folder of images per class", "check `root`; the data set table reads files"
        )
    top, inner, images = root, *_inside(root)
    while len(inner) == 1 and not images and _is_wrapper(inner[0]):
        top, (inner, images) = inner[0], _inside(inner[0])
    parts = [(place.name, place) for place in inner if split_of(place.name)]
    stray = len(images)
    if not parts:
        if deeper := next((place for place in inner if _is_wrapper(place) and _holds_classes(place)), None):
            got = f"{top} is not a folder of classes: {', '.join(place.name for place in inner[:NAMED])}"
            raise DataError(got, "a folder of images per expression, such as happy/", f"did you mean {deeper}?")
        return top, _split_inside(root, inner, own, pooled=pooled), stray
    if beside := [place.name for place in inner if not split_of(place.name) and any(_images(place, own))]:
        got = f"{root} has the splits {', '.join(name for name, _ in parts)} and, beside them, {', '.join(beside[:3])}"
        raise DataError(got, "either splits or class folders", "move it away")
    classes = []
    for split, place in parts:
        inner, images = _inside(place)
        stray += len(images)
        classes += [(split, each.name, each) for each in inner]
    return top, classes, stray


def _split_inside(root: Path, classes: list[Path], own: OwnFiles, *, pooled: bool) -> list[tuple[str, str, Path]]:
    """Return class folders, or the folders in them where those are named after splits, with their split and name."""
    whole = [("", place.name, place) for place in classes]
    held = {place: _inside(place) for place in classes}
    inside = [(each.name, place.name, each) for place in classes for each in held[place][0] if split_of(each.name)]
    if not inside:
        return whole
    outside = next((place.name for place, (inner, images) in held.items() if _strays(inner, images, own)), "")
    if outside and pooled:
        return whole
    if outside:
        got = (
            f"{root}: {inside[0][1]} has the folder {inside[0][0]}, and {outside} has images outside folders of splits"
        )
        do = "move them into one; or the option ignore_splits=true reads all images as one set"
        raise DataError(got, "train, val or test for all images, or for none", do)
    return inside


def _strays(inner: list[Path], images: list[Path], own: OwnFiles) -> bool:
    """Return whether a class folder has images, directly or below, outside its folders of splits."""
    others = (path for each in inner if not split_of(each.name) for path in _images(each, own))
    return any(not own(path) for path in chain(images, others))


def _is_wrapper(place: Path) -> bool:
    """Return whether a folder is not a class or split but holds them."""
    inner, images = _inside(place)
    return bool(inner) and not images and not split_of(place.name) and canonical(place.name) is None


def _holds_classes(place: Path) -> bool:
    """Return whether a folder has two folders that are named after expressions, or are splits with classes in them."""
    named = (each for each in _inside(place)[0] if canonical(each.name) or (split_of(each.name) and _inside(each)[0]))
    return len(list(named)) > 1


def _inside(place: Path) -> tuple[list[Path], list[Path]]:
    """Return the folders and the images directly in a folder, each sorted by name."""
    try:
        with os.scandir(place) as entries:
            seen = sorted(
                (entry for entry in entries if not entry.name.startswith(HIDDEN)), key=lambda entry: entry.name
            )
            folders = [Path(entry.path) for entry in seen if entry.is_dir()]
            return folders, [Path(entry.path) for entry in seen if _is_image(entry.name) and entry.is_file()]
    except OSError as error:
        raise unreadable(place, error) from None


def _images(place: Path, own: OwnFiles) -> Iterator[Path]:
    """Yield the images of a folder and the folders in it, without those that mien wrote.

    Links are followed, but not upwards or round in a circle.
    """
    seen, places = {os.path.realpath(above) for above in place.absolute().parents}, [place]
    while places:
        current = places.pop()
        if (real := os.path.realpath(current)) in seen:
            continue
        seen.add(real)
        folders, images = _inside(current)
        yield from (path for path in images if not own(path))
        places += reversed(folders)


def _is_image(name: str) -> bool:
    from mien.inference.media.filetype import IMAGE_SUFFIXES  # here, because the other data sets need no codecs

    return os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES  # noqa: PTH122 - a Path for each of 100,000 names is slow


def _groups(
    rows: list[tuple[str, str, Path, Path]], pattern: str | None, top: Path
) -> tuple[list[str], dict[int, Fault]]:
    """Return the subject or clip of each image, and a fault for each path in which the pattern finds none."""
    if pattern is None:
        return [], {}
    try:
        finder = re.compile(pattern)
    except re.error as error:
        raise DataError(
            f"the option group: {pattern!r} ({error})", "a regular expression, such as '^S[0-9]+'"
        ) from None
    groups, faults = [], {}
    for k, (*_, place, path) in enumerate(rows):
        match = finder.search(path.relative_to(place).as_posix())
        groups.append((match.group(1) if match.re.groups else match.group()) or "" if match else "")
        if not groups[-1]:
            faults[k] = Fault(_name(path.relative_to(top)), f"the option group {pattern!r} finds nothing in its name")
    return groups, faults


def _name(path: Path) -> str:
    """Return a relative path as text that every file can hold: bytes that are not UTF-8 are escaped."""
    return os.fsencode(path.as_posix()).decode("utf-8", "backslashreplace")
