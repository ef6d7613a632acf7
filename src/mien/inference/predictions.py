"""What `Pipeline.predict` returns: predictions one at a time, or all of them as a table."""

from collections.abc import Generator
from typing import Any, Self

from mien.card import Card
from mien.frame import frame
from mien.inference.output.rows import Columns, rows
from mien.inference.prediction import Prediction


class Predictions:
    """An iterator over predictions, which are read as they are needed."""

    def __init__(self, stream: Generator[Prediction, None, None], card: Card, columns: Columns) -> None:
        self._stream, self._card, self._columns = stream, card, columns

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Prediction:
        return next(self._stream)

    def __repr__(self) -> str:
        return f"Predictions(weights={self._card.name!r})"

    def close(self) -> None:
        """Stop reading."""
        self._stream.close()

    def to_frame(self) -> Any:
        """Read the rest and return a table with a row per face, and one per image or frame without a face.

        The columns are those of `mien predict --format parquet`.  The table is a DataFrame of pandas or polars where
        one is installed, else an Arrow table.
        """
        return frame([row for prediction in self for row in rows(prediction)], self._columns)
