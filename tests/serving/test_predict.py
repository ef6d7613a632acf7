"""POST /v1/predict: the rows of the command line, for images in a form and in JSON."""

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient


def on_the_command_line(photos: list[Path], *words: str) -> list[dict[str, Any]]:
    """Return what `mien predict --format json` prints for photos, which their names stand for."""
    command = [sys.executable, "-m", "mien", "predict", *map(str, photos), "--format", "json", *words]
    printed: list[dict[str, Any]] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return [row | {"source": Path(row["source"]).name} for row in printed]


@pytest.mark.parametrize(
    "options", [{}, {"weights": "fer2013-nano", "prior": "uniform", "abstain": "auto", "level": "group"}], ids=str
)
def test_rows_are_those_of_the_command_line(client: TestClient, photos: list[Path], options: dict[str, str]) -> None:
    expected = on_the_command_line(photos, *(word for k, v in options.items() for word in (f"--{k}", v)))
    form = [("images", (str(path), path.read_bytes())) for path in photos]
    assert client.post("/v1/predict", files=form, params=options).json() == expected
    assert client.post("/v1/predict", files=form, data=options).json() == expected
    images = [{"name": path.name, "data": base64.b64encode(path.read_bytes()).decode()} for path in photos]
    assert client.post("/v1/predict", json={"images": images, **options}).json() == expected
