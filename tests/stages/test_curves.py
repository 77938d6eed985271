"""The table of epochs is aligned for people, and a file without a clock for programs."""

import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from graft.core.errors import StageError
from stages import curves
from stages.curves import epoch_lines, tracker, write_curves

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


def test_nothing_is_tracked_unless_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GRAFT_TRACK", raising=False)
    assert tracker("finetune") is None


def test_of_several_processes_the_first_tracks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAFT_TRACK", "mlflow")
    monkeypatch.setenv("RANK", "1")
    assert tracker("finetune") is None


def test_another_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAFT_TRACK", "tensorbord")
    with pytest.raises(StageError, match=r"GRAFT_TRACK=tensorbord: no such tracker \(did you mean 'tensorboard'\?\)"):
        tracker("finetune")
    monkeypatch.setenv("GRAFT_TRACK", "mlflow")
    monkeypatch.setattr(curves, "find_spec", lambda _: None)
    with pytest.raises(StageError, match=r"mlflow is not installed: `pip install 'graft-vision\[mlflow\]'`"):
        tracker("finetune")


def test_mlflow_is_shown_values_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Any] = []
    stub = SimpleNamespace(
        start_run=lambda run_name: shown.append([run_name]),
        log_metrics=lambda values, step: shown.append((values, step)),
    )
    monkeypatch.setitem(sys.modules, "mlflow", stub)
    monkeypatch.setattr(curves, "find_spec", lambda _: "there")
    monkeypatch.setenv("GRAFT_TRACK", "mlflow")
    show = tracker("finetune")
    assert show is not None
    show({"step/loss": 0.5}, 3)
    assert shown == [["finetune"], ({"step/loss": 0.5}, 3)]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # tensorboard's own
def test_tensorboard_reads_what_was_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GRAFT_TRACK", "tensorboard")
    show = tracker("finetune")
    assert show is not None
    show({"valid/loss": 0.5}, 3)
    show({"valid/loss": 0.25}, 6)
    (folder,) = (tmp_path / ".graft/tensorboard").iterdir()
    events = EventAccumulator(str(folder)).Reload()
    assert [(event.step, event.value) for event in events.Scalars("valid/loss")] == [(3, 0.5), (6, 0.25)]
