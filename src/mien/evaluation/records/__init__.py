"""What stress.json and fairness.json hold, as typed values: written, read and shown through the same classes."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field

from mien.reading.shape import Facts

Fraction = Annotated[float, Field(ge=0, le=1)]
Ends = Annotated[list[Annotated[float, Field(ge=-1, le=1)] | None], Field(min_length=2, max_length=2)]


class Shown(Facts):
    """Numbers that go into text and charts, so finite ones."""

    model_config = ConfigDict(allow_inf_nan=False)


class Source(Shown):
    """The weights, or other system's table, and the data that a measurement is of.

    `prior` is that of the probabilities, absent where it is natural; `answers` is a digest of the predictions, where
    the measurement is of those alone.
    """

    weights: str | None = None
    weights_sha256: str | None = None
    prior: str | None = None
    table: str | None = None
    dataset: str | None = None
    split: str | None = None
    answers: str | None = None

    @property
    def source(self) -> dict[str, Any]:
        """These facts, as far as they are recorded."""
        return self.model_dump(include=set(Source.model_fields), exclude_unset=True)
