"""Every kind of input: a whole file, how it is mutated, and what mien does with one (in the worker)."""

import io
import json
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from mutated import mutate, seeds

Read = Callable[[Path], object]


@dataclass(frozen=True)
class Kind:
    """A kind of input: suffix of its files, a whole one, what reads it, ways to mutate it, how many there are of it."""

    suffix: str
    seed: Callable[[], bytes]
    read: Read
    ways: Sequence[mutate.Bytes] = mutate.BINARY
    weight: int = 2


@cache
def pipeline() -> Any:
    from mien.inference.pipeline import Pipeline

    return Pipeline("fer2013-nano", detector="whole", max_pixels=4_000_000, debug=True)


def source(path: Path) -> object:
    """Read an image or a clip as `mien predict` does, write each row, and return the error that a row tells."""
    from mien.inference.output.formats import as_csv, as_jsonl

    errors = []
    with (
        Path(os.devnull).open("wb") as nowhere,
        as_jsonl(nowhere, pipeline().columns) as one,
        as_csv(nowhere, pipeline().columns) as two,
    ):
        for frame in pipeline().predict([path]):
            one(frame)
            two(frame)
            errors += [frame.error] if frame.error else []
    return errors[0] if errors else None


def result(path: Path) -> None:
    from mien.evaluation.result import Result
    from mien.evaluation.scores import score

    score(Result.load(path))


def generated(path: Path) -> None:
    from mien.data.generated import with_generated
    from mien.data.samples import Samples

    arrays = seeds.generated()
    ids = np.array(["a", "b", "c", "d"])
    with_generated(Samples(arrays["images"], arrays["target"], seeds.LABELS, ids, name="own", split="train"), path)


def recipe(path: Path) -> None:
    from mien.training import recipe as recipes
    from mien.training.network import check

    recipe = recipes.load(path)
    check(recipe)
    recipes.parse(recipes.parse_yaml(recipes.dump(recipe)), "again")


def override(path: Path) -> None:
    from mien.training import recipe as recipes
    from mien.training.network import check

    check(recipes.load("papers/cnn2", [path.read_text("utf-8", "surrogateescape").split("\n")[0]]))


def weights(path: Path) -> None:
    from mien.inference.classify import Classifier

    own = Classifier(path)
    own(np.full((2, own.card.size, own.card.size, own.card.channels), 90, np.uint8))


def card(path: Path) -> None:
    from mien.card import Card
    from mien.evaluation.report.cards import _weights
    from mien.inference.output.report import _about

    own = Card.from_metadata({"mien": path.read_bytes().decode("utf-8", "surrogateescape")}, "own.onnx")
    _weights(own)
    _about(own, "natural")


def predictions(path: Path) -> None:
    from mien.evaluation.predictions import read_all

    read_all([path])


def groups(path: Path) -> None:
    from mien.evaluation.fairness.groups import read_groups

    read_groups(path, np.array(seeds.PREDICTIONS["id"]))


def fer2013_csv(path: Path) -> None:
    from mien.data.fer2013.kaggle_csv import read_csv

    read_csv(path)


def fer2013_parquet(path: Path) -> None:
    from mien.data.fer2013.parquet import read_parquet

    read_parquet(path)


def votes(path: Path) -> None:
    from mien.data.fer2013.votes import _read

    _read({"rows": path})


def affectnet(path: Path) -> None:
    from mien.data.affectnet import read

    list(read(path))


def numbers(path: Path) -> None:
    from mien.data.ckplus import _units

    _units(path)


def listed(path: Path) -> None:
    from mien.data.sampling import listed as ids

    ids(path)


def run_file(name: str, path: Path) -> None:
    """Report on a run folder one of whose files is the mutated one."""
    from mien.evaluation.report.collect import make

    with tempfile.TemporaryDirectory() as scratch:
        run = Path(scratch) / "run"
        run.mkdir()
        (run / "result.npz").write_bytes(whole_result())
        (run / name).write_bytes(path.read_bytes())
        make([run], None, run)


@cache
def whole_result() -> bytes:
    return seeds.npz(seeds.result())


def environment(path: Path) -> None:
    from mien.training import runlog

    with tempfile.TemporaryDirectory() as run:
        (Path(run) / "env.json").write_bytes(path.read_bytes())
        runlog.read_environment(Path(run))
    run_file("env.json", path)


def row(path: Path) -> None:
    from mien.experiments import table

    with tempfile.TemporaryDirectory() as scratch:
        results = Path(scratch)
        (results / "own").mkdir()
        (results / "own" / "0.json").write_bytes(path.read_bytes())
        table.markdown(table.collect(results), results)


def last(path: Path) -> None:
    """Restore a run from its checkpoint, into a small network."""
    import torch

    from mien.errors import WeightsError
    from mien.reading.guard import parsing
    from mien.training import checkpoint
    from mien.training.optim import ExponentialMovingAverage, optimizer
    from mien.training.recipe import Optim
    from mien.training.train import State

    last = checkpoint.load(path, checkpoint.Last)
    model = seeds.network()
    state = State(model, ExponentialMovingAverage(model, 0.9), optimizer(model, Optim(name="adam")))
    with parsing(path, kind=WeightsError):
        state.restore(last)
    model(torch.zeros(2, 16)).sum().backward()
    assert state.optimizer
    state.optimizer.step()


def cascade(path: Path) -> None:
    from mien.inference.detectors.haar import Haar

    Haar(path)(seeds.face())


def npz_way(make: Callable[[], dict[str, np.ndarray]]) -> mutate.Bytes:
    def way(data: bytes, other: bytes, chance: np.random.Generator) -> bytes:
        """Put odd arrays for arrays, and drop some."""
        arrays = make()
        for name in chance.choice(list(arrays), int(chance.integers(1, 3))):
            if chance.random() < 0.15:
                arrays.pop(name, None)
            elif name in ("provenance", "about") and chance.random() < 0.8:
                arrays[name] = np.array(json.dumps(mutate.tree(json.loads(str(arrays[name])), chance)))
            else:
                odd: list[Callable[[np.ndarray], Any]] = [
                    lambda a: a.astype(str), lambda a: a[:-1] if a.ndim else a, lambda a: a[..., None],
                    lambda a: np.full(a.shape, np.nan), lambda a: np.full(a.shape, -1), lambda a: a.ravel(),
                    lambda a: np.full(a.shape, 2**40), lambda a: np.array([{}], object), lambda a: a[::-1],
                    lambda a: np.zeros(a.shape, "M8[s]"), lambda a: np.zeros(a.shape, bool), lambda a: np.array(3),
                    lambda a: np.full(a.shape, np.inf, np.float16), lambda a: np.zeros(3, [("x", "i4")]),
                    lambda a: np.zeros((0, *a.shape[1:])), lambda a: np.zeros(a.shape, complex),
                ]  # fmt: skip
                arrays[name] = odd[int(chance.integers(len(odd)))](np.asarray(arrays.get(name, np.zeros(2))))
        return seeds.npz(arrays)

    return way


def parquet_way(columns: dict[str, list[Any]]) -> mutate.Bytes:
    def way(data: bytes, other: bytes, chance: np.random.Generator) -> bytes:
        """Put columns of odd types for columns."""
        import pyarrow as pa

        n = len(next(iter(columns.values())))
        odd = [
            pa.array([2**30] * n, pa.date32()), pa.array([2**60] * n, pa.timestamp("us")), pa.array([b"\xff"] * n),
            pa.array([[1.0]] * n), pa.array([{"a": 1}] * n), pa.nulls(n), pa.array(["a"] * n).dictionary_encode(),
            pa.array([2**60] * n, pa.duration("us")), pa.array([float("nan")] * n), pa.array([True] * n),
            pa.array([-1] * n, pa.int64()), pa.array(["\x00"] * n), pa.array([10**20] * n, pa.decimal128(38, 3)),
        ]  # fmt: skip
        made: dict[str, Any] = {**columns}
        for name in chance.choice(list(made), int(chance.integers(1, 3))):
            made[name] = odd[int(chance.integers(len(odd)))]
        if chance.random() < 0.2:
            made.pop(str(chance.choice(list(made))))
        return seeds.parquet(made if chance.random() < 0.9 else {name: values[:0] for name, values in made.items()})

    return way


def checkpoint_way(data: bytes, other: bytes, chance: np.random.Generator) -> bytes:
    """Change facts and parts of a checkpoint."""
    import torch

    content = torch.load(io.BytesIO(data), weights_only=True)
    try:
        return seeds.saved(mutate.tree(content, chance))
    except RecursionError:  # deeper than can be pickled
        return mutate.flip(data, other, chance)


TEXT = (mutate.text, mutate.text, mutate.text, *mutate.BINARY)
JSON = (mutate.as_json, mutate.as_json, mutate.as_json, mutate.flip, mutate.cut, mutate.splice)

KINDS: dict[str, Kind] = {
    "jpeg": Kind(".jpg", lambda: seeds.image("JPEG", exif=seeds.exif()), source, weight=4),
    "jpeg progressive": Kind(".jpg", lambda: seeds.image("JPEG", progressive=True), source),
    "png": Kind(".png", lambda: seeds.image("PNG"), source, weight=4),
    "png palette": Kind(".png", lambda: seeds.image("PNG", "P"), source),
    "apng": Kind(".png", lambda: seeds.moving("PNG"), source),
    "gif": Kind(".gif", lambda: seeds.moving("GIF"), source, weight=3),
    "webp": Kind(".webp", lambda: seeds.image("WEBP"), source, weight=3),
    "webp animated": Kind(".webp", lambda: seeds.moving("WEBP"), source),
    "tiff": Kind(".tif", lambda: seeds.image("TIFF"), source, weight=3),
    "tiff lzw": Kind(".tif", lambda: seeds.image("TIFF", "L", compression="tiff_lzw"), source),
    "tiff deep": Kind(".tif", lambda: seeds.image("TIFF", "I;16"), source),
    "bmp": Kind(".bmp", lambda: seeds.image("BMP"), source, weight=3),
    "tga": Kind(".tga", lambda: seeds.image("TGA"), source),
    "ppm": Kind(".ppm", lambda: seeds.image("PPM"), source),
    "ico": Kind(".ico", lambda: seeds.image("ICO"), source),
    "jpeg 2000": Kind(".jp2", lambda: seeds.image("JPEG2000"), source),
    "avif": Kind(".avif", lambda: seeds.image("AVIF"), source, weight=3),
    "heic": Kind(".heic", lambda: seeds.heif("hevc"), source, weight=3),
    "avif grid": Kind(".avif", lambda: seeds.heif("av1"), source),
    "mp4": Kind(".mp4", lambda: seeds.clip("mp4"), source, weight=4),
    "mov": Kind(".mov", lambda: seeds.clip("mov", "mpeg4"), source),
    "mkv": Kind(".mkv", lambda: seeds.clip("mkv"), source, weight=3),
    "webm": Kind(".webm", lambda: seeds.clip("webm", "libvpx-vp9"), source),
    "ts": Kind(".ts", lambda: seeds.clip("ts"), source, weight=3),
    "avi": Kind(".avi", lambda: seeds.clip("avi", "mjpeg", "yuvj420p"), source, weight=3),
    "y4m": Kind(".y4m", lambda: seeds.clip("y4m", "wrapped_avframe"), source),
    "result.npz": Kind(".npz", lambda: seeds.npz(seeds.result()), result, (npz_way(seeds.result), *mutate.BINARY), 4),
    "generated.npz": Kind(
        ".npz", lambda: seeds.npz(seeds.generated()), generated, (npz_way(seeds.generated), *mutate.BINARY)
    ),
    "recipe": Kind(".yaml", lambda: seeds.RECIPE, recipe, TEXT, 6),
    "override": Kind(".txt", lambda: b"optim.schedule.factor=0.5", override, TEXT, 2),
    "onnx": Kind(".onnx", seeds.graph, weights, weight=4),
    "card": Kind(".json", seeds.as_json(seeds.CARD), card, JSON, 4),
    "predictions.csv": Kind(".csv", lambda: seeds.table(seeds.PREDICTIONS), predictions, TEXT, 4),
    "predictions.parquet": Kind(
        ".parquet",
        lambda: seeds.parquet(seeds.PREDICTIONS),
        predictions,
        (parquet_way(seeds.PREDICTIONS), *mutate.BINARY),
        4,
    ),
    "groups.csv": Kind(".csv", lambda: seeds.table(seeds.PREDICTIONS), groups, TEXT),
    "fer2013.csv": Kind(".csv", seeds.fer2013, fer2013_csv, TEXT, 3),
    "fer2013.parquet": Kind(
        ".parquet",
        lambda: seeds.parquet(seeds.fer2013_columns()),
        fer2013_parquet,
        (parquet_way(seeds.fer2013_columns()), *mutate.BINARY),
        3,
    ),
    "votes.csv": Kind(".csv", lambda: seeds.VOTES, votes, TEXT, 3),
    "affectnet.csv": Kind(".csv", lambda: seeds.AFFECTNET, affectnet, TEXT),
    "facs.txt": Kind(".txt", lambda: b"1.0e+00 2.0e+00\n12.0 5.0\n", numbers, TEXT, 1),
    "ids.txt": Kind(".txt", lambda: b"00001\n00002\n", listed, TEXT, 1),
    "env.json": Kind(".json", seeds.as_json(seeds.ENVIRONMENT), environment, JSON, 3),
    "metrics.json": Kind(".json", seeds.as_json(seeds.METRICS), partial(run_file, "metrics.json"), JSON, 2),
    "stress.json": Kind(".json", seeds.as_json(seeds.STRESS), partial(run_file, "stress.json"), JSON, 2),
    "fairness.json": Kind(".json", seeds.as_json(seeds.FAIRNESS), partial(run_file, "fairness.json"), JSON, 2),
    "log.csv": Kind(".csv", lambda: seeds.LOG, partial(run_file, "log.csv"), TEXT, 2),
    "recipe.yaml": Kind(".yaml", lambda: seeds.RECIPE, partial(run_file, "recipe.yaml"), TEXT, 2),
    "row.json": Kind(".json", seeds.as_json(seeds.ROW), row, JSON, 3),
    "last.pt": Kind(".pt", lambda: seeds.saved(seeds.checkpoint()), last, (checkpoint_way, *mutate.BINARY), 4),
}
