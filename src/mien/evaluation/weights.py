"""The ONNX file that a name, a path or a run folder stands for, where a result may be given by mistake."""

from pathlib import Path

from mien.errors import WeightsError
from mien.inference.classify import locate, names


def find_weights(weights: str | Path) -> Path | str:
    """Return a shipped name as given, else the ONNX file of a path or run folder; WeightsError for a result."""
    path = Path(weights)
    if str(weights) in names():
        return weights
    run = (path / "recipe.yaml").is_file()
    if not run and (path.suffix == ".npz" or (path / "result.npz").is_file()):
        raise WeightsError(f"{path} is a result", "the weights that made it", f"`mien report {path}` reads it")
    return locate(weights)


def weights_file(weights: str | Path) -> Path:
    """Return the ONNX file of a shipped name, a path or a run folder; WeightsError where there is none."""
    return locate(find_weights(weights))
