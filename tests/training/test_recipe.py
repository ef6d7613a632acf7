"""Recipes: overrides, and every mistake reported in one line that names the key."""

from pathlib import Path

import pytest

from mien.errors import RecipeError
from mien.training import recipe as recipes


def test_overrides_are_read_as_yaml() -> None:
    recipe = recipes.load(
        "mien/fer2013", ["optim.lr=5e-2", "epochs=3", "model.options.width=0.5", "augment.scale=[0.9, 1.1]"]
    )
    assert (recipe.optim.lr, recipe.epochs, recipe.model.options["width"], recipe.augment.scale) == (
        0.05,
        3,
        0.5,
        (0.9, 1.1),
    )


@pytest.mark.parametrize(
    ("overrides", "options"),
    [
        (["model=mynet:rgb"], {}),
        (["model=mynet:rgb", "model.options.width=8"], {"width": 8}),
        (["model.options.width=8", "model.name=mynet:rgb"], {"width": 8}),
        (["model={name: mynet:rgb, options: {depth: 2}}", "model.options.width=8"], {"depth": 2, "width": 8}),
    ],
)
def test_another_model_comes_without_the_options_of_the_former(overrides: list[str], options: dict[str, int]) -> None:
    assert recipes.load("mien/fer2013-nano", overrides).model == recipes.Model(name="mynet:rgb", options=options)


def test_the_same_model_keeps_its_options() -> None:
    before = recipes.load("mien/fer2013-nano").model
    assert before.options
    assert recipes.load("mien/fer2013-nano", [f"model.name={before.name}"]).model == before


def test_section_can_be_switched_off() -> None:
    assert recipes.load("mien/fer2013-nano", ["distill=null"]).distill is None
    assert recipes.load("mien/fer2013", ["refine=null"]).refine is None
    assert recipes.load("mien/fer2013", ["data.auxiliary=null"]).data.auxiliary is None


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["optim.rate=0.1"], ["optim.rate", "unknown key"]),
        (["epoch=3"], ["epoch", "unknown key", "did you mean 'epochs'"]),
        (["epochs=many"], ["epochs", "integer"]),
        (["epochs=0"], ["epochs", "greater than or equal to 1"]),
        (["optim.lr=-1"], ["optim.lr", "greater than 0"]),
        (["optim=fast"], ["optim", "dictionary"]),
        (["epochs"], ["'epochs'", "key=value"]),
        (["=3"], ["key=value"]),
        (["epochs.more=3"], ["epochs", "not a section"]),
        (["augment.scale=[1"], ["augment.scale", "cannot read"]),
        (["model.options.num_classes=7"], ["model.options.num_classes", "follows from the data"]),
        (["precision=half"], ["precision", "float32"]),
        (["seed=-1"], ["seed", "greater than or equal to 0"]),
        (["augment.scale=[0, 1]"], ["augment.scale.0", "greater than 0"]),
        (["augment.scale=[1.2, 0.8]"], ["augment", "the smaller comes first"]),
        (["augment.degrade=0", "augment.doubt=0.3"], ["augment", "doubt is for degraded images"]),
        (["views.zooms=[]"], ["views.zooms: []; expected at least 1 item"]),
        (["optim.lr=0"], ["optim.lr: 0; expected greater than 0"]),
        (["optim.lr=.inf"], ["optim.lr: inf; expected a finite number"]),
        (["optim.lr=fast"], ["optim.lr: 'fast'; expected a valid number"]),
        (["model=null"], ["model: None; expected a valid dictionary"]),
        (["data.imbalance=sideways"], ["'sideways'; expected 'none', 'down', 'up' or 'weighted'"]),
        (["name=../../x"], ["name: '../../x'; expected pattern"]),
        (["name=''"], ["name: ''"]),
        (["distill.weights=[]"], ["distill.weights: []; expected at least 1 item"]),
        (["seed=2001-13-45"], ["seed: '2001-13-45'; expected a valid integer"]),
        (["seed=!!python/object/apply:os.getpid []"], ["seed: cannot read", "the tag !!python/object/apply:os.getpid"]),
        (["seed=1e30"], ["seed"]),
        (["seed=" + "9" * 30], ["seed", "less than 4294967296"]),
        (["seed=0x" + "f" * 5000], ["seed: cannot read", "a number of 5,002 digits"]),
        (["batch=" + "9" * 30], ["batch", "less than or equal to 1000000"]),
        (["epochs=.nan"], ["epochs"]),
        (["optim.warmup=.nan"], ["optim.warmup: nan; expected a finite number"]),
        (["data.options=" + "[" * 200 + "]" * 200], ["data.options: cannot read", "nested too deeply"]),
        (["data.options={1: 2}"], ["data.options: cannot read", "the key '1' is not text"]),
        (["data.options={a: 1, a: 2}"], ["data.options: cannot read", "duplicate key 'a'"]),
        (["data.keep=a\x00b"], ["data.keep: cannot read", "special characters"]),
    ],
    ids=lambda value: str(value)[:60],
)
def test_wrong_overrides(overrides: list[str], words: list[str]) -> None:
    with pytest.raises(RecipeError) as caught:
        recipes.load("mien/fer2013", overrides)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ["mapping"]),
        (b"- 1\n- 2\n", ["list", "mapping"]),
        (b"a: [", ["not YAML"]),
        (b"\xff\xfe\x00", ["not YAML"]),
        (b"name: x\n", ["data", "missing"]),
        (b"name: x\nname: y\n", ["duplicate key 'name' (line 2)"]),
        ("name: x\n".encode("utf-16"), ["not YAML"]),
        (b"\x89PNG\r\n\x1a\n\x00\x00", ["not YAML"]),
        (b"a: &a [1]\n" + b"b: &b [*a, *a]\nc: [*b, " + b"*b, " * 60_000 + b"]", ["expand to more than"]),
    ],
    ids=lambda value: str(value)[:40],
)
def test_wrong_files(content: bytes, words: list[str], tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_bytes(content)
    with pytest.raises(RecipeError) as caught:
        recipes.load(path)
    message = str(caught.value)
    assert "\n" not in message
    for word in [*words, "r.yaml"]:
        assert word in message


def test_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(RecipeError, match="did you mean 'mien/fer2013'"):
        recipes.load("mien/fer2103")
