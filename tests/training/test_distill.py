"""Teachers' words in the targets: their mean, softened, and alone where there is no label."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs mien[train]")

from mien.data import load  # noqa: E402
from mien.data.samples import Samples  # noqa: E402
from mien.errors import RecipeError  # noqa: E402
from mien.inference.classify import Classifier  # noqa: E402
from mien.training.distill import teach, teacher_probs  # noqa: E402
from mien.training.recipe import Distill  # noqa: E402


@pytest.fixture(scope="module")
def samples(tiny_fer2013: Path) -> Samples:
    return load("fer2013", tiny_fer2013, "val")


def test_target_is_label_and_word_in_their_weights(samples: Samples) -> None:
    target = teach(samples, Distill(weights="fer2013-nano", weight=0.25))
    np.testing.assert_allclose(target, 0.75 * samples.target + 0.25 * teacher_probs("fer2013-nano", samples), atol=1e-6)


def test_several_teachers_speak_as_their_mean_and_softly(samples: Samples) -> None:
    target = teach(samples, Distill(weights=["fer2013", "fer2013-nano"], weight=1.0, temperature=2.0))
    mean = (teacher_probs("fer2013", samples) + teacher_probs("fer2013-nano", samples)) / 2
    np.testing.assert_allclose(target, mean**0.5 / (mean**0.5).sum(1, keepdims=True), atol=1e-6)


def test_without_a_label_the_word_stands_alone(samples: Samples) -> None:
    target = np.array(samples.target)
    target[0] = np.nan
    taught = teach(replace(samples, target=target), Distill(weights="fer2013-nano", weight=0.25))
    np.testing.assert_allclose(taught[0], teacher_probs("fer2013-nano", samples)[0], atol=1e-6)


def test_teachers_of_a_uniform_prior_are_those_of_predict(samples: Samples) -> None:
    target = teach(samples, Distill(weights="fer2013-nano", weight=1.0, prior="uniform"))
    crops = np.ascontiguousarray(samples.images).reshape(-1, 48, 48, 1)
    expected = Classifier("fer2013-nano", prior="uniform")(crops)
    expected = expected[:, [Classifier("fer2013-nano").card.labels.index(label) for label in samples.labels]]
    np.testing.assert_allclose(target, expected, atol=1e-6)
    disgust = samples.labels.index("disgust")
    assert target[:, disgust].mean() > 1.2 * teacher_probs("fer2013-nano", samples)[:, disgust].mean()


def test_teacher_of_other_classes(samples: Samples) -> None:
    with pytest.raises(RecipeError, match=r"ferplus knows .*contempt"):
        teach(samples, Distill(weights=["fer2013", "ferplus"]))


def test_a_teacher_s_columns_are_those_of_the_samples(samples: Samples) -> None:
    turned = replace(samples, labels=samples.labels[::-1], target=samples.target[:, ::-1])
    np.testing.assert_array_equal(
        teacher_probs("fer2013-nano", turned), teacher_probs("fer2013-nano", samples)[:, ::-1]
    )
