"""Draw faces from a result of `mien predict` at random, so that people can label them without knowing the predictions.

    sample = draw(Path("result"), Plan(per_person=5, subject="^p[0-9]+"))
    keep(sample, outputs)       # rate.html for the people, mien.csv for `mien compare`

Of every person in a video the frames are cut into as many stretches as faces are wanted, and one is drawn from each, so
that neighbouring frames seldom meet.  A face in a photo is drawn as it is.  Their order is random, and their numbers
say nothing about where they come from.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.errors import DataError, MediaError, UsageError
from mien.html.markup import Html
from mien.html.page import count
from mien.inference.media.image import Limits, load_image
from mien.inference.media.video import Clip, frames
from mien.inference.output.record import INPUTS
from mien.inference.output.rows import CORNERS
from mien.inference.output.spreadsheet import PLAIN, without_apostrophe
from mien.inference.rotate import turned
from mien.inference.sample.page import to_html
from mien.inference.video.portrait import jpeg, square
from mien.outputs import Outputs
from mien.outputs.record import read_facts
from mien.reading.tables import read_csv, read_parquet

TABLES = {"predictions.csv": read_csv, "predictions.parquet": read_parquet}
KEPT = ("rate.html", "mien.csv")
"""What `keep` writes: the page, and the predictions under the same numbers."""
SIDE = 224  # pixels of a face on the page
ROOM = 0.8  # half the side of the square that is shown, by the longer side of the box

NUMBERS = {*CORNERS, "seconds", "confidence"}
KEPT_COLUMNS = ("source", "frame", "seconds", "face", "track_id", "expression", "confidence", "abstained")
"""Columns of the predictions that are kept, beside the probabilities."""

Row = Mapping[str, str]


@dataclass(frozen=True)
class Plan:
    """What to draw.

    Attributes:
        per_person: faces of every person in a video.
        max_faces: faces in all.
        subject: a regular expression that finds the person in a file's name, or None: a person of a video, else a file.
        seed: of the random numbers.

    UsageError for numbers below one, and for an invalid regular expression.
    """

    per_person: int = 5
    max_faces: int = 200
    subject: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("per_person", "max_faces"):
            if (value := getattr(self, name)) < 1:
                raise UsageError(f"`{name}` {value}", "a number of faces, at least 1")
        if self.seed < 0:
            raise UsageError(f"`seed` {self.seed}", "a number, at least 0")
        try:
            re.compile(self.subject or "")
        except re.error as error:
            raise UsageError(
                f"`subject` {self.subject!r} ({error})", "a regular expression, such as '^p[0-9]+'"
            ) from None

    def person(self, row: Row) -> str:
        """Return who is in a row: what `subject` finds in the file's name, else the person of the video or the file."""
        if self.subject is None:
            return f"{row['source']} #{row['track_id']}" if row["track_id"] else row["source"]
        name = Path(row["source"]).name
        match = re.search(self.subject, name)
        found = (match.group(1) if match.re.groups else match.group()) if match else ""
        if not found:
            raise UsageError(f"`subject` {self.subject!r} finds nothing in {name}", "a part of every file's name")
        return found


@dataclass(frozen=True)
class Sample:
    """The faces that were drawn.

    Attributes:
        rows: of the table of predictions, in the order of the page; subjects: who is in each.
        labels: what the weights can predict; faces: a JPEG of each row as a data URI.
        seed: of the random numbers; wanted: how many faces there would be without `max_faces`.
        gone: why nothing was drawn from files that were read and are not there any more, a line each.
    """

    rows: Sequence[Row]
    subjects: Sequence[str]
    labels: tuple[str, ...]
    faces: Sequence[Html] = field(repr=False)
    seed: int
    wanted: int
    gone: Sequence[str] = ()

    @cached_property
    def ids(self) -> list[str]:
        """Names of the faces: what tells this sample from others, and the number on the page.

        They begin with a letter, so that Excel leaves them as they are.
        """
        key = sha256("".join((*self.labels, *self.faces)).encode()).hexdigest()[:8]
        digits = len(str(len(self.rows)))
        return [f"f{key}-{number:0{digits}d}" for number in range(1, len(self.rows) + 1)]

    def to_dict(self) -> dict[str, Any]:
        """Return how many faces, subjects and files there are, as plain numbers."""
        sources, subjects = len({row["source"] for row in self.rows}), len(set(self.subjects))
        return {"faces": len(self.rows), "of": self.wanted, "subjects": subjects, "files": sources, "seed": self.seed}


def draw(folder: Path, plan: Plan) -> Sample:
    """Draw from the folder of a run of `mien predict --out`, and read the files again for the faces.

    DataError for a folder without such a run; MediaError for a file that has changed or no longer has the frame, and
    where all files are gone.
    """
    found = [row for row in _rows(folder) if row[CORNERS[0]]]
    inputs = _inputs(folder)
    rows = [_named(row, inputs) for row in found]
    if not rows:
        raise DataError(f"{folder} has no faces", "a run of `mien predict` that found some")
    gone = _gone(rows, inputs)
    rows = [row for row in rows if row["source"] not in gone]
    if not rows:
        raise MediaError(next(iter(gone.values())), "the file that was read")
    labels = tuple(name.removeprefix("prob_") for name in rows[0] if name.startswith("prob_") and not _corrected(name))
    drawn, wanted = _drawn(rows, plan)
    left_out = [f"{name} is left out: {why}" for name, why in gone.items()]
    subjects = [plan.person(row) for row in drawn]
    return Sample(drawn, subjects, labels, _faces(folder, drawn, inputs), plan.seed, wanted, left_out)


def keep(sample: Sample, outputs: Outputs) -> list[str]:
    """Write the page and the table; return where they are."""
    outputs.write(KEPT[0], to_html(sample.ids, sample.faces, sample.labels).encode())
    outputs.write(KEPT[1], _table(sample).encode())
    return [str(outputs.folder / name) for name in KEPT]


def to_text(drawn: Mapping[str, Any]) -> str:
    """Return in words what was drawn.

    >>> to_text({"faces": 12, "of": 15, "subjects": 3, "files": 4, "seed": 0})
    '12 of 15 faces of 3 subjects in 4 files'
    """
    left_out = f"{drawn['faces']:,} of " if drawn["faces"] < drawn["of"] else ""
    subjects, files = count(drawn["subjects"], "subject"), count(drawn["files"], "file")
    return f"{left_out}{count(drawn['of'], 'face')} of {subjects} in {files}"


def check_same_faces(sample: Sample, out: Path) -> None:
    """Raise UsageError when a folder holds another sample: people may be labelling it, and need its table."""
    held = out / KEPT[1]
    if held.is_file() and held.read_bytes() != _table(sample).encode():
        raise UsageError(f"`out`: {held} is of another sample", "another folder", "or write over it with `force`")


def _rows(folder: Path) -> list[Row]:
    name = next((name for name in TABLES if (folder / name).is_file()), None)
    if name is None:
        raise DataError(f"{folder} has no {' or '.join(TABLES)}", "the folder of `mien predict` with `out`")
    columns = TABLES[name](folder / name, "the table of `mien predict`")
    if lacking := [name for name in ("source", "frame", "track_id", "face", *CORNERS) if name not in columns]:
        raise DataError(f"{folder / name} has no column {lacking[0]}", "the table of `mien predict`")
    for column in columns:
        if column in NUMBERS or column.startswith("prob_"):
            columns[column] = [cell.replace(",", ".") for cell in columns[column]]  # of a table for Excel
    return [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]


def _corrected(column: str) -> bool:
    return column.endswith("_corrected")


def _drawn(rows: Sequence[Row], plan: Plan) -> tuple[list[Row], int]:
    """Return the rows drawn, in random order, and how many `per_person` alone would be."""
    random = np.random.default_rng(plan.seed)
    people: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        still = "" if row["track_id"] else row["face"]
        people.setdefault((row["source"], row["track_id"], still), []).append(row)
    # a face of each person in every round, so that where faces are too many all people lose as many
    rounds: list[list[Row]] = [[] for _ in range(plan.per_person)]
    for each in people.values():
        parts = np.array_split(np.arange(len(each)), min(plan.per_person, len(each)))
        for turn, part in enumerate(random.permutation(len(parts))):
            rounds[turn].append(each[random.choice(parts[part])])
    drawn = [one[k] for one in rounds for k in random.permutation(len(one))]
    kept = drawn[: plan.max_faces]
    return [kept[k] for k in random.permutation(len(kept))], len(drawn)


def _named(row: Row, inputs: Mapping[str, Any]) -> Row:
    """Return a row with the name of its source as the list of inputs has it: one for Excel may begin otherwise."""
    return row if row["source"] in inputs else {**row, "source": without_apostrophe(row["source"])}


def _faces(folder: Path, rows: Sequence[Row], inputs: Mapping[str, Mapping[str, Any]]) -> list[Html]:
    """Return the face of each row as a JPEG; every file is read once."""
    clip, limits = _as_read(folder)
    by_source: dict[str, dict[str, list[int]]] = {}
    for k, row in enumerate(rows):
        by_source.setdefault(row["source"], {}).setdefault(row["frame"], []).append(k)
    faces: dict[int, Html] = {}
    for source, places in by_source.items():
        for frame, image, ratio in _images(_unchanged(source, inputs), clip, limits, set(places)):
            for k in places.pop(frame):
                upright = turned(image, _whole(rows[k].get("rotated", "")))
                faces[k] = jpeg(square(upright, _box(rows[k]) / ratio, ROOM), SIDE)
        if places:
            raise MediaError(f"{source} no longer has frame {next(iter(places))}", "the file that was read")
    return [faces[k] for k in range(len(rows))]


def _images(path: Path, clip: Clip, limits: Limits, wanted: set[str]) -> Iterator[tuple[str, NDArray[np.uint8], float]]:
    """Yield number as in the table, image uint8 RGB (H, W, 3) and how many times the table's is larger, of frames."""
    if wanted == {""}:
        decoded = load_image(path, limits)
        yield "", decoded.image, decoded.ratio
        return
    left = {_whole(frame): frame for frame in wanted}
    for index, _, image in frames(path, clip, limits.max_pixels, left):
        yield left.pop(index), image, 1.0
        if not left:
            return


def _as_read(folder: Path) -> tuple[Clip, Limits]:
    """Return the part of videos that was read, from whose start frames are numbered, and the limits of images."""
    settings = read_facts(folder).get("settings")
    given = settings if isinstance(settings, dict) else {}
    start, max_pixels = given.get("start"), given.get("max_pixels")
    return (
        Clip(start=float(start)) if isinstance(start, int | float) else Clip(),
        Limits(max_pixels, max_pixels) if isinstance(max_pixels, int) else Limits(),
    )


def _inputs(folder: Path) -> dict[str, Mapping[str, Any]]:
    """Return the entry of each input by its name."""
    try:
        lines = (folder / INPUTS).read_text(encoding="utf-8").splitlines()
        return {entry["source"]: entry for entry in map(json.loads, lines)}
    except (OSError, ValueError, TypeError, KeyError):
        raise DataError(
            f"{folder} has no list of its inputs, {INPUTS}", "the folder of `mien predict` with `out`"
        ) from None


def _gone(rows: Sequence[Row], inputs: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return the sources whose files are not there any more, with a line about each."""
    gone = {}
    for name in dict.fromkeys(row["source"] for row in rows):
        if name not in inputs:  # a killed run lists a video once it has ended
            gone[name] = f"{name} is not in {INPUTS}: the run was stopped in it, or the table is of another"
        elif (path := inputs[name].get("path")) and not Path(path).exists():
            gone[name] = f"{path} is not there any more"
    return gone


def _unchanged(source: str, inputs: Mapping[str, Mapping[str, Any]]) -> Path:
    """Return where a source is; MediaError where it is gone or was changed since it was read."""
    entry = inputs[source]
    if not entry.get("path"):
        raise MediaError(f"{source} cannot be read again", "files: a camera keeps nothing")
    path = Path(entry["path"])
    try:
        seen = path.stat()
    except OSError:
        raise MediaError(f"{path} is not there any more", "the file that was read") from None
    if seen.st_size != entry.get("bytes"):  # a copy has another time
        raise MediaError(f"{path} has changed since it was read", "the file that was read", "run `mien predict` again")
    return path


def _box(row: Row) -> NDArray[np.float64]:
    return np.array([float(row[name]) for name in CORNERS])


def _whole(cell: str) -> int:
    return int(float(cell)) if cell else 0


def _table(sample: Sample) -> str:
    """Return the predictions as CSV: the number on the page, who it is, where it comes from, and what was predicted."""
    names = [name for name in sample.rows[0] if not _corrected(name)]
    kept = [name for name in names if name in KEPT_COLUMNS or name.startswith("prob_")]
    faces = zip(sample.ids, sample.subjects, sample.rows, strict=True)
    lines = (PLAIN.line([id, subject, *(row[name] for name in kept)]) for id, subject, row in faces)
    return "".join([PLAIN.head(["id", "subject", *kept]), *lines])
