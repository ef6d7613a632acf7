"""Splits that cannot be trained and selected on are refused before training, with the fix."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mien.data import load
from mien.data.apart import check_apart
from mien.errors import DataError
from mien.training.recipe import parse
from mien.training.run import try_out

from ..own_files import write_classes


def test_the_same_images_groups_and_other_labels_are_refused(tmp_path: Path) -> None:
    write_classes(tmp_path, {"happy": 10, "sad": 10})
    train, val = (load("folder", tmp_path, split, val=0.2, group=r"^S\d+") for split in ("train", "val"))
    check_apart(train, val)
    with pytest.raises(DataError, match=r"no splits: train and val are the same 4 images.*val=0\.2 or data\.folds=5"):
        check_apart(replace(val, split="train"), val)
    one = train.take(np.array([0]))
    with pytest.raises(DataError, match=rf"1 image \({one.ids[0]}\) of folder in train and in val"):
        check_apart(train, replace(val, ids=np.append(one.ids, val.ids[1:])))
    with pytest.raises(DataError, match=r"2 groups \(S\d+, S\d+\) of folder in train and in val"):
        check_apart(train, replace(val, group=np.asarray(train.group)[:4]))
    with pytest.raises(DataError, match="labels happiness, sadness in train and happiness, fear in val"):
        check_apart(train, replace(val, labels=("happiness", "fear")))
    happy = val.take(val.target[:, 0] == 1)
    with pytest.raises(DataError, match=r"train has images of sadness \(8\), val has none"):
        check_apart(train, happy)
    check_apart(train.take(train.target[:, 0] == 1), val, part=True)


def test_short_keys_of_a_recipe_reach_the_data(tmp_path: Path) -> None:
    write_classes(tmp_path, {"happy": 5, "bored": 5})
    content = {"name": "t", "data": {"name": "folder", "labels": ["bored"]}, "model": {"name": "cnn4"}}
    with pytest.raises(DataError, match="folder has no splits"):
        try_out(parse(content, "t"), tmp_path)
    recipe = parse({**content, "data": {"name": "folder", "labels": ["bored"], "folds": 5, "fold": 1}}, "t")
    assert recipe.data.options == {"labels": ["bored"], "folds": 5, "fold": 1}
    try_out(recipe, tmp_path)
    with pytest.raises(DataError, match="unknown option of folder 'lables'"):
        try_out(parse({**content, "data": {"name": "folder", "options": {"lables": []}}}, "t"), tmp_path)
