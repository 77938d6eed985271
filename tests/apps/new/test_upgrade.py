"""An upgrade records what is installed, keeps what the user wrote, and says what runs again."""

import json
from pathlib import Path
from typing import Any

import pytest

from graft.apps.new import template
from graft.apps.new.upgrade import upgrade
from graft.core.errors import GraftError
from graft.core.files import write_json
from graft.core.installed import RECORD, check, digest_of, read_record

FOLLOW = ", and what follows from them where their output differs"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project as `graft new` makes it, without git."""
    monkeypatch.chdir(tmp_path)
    files = template.project_files()
    for name, text in files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text)
    write_json(RECORD, template.record({name: digest_of(text) for name, text in files.items()}))
    return tmp_path


def ship(monkeypatch: pytest.MonkeyPatch, **texts: str | None) -> None:
    """Install a graft whose files differ: a text is added to a script of that name, None removes it."""
    files = template.project_files()
    for name, text in texts.items():
        path = f"stages/{name}.py"
        if text is None:
            del files[path]
        else:
            files[path] = files.get(path, "") + text
    monkeypatch.setattr(template, "project_files", lambda: files)


def edit_record(change: dict[str, Any]) -> None:
    """Make code.json say what an older graft would have."""
    record = json.loads(RECORD.read_text())
    for section, values in change.items():
        record[section] = record[section] | values if isinstance(values, dict) else values
    write_json(RECORD, record)


def test_nothing_new_runs_nothing(project: Path) -> None:
    before = RECORD.read_bytes()
    assert list(upgrade()) == [f"graft {template.__version__}", "`dvc repro` runs again: nothing"]
    assert RECORD.read_bytes() == before


def test_a_room_that_differs_runs_the_stages_that_declare_it(project: Path) -> None:
    edit_record({"graft": "0.1", "parts": {"graft/split": "old"}, "code": {"split": "old"}})
    assert list(upgrade()) == [
        f"graft 0.1 -> {template.__version__}",
        "differing from code.json: graft/split",
        f"`dvc repro` runs again: split{FOLLOW}",
    ]
    check()


def test_a_script_is_brought_up_to_date_and_its_stage_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    ship(monkeypatch, index="# new\n")
    assert list(upgrade())[1:] == ["stages/index.py: brought up to date", f"`dvc repro` runs again: index{FOLLOW}"]
    assert Path("stages/index.py").read_text().endswith("# new\n")


def test_what_all_scripts_share_runs_all(monkeypatch: pytest.MonkeyPatch) -> None:
    ship(monkeypatch, runtime="# new\n")
    assert list(upgrade())[-1] == f"`dvc repro` runs again: {', '.join(read_record()['code'])}{FOLLOW}"


def test_an_edited_script_stays_and_the_difference_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("stages/index.py").write_text("# mine\n")
    assert list(upgrade())[1:] == ["`dvc repro` runs again: nothing"]  # graft's own is what it was
    ship(monkeypatch, index="# new\n")
    lines = list(upgrade())
    assert lines[1].startswith("stages/index.py: you edited it, so it stays as it is; graft's own differs")
    assert {"-# mine", "+# new"} <= set(lines)
    assert Path("stages/index.py").read_text() == "# mine\n"
    assert list(upgrade())[1:] == ["`dvc repro` runs again: nothing"]


def test_an_edited_pipeline_stays_precise() -> None:
    with Path("dvc.yaml").open("a") as file:
        file.write("# mine\n")
    edit_record({"parts": {"graft/report": "old"}, "code": {"report": "old"}})
    assert list(upgrade())[-1] == f"`dvc repro` runs again: report{FOLLOW}"
    assert Path("dvc.yaml").read_text().endswith("# mine\n")


def test_a_new_pipeline_runs_the_stages_that_differ_in_it(project: Path) -> None:
    new = Path("dvc.yaml").read_text()
    old = new.replace("python -m stages.split", "python stages/split.py")
    Path("dvc.yaml").write_text(old)
    edit_record({"files": {"dvc.yaml": digest_of(old)}})
    assert list(upgrade())[1:] == ["dvc.yaml: brought up to date", f"`dvc repro` runs again: split{FOLLOW}"]
    assert Path("dvc.yaml").read_text() == new


def test_files_come_and_go_with_graft(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("stages/presize.py").write_text("# mine\n")
    ship(monkeypatch, curves=None, presize=None, more="MORE = 1\n")
    lines = list(upgrade())
    assert "stages/more.py: written" in lines
    assert "stages/curves.py: removed, for graft no longer has it" in lines
    assert "stages/presize.py: graft no longer has it; you edited it, so it stays" in lines
    assert not Path("stages/curves.py").exists()
    assert Path("stages/presize.py").exists()


def test_a_folder_without_a_record_is_no_such_project() -> None:
    RECORD.unlink()
    with pytest.raises(GraftError, match=r"code.json: no such file; `graft upgrade` runs in the folder of a project"):
        list(upgrade())
