"""A benchmark's figures and its table are kept side by side, and the table is printed."""

import json
from pathlib import Path

import pytest

from benchmarks.machine import save


def test_figures_and_table_are_kept_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(tmp_path / "speed.json", {"seconds": 1.5}, "| seconds |\n")
    assert json.loads((tmp_path / "speed.json").read_text()) == {"seconds": 1.5}
    assert (tmp_path / "speed.md").read_text() == "| seconds |\n"
    assert capsys.readouterr().out == "| seconds |\n\n"
