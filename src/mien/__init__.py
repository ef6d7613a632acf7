"""mien reads apparent facial expressions from images, and trains, measures and compares the models that do it.

    from mien import Pipeline

    for face in Pipeline()(image):          # image: uint8 RGB (H, W, 3)
        print(face.expression, face.confidence, face.box)

The names below are loaded when they are first asked for, so that `import mien` stays instant.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mien import telemetry

if TYPE_CHECKING:
    from mien.card import Card
    from mien.errors import MienError
    from mien.face import Face
    from mien.inference.pipeline import Pipeline
    from mien.inference.prediction import Prediction

telemetry.switch_off()  # here, since nothing of mien, and nothing that mien imports, can be imported earlier

__version__ = "0.1.0"

__all__ = ["Card", "Face", "MienError", "Pipeline", "Prediction", "__version__"]

_HOMES = {
    "Card": "mien.card",
    "Face": "mien.face",
    "MienError": "mien.errors",
    "Pipeline": "mien.inference.pipeline",
    "Prediction": "mien.inference.pipeline",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'mien' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
