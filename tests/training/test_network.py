"""What a recipe asks of data and network is refused in one line before any time is spent."""

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="training needs mien[train]")

from mien.errors import MienError, RecipeError  # noqa: E402
from mien.labels import EXPRESSIONS  # noqa: E402
from mien.training import recipe as recipes  # noqa: E402
from mien.training.batches import split  # noqa: E402
from mien.training.checkpoint import Weights  # noqa: E402
from mien.training.network import CenterCrop, build, check, make, restored  # noqa: E402
from mien.training.run import run_recipe  # noqa: E402

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("recipe", "overrides", "words"),
    [
        ("cnn2", ["data.classes=[happiness, joy]"], ["data.classes", "joy", "sadness"]),
        ("cnn2", ["data.classes=[happiness, contempt]"], ["data.classes", "fer2013 has no contempt"]),
        ("cnn2", ["data.classes=[happiness]"], ["data.classes", "two or more"]),
        ("cnn2", ["data.per_class=5"], ["data", "per_class", "down or up"]),
        ("cnn2", ["data.imbalance=sideways"], ["data.imbalance", "weighted"]),
        ("cnn2", ["data.size=4"], ["data.size", "16"]),
        ("cnn2", ["data.pixels=4"], ["data.pixels", "unknown key"]),
        ("cnn4", ["augment.crop=12"], ["model.options", "size 12", "cnn4 needs at least 16"]),
        ("cnn2", ["augment.crop=50"], ["augment.crop: 50", "at most 48", "data.size"]),
        ("cnn2", ["loss.attention=1"], ["loss.attention", "cnn2", "'attended'", "feratt"]),
        ("cnn2", ["loss.representation={}"], ["loss.representation", "'embedding'"]),
        ("cnn2", ["data.auxiliary={name: ferplus}"], ["data.auxiliary", "cnn2 has no second head", "null"]),
        ("cnn2", ["optim.name=lion"], ["optim.name", "adamw", "linear_svc"]),
        ("cnn2", ["optim.schedule.name=steps"], ["optim.schedule.name", "step", "plateau"]),
        ("cnn2", ["optim.name=linear_svc"], ["linear_svc cannot fit cnn2", "model.name=svm"]),
        ("svm", ["data.imbalance=weighted"], ["data.imbalance", "linear_svc"]),
        ("cnn2", ["model.options.size=32"], ["model.options", "size", "leave"]),
        ("cnn2", ["data.name=fer2014"], ["fer2014", "did you mean fer2013"]),
        ("cnn2", ["refine={epochs: 1, lr: 0.1, augment: {crop: 40}}"], ["refine.augment.crop"]),
        ("cnn2", ["loss.adversarial={norm: l7}"], ["loss.adversarial.norm", "linf"]),
        ("cnn2", ["probe=0"], ["probe"]),
    ],
)
def test_refused_before_a_folder_is_made(
    recipe: str, overrides: list[str], words: list[str], tiny_fer2013: Path, tmp_path: Path
) -> None:
    out = tmp_path / "runs"
    with pytest.raises(MienError) as caught:
        run_recipe(f"papers/{recipe}", overrides, root=tiny_fer2013, out=out, resume=None, device="cpu")
    message = str(caught.value)
    assert all(word in message for word in words), message
    assert "\n" not in message
    assert not out.exists()


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("width=3000", "parameters, of at most 1,000,000,000"),
        ("width=100000000", "expected numbers up to 100,000"),
        ("width=.inf", "expected numbers up to 100,000"),
        ("width=.nan", "NaN"),
        ("width=[1, {a: 2}]", "do not make a mienet"),
        ("depths=[1, 1, 1, 0x7fffffffffff]", "expected numbers up to 100,000"),
        ("squeeze={a: 1}", None),
    ],
)
def test_options_that_make_no_network(override: str, words: str | None) -> None:
    recipe = recipes.load("mien/fer2013", [f"model.options.{override}"])
    if words is None:
        return check(recipe)
    with pytest.raises(RecipeError, match=f"model.options: .*{words}"):
        check(recipe)


def test_a_missing_data_set_is_reported_at_once(tmp_path: Path) -> None:
    with pytest.raises(MienError, match="nowhere"):
        run_recipe("papers/cnn2", [], root=tmp_path / "nowhere", out=tmp_path / "runs", resume=None, device="cpu")
    assert not (tmp_path / "runs").exists()


def test_the_network_gets_the_shape_of_its_images(tiny_fer2013: Path) -> None:
    recipe = recipes.load("papers/cnn2", ["data.size=64", "augment.crop=56"])
    val = split(recipe, tiny_fer2013, "val", CPU)
    assert val.images.shape[1:] == (1, 64, 64)
    model = build(recipe, val, CPU)
    assert isinstance(model, CenterCrop)
    hidden = next(module for module in model.modules() if isinstance(module, torch.nn.Linear))
    assert hidden.in_features == 64 * 28**2


def test_the_middle_of_larger_images_is_seen() -> None:
    model = make(recipes.load("papers/cnn2", ["data.size=32", "augment.crop=24"]), EXPRESSIONS[:3], 1, 32).eval()
    x = torch.rand(2, 1, 32, 32)
    torch.testing.assert_close(model(x)["logits"], model(x[:, :, 4:28, 4:28])["logits"])


def test_trying_out_changes_nothing(tiny_fer2013: Path) -> None:
    recipe = recipes.load("papers/cnn4", ["data.limit=40"])
    data = split(recipe, tiny_fer2013, "train", CPU)
    torch.manual_seed(0)
    built = build(recipe, data, CPU)
    drawn = torch.rand(1)
    torch.manual_seed(0)
    made = make(recipe, EXPRESSIONS[:7], 1, 48)
    assert torch.equal(drawn, torch.rand(1))
    for one, other in zip(built.state_dict().values(), made.state_dict().values(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("name", [name for name in recipes.names() if name.startswith("papers/")])
def test_every_recipe_passes_the_check(name: str) -> None:
    check(recipes.load(name))


def test_what_is_restored_are_the_averaged_weights_in_evaluation_mode() -> None:
    recipe = recipes.load("papers/cnn2", ["model.name=svm"])
    torch.manual_seed(0)
    averaged, raw = (make(recipe, EXPRESSIONS[:3], 1, 16).state_dict() for _ in range(2))
    labels = ["neutral", "happiness", "anger"]
    best = {"average": averaged, "model": raw, "labels": labels, "channels": 1, "size": 16, "aux_labels": []}
    network = restored(recipe, Weights.model_validate(best))
    assert not network.training
    assert all(torch.equal(value, averaged[name]) for name, value in network.state_dict().items())
