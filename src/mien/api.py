"""The public functions: one call each, with a typed result that prints as the command of that name does.

print(mien.evaluate("fer2013", root="data", split="test"))
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from mien.data import load as load_samples
from mien.data.samples import Samples
from mien.errors import DataError
from mien.evaluation.compare import Comparison, Request
from mien.evaluation.compare import compare as compare_systems
from mien.evaluation.evaluate import evaluate as measure
from mien.evaluation.keep import keep
from mien.evaluation.report.collect import RESULTS
from mien.evaluation.result import Result
from mien.evaluation.scores import Scores
from mien.prior import NATURAL, Wanted

if TYPE_CHECKING:
    from mien.training.finalize import RunScores

PathLike = str | Path


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What `evaluate` returns.

    Attributes:
        result: the probabilities and labels, image by image.
        scores: what they are worth, on all images and without near-duplicates of training images.
    """

    result: Result
    scores: Scores

    def __str__(self) -> str:
        return str(self.scores)

    def __repr__(self) -> str:
        return f"Evaluation({self.scores.provenance.weights!r}, n={self.scores.n}, accuracy={self.scores.accuracy})"

    def _repr_html_(self) -> str:
        return self.scores._repr_html_()

    def save(self, folder: PathLike, root: PathLike | None = None) -> list[Path]:
        """Write result.npz, metrics.json and report.html into a folder and return their paths."""
        return keep(self.result, self.scores, Path(folder), root)

    def to_frame(self) -> Any:
        """Return `result.to_frame()`: a table with a row per image."""
        return self.result.to_frame()


@dataclass(frozen=True)
class Run:
    """What `train` returns.

    Attributes:
        folder: the run folder, with weights (model.onnx), log.csv, results and report.html.
        scores: the accuracy and other scores on val and, with `test`, on test.
    """

    folder: Path
    scores: "RunScores"

    @property
    def weights(self) -> Path:
        """The ONNX file, for `Pipeline` and `evaluate`."""
        return self.folder / "model.onnx"

    def __str__(self) -> str:
        from mien.training.run import summary

        return "\n".join([*summary(self.scores), str(self.folder)])


def evaluate(
    weights: PathLike,
    data: str | None = None,
    *,
    root: PathLike | None = None,
    split: str = "val",
    prior: Wanted = NATURAL,
    **options: Any,
) -> Evaluation:
    """Measure weights on a split of a data set.

    Args:
        weights: a shipped name, an ONNX file or a run folder.
        data: the name of a data set; None means the one that the weights were trained on.
        root: the folder with the data; None means the environment variable MIEN_DATA.
        split: "val" or "test".
        prior: "natural", "uniform" or a fraction for each label.
        options: for the data set's reader, such as `labels="distribution"`.

    Raises:
        WeightsError, DataError: for weights and data that cannot be used.
    """
    return Evaluation(*measure(weights, data, root, split, prior=prior, **options))


def compare(
    *systems: PathLike,
    source: str = "auto",
    column: Sequence[str] = (),
    data: str | None = None,
    root: PathLike | None = None,
    split: str | None = None,
    intersect: bool = False,
    published: bool = False,
    prior: Wanted | None = None,
) -> Comparison:
    """Compare systems on the same images: paired differences with intervals, tests and a ranking.

    Args:
        systems: results, folders that hold one, or several runs of one recipe, which are one system, and tables (CSV,
            TSV, Parquet) of any system's predictions.
        source: "csv" reads every file but .npz as a table; "auto" goes by the suffix.
        column: "FIELD=COLUMN" for columns that are not inferred, such as "id=path" or "happiness=joy".
        data: the data set with the labels, needed where no system has them.
        root: the folder with the data; None means the environment variable MIEN_DATA.
        split: "val" or "test"; None means test, and the one result of every folder.
        intersect: compare on the images that all systems have predictions for.
        published: list published results as well.
        prior: the prior for results of mien's weights, as for `evaluate`; None leaves them as they are.

    Raises:
        DataError, UsageError: for systems that cannot be compared.
    """
    paths, folder = tuple(map(Path, systems)), None if root is None else Path(root)
    request = Request(paths, source, tuple(column), data, folder, split, intersect, published, prior)
    return compare_systems(request)


def train(
    recipe: PathLike | None = None,
    *overrides: str,
    root: PathLike | None = None,
    out: PathLike = "runs",
    resume: PathLike | None = None,
    device: str = "auto",
    test: bool = False,
) -> Run:
    """Train a recipe into a run folder: weights, log, scores on val and a report.  Needs `mien[train]`.

    Args:
        recipe: a packaged recipe such as "papers/cnn4", or a YAML file.
        overrides: changes to it, such as "epochs=20", "optim.lr=0.05".
        root: the folder with the data; None means the environment variable MIEN_DATA.
        out: where the run folder is made.
        resume: a run folder to resume, instead of a recipe.
        device: "auto", "cpu" or "cuda".
        test: measure on the test split, once, after training.

    Raises:
        RecipeError, DataError, DivergedError: for what cannot be trained.
    """
    from mien.training.run import train_run

    folders = {"root": None if root is None else Path(root), "resume": None if resume is None else Path(resume)}
    name = None if recipe is None else str(recipe)
    return Run(*train_run(name, list(overrides), out=Path(out), device=device, test=test, **folders))


@overload
def load(source: PathLike) -> Result: ...
@overload
def load(source: str, *, split: str, root: PathLike | None = None, **options: Any) -> Samples: ...
def load(
    source: PathLike, *, split: str | None = None, root: PathLike | None = None, **options: Any
) -> Result | Samples:
    """Load a result, or with `split` the images and labels of a data set.

    Args:
        source: a result (.npz), a folder or run folder that holds one; with `split`, the name of a data set.
        split: "train", "val" or "test" of the data set.
        root: the folder with the data; None means the environment variable MIEN_DATA.
        options: for the data set's reader, such as `labels="distribution"`.

    Raises:
        DataError: for files that cannot be read.
    """
    if split is not None:
        return load_samples(str(source), root, split, **options)
    path = Path(source)
    if path.is_dir():
        held = [path / name for name in RESULTS if (path / name).is_file()]
        if not held:
            raise DataError(f"{path} holds no result", f"one of {', '.join(RESULTS)}")
        path = held[0]
    return Result.load(path)
