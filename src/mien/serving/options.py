"""How the images of a request are read: the same names and values as of `mien predict`."""

from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)

from mien.errors import UsageError
from mien.hierarchy import LEVELS
from mien.inference.classify import names
from mien.inference.detectors import DETECTORS
from mien.inference.media.video import Clip
from mien.serving.errors import ApiError, invalid
from mien.serving.settings import PRIORS, Settings

CHOICES = {"weights": names(), "prior": list(PRIORS), "level": list(LEVELS), "detector": list(DETECTORS)}
Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
KEEP = 600.0  # seconds for which a video is kept without a request about it
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


def _choice(name: str, description: str) -> Any:
    values: list[JsonValue] = [*CHOICES[name]]
    return Field(description=description, json_schema_extra={"enum": values})


Kind = TypeVar("Kind", bound="Options")


class Options(BaseModel):
    """The options of a request; None means what the server was started with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    weights: Annotated[str | None, _choice("weights", "weights that ship with mien")] = None
    prior: Annotated[str | None, _choice("prior", "how common expressions are taken to be")] = None
    abstain: Annotated[Literal["auto"] | Fraction | None, Field(description="least confidence, or auto")] = None
    measures: Annotated[bool, Field(description="head pose, openness of eyes and mouth, action units")] = False
    level: Annotated[str, _choice("level", "whether faces are named by expression or by group")] = LEVELS[0]
    detector: Annotated[str, _choice("detector", "how faces are found")] = "yunet"

    @field_validator(*CHOICES)
    @classmethod
    def _known(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and value not in (known := CHOICES[str(info.field_name)]):
            raise ValueError(f"expected one of {', '.join(known)}")
        return value

    @field_validator("abstain", mode="wrap")
    @classmethod
    def _abstain(cls, value: Any, usual: ValidatorFunctionWrapHandler) -> Any:
        try:
            return usual(value)
        except ValidationError:  # which names every branch of the union
            raise ValueError("expected a fraction from 0 to 1, or auto") from None

    def filled(self, settings: Settings) -> Self:
        """Return the options with the server's own in place of None; ApiError for what it does not offer."""
        if self.measures and not settings.measures:
            raise ApiError(422, "no_measures", "this server takes no measures: it was started without `measures`")
        own = {"weights": self.weights or settings.weights, "prior": self.prior or settings.prior}
        return self.model_copy(update=own)


class StreamOptions(Options):
    """The options of live frames."""

    smooth: Annotated[Seconds, Field(description="average probabilities over time")] = 0.0

    def of_images(self) -> Options:
        """Return those of its frames."""
        return Options(**self.model_dump(exclude={"smooth"}))


class VideoOptions(StreamOptions):
    """The options of a video."""

    every: Annotated[int, Field(ge=1, description="read every N-th frame")] = 1
    start: Annotated[Seconds, Field(description="where to start reading")] = 0.0
    end: Annotated[float | None, Field(description="where to stop reading")] = None
    max_fps: Annotated[float | None, Field(description="read at most N frames a second")] = None
    keep: Annotated[float, Field(ge=1, le=KEEP, description="seconds without a request until it is forgotten")] = KEEP

    @model_validator(mode="after")
    def _possible(self) -> Self:
        self.clip()
        return self

    def clip(self) -> Clip:
        """Return the part to read; ValueError for one that cannot be."""
        try:
            return Clip(self.every, self.start, self.end, self.max_fps)
        except UsageError as error:
            raise ValueError(str(error)) from None

    def seconds_per_row(self) -> float:
        """Return about how many seconds of a video are decoded for a row, at least 1; the start counts as one."""
        return max(1.0, self.start, self.every / 25, 1 / (self.max_fps or 1.0))

    def of_pipeline(self) -> dict[str, Any]:
        """Return the parameters of a Pipeline."""
        return self.model_dump(exclude={"every", "start", "end", "max_fps", "keep"})


def parsed(values: dict[str, Any], kind: type[Kind]) -> Kind:
    """Return the options of a kind that a query, a form or JSON spells; ApiError for others."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise invalid(error.errors(include_url=False, include_input=False)) from None
