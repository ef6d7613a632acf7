"""What nobody expected while a source is read costs that source: a row with its error, exit code 2, others read."""

import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mien.inference.pipeline import Pipeline
from mien.inference.run import Request, run

Mien = Callable[..., Any]


def failing(monkeypatch: pytest.MonkeyPatch, place: str, error: Exception, when: Callable[..., bool]) -> None:
    """Make a function raise when `when` of its arguments holds."""
    module, name = place.rsplit(".", 1)
    owner: Any = Pipeline if module.endswith("Pipeline") else import_module(module)
    usual = getattr(owner, name)

    def instead(*values: Any, **more: Any) -> Any:
        if when(*values):
            raise error
        return usual(*values, **more)

    monkeypatch.setattr(owner, name, instead)


def dark(*values: Any) -> bool:
    return any(isinstance(value, np.ndarray) and value.size and value.max() < 40 for value in values)


def bad(seen: Any) -> bool:
    return "bad" in seen.prediction.source and seen.prediction.frame in (None, 20)


PLACES: dict[str, tuple[str, Callable[..., bool]]] = {
    "reading an image": ("mien.inference.readers.load_image", lambda path, *_: "bad" in str(path)),
    "opening a video": ("mien.inference.readers.timed_frames", lambda path, *_: "bad" in str(path)),
    "cropping": ("mien.inference.pipeline.Pipeline.align", dark),
    "classifying": ("mien.inference.batches._run", lambda batch, _: any(map(bad, batch))),
}


@pytest.mark.parametrize("error", [TypeError("no\nnumber \udcff"), MemoryError(), RecursionError("deep")])
@pytest.mark.parametrize("place", ["reading an image", "cropping", "classifying"])
def test_an_image(tmp_path: Path, mien: Mien, monkeypatch: pytest.MonkeyPatch, place: str, error: Exception) -> None:
    for name, shade in (("a.png", 200), ("bad.png", 20), ("c.png", 220)):
        Image.new("L", (40, 40), shade).save(tmp_path / name)
    failing(monkeypatch, PLACES[place][0], error, PLACES[place][1])
    words = ("predict", *(tmp_path / name for name in ("a.png", "bad.png", "c.png")), "--detector", "whole")
    ran = mien(*words, "--format", "json")
    assert ran.code == 2
    first, second, third = json.loads(ran.out)
    assert (first["error"], third["error"]) == (None, None)
    assert len(first["faces"]) == len(third["faces"]) == 1
    assert second["faces"] == []
    expected = "not enough memory" if isinstance(error, MemoryError) else f"{type(error).__name__}: "
    assert expected in second["error"]
    assert ("a bug in mien; --debug shows it" in second["error"]) is not isinstance(error, MemoryError)
    assert ran.err.count("bad.png") == 1
    for format in ("csv", "jsonl", "table", "parquet"):
        assert mien(*words, "--format", format).code == 2
    with pytest.raises(type(error)):
        mien(*words, "--debug")


def test_a_video_ends_where_it_fails(
    tmp_path: Path, mien: Mien, monkeypatch: pytest.MonkeyPatch, clip: Callable[..., Path]
) -> None:
    image = lambda k: np.full((64, 64, 3), 10 if k == 20 else 120, np.uint8)  # noqa: E731
    bad, good = clip(tmp_path / "bad.mp4", size=(64, 64), image=image), clip(tmp_path / "good.mp4")
    for place in ("opening a video", "cropping", "classifying"):
        with monkeypatch.context() as patch:
            failing(patch, PLACES[place][0], TypeError("no"), PLACES[place][1])
            ran = mien("predict", bad, good, "--detector", "whole", "--format", "jsonl")
            rows = [json.loads(line) for line in ran.out.splitlines()]
            ours = [row for row in rows if row["source"] == str(bad)]
            assert ran.code == 2
            assert "TypeError: no (a bug in mien; --debug shows it)" in ours[-1]["error"]
            assert [row["frame"] for row in ours[:-1]] == list(range(len(ours) - 1))
            assert len(ours) <= 21
            assert len(rows) - len(ours) == 40


@pytest.mark.parametrize("what", ["annotated.Annotated.add", "report.PredictionReport.add", "people_csv.People.add"])
def test_what_is_written_about_one_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clip: Callable[..., Path], pipeline: Pipeline, what: str,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    module, owner, name = what.split(".")
    taker = getattr(import_module(f"mien.inference.output.{module}"), owner)
    usual, calls = getattr(taker, name), []

    def instead(self: Any, first: Any, *more: Any) -> Any:
        calls.append(first)
        if len(calls) == 3:
            raise KeyError("lost")
        return usual(self, first, *more)

    monkeypatch.setattr(taker, name, instead)
    sources = [str(clip(tmp_path / f"{k}.mp4", count=6)) for k in "ab"]
    assert run(pipeline, Request(sources, "jsonl", tmp_path / "out")) == 1
    err = capsys.readouterr().err
    assert err.count("KeyError: 'lost' (a bug in mien; `debug` shows it)") == 1
    assert len((tmp_path / "out/predictions.jsonl").read_text().splitlines()) == 12
    assert (tmp_path / "out/annotated/b.mp4").stat().st_size > 0
    assert "b.mp4" in (tmp_path / "out/report.html").read_text()


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_what_is_no_fault_of_a_source_ends_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clip: Callable[..., Path], pipeline: Pipeline, error: BaseException
) -> None:
    def stop(*_: Any) -> None:
        raise error

    monkeypatch.setattr("mien.inference.output.annotated.Annotated.add", stop)
    with pytest.raises(type(error)):
        run(pipeline, Request([str(clip(tmp_path / "a.mp4", count=3))], "jsonl", tmp_path / "out"))
