"""Predictions of folds are joined, each image counted once; splits that are given cannot be folded."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from graft.apps.compare.run import Predictions
from graft.apps.folds import Fold, by_fold, folds, measure, show
from graft.core import params
from graft.core.errors import DataError, ParamsError

ROOT = Path(__file__).resolve().parents[2]


def fold(paths: str, classes: str = "ab", right: int = 2) -> Fold:
    """Images of class a, of which the first ones are answered correctly."""
    predicted = ["a" if number < right else "b" for number in range(len(paths))]
    rows = pd.DataFrame({"label": "a", "predicted": predicted, "loss": 0.5}, index=pd.Index(list(paths), name="path"))
    probabilities = pd.DataFrame(0.0, rows.index, list(classes), dtype=np.float32)
    for path, name in zip(paths, predicted, strict=True):
        probabilities.loc[path, name] = 1
    figures = {"images": len(paths), "accuracy": right / len(paths), "log_loss": 0.5}
    metrics: dict[str, Any] = {"test": figures, "head": figures, "kept": "head"}
    return Fold(metrics, Predictions(rows, probabilities), pd.Series("", rows.index))


def test_all_answers_are_measured_together() -> None:
    found = [fold("pqrs"), fold("tuvw", right=3)]
    scores = measure(found)
    assert scores.images == 8
    assert scores.figures["accuracy"] == 5 / 8
    assert scores.classes["a"].recall == 5 / 8
    lines = [" ".join(line.split()) for line in show(by_fold(found), scores, "accuracy")]
    assert lines[:3] == [
        "fold images accuracy the head fine-tuned handed on",
        "1 4 50.0% 50.0% none head",
        "2 4 75.0% 75.0% none head",
    ]
    assert lines[3].startswith("all 8 images: accuracy 62.5% (")


def test_a_class_that_a_fold_could_not_learn_has_no_chance_there() -> None:
    scores = measure([fold("pq"), fold("rs", classes="abc")])
    assert list(scores.classes) == ["a", "b", "c"]
    assert scores.figures["accuracy"] == 1


def test_an_image_in_two_folds_is_refused() -> None:
    with pytest.raises(DataError, match="1 images are in the test split of two folds, such as 'q'"):
        measure([fold("pq"), fold("qr")])


def test_given_splits_cannot_be_folded() -> None:
    values = params.load(ROOT / "params.yaml")
    values["split"]["by"] = "folder"
    with pytest.raises(ParamsError, match=r"split\.by: folder takes the splits as they are given"):
        next(iter(folds(values, 5, 1)))
