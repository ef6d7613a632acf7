"""The ONNX file that a name, a path or a run folder stands for."""

from pathlib import Path

from mien.errors import WeightsError
from mien.inference.classify import locate, names


def find_weights(weights: str | Path) -> Path | str:
    """Return the ONNX file of a run folder, or the name or path as given; WeightsError for other folders, results."""
    path = Path(weights)
    if str(weights) in names():
        return weights
    run = (path / "recipe.yaml").is_file()
    if not run and (path.suffix == ".npz" or (path / "result.npz").is_file()):
        raise WeightsError(f"{path} is a result", "the weights that made it", f"`mien report {path}` reads it")
    if not run and path.is_dir():
        raise WeightsError(f"{path} is a folder", "an ONNX file, or a run folder that `mien train` made")
    if not run:
        return weights
    if not (path / "model.onnx").is_file():
        raise WeightsError(f"{path} has no model.onnx", "a run that was exported", f"mien export {path}")
    return path / "model.onnx"


def weights_file(weights: str | Path) -> Path:
    """Return the ONNX file of a shipped name, a path or a run folder; WeightsError where there is none."""
    return locate(find_weights(weights))
