"""Recipes: one YAML file describes one experiment, completely.

`load("mien/fer2013", ["epochs=10", "optim.lr=0.05"])` reads a packaged recipe (or a path), applies the overrides and
validates everything; an unknown key is refused with its path before any time is spent.
"""

import difflib
import os
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, ValidationError, field_validator, model_validator

from mien.errors import RecipeError
from mien.reading.documents import parse_yaml, read_yaml
from mien.reading.shape import wants

RECIPES = Path(str(files("mien") / "recipes"))
MAX_COUNT = 1_000_000_000
"""Largest number of epochs, steps and the like; more can only be a typing error."""


SHORT = ("labels", "folds", "fold")
"""Options of a data set that may stand in `data` itself, as in data.fold=1."""


class Strict(BaseModel):
    """A section of a recipe: frozen, and unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Source(Strict):
    """A data set, one of `mien list datasets`, and the options its reader takes."""

    name: str
    options: dict[str, Any] = {}


class Data(Source):
    """The data: a data set and, joined to it by id, a second set of labels for an auxiliary head.

    `options` hold for every split; `labels`, `folds` and `fold` are short for options of that name.  `train` adds to
    them for the training split only.  FERPlus is trained on vote
    distributions, but selected and calibrated on majority labels.
    """

    train: dict[str, Any] = {}
    classes: list[str] | dict[str, list[str]] | None = Field(
        None, description="labels to keep, or {label: [labels that become it]}; images of the others are left out"
    )
    keep: str | None = Field(
        None, description="a text file of ids: train on these only, such as clean-train.txt of `mien data --hygiene`"
    )
    limit: int | None = Field(None, ge=2, le=MAX_COUNT, description="train on this many images, the same in every run")
    imbalance: Literal["none", "down", "up", "weighted"] = Field(
        "none", description="training only: as it is; fewer of the common; more of the rare; weights in the loss"
    )
    per_class: int | None = Field(
        None, ge=1, le=10_000_000, description="what down and up aim at; the rarest or commonest class if not given"
    )
    repeat: int = Field(1, ge=1, le=1000, description="how many times an epoch shows each training image")
    hold: Literal["auto", "memory", "disk"] = Field(
        "auto", description="where training keeps images; auto takes the disk where they fill half of the free memory"
    )
    size: int | None = Field(None, ge=16, le=512, description="side in pixels that images are resized to")
    framing: str = Field("fer2013", description="key of FRAMINGS: how the data set's crops frame a face")
    auxiliary: Source | None = None

    @model_validator(mode="before")
    @classmethod
    def _short_for_options(cls, given: Any) -> Any:
        short = {key: given[key] for key in SHORT if key in given} if isinstance(given, dict) else {}
        if not short:
            return given
        options = given.get("options") or {}
        if twice := [key for key in short if isinstance(options, dict) and key in options]:
            raise ValueError(f"{twice[0]} and options.{twice[0]} are the same; leave one out")
        rest = {key: value for key, value in given.items() if key not in short}
        return {**rest, "options": {**options, **short}}

    @model_validator(mode="after")
    def _aim_needs_resampling(self) -> "Data":
        if self.per_class and self.imbalance not in ("down", "up"):
            raise ValueError(f"per_class belongs to imbalance down or up, not to {self.imbalance}; leave it out")
        return self


class Model(Strict):
    """The network and its keyword arguments: one of `mien list models`, or one of your own as package.module:function.

    A network of your own is imported, also from the working directory, when it is trained.  `model: NAME` is short for
    one without options.
    """

    name: str
    options: dict[str, Any] = {}

    @model_validator(mode="before")
    @classmethod
    def _name_alone(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value


class Augment(Strict):
    """Random changes to the training images; the ranges are symmetric unless they are pairs.

    flip: probability; shift: fraction of the side; rotate: degrees; scale: (min, max); fill: the pixels outside the
    image; crop: side in pixels of the window that the network sees, random while training, in the
    centre afterwards; brightness: added, of the full range; contrast: relative; gamma: of the logarithm of the power
    that pixels are raised to; shadow: largest fraction of the light that is lost from edge to edge; degrade:
    probability of a blurred, coarser or noisy image; doubt: fraction of the target of such an image that becomes
    the frequencies of the labels, so that confidence is low on corrupted images; erase: probability of replacing a
    rectangle by a flat grey; mixup, cutmix: blend two images, or put a rectangle of one into the other, and mix
    their targets in the same ratio, drawn from Beta(a, a); with both, each batch takes one of them.
    """

    flip: float = Field(0.5, ge=0, le=1)
    shift: float = Field(0.0, ge=0, le=0.5)
    rotate: float = Field(0.0, ge=0, le=180)
    scale: tuple[PositiveFloat, PositiveFloat] = (1.0, 1.0)
    fill: Literal["black", "edge"] = "black"
    crop: int | None = Field(None, ge=8, le=512)
    brightness: float = Field(0.0, ge=0, le=1)
    contrast: float = Field(0.0, ge=0, lt=1)
    gamma: float = Field(0.0, ge=0, le=2)
    shadow: float = Field(0.0, ge=0, le=1)
    degrade: float = Field(0.0, ge=0, le=1)
    doubt: float = Field(0.0, ge=0, le=1)
    erase: float = Field(0.0, ge=0, le=1)
    mixup: float = Field(0.0, ge=0, le=1000)
    cutmix: float = Field(0.0, ge=0, le=1000)

    @model_validator(mode="after")
    def _min_first(self) -> "Augment":
        if self.scale[0] > self.scale[1]:
            raise ValueError(f"scale: the smaller comes first, got {list(self.scale)}")
        return self

    @model_validator(mode="after")
    def _doubts_something(self) -> "Augment":
        if self.doubt and not self.degrade:
            raise ValueError("doubt is for degraded images; give degrade, the probability of one")
        return self


class Adversarial(Strict):
    """Adversarial regularisation: `multiplier` times the loss on neighbours `step` uphill (Goodfellow; NSL)."""

    norm: Literal["l2", "linf", "l1"] = "l2"
    multiplier: float = Field(0.2, ge=0)
    step: float = Field(0.001, gt=0, description="in units of the pixel range [0, 1]")
    steps: int = Field(1, ge=1, le=1000, description="more than one is projected gradient ascent")
    radius: float | None = Field(None, gt=0, description="of the ball that the steps stay in")


class Representation(Strict):
    """FERAtt's Gaussian-manifold loss on the embedding, with mixed embeddings, lambda ~ Beta(*beta)."""

    weight: float = Field(1.0, ge=0)
    beta: tuple[PositiveFloat, PositiveFloat] = (2.0, 2.0)
    sigma: float = Field(0.5, gt=0)


class Loss(Strict):
    """The objective: cross-entropy against smoothed targets, plus the losses of the other heads.

    logit_adjustment: times the logarithm of a class's frequency, added to the logits while training, so that rare
    classes are predicted more often afterwards (arXiv 2007.07314).
    auxiliary: times that of the second label set; side: times that of the network's own side heads (GoogLeNet);
    attention: times the distance of the attended image to the clean one (the image times its mask; without a mask,
    as in all data sets but `synthetic`, the image itself).
    """

    label_smoothing: float = Field(0.0, ge=0, lt=1)
    logit_adjustment: float = Field(0.0, ge=0)
    auxiliary: float = Field(1.0, ge=0)
    side: float = Field(0.3, ge=0)
    attention: float = Field(0.0, ge=0)
    representation: Representation | None = None
    adversarial: Adversarial | None = None


class Heads(Strict):
    """What the network predicts: the weight of each head's loss, the same throughout; 0 for no such head.

    expression: always there; valence_arousal: mean squared error and concordance (CCC) of two numbers from -1 to 1;
    action_units: a probability for each unit of the data.  Images without a target of a head do not count for it.
    link: softmax, one of the expressions; tree, first the group (positive, negative, neutral, surprise), then the
    expression within it; sigmoids, each expression by itself, so that two may be true.
    """

    expression: float = Field(1.0, gt=0, le=1000)
    valence_arousal: float = Field(0.0, ge=0, le=1000)
    action_units: float = Field(0.0, ge=0, le=1000)
    link: str = Field("softmax", description="key of LINKS: how the numbers of the network become probabilities")

    @property
    def more(self) -> tuple[str, ...]:
        """The heads beside the expression's, by the names of their outputs."""
        return tuple(name for name in ("valence_arousal", "action_units") if getattr(self, name))


class Distill(Strict):
    """Teachers whose mean probabilities are mixed into the targets with `weight`.

    weights: shipped weights or a path, or several; temperature: above 1 the teachers' probabilities are softer; prior:
    uniform, which raises rare expressions in the targets (after arXiv 2104.10510), or natural, as they come.
    """

    weights: tuple[str, ...] = Field(min_length=1)
    weight: float = Field(0.5, ge=0, le=1)
    temperature: float = Field(1.0, gt=0)
    prior: Literal["natural", "uniform"] = "natural"

    @field_validator("weights", mode="before")
    @classmethod
    def _one_or_several(cls, weights: Any) -> Any:
        return [weights] if isinstance(weights, str) else weights


class Schedule(Strict):
    """The learning rate after the warm-up: a key of SCHEDULES and its settings.

    cosine: to zero over the epochs; constant; step: times `factor` every `every` steps; plateau: times `factor` when
    the loss on val has not fallen for `patience` epochs.
    """

    name: str = "cosine"
    factor: float = Field(0.1, gt=0, lt=1)
    every: int = Field(10_000, ge=1, le=MAX_COUNT, description="steps")
    patience: int = Field(10, ge=0, le=MAX_COUNT, description="epochs")


class Optim(Strict):
    """A key of OPTIMIZERS, linear warm-up and a schedule; `decay` spares biases and norms, or spares nothing.

    layer_decay: times this for each stage further from the end, so that a fine-tuned network changes least where it is
    most general; the fully connected layers at the end have the full rate.
    Or a key of SOLVERS, which solves for the weights at once, without epochs; only it uses `C` and `max_iter`.
    """

    name: str = "sgd"
    lr: float = Field(0.1, gt=0)
    momentum: float = Field(0.9, ge=0, lt=1)
    sharpness: float = Field(
        0.0, ge=0, description="radius of sharpness-aware minimisation (SAM); 0 for none; doubles the time"
    )
    weight_decay: float = Field(5e-4, ge=0)
    decay: Literal["matrices", "all"] = "matrices"
    warmup: float = Field(2.0, ge=0, description="epochs")
    layer_decay: float = Field(1.0, gt=0, le=1)
    clip: float | None = Field(None, gt=0, description="largest norm of a step's gradient; larger ones are scaled down")
    schedule: Schedule = Schedule()
    C: float = Field(1.0, gt=0, description="how much errors cost against large weights")
    max_iter: int = Field(1000, ge=1, le=MAX_COUNT)


class Refine(Strict):
    """A second, short schedule on milder augmentation: cosine from `lr` to zero, without warm-up."""

    epochs: int = Field(ge=1, le=MAX_COUNT)
    lr: float = Field(gt=0)
    augment: Augment = Augment()


class TestTimeAugmentation(Strict):
    """What the exported graph averages over: zooms of the crop (above 1 shows more around the face) and mirror images.

    Chosen on val; each view costs one more pass through the network.
    """

    flip: bool = True
    zooms: tuple[Annotated[float, Field(ge=0.5, le=2)], ...] = Field((1.0,), min_length=1)


class Recipe(Strict):
    """One experiment; its runs are in a folder of its name."""

    name: str = Field(pattern=r"^\w[\w.-]*(/\w[\w.-]*)*$", description="letters, digits, . _ -, parts between slashes")
    seed: int = Field(0, ge=0, lt=2**32)
    data: Data
    model: Model
    init: str | None = Field(
        None, min_length=1, description="weights to start from: a shipped name, a run folder, an ONNX or a .pt file"
    )
    freeze: Annotated[int, Field(ge=0, le=MAX_COUNT)] | list[str] = Field(
        0, description="stages that keep their first weights: how many from the start, or their names"
    )
    augment: Augment = Augment()
    loss: Loss = Loss()
    heads: Heads = Heads()
    distill: Distill | None = None
    optim: Optim = Optim()
    refine: Refine | None = None
    epochs: int = Field(30, ge=1, le=MAX_COUNT)
    steps: int | None = Field(
        None, ge=1, le=MAX_COUNT, description="end after this many steps, with the schedule fitted to them"
    )
    patience: int | None = Field(
        None, ge=1, le=MAX_COUNT, description="end when val has not improved for this many epochs; the rate is not cut"
    )
    probe: int | None = Field(
        None, ge=1, le=MAX_COUNT, description="also score val every this many steps, into steps.csv"
    )
    batch: int = Field(128, ge=2, le=1_000_000)
    ema: float = Field(0.998, ge=0, lt=1, description="decay per step of the averaged weights that are evaluated")
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    select: str = Field(
        "accuracy",
        description="key of METRICS that selects the epoch on val; or of a head: valence_ccc, arousal_ccc, units_f1",
    )
    select_prior: Literal["natural", "uniform", "none"] = Field(
        "natural",
        description="prior under which val is scored: natural; uniform, together with balanced_accuracy or a _norm "
        "metric, for posed or balanced images; none takes logits as they come",
    )
    views: TestTimeAugmentation = TestTimeAugmentation()
    test: bool = Field(
        True,
        description="whether `mien reproduce` opens test, once, at the end; `mien train` does so only with --test",
    )

    @model_validator(mode="after")
    def _data_decides(self) -> "Recipe":
        for option in ("num_classes", "aux_classes", "in_channels", "size"):
            if option in self.model.options:
                raise ValueError(f"model.options.{option} follows from the data; leave it out")
        return self

    @model_validator(mode="after")
    def _prior_of_one(self) -> "Recipe":
        if self.heads.link == "sigmoids" and self.loss.logit_adjustment:
            raise ValueError(
                "loss.logit_adjustment: sigmoids have no prior to adjust; set it to 0, or another heads.link"
            )
        return self

    @model_validator(mode="after")
    def _freezes_something(self) -> "Recipe":
        if self.freeze and not self.init and ":" not in self.model.name:
            raise ValueError("freeze: random weights would stay as they are; give the weights to start from as init")
        return self

    @model_validator(mode="after")
    def _one_crop(self) -> "Recipe":
        if self.refine and self.refine.augment.crop != self.augment.crop:
            raise ValueError(
                f"refine.augment.crop: the network sees {self.augment.crop}, as augment.crop sets; use the same"
            )
        return self


def names() -> list[str]:
    """Return the packaged recipes, as `mien train` takes them.

    >>> "mien/fer2013" in names()
    True
    """
    return sorted(path.relative_to(RECIPES).with_suffix("").as_posix() for path in RECIPES.glob("*/*.yaml"))


def load(recipe: str | Path, overrides: list[str] | None = None) -> Recipe:
    """Read a packaged recipe by name or a file by path, apply `key.sub=value` overrides and validate.

    Values are read as YAML.  Another model comes without the options of the recipe's: those given with it, in any
    order, are its own.  Raises RecipeError naming the key, what was got and what fits.
    """
    content = _read(recipe)
    if isinstance(name := content.get("model"), str):
        content["model"] = {"name": name}
    for override in sorted(overrides or [], key=lambda one: one.partition("=")[0] not in ("model", "model.name")):
        _apply(content, override)
    return parse(content, str(recipe))


def parse(content: Any, where: str) -> Recipe:
    """Validate a recipe's content; RecipeError names the first wrong key by its path."""
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        first, count = error.errors()[0], error.error_count()
        key = ".".join(map(str, first["loc"])) or "recipe"
        place, more = f"{where}: {key}", f" (and {count - 1} more)" if count > 1 else ""
        match first["type"]:
            case "extra_forbidden":
                raise RecipeError(f"{place}: unknown key{more}", do=_nearest(key)) from None
            case "missing":
                raise RecipeError(
                    f"{place} is missing{more}", do="`mien train RECIPE --show` prints a full recipe"
                ) from None
            case "value_error":
                raise RecipeError(f"{place}: {first['msg'].removeprefix('Value error, ')}{more}") from None
        raise RecipeError(f"{place}: {repr(first['input'])[:60]}{more}", wants(first["msg"])) from None


def dump(recipe: Recipe) -> str:
    """Return the full recipe, defaults included, as YAML that `load` reads back to the same."""
    return str(yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False))


def _read(recipe: str | Path) -> Any:
    path = RECIPES / f"{recipe}.yaml"
    if not os.path.isfile(path):  # noqa: PTH113 - Path's own raises for a name that is too long
        path = Path(recipe)
    if not os.path.isfile(path):  # noqa: PTH113
        near = difflib.get_close_matches(str(recipe), names(), 1, 0.4)
        do = f"did you mean {near[0]!r}?" if near else "`mien list recipes` names them"
        raise RecipeError(f"no recipe {str(recipe)!r}", "the name of a packaged recipe or a YAML file", do)
    return read_yaml(path, "a recipe: a mapping of keys, in YAML", RecipeError)


def _apply(content: dict[str, Any], override: str) -> None:
    key, equals, value = override.partition("=")
    if not equals or not key:
        raise RecipeError(f"argument {override!r}", "key=value, for instance optim.lr=0.05")
    *sections, last = key.split(".")
    place = content
    for section in sections:
        nested = place.setdefault(section, {})
        if nested is None:
            nested = place[section] = {}
        if not isinstance(nested, dict):
            raise RecipeError(
                f"{key}: {section!r} is a value, not a section",
                do="`mien train RECIPE --show` prints the recipe's keys",
            )
        place = nested
    try:
        read = parse_yaml(value)
    except ValueError as error:
        got = f"{key}: cannot read {value[:60]!r} as a value ({error})"
        raise RecipeError(got, "a number, a word or a YAML list") from None
    if (key == "model" and isinstance(read, str)) or (key == "model.name" and read != place.get("name")):
        content["model"] = {"name": read}
    else:
        place[last] = read


def _keys(model: type[BaseModel], prefix: str = "") -> list[str]:
    keys = []
    for name, field in model.model_fields.items():
        keys.append(prefix + name)
        kinds = [field.annotation, *getattr(field.annotation, "__args__", ())]
        for kind in kinds:
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                keys += _keys(kind, f"{prefix}{name}.")
    return keys


def _nearest(key: str) -> str:
    near = difflib.get_close_matches(key, _keys(Recipe), 1, 0.5)
    return f"did you mean {near[0]!r}?" if near else "`mien train RECIPE --show` prints the keys"
