"""What every network of the registry keeps: shapes, gradients, any batch, bfloat16, one line for a wrong size, ONNX."""

import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs mien[train]")

from mien.inference.onnx import onnxruntime  # noqa: E402
from mien.models import MODELS  # noqa: E402
from mien.training.graph import Graph  # noqa: E402
from mien.training.recipe import TestTimeAugmentation  # noqa: E402
from mien.training.stored import PARITY  # noqa: E402

SIZED = [name for name, build in MODELS.items() if "size" in inspect.signature(build).parameters]
LIGHT = ("svm",)  # an export takes seconds
EXPORTED = [name if name in LIGHT else pytest.param(name, marks=pytest.mark.slow) for name in MODELS]


def build(name: str, classes: int, channels: int, size: int) -> Any:
    torch.manual_seed(0)
    return MODELS[name](classes, channels, **({"size": size} if name in SIZED else {}))


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(("classes", "channels", "size", "batch"), [(7, 1, 48, 3), (8, 3, 64, 2)])
def test_trains(name: str, classes: int, channels: int, size: int, batch: int) -> None:
    model = build(name, classes, channels, size).train()
    outputs = model(torch.rand(batch, channels, size, size))
    assert outputs["logits"].shape == (batch, classes)
    assert all(value.dtype == torch.float32 and value.isfinite().all() for value in outputs.values())
    if "attended" in outputs:
        assert outputs["attended"].shape == (batch, channels, size, size)
    if "embedding" in outputs:
        assert outputs["embedding"].shape[0] == batch
        assert outputs["embedding"].ndim == 2
    if "side" in outputs:
        assert outputs["side"].shape[1:] == (batch, classes)
    sum(value.square().mean() for value in outputs.values()).backward()
    without = [key for key, p in model.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    assert without == []


@pytest.mark.parametrize("name", MODELS)
def test_a_image_is_read_alone_as_in_a_batch(name: str) -> None:
    model = build(name, 7, 1, 48)
    x = torch.rand(5, 1, 48, 48)
    with torch.no_grad():
        model.train()(x)  # running statistics of their own
        together = model.eval()(x)
        alone = model(x[3:4])
    assert "side" not in together
    assert together.keys() == alone.keys()
    for key, value in alone.items():
        torch.testing.assert_close(value, together[key][3:4], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", MODELS)
def test_bfloat16(name: str) -> None:
    model = build(name, 7, 1, 48).train().to(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        outputs = model(torch.rand(2, 1, 48, 48).contiguous(memory_format=torch.channels_last))
    sum(value.float().square().mean() for value in outputs.values()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("name", SIZED)
def test_a_size_too_small_is_refused_with_the_least_that_fits(name: str) -> None:
    with pytest.raises(ValueError, match=r"^size 0: .*needs at least \d+$") as caught:
        MODELS[name](7, size=0)
    least = int(str(caught.value).split()[-1])
    assert MODELS[name](7, size=least).eval()(torch.rand(1, 1, least, least))["logits"].shape == (1, 7)
    with pytest.raises(ValueError, match=f"size {least - 1}: .*needs at least {least}"):
        MODELS[name](7, size=least - 1)


@pytest.mark.parametrize("name", EXPORTED)
def test_onnx_gives_the_outputs_of_torch(name: str, tmp_path: Path) -> None:
    model = build(name, 7, 1, 48)
    with torch.no_grad():
        for _ in range(3):
            model.train()(torch.rand(4, 1, 48, 48))
    graph = Graph(model, TestTimeAugmentation()).eval()
    graph.write(48, 1, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    for batch in (1, 3):
        crops = np.random.default_rng(batch).integers(0, 256, (batch, 48, 48, 1), np.uint8)
        with torch.no_grad():
            expected = graph(torch.from_numpy(crops)).numpy()
            embedding = graph.outputs(torch.from_numpy(crops)).get("embedding")
        probs, *more = session.run(None, {"crops": crops})
        np.testing.assert_allclose(probs, expected, atol=PARITY)
        assert len(more) == (embedding is not None)
        if embedding is not None:
            np.testing.assert_allclose(more[0], torch.nn.functional.normalize(embedding).numpy(), atol=PARITY)
