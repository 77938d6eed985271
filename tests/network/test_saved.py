"""A description says what kind of task it is of, and one label a picture goes without saying."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from graft.network.head import Description, Head, describe, save

TOLD = Description(
    backbone="x", mean=[0.5], std=[0.5], standardise=False, view=64, layers=[], pools=["mean"], classes=["a", "b"]
)


def test_one_label_goes_without_saying(tmp_path: Path) -> None:
    save(tmp_path, Head(2, 2), TOLD)
    assert list(json.loads((tmp_path / "network.json").read_text())) == [
        "backbone",
        "mean",
        "std",
        "layers",
        "pools",
        "standardise",
        "view",
        "classes",
    ]
    assert describe(tmp_path) == TOLD
    assert not describe(tmp_path).multi_label


def test_several_labels_are_said(tmp_path: Path) -> None:
    told = TOLD.model_copy(update={"multi_label": True})
    save(tmp_path, Head(2, 2), told)
    assert json.loads((tmp_path / "network.json").read_text())["multi_label"] is True
    assert describe(tmp_path) == told


def test_anything_but_yes_or_no_is_refused() -> None:
    with pytest.raises(ValidationError, match="multi_label"):
        Description.model_validate(TOLD.model_dump() | {"multi_label": "yes"})
