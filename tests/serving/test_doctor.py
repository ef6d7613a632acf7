"""`mien doctor`: what `mien serve` needs."""

import re
import tomllib
from pathlib import Path

import pytest

from mien.inference.shipped import TABLE
from mien.reading.digest import sha256_of
from mien.serving import doctor


def test_the_packages_are_those_of_the_extra() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extra = project["optional-dependencies"]["serve"]
    assert sorted(re.split(r"[^\w-]", one)[0] for one in extra) == sorted(doctor.PACKAGES)


@pytest.mark.parametrize(("content", "ok"), [(None, None), (b"as fetched", True), (b"altered", False), (b"", False)])
def test_the_files_of_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None, ok: bool | None
) -> None:
    monkeypatch.setattr(doctor, "VENDOR", tmp_path)
    file = tmp_path / "ort.mjs"
    if content is not None:
        file.write_bytes(b"as fetched")
        (tmp_path / TABLE).write_text(f"{sha256_of(file)}  {file.name}\n")
        file.write_bytes(content) if content else file.unlink()
    *packages, page = doctor.checks()
    assert len(packages) == len(doctor.PACKAGES)
    assert page.ok is ok
    assert ("ort.mjs" in page.seen) == (ok is False)
