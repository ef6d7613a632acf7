"""The search of what weights were trained on, where the images measured have another size."""

import json
from pathlib import Path

from mien.data import load
from mien.evaluation.inputs import trained_root
from mien.evaluation.training_duplicates import Search, search
from mien.inference.classify import Classifier

from ..own_files import images_of, write_classes, write_csv


def test_images_of_another_size_are_searched_at_the_size_of_the_crops(tmp_path: Path) -> None:
    write_classes(tmp_path, {"happy": 3, "sad": 3})

    def found(trained: int, measured: int) -> Search:
        train = load("folder", tmp_path, "train", size=trained)
        data = {"name": "folder", "fingerprint": train.fingerprint}
        recipe = {"data": {"options": {"size": trained}}}
        card = Classifier("fer2013-nano").card.model_copy(update={"data": data, "recipe": recipe})
        return search(card, load("folder", tmp_path, "val", size=measured), [tmp_path])

    for measured in (48, 96):
        duplicates = found(48, measured).duplicates
        assert duplicates is not None
        assert duplicates.all(), measured
    assert found(64, 48).reason.endswith("another size than these")


def test_training_images_are_looked_for_where_the_run_found_them(tmp_path: Path) -> None:
    root, run = tmp_path / "faces", tmp_path / "run"
    write_classes(root, {"happy": 3, "sad": 3})
    write_csv(
        tmp_path / "faces.csv", ["image", "label"], [(f"faces/{path}", split) for path, split, _ in images_of(root)]
    )
    run.mkdir()
    (run / "env.json").write_text(json.dumps({"data": {"root": str(root)}}))
    data = {"name": "folder", "fingerprint": load("folder", root, "train").fingerprint}
    card = Classifier("fer2013-nano").card.model_copy(update={"data": data, "recipe": {}})
    samples = load("table", tmp_path / "faces.csv", "val")
    assert "faces.csv is a file" in search(card, samples, [tmp_path / "faces.csv"]).reason
    found = search(card, samples, [tmp_path / "faces.csv", trained_root(run / "model.onnx")])
    assert found.duplicates is not None
    assert found.duplicates.all()
    for text in ("{", "[]", '{"data": {"root": null}}', '{"data": {"root": "/nowhere/faces"}}'):
        (run / "env.json").write_text(text)
        assert trained_root(run / "model.onnx") is None
