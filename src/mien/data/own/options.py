"""The options of the data sets `folder` and `table`: `data.options` in a recipe, KEY=VALUE on the command line."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from mien.data.names import check_known
from mien.errors import DataError
from mien.labels import CODES
from mien.reading.documents import parse_yaml
from mien.reading.shape import wrong


def _plain(value: Any) -> Any:
    """Return the value of a command line's word: YAML where it has brackets, else the text."""
    return parse_yaml(value) if isinstance(value, str) and value[:1] in ("[", "{") else value


def _several(value: Any) -> Any:
    value = _plain(value)
    return [word.strip() for word in value.split(",")] if isinstance(value, str) else value


def _texts(value: Any) -> Any:
    """Return the words of a list or of a mapping's values as text: YAML reads 0 as a number."""
    value = _several(value)
    if isinstance(value, Mapping):
        return {
            key: [str(word) for word in (words if isinstance(words, list) else [words])] for key, words in value.items()
        }
    return [str(word) for word in value] if isinstance(value, list | tuple) else value


Fraction = Annotated[float, Field(gt=0, lt=1)]
Words = Annotated[tuple[str, ...], BeforeValidator(_texts)]


class Options(BaseModel):
    """How files become samples.

    Attributes:
        labels: labels outside the vocabulary, or {label: words for it in the files}.
        codes: whose numbers the labels are, a key of `mien.labels.CODES`.
        ignore: labels, or words for them, whose images are left out.
        group: folder: a regular expression; what it finds in a path below the class folder is the subject or clip.
        val, test: fractions of the images that become that split; folds, fold: val is one of so many equal parts.
        seed: of the splits that are made; ignore_splits: those of the files do not count.
        size, channels: of the crops; None is the size that all images have, else the usual one, and grey or RGB as
            they are.
        detect: the images are photos: of one without a box the largest face is cropped, as `mien predict` does.
        columns: table: {what: column}, where the name of a column does not say what it is.
        images: table: the folder that paths of images start from; None is the folder of the table.
        skip_bad: leave out rows that cannot be used, and count them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    labels: Annotated[tuple[str, ...] | dict[str, tuple[str, ...]], BeforeValidator(_texts)] = ()
    codes: str | None = None
    ignore: Words = ()
    group: str | None = None
    val: Fraction | None = None
    test: Fraction | None = None
    folds: int | None = Field(None, ge=2, le=100)
    fold: int = Field(0, ge=0)
    seed: int = Field(0, ge=0, lt=2**32)
    ignore_splits: bool = False
    size: int | None = Field(None, ge=16, le=512)
    channels: Literal[1, 3] | None = None
    detect: bool = False
    columns: Annotated[dict[str, str], BeforeValidator(_plain)] = {}
    images: str | None = None
    skip_bad: bool = False

    @model_validator(mode="before")
    @classmethod
    def _channels_as_number(cls, values: Any) -> Any:
        given = values.get("channels")
        return {**values, "channels": int(given)} if isinstance(given, str) and given.isdecimal() else values

    @model_validator(mode="after")
    def _fit(self) -> "Options":
        if self.codes is not None and self.codes not in CODES:
            raise ValueError(f"codes={self.codes}; expected one of {', '.join(CODES)}")
        if self.folds and self.val:
            raise ValueError(
                "val together with folds; expected one of them: a fold is val; in a recipe data.options.val=null"
            )
        if self.fold and (self.folds is None or self.fold >= self.folds):
            raise ValueError(f"fold={self.fold} of folds={self.folds}; expected folds to be larger")
        if (self.val or 0) + (self.test or 0) >= 1:
            raise ValueError(f"val={self.val} and test={self.test}; expected images to be left for train")
        return self

    @classmethod
    def of(cls, name: str, given: Mapping[str, Any]) -> "Options":
        """Return options from a recipe or a command line; DataError names the first wrong one."""
        for option in given:
            check_known(f"option of {name}", option, [*cls.model_fields, "generated"])
        try:
            return cls.model_validate(dict(given))
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False)[0]
            key = ".".join(map(str, first["loc"][:1]))
            raise DataError(f"data {name}: {f'{key}: ' if key else ''}{wrong(first)}") from None
        except ValueError as error:  # YAML that is none
            raise DataError(f"data {name}: {error}") from None
