"""A network of your own: imported from the working directory, adapted to its data, refused in one line."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs mien[train]")

from mien.cli.measure import _gradients  # noqa: E402
from mien.errors import MienError, RecipeError, UsageError, WeightsError  # noqa: E402
from mien.experiments.sweep import sweep  # noqa: E402
from mien.inference.classify import Classifier  # noqa: E402
from mien.models.own import imported  # noqa: E402
from mien.training.gradient_attack import load  # noqa: E402
from mien.training.run import export_run, run_recipe  # noqa: E402

CODE = """
import torch
from torch import nn

def tensor(num_classes, in_channels=1, width=4):
    return nn.Sequential(nn.Conv2d(in_channels, width, 3, 4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                         nn.Linear(width, num_classes))

def rgb(num_classes):
    return tensor(num_classes, 3)

class Dict(nn.Module):
    def __init__(self, num_classes, in_channels=1, *, size=48, key="logits", classes=None):
        super().__init__()
        self.key, self.head = key, nn.Linear(in_channels * size * size, classes or num_classes)
    def forward(self, x):
        return {self.key: self.head(x.flatten(1))}

def number(num_classes):
    return 3

def whole(num_classes, in_channels=1):
    class Whole(nn.Module):
        def forward(self, x):
            return [x]
    return Whole()

def two(num_classes, in_channels, depth):
    return tensor(num_classes)

def fails(num_classes):
    raise OSError("no weights here")

def leaves(num_classes):
    raise SystemExit(3)

class Empty(nn.Module):
    def __init__(self, num_classes, in_channels=1):
        super().__init__()
        self.classes = num_classes
    def forward(self, x):
        return x.flatten(1)[:, :self.classes]

def frozen(num_classes, in_channels=1):
    return tensor(num_classes, in_channels).requires_grad_(False)

class Branch(Empty):
    def __init__(self, num_classes, in_channels=1):
        super().__init__(num_classes, in_channels)
        self.scale = nn.Parameter(torch.ones(1))
    def forward(self, x):
        return super().forward(x) * (self.scale if x.sum() > 0 else 2)

class Counts(Branch):
    calls = 0
    def forward(self, x):
        Counts.calls += 1
        return Empty.forward(self, x) * self.scale * Counts.calls

value = 3
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory with modules of its own, forgotten afterwards."""
    import sys

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    (tmp_path / "mine.py").write_text(CODE)
    (tmp_path / "broken.py").write_text("def tensor(:\n")
    (tmp_path / "needs.py").write_text("import a_module_nobody_has\n")
    (tmp_path / "leaves.py").write_text("import sys\nsys.exit(3)\n")
    yield tmp_path
    for name in ("mine", "broken", "needs", "leaves"):
        sys.modules.pop(name, None)


def run(name: str, root: Path, *words: str) -> Path:
    words = (f"model='{name}'", "steps=1", "batch=16", "data.limit=32", *words)
    return run_recipe("papers/cnn2", list(words), root=root, out=Path("runs"), resume=None, device="cpu")


@pytest.mark.parametrize(
    ("name", "more", "words"),
    [
        ("nowhere:tensor", (), ["model.name: nowhere:tensor", "no module 'nowhere'"]),
        ("mine.inner:tensor", (), ["no module 'mine.inner'"]),
        ("needs:tensor", (), ["importing needs fails", "a_module_nobody_has"]),
        ("broken:tensor", (), ["importing broken fails", "SyntaxError"]),
        ("leaves:tensor", (), ["importing leaves fails", "SystemExit"]),
        ("mine:absent", (), ["mine has no 'absent'", "it has tensor, rgb"]),
        ("mine:", (), ["'mine:'; expected package.module:function"]),
        (":tensor", (), ["':tensor'; expected package.module:function"]),
        ("mine:value", (), ["mine:value cannot be called", "a function (num_classes"]),
        ("mine:two", (), ["mine:two cannot be called", "depth"]),
        ("mine:number", (), ["mine:number returns int", "torch.nn.Module"]),
        ("mine:whole", (), ["mine:whole gives list", "logits of shape (N, 7)"]),
        ("mine:leaves", (), ["model.name: mine:leaves exits (3)", "returns a torch.nn.Module"]),
        ("mine:Empty", (), ["mine:Empty has no parameters to train"]),
        ("mine:frozen", (), ["mine:frozen has no parameters to train"]),
        ("mine:Branch", (), ["model.name: mine:Branch cannot be exported as ONNX", "torch.onnx.export"]),
        ("mine:Counts", (), ["mine:Counts cannot be exported as ONNX", "differs from it"]),
        ("mine:fails", (), ["do not make a mine:fails", "no weights here"]),
        ("mine:tensor", ("model={name: mine:tensor, options: {depth: 3}}",), ["do not make a mine:tensor", "'depth'"]),
        ("mine:Dict", ("model={name: mine:Dict, options: {key: scores}}",), ["gives 'scores'", "'logits'"]),
        (
            "mine:Dict",
            ("model={name: mine:Dict, options: {classes: 1000}}",),
            ["(2, 1000)", "logits of shape (N, 7)", "num_classes"],
        ),
    ],
)
def test_what_is_no_network_is_one_line(
    name: str, more: tuple[str, ...], words: list[str], here: Path, tiny_fer2013: Path
) -> None:
    with pytest.raises(MienError) as caught:
        run(name, tiny_fer2013, *more)
    message = str(caught.value)
    assert all(word in message for word in words), message
    assert "\n" not in message
    assert not Path("runs").exists()


def test_grey_images_are_repeated_for_a_network_of_rgb(here: Path) -> None:
    x = torch.rand(2, 1, 48, 48)
    network = imported("mine:rgb")(5, 1).eval()
    inner = network.network
    torch.testing.assert_close(network(x)["logits"], inner(x.repeat(1, 3, 1, 1)))
    colours = torch.rand(2, 3, 48, 48)
    network = imported("mine:rgb")(5, 3).eval()
    torch.testing.assert_close(network(colours)["logits"], network.network(colours))


MORE = (("tensor", 1), ("Dict", 0))


@pytest.mark.parametrize(
    ("name", "kernel"),
    [("mine:rgb", 3), *(pytest.param(f"mine:{name}", kernel, marks=pytest.mark.slow) for name, kernel in MORE)],
)
def test_a_run_s_weights_do_not_need_the_module(name: str, kernel: int, here: Path, tiny_fer2013: Path) -> None:
    import sys

    folder = run(name, tiny_fer2013)
    (here / "mine.py").unlink()
    sys.modules.pop("mine")
    classifier = Classifier(folder / "model.onnx")
    assert (classifier.card.channels, classifier.card.size) == (1, 48)
    assert classifier(np.zeros((2, 48, 48, 1), np.uint8)).shape == (2, 7)
    first = torch.load(folder / "best.pt", weights_only=True)["average"]
    assert not kernel or first["network.0.weight"].shape[1] == kernel
    crops = np.random.default_rng(0).integers(0, 256, (5, 48, 48, 1), np.uint8)
    before, graph = classifier.heads(crops), folder / "network.onnx"
    (folder / "model.onnx").unlink()
    again = Classifier(export_run(folder, root=tiny_fer2013))
    assert again.card.temperature == pytest.approx(classifier.card.temperature, abs=1e-4)
    assert again.heads(crops).keys() == before.keys()
    for output, values in again.heads(crops).items():
        np.testing.assert_allclose(values, before[output], atol=1e-5)
    kept = graph.read_bytes()
    graph.write_bytes(kept[: len(kept) // 2])
    with pytest.raises(WeightsError, match=r"network\.onnx cannot be read"):
        export_run(folder, root=tiny_fer2013)
    graph.unlink()
    with pytest.raises(UsageError, match=r"has no network\.onnx.*mien train --resume"):
        export_run(folder, root=tiny_fer2013)
    with pytest.raises(WeightsError, match="network of your own"):
        load(folder)
    assert _gradients(str(folder)) is None  # `mien stress` does without
    with pytest.raises(RecipeError, match="no module 'mine'"):
        run_recipe(None, [], root=tiny_fer2013, out=here, resume=folder, device="cpu")


def test_a_recipe_of_init_trains_another_network_from_random_weights(here: Path, tiny_fer2013: Path) -> None:
    words = [
        "model=mine:tensor",
        "model.options.width=8",
        "steps=1",
        "data.limit=32",
        "distill=null",
        "data.auxiliary=null",
    ]
    begun = ["init=ferplus-nano", "freeze=5"]
    options = {"root": tiny_fer2013, "out": Path("runs"), "resume": None, "device": "cpu"}
    with pytest.raises(WeightsError, match=r"init: ferplus-nano has no .* set init=null freeze=0 "):
        run_recipe("mien/fer2013-nano", [*words, *begun], **options)
    folder = run_recipe("mien/fer2013-nano", [*words, *begun, "init=null", "freeze=0"], **options)
    assert len(torch.load(folder / "best.pt", weights_only=True)["average"]["network.0.weight"]) == 8


def test_reading_weights_and_recipes_imports_nothing(here: Path, tiny_fer2013: Path) -> None:
    import sys

    from mien.training.run import show_recipe

    (here / "own.yaml").write_text("name: own\nmodel: {name: 'mine:tensor'}\ndata: {name: fer2013}\n")
    assert "mine:tensor" in show_recipe("own.yaml", [])
    assert "mine" not in sys.modules


def edit(here: Path, old: str, new: str) -> None:
    """Change the module, and forget what was imported and compiled."""
    import shutil
    import sys

    code = (here / "mine.py").read_text()
    assert old in code
    (here / "mine.py").write_text(code.replace(old, new))
    sys.modules.pop("mine", None)
    shutil.rmtree(here / "__pycache__", ignore_errors=True)  # which knows a file by its size and second


@pytest.mark.parametrize(
    ("old", "new", "fits"),
    [
        ("\ndef tensor", "\n# a comment more\ndef tensor", True),
        ("nn.ReLU()", "nn.Tanh()", False),
        ("width=4", "width=5", False),
        ("3, 4), nn.ReLU()", "3, 4), nn.ReLU(), nn.Dropout(0.5)", False),  # the names of the weights are others
    ],
)
def test_a_run_is_not_resumed_with_other_code(old: str, new: str, fits: bool, here: Path, tiny_fer2013: Path) -> None:
    folder = run("mine:tensor", tiny_fer2013)
    kept = ["network.onnx", "best.pt", *([] if fits else ["model.onnx"])]
    before = [(folder / name).read_bytes() for name in kept]
    edit(here, old, new)
    resumed = {"root": tiny_fer2013, "out": here, "resume": folder, "device": "cpu"}
    if fits:
        run_recipe(None, [], **resumed)
    else:
        with pytest.raises(WeightsError, match=r"other code of mine:tensor: its graph is not that of .*network\.onnx"):
            run_recipe(None, [], **resumed)
    assert [(folder / name).read_bytes() for name in kept] == before


def test_a_run_of_an_earlier_version_is_resumed_and_keeps_its_graph_from_then_on(
    here: Path, tiny_fer2013: Path
) -> None:
    folder = run("mine:tensor", tiny_fer2013)
    (folder / "network.onnx").unlink()
    run_recipe(None, [], root=tiny_fer2013, out=here, resume=folder, device="cpu")
    assert (folder / "network.onnx").is_file()


def test_a_sweep_counts_finished_runs_and_refuses_those_of_other_code_or_other_initial_weights(
    here: Path, tiny_fer2013: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save(imported("mine:tensor")(7, 1).state_dict(), "start.pt")
    Path("own.yaml").write_text(
        "{name: own, model: {name: 'mine:tensor'}, data: {name: fer2013, limit: 32}, init: start.pt, batch: 16}"
    )

    def again(words: str) -> str:
        sweep("own.yaml", [words, "steps=1"], runs=1, root=tiny_fer2013, out=here / "swept", device="cpu")
        return capsys.readouterr().err

    assert "reused" not in again("optim.lr=0.1,0.2")
    assert "2 finished runs reused" in again("optim.lr=0.1,0.2")
    assert "2 finished runs reused" in again("optim.lr=0.3,0.1,0.2")
    torch.save({name: one + 1 for name, one in torch.load("start.pt").items()}, "start.pt")
    with pytest.raises(WeightsError, match=r"runs/\w+ was trained from other weights than start\.pt now holds"):
        again("optim.lr=0.1,0.2")
    edit(here, "nn.ReLU()", "nn.Tanh()")
    Path("own.yaml").write_text(Path("own.yaml").read_text().replace("start.pt", "null"))
    assert "reused" not in again("optim.lr=0.1,0.2")
    edit(here, "nn.Tanh()", "nn.ReLU()")
    with pytest.raises(WeightsError, match=r"runs/\w+ was trained with other code of mine:tensor"):
        again("optim.lr=0.1,0.2")
