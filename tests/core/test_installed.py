"""Installed code is known by digest and version, and a stage is told where it differs from the record."""

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from graft.core import installed
from graft.core.errors import StageError


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place with an installed graft of two rooms; the working folder is a project."""
    for room in ("core", "split"):
        (tmp_path / "graft" / room).mkdir(parents=True)
        (tmp_path / "graft" / room / "one.py").write_text("ANSWER = 1\n")
    (tmp_path / "project").mkdir()
    monkeypatch.setattr(installed, "ROOT", tmp_path)
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path


def record(**changes: Any) -> None:
    """Write code.json for what is installed now; libraries among the changes are recorded with another version."""
    found = installed.parts(["graft/core", "graft/split", "numpy"]) | changes
    closure = {"split": "graft/core graft/split numpy", "embed": "graft/core"}
    content = {"graft": "0.1", "code": {"split": "a", "embed": "b"}, "closure": closure, "parts": found, "files": {}}
    installed.RECORD.write_text(json.dumps(content))


def test_without_a_record_nothing_is_compared(root: Path) -> None:
    assert installed.check("split") == {}


def test_what_is_as_recorded_is_returned(root: Path) -> None:
    record()
    found = installed.check("split")
    assert list(found) == ["graft/core", "graft/split", "numpy"]
    assert found["numpy"] == version("numpy")
    assert list(installed.check("embed")) == ["graft/core"]
    assert installed.check() == found


def test_code_that_differs_refuses_the_stages_that_run_it_and_names_the_remedy(root: Path) -> None:
    record()
    (root / "graft" / "split" / "one.py").write_text("ANSWER = 2\n")
    installed.check("embed")
    for stages in (["split"], []):
        with pytest.raises(
            StageError, match=r"records: graft/split; install .*graft 0.1.*, or let `graft upgrade` take"
        ):
            installed.check(*stages)


@pytest.mark.parametrize("change", ["new file", "removed file", "renamed file", "removed room"])
def test_every_change_of_a_room_counts(root: Path, change: str) -> None:
    record()
    room = root / "graft" / "split"
    if change == "new file":
        (room / "two.py").touch()
    elif change == "renamed file":
        (room / "one.py").rename(room / "two.py")
    else:
        (room / "one.py").unlink()
        if change == "removed room":
            room.rmdir()
    with pytest.raises(StageError, match="graft/split"):
        installed.check("split")


def test_what_python_compiles_does_not_count(root: Path) -> None:
    record()
    (root / "graft" / "core" / "__pycache__").mkdir()
    (root / "graft" / "core" / "__pycache__" / "one.pyc").touch()
    installed.check("split")


def test_a_library_that_differs_is_told_with_both_versions(root: Path) -> None:
    record(numpy="1.0")
    installed.check("embed")
    with pytest.raises(StageError, match=rf"numpy 1\.0 -> {version('numpy')}; install what it records"):
        installed.check("split")


def test_the_machine_that_a_library_was_built_for_is_no_part_of_its_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installed, "version", lambda _: "2.13.0+cu130")
    assert installed.parts(["torch"]) == {"torch": "2.13.0"}


def test_a_library_that_is_gone_or_new_is_a_difference() -> None:
    now = installed.parts(["no-such-library"])
    assert installed.differences({"no-such-library": "1.0"}, now) == ["no-such-library 1.0 -> not installed"]
    assert installed.differences({}, {"timm": "1.0"}) == ["timm not recorded -> 1.0"]


def test_a_stage_of_ones_own_is_none_of_the_record(root: Path) -> None:
    record()
    assert installed.check("mine") == {}


@pytest.mark.parametrize("text", ["{", "[]", '{"graft": "1"}', '{"graft": "1", "code": []}'])
def test_a_broken_record_is_said_to_be_one(root: Path, text: str) -> None:
    installed.RECORD.write_text(text)
    with pytest.raises(StageError, match=r"code.json is not as `graft new` wrote it"):
        installed.check("split")
