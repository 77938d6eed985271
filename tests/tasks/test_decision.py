"""A decision is read as it was written."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from graft.core.files import write_json
from graft.tasks.decision import FILE, Decision, read_decision


def test_round_trip(tmp_path: Path) -> None:
    decision = Decision(flips=["none", "both"], temperature=1.25, abstain_below=0.75)
    write_json(tmp_path / FILE, decision.model_dump())
    assert read_decision(tmp_path) == decision
    assert Decision() == Decision(flips=["none"], temperature=1.0, abstain_below=None)


def test_a_stranger_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('{"temperature": "hot"}')
    with pytest.raises(ValidationError, match="temperature"):
        read_decision(tmp_path)
