"""The search of what weights were trained on, where the images measured have another size."""

from pathlib import Path

from mien.data import load
from mien.evaluation.training_duplicates import search
from mien.inference.classify import Classifier

from ..own_files import write_classes


def test_images_of_another_size_are_not_searched(tmp_path: Path) -> None:
    write_classes(tmp_path, {"happy": 3, "sad": 3})
    train = load("folder", tmp_path, "train", size=48)
    recipe = {"data": {"options": {"size": 48}}}
    data = {"name": "folder", "fingerprint": train.fingerprint}
    card = Classifier("fer2013-nano").card.model_copy(update={"data": data, "recipe": recipe})
    assert search(card, load("folder", tmp_path, "val", size=32), tmp_path).reason.endswith("another size than these")
    found = search(card, load("folder", tmp_path, "val", size=48), tmp_path)
    assert found.duplicates is not None
    assert found.duplicates.all()
