"""Read faces in images: image -> [Face] = detect (-> measure) -> align -> classify.  Start reading here.

    pipeline = Pipeline()                                 # the shipped weights, YuNet
    faces = pipeline(image)                               # uint8 RGB (H, W, 3)
    for prediction in pipeline.predict(["photos/"]):      # streams: 10,000 images need no more memory than 100
        ...

For many sources, readers.py opens, detects and measures ahead in threads, batches.py classifies the crops of several
images in one run of the weights, and video/following.py follows faces from frame to frame.  Results come in order.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from copy import copy
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from mien.card import Card
from mien.compound import FITTED, Fit
from mien.cores import WORKERS
from mien.errors import UsageError
from mien.face import Face
from mien.hierarchy import LEVELS, groups
from mien.inference.align import FRAMINGS, crops, square
from mien.inference.batches import classified, in_one_run
from mien.inference.classify import Classifier
from mien.inference.detectors import make
from mien.inference.heads import with_heads
from mien.inference.measures.measurer import Each, Measure, Measurer, Unmeasured
from mien.inference.media.budget import Budget
from mien.inference.media.image import MAX_PIXELS, Limits, load_image
from mien.inference.media.sources import Skipped, Source, expand
from mien.inference.media.video import WHOLE, Clip
from mien.inference.output.rows import Columns, Extra, columns
from mien.inference.prediction import FrameResult
from mien.inference.predictions import Predictions
from mien.inference.readers import MAX_DECODING_PIXELS, Readers
from mien.inference.video.baseline import EVERY, MEDIAN, TYPICAL, Baseline, floored, neutral, seconds_of, typical
from mien.inference.video.following import followed
from mien.inference.video.smoothing import Smoother
from mien.inference.video.thresholds import USUAL, Thresholds
from mien.prior import NATURAL, Wanted


class Pipeline:
    """A detector, weights, and the framing between them: all that is needed to read faces."""

    def __init__(
        self,
        weights: str | Path = "ferplus",
        detector: str = "yunet",
        detector_file: str | Path | None = None,
        min_score: float | None = None,
        abstain: float | Literal["auto"] | None = None,
        device: str = "cpu",
        smooth: float = 0.0,
        rotate: str = "off",
        max_pixels: int = MAX_PIXELS,
        event_high: float = USUAL.high,
        event_low: float = USUAL.low,
        event_min: float = USUAL.shortest,
        debug: bool = False,
        prior: Wanted = NATURAL,
        measures: bool = False,
        mesh_file: str | Path | None = None,
        level: str = "expression",
        baseline: str | Path | None = None,
        compound: bool = False,
    ) -> None:
        """Load the detector and the weights; UsageError, DetectorError or WeightsError when that fails.

        Args:
            weights: a shipped name or the path of an ONNX file that carries a card.
            detector: a key of `mien.inference.detectors.DETECTORS`.
            detector_file: your own copy of the detector's file.
            min_score: lowest detector score in [0, 1]; None means the detector's own default.
            abstain: lowest confidence in [0, 1] at which a face gets an expression; "auto" takes the card's threshold.
            device: "cpu" or "cuda".
            smooth: seconds over which a face's probabilities are averaged in a video; 0 leaves every frame as it is.
            rotate: "auto" reads an image at 0, 90, 180 and 270 degrees and keeps the orientation with the highest
                detector scores; "off" reads it as it is.
            max_pixels: an image or frame that decodes to more pixels is refused.
            event_high, event_low, event_min: the probabilities that start and end an event of a video, and the seconds
                that it must last (`thresholds`).
            debug: raise unexpected errors instead of making them the error of a source.
            prior: how common each expression is among the faces: "natural" as in the training photographs, "uniform"
                (for posed or balanced images), or a fraction per expression.  It stays the same for all sources.
            measures: also measure faces: landmarks, blendshapes, head pose, openness of eyes and mouth, image quality.
            mesh_file: your own copy of the measures' mesh.onnx, with blendshapes.onnx beside it.
            level: "group" also names the group of expressions (mien.hierarchy), shows it in place of the expression,
                and abstains by its probability.
            baseline: also give faces beside the person's neutral face: "3s" at the beginning of each track of a video,
                "median" of each track, or an image of that face; results and drawings then show the corrected face.
            compound: also rank compound expressions, such as "happily surprised" (mien.compound).
        """
        self.classifier = Classifier(weights, device, prior)
        self.card = self.classifier.card
        _check_fraction("min_score", min_score)
        self.detector, self.detector_file = detector, Path(detector_file) if detector_file else None
        self.detect = make(self.detector, self.detector_file, min_score)
        if self.card.framing not in FRAMINGS:
            raise UsageError(f"the weights need the framing {self.card.framing!r}", f"one of {', '.join(FRAMINGS)}")
        self.framing = FRAMINGS[self.card.framing][detector]
        self.min_confidence = _min_confidence(abstain, self.classifier)
        self.smooth = smooth
        self.thresholds = Thresholds(event_high, event_low, event_min)
        Smoother(smooth, self.min_confidence)  # validates the duration
        if rotate not in ("off", "auto"):
            raise UsageError(f"`rotate` {rotate}", "off or auto")
        if max_pixels < 1:
            raise UsageError(f"`max_pixels` {max_pixels}", "a number of pixels, at least 1")
        self.rotate, self.max_pixels, self.debug = rotate == "auto", max_pixels, debug
        if mesh_file and not measures:
            raise UsageError("`mesh_file` without `measures`", "`measures` as well")
        self.measurer = Measurer(Path(mesh_file) if mesh_file else None) if measures else None
        self.start_measuring = self.measurer.start if self.measurer else _unmeasured
        if level not in LEVELS:
            raise UsageError(f"`level` {level}", f"one of {', '.join(LEVELS)}")
        if level == "group":
            groups(self.card.labels)  # refuses labels that are in no group
        self.extra = Extra(measures=measures, level=level, compound=compound)
        self.compound_fits = _compound_fits(self.card, self.classifier.prior.name) if compound else None
        self._budget = Budget(max(MAX_DECODING_PIXELS, max_pixels))
        self.baseline = self._baseline(str(baseline)) if baseline is not None else None
        held = self.baseline is not None and self.baseline.image is not None
        self.baseline_file = Path(str(baseline)) if held else None
        self.extra = replace(self.extra, baseline=baseline is not None)

    def _baseline(self, name: str) -> Baseline:
        """Return a baseline, read from its image where it is one; UsageError or MediaError when it cannot be one."""
        self.baseline = None  # the face of the image is read as it is
        known = typical(self.card.labels, self.card.neutral_face or TYPICAL)
        logs = dict(zip(self.card.labels, floored(self.classifier.prior.applied(known))[0].tolist(), strict=True))
        if name == MEDIAN or seconds_of(name):
            return Baseline(name, logs, self.min_confidence)
        if not Path(name).is_file():
            raise UsageError(f"`baseline` {name}: {'not a file' if Path(name).exists() else 'no such file'}", EVERY)
        faces = self(load_image(Path(name), Limits(self.max_pixels, budget=self._budget)).image)
        if len(faces) != 1:
            raise UsageError(f"`baseline` {name} has {len(faces)} faces", "an image of one face")
        return Baseline(name, logs, self.min_confidence, neutral(faces[0]))

    @property
    def shown_card(self) -> Card:
        """The card with the labels that are shown, which at the level of groups are groups."""
        grouped = self.extra.level == "group"
        return self.card.model_copy(update={"labels": groups(self.card.labels)}) if grouped else self.card

    @property
    def shown_as(self) -> str:
        """A sentence about what is shown of faces, empty where it is the expression as read."""
        grouped = f"Faces are named by group: {', '.join(self.shown_card.labels)}."
        known = [grouped] if self.extra.level == "group" else []
        known += [f"Corrected by the baseline {self.baseline.name}."] if self.baseline is not None else []
        return " ".join(known)

    @property
    def columns(self) -> Columns:
        """The columns of a table of this pipeline's predictions, with the names of their types in Arrow."""
        return columns(self.card, self.extra)

    def __call__(self, image: NDArray[np.uint8]) -> list[Face]:
        """Return the faces in an image, uint8 RGB (H, W, 3), with their expressions, left to right."""
        return self.read([image])[0]

    def read(self, images: Iterable[NDArray[np.uint8]]) -> list[list[Face]]:
        """Return the faces of each image, uint8 RGB (H, W, 3), as for one image, in one run of the weights."""
        checked = [_checked(image) for image in images]
        faces = in_one_run([self._detected(image) for image in checked], self.classify)
        if self.baseline is None:
            return faces
        if (own := self.baseline.image) is None:
            raise UsageError(f"`baseline` {self.baseline.name} with an image", "a video", "give an image as `baseline`")
        return [[self.baseline.corrected(face, own) for face in some] for some in faces]

    def _detected(self, image: NDArray[np.uint8]) -> tuple[list[Face], NDArray[np.uint8]]:
        """Return the faces of an image, measured but not classified, and their crops."""
        return self.align(image, self.start_measuring()(image, self.detect(image), False))

    def abstaining(self, abstain: float | Literal["auto"] | None) -> Self:
        """Return this pipeline with another minimum confidence, all else shared; UsageError as when it is made."""
        other = copy(self)
        other.min_confidence = _min_confidence(abstain, self.classifier)
        return other

    def __repr__(self) -> str:
        return f"Pipeline({self.card.name!r}, detector={self.detector!r}, prior={self.classifier.prior.name!r})"

    def align(self, image: NDArray[np.uint8], detected: Iterable[Face]) -> tuple[list[Face], NDArray[np.uint8]]:
        """Return the faces that lie in an image, boxes clipped to it, and their crops (N, size, size, channels)."""
        # the crop comes from the detector's box, which may reach beyond the image; the reported box stays inside
        edge = np.array([image.shape[1], image.shape[0]] * 2, np.float32)
        pairs = [(face, np.minimum(np.maximum(face.box, 0), edge)) for face in detected]
        pairs = [(face, box) for face, box in pairs if box[2] > box[0] and box[3] > box[1]]
        boxes = [face.box for face, _ in pairs]
        cropped = crops(image, boxes, self.framing, self.card.size, self.card.channels)
        return [replace(face, box=box, crop=square(face.box, self.framing)) for face, box in pairs], cropped

    def classify(self, faces: Iterable[Face], crops: NDArray[np.uint8]) -> list[Face]:
        """Return faces with what the weights give for their crops, uint8 (N, size, size, channels)."""
        if not len(crops):
            return []
        heads, known = self.classifier.heads(crops), self.classifier.reliabilities
        level, fits = self.extra.level, self.compound_fits
        named = partial(with_heads, reliabilities=known, level=level, compound_fits=fits)
        return [named(face, heads, row, self.card, self.min_confidence) for row, face in enumerate(faces)]

    def predict(
        self,
        sources: str | Path | Iterable[str | Path],
        every: int = 1,
        start: float = 0.0,
        end: float | None = None,
        max_fps: float | None = None,
    ) -> Predictions:
        """Return an iterator: one prediction per image and per video frame, in the order of the sources.

        Of videos, every `every`-th frame from `start` to before `end` (seconds), at most `max_fps` a second.

        Sources are files, folders (read recursively), globs and "camera:0", one or several.  A source that cannot be
        read keeps its place as a prediction with an `error`.  Arrays go to the pipeline itself: UsageError.
        """
        paths = _paths([sources] if isinstance(sources, str | Path) else sources)
        stream = self.stream(paths, Clip(every, start, end, max_fps))
        return Predictions((result.prediction for result in stream), self.card, self.columns)

    def stream(
        self,
        sources: Iterable[str | Path],
        clip: Clip = WHOLE,
        keep: bool = False,
        skip: Path | None = None,
        skipped: Skipped | None = None,
    ) -> Iterator[FrameResult]:
        """Yield as `predict` does, with the images when `keep`, without the files that a run writes into `skip`.

        Files that are passed over in folders are counted in `skipped`.
        """
        return self.read_sources(expand(sources, skip, skipped), clip, keep)

    def read_sources(self, sources: Iterator[Source], clip: Clip = WHOLE, keep: bool = False) -> Iterator[FrameResult]:
        """Yield as `stream` does, of sources that are expanded already."""
        read = self._followed(sources, clip, keep)
        if self.baseline is None:
            return read
        return self.baseline.applied(read, lambda source: self._followed(iter([source]), clip, False))

    def _followed(self, sources: Iterator[Source], clip: Clip, keep: bool) -> Iterator[FrameResult]:
        """Yield results with their faces classified and, in videos, followed."""
        pool = ThreadPoolExecutor(WORKERS)
        read = self._readers(pool, clip, keep).read(sources)
        try:
            results = classified(read, self.classify, self.debug)
            yield from followed(results, self.smooth, self.min_confidence, self.debug)
        finally:
            read.close()  # while the pool still works: a stage that it turned away would leave threads and files open
            pool.shutdown(cancel_futures=True)

    def _readers(self, pool: Executor, clip: Clip, keep: bool) -> Readers:
        limits = (self._budget, self.max_pixels, self.rotate, self.debug)
        measured = self.measurer is not None
        return Readers(pool, self.detect, self.start_measuring, self.align, *limits, clip, keep, measured)


def _unmeasured(each: Each = map) -> Measure:
    return Unmeasured()


def _min_confidence(abstain: float | Literal["auto"] | None, classifier: Classifier) -> float:
    if abstain != "auto":
        _check_fraction("abstain", abstain)
        return abstain or 0.0
    if classifier.threshold is None:
        name, prior = classifier.card.name, classifier.prior.name
        raise UsageError(
            f"the weights {name!r} carry no threshold for `abstain` auto ({prior} prior)", do="give a number"
        )
    return classifier.threshold


def _compound_fits(card: Card, prior: str) -> tuple[Fit, Fit]:
    """Return what compound expressions are computed with; UsageError for what they were not fitted on."""
    data = (card.recipe.get("data") or {}).get("name")
    if data not in FITTED:
        got = f"`compound` with weights trained on {data or 'unknown data'}"
        raise UsageError(got, f"weights trained on {' or '.join(FITTED)}")
    if prior != NATURAL:
        raise UsageError(f"`compound` with `prior` {prior}", NATURAL, "they are calibrated under that prior alone")
    return FITTED[data]


def _checked(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return an image; UsageError for anything that is not uint8 RGB (H, W, 3)."""
    if not isinstance(image, np.ndarray):
        got = f"the image is of type {type(image).__name__}"
        raise UsageError(got, "uint8 RGB (H, W, 3)", "use predict() for files")
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise UsageError(f"the image is {image.dtype} {image.shape}", "uint8 RGB (H, W, 3)")
    return image


def _check_fraction(parameter: str, value: float | None) -> None:
    if value is not None and not 0 <= value <= 1:
        raise UsageError(f"`{parameter}` {value}", "a number from 0 to 1")


def _paths(sources: Iterable[str | Path]) -> Iterator[str | Path]:
    for source in sources:
        if not isinstance(source, str | Path):
            raise UsageError(f"a source of type {type(source).__name__}", "a path", "call pipeline(image) for arrays")
        yield source
