"""A bundle takes its place when it is known to answer as was measured, and not before."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pandas as pd
import pytest

from graft.core.errors import ExportError
from graft.export import parity
from graft.export.config import Export
from stages import export
from stages.runtime import Run
from tests.export.tiny_bundle import DESCRIPTION
from tests.predict.tiny_bundle import CLASSES, paint, probabilities, write_bundle


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run whose network is the tiny bundle, in a folder where a bundle lies already."""
    monkeypatch.chdir(tmp_path)
    Path("models/export").mkdir(parents=True)
    Path("models/export/graft.json").write_text("the good one")
    paint(Path("raw/a.png"), 200, 50, 50)
    stub = SimpleNamespace(abstain_below=None, find=lambda _: [], paths=lambda _: [], quality=None)
    for name, result in {
        "load": (None, DESCRIPTION.model_copy(update={"classes": CLASSES})),
        **dict.fromkeys(("read_presized", "read_square", "read_dataset", "read_record"), stub),
        "raw_root": Path("raw"),
    }.items():
        monkeypatch.setattr(export, name, lambda *_, result=result: result)
    monkeypatch.setattr(export.Decision, "read", lambda _: stub)
    monkeypatch.setattr(export, "write_bundle", lambda folder, *_: write_bundle(folder))
    given = SimpleNamespace(params=lambda *_: Export(), values=lambda *_: {}, log=lambda _: None)
    return cast(Run, given)


def evaluated(monkeypatch: pytest.MonkeyPatch, predicted: str) -> None:
    shares = dict(zip((f"p_{name}" for name in CLASSES), map(str, probabilities(200, 50, 50)), strict=True))
    row = {"path": "a.png", "label": "red", "predicted": predicted} | shares
    monkeypatch.setattr(parity.tables, "read", lambda _: pd.DataFrame([row]))


def test_a_bundle_that_answers_as_was_measured_takes_its_place(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    evaluated(monkeypatch, "red")
    export.main(run)
    assert "classes" in Path("models/export/graft.json").read_text()
    assert '"mismatches": 0' in Path("reports/export/parity.json").read_text()


def test_one_that_does_not_leaves_the_good_one_where_it_is(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    evaluated(monkeypatch, "green")
    with pytest.raises(ExportError, match=r"a\.png: green became red"):
        export.main(run)
    assert Path("models/export/graft.json").read_text() == "the good one"
    assert [file.name for file in Path("models").iterdir()] == ["export"]
    assert '"mismatches": 1' in Path("reports/export/parity.json").read_text()  # which says why it was refused
