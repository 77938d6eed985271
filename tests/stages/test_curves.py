"""The table of epochs is aligned for people, and a file without a clock for programs."""

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from stages import curves
from stages.curves import epoch_lines, write_curves

ROW = {"epoch": 3, "train_loss": 0.51234, "valid_loss": 12.3456, "accuracy": 1.0}


def test_columns_are_aligned_under_their_heading() -> None:
    heading, row = epoch_lines(ROW, heading=True)
    assert heading == "   epoch  train loss  valid loss  accuracy"
    assert row == "       3      0.5123        12.3    1.0000"
    assert list(epoch_lines(ROW, heading=False)) == [row]


def test_rows_are_written_rounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curves, "Live", lambda *_, **__: nullcontext(SimpleNamespace()))
    write_curves(tmp_path, [], [])
    assert not list(tmp_path.iterdir())
    write_curves(tmp_path, [], [ROW | {"valid_loss": 0.12345678}])
    assert (tmp_path / "epochs.csv").read_text() == "epoch,train_loss,valid_loss,accuracy\n3,0.51234,0.123457,1.0\n"
