"""mien reads apparent facial expressions from images, and trains, measures and compares the models that do it.

    import mien

    for face in mien.Pipeline()(image):                    # image: uint8 RGB (H, W, 3)
        print(face.expression, face.confidence, face.box)
    table = mien.Pipeline().predict("photos/").to_frame()  # a row per face
    print(mien.evaluate("fer2013", root="data", split="test"))
    print(mien.compare("a.npz", "other.csv", root="data"))
    run = mien.train("mien/fer2013-nano", "epochs=20", root="data")
    result, samples = mien.load(run.folder), mien.load("fer2013", split="val", root="data")

`__all__` is the public API.  Modules below are private: they may change without notice.  Each name is imported when it
is first used, so that `import mien` stays fast.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mien import telemetry
from mien.version import __version__

if TYPE_CHECKING:
    from mien.api import Evaluation, Run, compare, evaluate, load, train
    from mien.card import Card
    from mien.client import Client
    from mien.data.samples import Samples
    from mien.errors import MienError
    from mien.evaluation.compare import Comparison
    from mien.evaluation.result import Result
    from mien.evaluation.scores import Scores
    from mien.face import Face
    from mien.inference.explain.explanation import explain
    from mien.inference.media.image import Limits, decode
    from mien.inference.pipeline import Pipeline
    from mien.inference.prediction import Prediction
    from mien.inference.predictions import Predictions

telemetry.switch_off()  # here, since nothing of mien, and nothing that mien imports, can be imported earlier


__all__ = [
    "Card",
    "Client",
    "Comparison",
    "Evaluation",
    "Face",
    "Limits",
    "MienError",
    "Pipeline",
    "Prediction",
    "Predictions",
    "Result",
    "Run",
    "Samples",
    "Scores",
    "__version__",
    "compare",
    "decode",
    "evaluate",
    "explain",
    "load",
    "train",
]

_HOMES = {
    "Card": "mien.card",
    "Client": "mien.client",
    "Comparison": "mien.evaluation.compare",
    "Evaluation": "mien.api",
    "Face": "mien.face",
    "Limits": "mien.inference.media.image",
    "MienError": "mien.errors",
    "Pipeline": "mien.inference.pipeline",
    "Prediction": "mien.inference.prediction",
    "Predictions": "mien.inference.predictions",
    "Result": "mien.evaluation.result",
    "Run": "mien.api",
    "Samples": "mien.data.samples",
    "Scores": "mien.evaluation.scores",
    "compare": "mien.api",
    "decode": "mien.inference.media.image",
    "evaluate": "mien.api",
    "explain": "mien.inference.explain.explanation",
    "load": "mien.api",
    "train": "mien.api",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'mien' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
