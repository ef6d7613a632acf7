"""The Parquet layout: columns emotion (0-6), usage, and image (a lossless 48x48 picture file), in FER2013's row order.

Needs pyarrow and Pillow, once: afterwards everything is read from the cache.
"""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.data.pictures import SIDE, Pictures, label_code, opened, row_ids, split_code
from mien.errors import DataError

COLUMNS = ("emotion", "usage", "image")


def read_parquet(path: Path, advance: Callable[[int], None] = lambda _: None) -> Pictures:
    """Return the pictures of a Parquet file; `advance` is told the rows of each batch; DataError names file and row."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            missing = [name for name in COLUMNS if name not in file.schema_arrow.names]
            if missing:
                raise DataError(f"{path} has no column {missing[0]!r}", "columns emotion, usage, image")
            rows = file.metadata.num_rows
            images = np.empty((rows, SIDE, SIDE, 1), np.uint8)
            label, split = np.empty(rows, np.int8), np.empty(rows, np.int8)
            row = 0
            for batch in file.iter_batches(1024, columns=list(COLUMNS)):
                for emotion, usage, image in zip(*(batch.column(name).to_pylist() for name in COLUMNS), strict=True):
                    place = f"{path} row {row}"
                    label[row], split[row] = label_code(emotion, place), split_code(usage, place)
                    images[row, :, :, 0] = decode(image, place)
                    row += 1
                advance(batch.num_rows)
    except pa.ArrowInvalid as error:
        raise DataError(f"{path} is no Parquet file ({error})", do="download it again") from None
    except OSError as error:
        raise opened(path, error) from None
    if not rows:
        raise DataError(f"{path} has no rows", "one row per picture")
    return Pictures(images, label, split, row_ids(rows))


def decode(data: Any, place: str) -> NDArray[np.uint8]:
    """Return the grey pixels (48, 48) in a picture file's bytes; DataError names `place` when it is no such picture."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data)) as picture:
            pixels = np.asarray(picture.convert("L"))
    except (UnidentifiedImageError, OSError, TypeError, ValueError, SyntaxError) as error:
        raise DataError(f"{place}: no readable picture ({type(error).__name__})", "a 48x48 picture file") from None
    if pixels.shape != (SIDE, SIDE):
        raise DataError(f"{place}: {pixels.shape[1]}x{pixels.shape[0]} pixels", "48x48")
    return pixels
