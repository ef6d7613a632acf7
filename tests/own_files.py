"""Small drawn data sets in the layouts that the readers of one's own data take: class folders, tables, Parquet.

write_folder(root)                       train/, val/ and test/ with a folder per class
write_classes(root, {"happy": 3})        class folders alone, as CK+48 has them
"""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from mien.labels import EXPRESSIONS, canonical

from .gated_files import face

CK48 = ("anger", "contempt", "disgust", "fear", "happy", "sadness", "surprise")
"""The class folders of CK+48."""

SIZES = {"train": 4, "val": 2, "test": 2}


def write_classes(root: Path, counts: Mapping[str, int], side: int = 48, seed: int = 0, mode: str = "L") -> None:
    """Write so many drawn faces into a folder per class; names begin with one of five subjects, as in CK+48."""
    rng = np.random.default_rng(seed)
    for name, count in counts.items():
        (root / name).mkdir(parents=True, exist_ok=True)
        for k in range(count):
            image = Image.fromarray(face(canonical(name) or EXPRESSIONS[len(name) % 8], side, rng)).convert(mode)
            image.save(root / name / f"S{k % 5:03d}_{k:03d}.png")


def write_folder(root: Path) -> None:
    """Write class folders within the folders of three splits."""
    for seed, (split, count) in enumerate(SIZES.items()):
        write_classes(root / split, dict.fromkeys(CK48, count), seed=seed)


def images_of(root: Path) -> list[tuple[str, str, str]]:
    """Return the path below root, split and class of every image that `write_folder` wrote, sorted by path."""
    paths = [path.relative_to(root) for path in sorted(root.rglob("*.png"))]
    return [(path.as_posix(), path.parts[0], path.parts[1]) for path in paths]


def write_table(root: Path) -> None:
    """Write the images of `write_folder` with labels.csv, which names them; the folders say nothing to its reader."""
    write_folder(root / "images")
    rows = [(f"images/{path}", name, split) for path, split, name in images_of(root / "images")]
    write_csv(root / "labels.csv", ["image", "label", "split"], rows)


def write_csv(path: Path, head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Write a CSV file."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([head, *rows])


def write_parquet(path: Path, images: Sequence[tuple[Path, str]]) -> None:
    """Write image files and their classes as Hugging Face does: {bytes, path}, and numbers that metadata explain."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = sorted({name for _, name in images})
    features = {"image": {"_type": "Image"}, "label": {"names": names, "_type": "ClassLabel"}}
    cells = [{"bytes": image.read_bytes(), "path": image.name} for image, _ in images]
    table = pa.table({"image": cells, "label": [names.index(name) for _, name in images]})
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    pq.write_table(table.replace_schema_metadata(metadata), path, row_group_size=8)


def png(side: int = 48, mode: str = "L", colour: object = 128) -> bytes:
    """Return a PNG of one colour."""
    stream = io.BytesIO()
    Image.new(mode, (side, side), colour).save(stream, "PNG")  # type: ignore[arg-type]
    return stream.getvalue()


WRITERS = {"folder": write_folder, "table": write_table}
"""What draws the files of a data set, by its name."""
