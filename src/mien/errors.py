"""Every error that mien raises on purpose.

    MienError            a user's mistake: one line, exit code 2
    ├── DataError        a data set, a cache or a table that cannot be read as what it claims to be
    ├── RecipeError      a recipe or a key=value that does not describe a possible training run
    ├── WeightsError     a weights file, a card or a checkpoint that cannot be used
    ├── DetectorError    a face detector whose file is missing or altered
    ├── DivergedError    a training run whose loss is no longer a number
    ├── MediaError       a picture, video or camera that cannot be opened or decoded
    ├── OutputError      a file or folder that results cannot be written to
    └── UsageError       a command or an argument that cannot be carried out as given

Anything else that escapes is a bug and shows its traceback.
"""


class MienError(Exception):
    """A user's mistake, told as *got / expected / do this* on one line."""

    def __init__(self, got: str, expected: str = "", do: str = "") -> None:
        parts = [got, f"expected {expected}" if expected else "", do]
        super().__init__("; ".join(" ".join(part.split()) for part in parts if part))


class DataError(MienError):
    """A data set, a cache or a table that cannot be read as what it claims to be."""


class RecipeError(MienError):
    """A recipe or a key=value that does not describe a possible training run."""


class WeightsError(MienError):
    """A weights file, a card or a checkpoint that cannot be used."""


class DetectorError(MienError):
    """A face detector whose file is missing or altered."""


class DivergedError(MienError):
    """A training run whose loss is no longer a number."""


class MediaError(MienError):
    """A picture, video or camera that cannot be opened or decoded."""


class OutputError(MienError):
    """A file or folder that results cannot be written to."""


class UsageError(MienError):
    """A command or an argument that cannot be carried out as given."""
