"""A bundle takes its place when it is known to answer as was measured, and not before."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pandas as pd
import pytest

from graft.core.errors import ExportError
from graft.export.config import Export
from stages import export
from stages.runtime import Run
from tests.export.made import DESCRIPTION
from tests.predict.tiny import CLASSES, chances, paint, write_bundle


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run whose network is the tiny bundle, in a folder where a bundle lies already."""
    monkeypatch.chdir(tmp_path)
    Path("models/export").mkdir(parents=True)
    Path("models/export/graft.json").write_text("the good one")
    paint(Path("raw/a.png"), 200, 50, 50)
    told = SimpleNamespace(
        shown="", licence="", abstain_below=None, model_dump=dict, find=lambda _: [], paths=lambda _: []
    )

    def written(folder: Path, *_: object) -> dict[str, Any]:
        write_bundle(folder)
        return {"models": {"float": "model.onnx"}}

    for name, made in {
        "load": (None, DESCRIPTION.model_copy(update={"classes": CLASSES})),
        **dict.fromkeys(("read_decision", "ImageRows", "read_square", "read_dataset"), told),
        "read_story": {},
        "raw_root": Path("raw"),
    }.items():
        monkeypatch.setattr(export, name, lambda *_, made=made: made)
    monkeypatch.setattr(export, "write_bundle", written)
    params = {"export": Export()}
    return cast(Run, SimpleNamespace(params=lambda key, _: params.get(key, told), log=lambda _: None))


def evaluated(monkeypatch: pytest.MonkeyPatch, predicted: str) -> None:
    said = dict(zip((f"p_{name}" for name in CLASSES), map(str, chances(200, 50, 50)), strict=True))
    row = {"path": "a.png", "label": "red", "predicted": predicted} | said
    monkeypatch.setattr(export.tables, "read", lambda _: pd.DataFrame([row]))


def test_a_bundle_that_answers_as_was_measured_takes_its_place(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    evaluated(monkeypatch, "red")
    export.main(run)
    assert "classes" in Path("models/export/graft.json").read_text()
    assert '"flips": 0' in Path("reports/export/parity.json").read_text()


def test_one_that_does_not_leaves_the_good_one_where_it_is(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    evaluated(monkeypatch, "green")
    with pytest.raises(ExportError, match=r"a\.png: green became red"):
        export.main(run)
    assert Path("models/export/graft.json").read_text() == "the good one"
    assert [file.name for file in Path("models").iterdir()] == ["export"]
    assert '"flips": 1' in Path("reports/export/parity.json").read_text()  # which says how it was refused
