"""Generated images as additional training data: `data: {train: {generated: FILE.npz}}` in a recipe.

The file is one that `mien generate` wrote.  Its images join the training split of any data set with the same labels
and image size, and no other split: val and test never change.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.data.samples import COLUMNS, Samples, digest
from mien.data.shards import joined
from mien.errors import DataError
from mien.reading import arrays
from mien.reading.documents import parse_json
from mien.reading.guard import parsing

Images = NDArray[np.uint8]
Targets = NDArray[np.float32]


def save_generated(path: Path, images: Images, target: Targets, labels: Sequence[str], about: dict[str, Any]) -> None:
    """Write images uint8 (N, H, W, C), targets (N, K) and a description of the generator."""
    description = np.array(json.dumps(about))
    with path.open("wb") as file:
        np.savez_compressed(file, images=images, target=target, labels=np.array(labels, np.str_), about=description)


def with_generated(samples: Samples, file: str | Path) -> Samples:
    """Return a training split followed by the images of a file, whose ids start at `generated-00000`.

    The generated images have no votes, valence, arousal, action units or groups.
    DataError for another split, a file that `mien generate` did not write, other labels and other sizes.
    """
    if samples.split != "train":
        raise DataError(f"generated images in {samples.split}", "train only", "give it as data.train.generated")
    path = Path(file).expanduser()
    images, target, labels, about = _read(path)
    if labels != samples.labels:
        raise DataError(f"{path}: {', '.join(labels)}", f"the labels of {samples.name}: {', '.join(samples.labels)}")
    if images.shape[1:] != samples.images.shape[1:]:
        raise DataError(f"{path}: images of {images.shape[1:]}", f"{samples.images.shape[1:]} as in {samples.name}")
    if about.get("split") != "train":
        raise DataError(
            f"{path}: the generator was trained on {about.get('split')}", "a generator trained on the training split"
        )
    more = {"target": target, "ids": np.array([f"generated-{k:05d}" for k in range(len(images))])}
    more["weight"] = np.ones(len(images), np.float32)
    columns: dict[str, Any] = {
        name: np.concatenate([value, more[name] if name in more else _unknown(value, len(images))])
        for name in COLUMNS
        if name != "images" and (value := getattr(samples, name)) is not None
    }
    columns["images"] = joined([samples.images, images])
    fingerprint = digest(samples.fingerprint, images, target)
    return replace(samples, **columns, fingerprint=fingerprint, about=f"with {len(images)} generated images")


def _read(path: Path) -> tuple[Images, Targets, tuple[str, ...], dict[str, Any]]:
    do = "make one with `mien generate`"
    if not path.is_file():
        raise DataError(f"no file {path}", "generated images", do)
    says = "does not hold generated images"
    held = arrays.read(path, "images, target, labels and about", says=says, do=do)
    with parsing(path, do=do, says=says):
        images, target, labels, about = (held[name] for name in ("images", "target", "labels", "about"))
        facts = parse_json(str(about))
        if images.dtype != np.uint8 or images.ndim != 4 or labels.ndim != 1 or target.dtype.kind != "f":
            raise ValueError(f"images {images.dtype} {images.shape}, target {target.dtype} {target.shape}")
        if target.shape != (len(images), len(labels)) or not isinstance(facts, dict):
            raise ValueError(f"{len(images)} images, targets {target.shape}, {len(labels)} labels")
        if not ((target >= 0).all() and np.abs(target.sum(1) - 1).max(initial=0) <= 1e-3):
            raise ValueError("targets that are not distributions")
        return images, target.astype(np.float32), tuple(map(str, labels.tolist())), facts


def _unknown(known: NDArray[Any], count: int) -> NDArray[Any]:
    """Return rows of a column for images it does not cover: NaN, no votes, no name."""
    missing = np.nan if known.dtype.kind == "f" else 0 if known.dtype.kind in "iu" else ""
    return np.full((count, *known.shape[1:]), missing, known.dtype)
