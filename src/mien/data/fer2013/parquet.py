"""The Parquet layout: columns emotion (0-6), usage, and image (a lossless 48x48 image file), in FER2013's row order.

Needs pyarrow and Pillow, once: afterwards everything is read from the cache.
"""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.data.fer2013.raw import SIDE, Images, label_code, row_ids, split_code
from mien.errors import DataError
from mien.reading.guard import parsing

COLUMNS = ("emotion", "usage", "image")


def read_parquet(path: Path, advance: Callable[[int], None] = lambda _: None) -> Images:
    """Return the images of a Parquet file; `advance` counts rows; DataError names file and row."""
    import pyarrow.parquet as pq

    images: list[NDArray[np.uint8]] = []
    label: list[int] = []
    split: list[int] = []
    guard = parsing(path, do="download it again", says="is not a Parquet file")
    with guard, path.open("rb") as stream, pq.ParquetFile(stream) as file:  # not the path: it could be an address
        missing = [name for name in COLUMNS if name not in file.schema_arrow.names]
        if missing:
            raise DataError(f"{path} has no column {missing[0]!r}", "columns emotion, usage, image")
        for batch in file.iter_batches(1024, columns=list(COLUMNS)):  # appended: the row count in a header may be wrong
            for emotion, usage, image in zip(*(batch.column(name).to_pylist() for name in COLUMNS), strict=True):
                place = f"{path} row {len(label)}"
                label.append(label_code(emotion, place))
                split.append(split_code(usage, place))
                images.append(decode(image, place))
            advance(batch.num_rows)
    if not images:
        raise DataError(f"{path} has no rows", "one row per image")
    pixels = np.stack(images)[..., None]
    return Images(pixels, np.array(label, np.int8), np.array(split, np.int8), row_ids(len(images)))


def decode(data: Any, place: str) -> NDArray[np.uint8]:
    """Return the grey pixels (48, 48) of an encoded image; DataError names `place` for anything else."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as image:
            size = image.size  # from the header: images of another size are not decoded
            pixels = np.asarray(image.convert("L")) if size == (SIDE, SIDE) else None
    except Exception as error:  # Pillow's decoders raise anything
        raise DataError(f"{place}: no readable image ({type(error).__name__})", "a 48x48 image file") from None
    if pixels is None:
        raise DataError(f"{place}: {size[0]}x{size[1]} pixels", f"{SIDE}x{SIDE}")
    return pixels
