"""mienet: known sizes, and indifference to exposure."""

import pytest

torch = pytest.importorskip("torch", reason="training needs mien[train]")

from mien.models.mienet import mienet  # noqa: E402


@pytest.mark.parametrize(
    ("options", "parameters"),
    [
        ({}, 1_592_823),
        ({"width": 0.5, "depths": (1, 1, 1, 1), "stem_stride": 2}, 307_071),
        ({"aux_classes": 8}, 1_594_879),
        ({"squeeze": True}, 1_620_719),
    ],
)
def test_sizes(options: dict[str, object], parameters: int) -> None:
    assert sum(p.numel() for p in mienet(7, **options).parameters()) == parameters


@pytest.mark.parametrize("stem_stride", [1, 2])
def test_both_stems_end_at_the_same_resolution(stem_stride: int) -> None:
    model = mienet(7, stem_stride=stem_stride)
    seen = []
    model.blocks.register_forward_hook(lambda module, inputs, output: seen.append(output.shape))
    model(torch.rand(1, 1, 48, 48))
    assert seen[0] == (1, 256, 3, 3)


def test_exposure_and_contrast_drop_out() -> None:
    model = mienet(7).eval()
    x = torch.rand(4, 1, 48, 48)
    with torch.no_grad():
        torch.testing.assert_close(model(x)["logits"], model(0.7 * x + 0.1)["logits"], atol=0.1, rtol=0.1)
        assert model(torch.full((1, 1, 48, 48), 0.5))["logits"].isfinite().all()


def test_second_head_only_with_aux_classes() -> None:
    assert "aux" not in mienet(7)(torch.rand(1, 1, 48, 48))
    assert mienet(7, aux_classes=8)(torch.rand(2, 1, 48, 48))["aux"].shape == (2, 8)


def test_drop_path_passes_blocks_by_in_training_alone() -> None:
    model = mienet(7, drop_path=0.9, dropout=0.0)
    x = torch.rand(1, 1, 48, 48).repeat(64, 1, 1, 1)
    with torch.no_grad():
        assert model(x)["logits"].std(0).max() > 1e-3, "each image goes its own way"
        steady = model.eval()(x)["logits"]
    torch.testing.assert_close(steady, steady[:1].expand(64, -1), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("chance", [-0.1, 1.0])
def test_impossible_drop_path(chance: float) -> None:
    with pytest.raises(ValueError, match="drop_path"):
        mienet(7, drop_path=chance)
