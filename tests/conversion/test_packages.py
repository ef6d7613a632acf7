"""Where the networks of measures and onnxruntime-web come from: pinned, checked, a second package for a lost one."""

import gzip
import hashlib
import sys
import tarfile
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
    assert packages.ONNXRUNTIME_WEB.replace("@", " ") in " ".join(notice.split())
    assert packages.NOTICES_IN.package.replace("==", " ") in notice


def fake_npm(folder: Path, script: str) -> None:
    program = folder / "npm"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


@pytest.mark.skipif(sys.platform == "win32", reason="a program that is a shell script")
@pytest.mark.parametrize(
    ("script", "reason"), [("", "not installed"), ("exit 1", "cannot fetch"), ("exit 0", "cannot fetch")]
)
def test_without_npm_or_its_registry_a_reason(
    packages: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, reason: str
) -> None:
    if script:
        fake_npm(tmp_path, script)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(packages.Unavailable, match=reason):
        packages.npm("some@1.0", ["one.mjs"])


@pytest.mark.skipif(sys.platform == "win32", reason="a program that is a shell script")
def test_files_of_an_npm_package(packages: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "one.mjs").write_bytes(INSIDE)
    with tarfile.open(tmp_path / "some.archive", "w:gz") as archive:
        archive.add(tmp_path / "one.mjs", "package/dist/one.mjs")
    fake_npm(tmp_path, f"exec /bin/cp {tmp_path}/some.archive some.tgz")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert packages.npm("some@1.0", ["one.mjs"]) == {"one.mjs": INSIDE}
    with pytest.raises(KeyError, match=r"two\.mjs"):
        packages.npm("some@1.0", ["two.mjs"])


def test_another_file_is_not_placed(packages: ModuleType, tmp_path: Path) -> None:
    from placing import place

    (tmp_path / "one.mjs").write_bytes(INSIDE)
    (tmp_path / "sums").write_text(f"{hashlib.sha256(b'other').hexdigest()}  one.mjs\n")
    with pytest.raises(SystemExit, match="not the files of sums"):
        place([tmp_path / "one.mjs"], tmp_path / "sums", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_vendored_files_are_the_recorded_ones() -> None:
    folder = ROOT / "src/mien/serving/page/vendor"
    if not (folder / "SHA256SUMS").is_file():
        pytest.skip("`make page` has not fetched onnxruntime-web")
    recorded = (ROOT / "conversion" / "PAGE_SHA256SUMS").read_text(encoding="utf-8")
    for line in recorded.splitlines():
        sha256, name = line.split()
        content = (folder / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == sha256, name
        packed = folder / f"{name}.gz"
        assert (not packed.exists() and not name.endswith(".wasm")) or gzip.decompress(packed.read_bytes()) == content
