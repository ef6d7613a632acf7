"""The run folder's record: recipe.yaml, env.json, log.csv and steps.csv, enough to repeat and to check the run.

runs/<recipe>/<seed>-<time>/ holds recipe.yaml env.json log.csv steps.csv last.pt best.pt while it trains, then also
val.npz test.npz metrics.json report.html model.onnx and perhaps model-int8.onnx; mien-run.json lists what is ours.
"""

import contextlib
import csv
import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from io import StringIO
from itertools import takewhile
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import torch
from pydantic import ConfigDict, Field

from mien import outputs
from mien.errors import OutputError, UsageError
from mien.outputs.record import read as read_record
from mien.outputs.run_folder import begin_record
from mien.reading import documents
from mien.reading.digest import sha256_of
from mien.reading.guard import content, parsing
from mien.reading.shape import Facts, fits
from mien.reading.tables import MAX_BYTES
from mien.training import recipe as recipes
from mien.training.recipe import Recipe
from mien.version import __version__

REPAIR = "repair it, or train again; the weights beside it are intact"
"""What to do about a record of a run that cannot be read."""


FILES = (
    "recipe.yaml", "env.json", "log.csv", "steps.csv", "last.pt", "best.pt", "model.onnx", "model-int8.onnx", "val.npz",
    "test.npz", "metrics.json", "report.html", "photos.png", "shortened.json", "network.onnx",
)  # fmt: skip
"""What mien writes into a run folder."""


def create(recipe: Recipe, out: Path, command: str = "train") -> Path:
    """Make a new run folder below `out` with the full recipe in it, and return it."""
    moment = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    base = out / recipe.name
    for attempt in range(100):
        run = base / (f"{recipe.seed}-{moment}" + (f"-{attempt}" if attempt else ""))
        try:
            run.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise UsageError(
                f"cannot write runs to {out}: {error.strerror}", do="choose another folder with `out`"
            ) from None
        begin_record(run, command, FILES, {})  # so that a run killed before training is known as ours
        outputs.write(run / "recipe.yaml", recipes.dump(recipe).encode())
        return run
    raise UsageError(f"{base} already has a hundred runs of this second", do="choose another folder with `out`")


def recipe_digest(run: Path) -> str | None:
    """Return 16 hex digits of the bytes of a run's recipe.yaml, None where it has none."""
    return sha256_of(run / "recipe.yaml")[:16] if (run / "recipe.yaml").is_file() else None


def refuse_others(run: Path) -> None:
    """Refuse a folder with files that mien would overwrite but did not write; OutputError.

    A run of an earlier version has no record, but it has a checkpoint.
    """
    if read_record(run) is not None or (run / "last.pt").is_file():
        return
    foreign = next((name for name in FILES[1:] if os.path.lexists(run / name)), None)
    if foreign:
        got = f"{run / foreign} was not written by mien, or by a run that has no last.pt"
        raise OutputError(got, "a run folder that `mien train` made", "choose another folder")


def make(folder: Path) -> None:
    """Make the output folder before any time is spent; UsageError where it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        TemporaryFile(dir=folder).close()
    except OSError as error:
        raise UsageError(f"cannot write to {folder}: {error.strerror}", "a folder that you may write to") from None


class Open(Facts):
    """A record whose other keys, of a later version of mien, are kept."""

    model_config = ConfigDict(extra="allow")

    def to_dict(self) -> dict[str, Any]:
        """Return the record as JSON has it."""
        return self.model_dump(exclude_unset=True)


class Data(Open):
    """The data that a run is trained on."""

    name: str | None = None
    root: str | None = None
    fingerprint: str | None = None


class Session(Open):
    """Code, versions and hardware of a run from its start, or from where it was resumed, until it stopped."""

    commit: str | None
    versions: dict[str, str | None]
    device: str
    threads: int
    precision: str
    processes: int = 1


class Environment(Session):
    """The content of env.json: what a run's scores depend on besides the recipe."""

    data: Data
    seconds: float = Field(ge=0)
    resumed: list[Session] | None = None
    diverged: str | None = None
    init: dict[str, Any] | None = None

    def after(self, seconds: float) -> "Environment":
        """Return the record of a run that has trained for so many seconds."""
        return self.model_copy(update={"seconds": round(seconds, 3)})

    def public(self) -> dict[str, Any]:
        """Return the record without `data.root`, a path of this machine."""
        content = self.to_dict()
        content["data"].pop("root", None)
        return content


def environment(run: Path, device: torch.device, precision: str, data: Data, processes: int = 1) -> Environment:
    """Return the record of a run that starts or is resumed now.

    A resumed run keeps its first session and adds each later one under `resumed`.
    """
    versions: dict[str, str | None] = {"python": platform.python_version(), "mien": __version__}
    versions |= {name: _version(name) for name in ("torch", "numpy", "onnx", "onnxscript")}
    gpu = torch.cuda.get_device_name(device) if device.type == "cuda" else None
    session = Session(
        commit=commit(),
        versions=versions,
        device=gpu or f"{device.type}: {_processor()}",
        threads=torch.get_num_threads(),
        precision=precision,
        **({"processes": processes} if processes > 1 else {}),
    )
    if (run / "env.json").is_file():
        first = read_environment(run)
        return first.model_copy(update={"data": data, "resumed": [*(first.resumed or []), session]})
    return Environment(**session.to_dict(), data=data, seconds=0.0)


def commit() -> str | None:
    """Return the commit of mien's own checkout, with `+changes` when the tree differs, or None outside one."""
    here = Path(__file__).parent

    def git(*words: str) -> str | None:
        try:
            call = ["git", "--no-optional-locks", *words]  # `git status` would write the index otherwise
            done = subprocess.run(call, cwd=here, capture_output=True, text=True, timeout=10, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    # A wheel inside somebody else's checkout is not that checkout: the file itself must be tracked.
    if not git("ls-files", "--error-unmatch", Path(__file__).name):
        return None
    head = git("rev-parse", "--short=12", "HEAD")
    return head and head + ("+changes" if git("status", "--porcelain", "--untracked-files=no") else "")


def write_json(content: Any, path: Path) -> None:
    """Write JSON so that a kill leaves the old file or the new one."""
    outputs.write(path, f"{json.dumps(content, indent=2)}\n".encode())


def read_json(path: Path, do: str = "remove it") -> dict[str, Any]:
    """Return the mapping in a JSON file of a run, row or sweep; UsageError when it cannot be read, and what to do."""
    return documents.read_json(path, "JSON that mien wrote", UsageError, do)


def read_environment(run: Path, do: str = REPAIR) -> Environment:
    """Read env.json of a run; UsageError, which says what to do, when mien did not write it."""
    content = read_json(run / "env.json", do)
    with parsing(run / "env.json", "what mien wrote", UsageError, do):
        return fits(Environment, content)


def write_environment(environment: Environment, run: Path) -> None:
    """Write env.json of a run."""
    write_json(environment.to_dict(), run / "env.json")


def write_log(rows: Sequence[Mapping[str, float]], path: Path) -> None:
    """Write log.csv, one row per epoch; the whole file each time, so that a resumed run repeats no row."""
    if not rows:
        return
    with outputs.staged(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows({k: round(v, 6) if isinstance(v, float) else v for k, v in row.items()} for row in rows)


STEPS = ("step", "loss", "train_accuracy", "val_nll", "val_accuracy")
"""Columns of steps.csv; those of val are filled at the recipe's `probe`."""


def append_steps(rows: list[dict[str, float]], path: Path) -> None:
    """Add rows to steps.csv, which holds one for each training step; OutputError, and none of them, without room."""
    whole = path.stat().st_size if path.exists() else 0
    text = StringIO()
    writer = csv.DictWriter(text, STEPS, lineterminator="\n")
    if not whole:
        writer.writeheader()
    writer.writerows({k: round(v, 6) for k, v in row.items()} for row in rows)
    try:
        with path.open("ab", buffering=0) as file:
            rest = memoryview(text.getvalue().encode())
            while rest:
                rest = rest[file.write(rest) :]
    except OSError as error:
        with contextlib.suppress(OSError):
            os.truncate(path, whole)
        raise outputs.cannot_write(path, error) from None


def cut_steps(path: Path, last: int) -> None:
    """Remove from steps.csv what a run that was killed before its checkpoint wrote after step `last`."""
    if not path.exists():
        return
    text = content(path, "a log that mien wrote", MAX_BYTES, UsageError, REPAIR).decode("utf-8", "replace")
    header, *lines = text.splitlines() or [""]

    def stays(line: str) -> bool:
        cells = line.split(",")
        return len(cells) == len(STEPS) and cells[0].isdecimal() and int(cells[0][:20]) <= last

    lines = [header, *takewhile(stays, lines)]
    outputs.write(path, "".join(f"{line}\n" for line in lines).encode())


def _version(package: str) -> str | None:
    try:
        return version(package)
    except ImportError:
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
