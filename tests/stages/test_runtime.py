"""A stage vouches for its record: what moved while it ran makes it fail."""

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from filelock import FileLock

from graft.core import installed
from graft.core.errors import ParamsError, StageError
from graft.optim.config import LearningRate
from stages import runtime
from stages.runtime import Run, start

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with params.yaml, in which stages can run."""
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(runtime, "PATIENCE", 0.1)
    return tmp_path


def set_lr(project: Path, value: str) -> None:
    file = project / "params.yaml"
    lines = [f"lr: {value}" if line.startswith("lr:") else line for line in file.read_text().splitlines()]
    file.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("text", ["3e-3", "0.003", "3.0e-3"])
def test_learning_rate_is_read_as_dvc_reads_it(project: Path, text: str) -> None:
    set_lr(project, text)
    assert Run("toy").params("lr", LearningRate) == 0.003


def test_value_out_of_range_is_refused_before_any_work(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    set_lr(project, "-1")

    def main(run: Run) -> None:
        run.params("lr", LearningRate)
        Path("work").touch()

    advice = r"\n`graft check` .* `graft check --fix` renames those of earlier versions"
    with pytest.raises(SystemExit, match=r"toy: ParamsError: lr: input should be greater than 0; got -1" + advice):
        start("toy", main)
    assert not Path("work").exists()


def test_unknown_key_is_refused_with_the_nearest(project: Path) -> None:
    with (project / "params.yaml").open("a") as file:
        file.write("finetun: {}\n")
    with pytest.raises(ParamsError, match=r"unknown key 'finetun' \(did you mean 'finetune'\?\)"):
        Run("toy")


def test_params_edited_while_a_stage_runs_fail_it(project: Path) -> None:
    def main(run: Run) -> None:
        run.params("lr", LearningRate)
        set_lr(project, "0.5")

    with pytest.raises(SystemExit, match=r"lr was 0.001 when the stage began and is 0.5 now"):
        start("toy", main)


def test_params_that_are_shown_count_as_read(project: Path) -> None:
    def main(run: Run) -> None:
        assert run.values("lr", "seed") == {"lr": 0.001, "seed": 42}
        set_lr(project, "0.5")

    with pytest.raises(SystemExit, match=r"lr was 0.001 when the stage began and is 0.5 now"):
        start("toy", main)


def test_params_that_the_stage_does_not_read_may_change(project: Path) -> None:
    def main(run: Run) -> None:
        run.params("seed", int)
        set_lr(project, "0.5")

    start("toy", main)


@pytest.mark.slow
def test_code_edited_while_a_stage_runs_fails_it(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = project / "mine.py"
    file.write_text("ANSWER = 1\n")
    os.utime(file, (1, 1))
    spec = importlib.util.spec_from_file_location("mine", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setitem(sys.modules, "mine", module)
    start("toy", lambda _: None)

    def main(_: Run) -> None:
        file.write_text("ANSWER = 2\n")
        later = time.time() + 10
        os.utime(file, (later, later))

    with pytest.raises(SystemExit, match=r"mine.py changed while the stage ran"):
        start("toy", main)


def test_two_runs_of_a_stage_refuse_each_other(project: Path) -> None:
    lock = project / ".graft" / "lock" / "toy"
    lock.parent.mkdir(parents=True)
    with FileLock(lock), pytest.raises(SystemExit, match="another run of toy is at work"):
        start("toy", lambda _: None)
    start("toy", lambda _: None)


def test_unfinished_work_is_found_again_by_the_same_inputs_only(project: Path) -> None:
    data = project / "data.csv"
    data.write_text("a\n")

    def folder() -> Path:
        run = Run("toy")
        run.params("lr", LearningRate)
        return run.unfinished(Path("data.csv"))

    first = folder()
    (first / "half").touch()
    assert folder() == first
    assert (first / "half").exists()

    data.write_text("b\n")
    second = folder()
    assert second != first
    assert not first.exists()  # work for other inputs is out of date

    set_lr(project, "0.1")
    assert folder() not in (first, second)


def test_finished_stage_leaves_no_unfinished_work(project: Path) -> None:
    def main(run: Run) -> None:
        (run.unfinished() / "half").touch()

    start("toy", main)
    assert not list((project / ".graft").rglob("half"))


def test_failed_stage_keeps_its_unfinished_work(project: Path) -> None:
    def main(run: Run) -> None:
        (run.unfinished() / "half").touch()
        raise StageError("stopped")

    with pytest.raises(SystemExit, match="stopped"):
        start("toy", main)
    assert len(list((project / ".graft").rglob("half"))) == 1


def test_rubbish_is_not_looked_for_before_the_stage_begins() -> None:
    told = "import gc; print(gc.isenabled())"
    script = f"import sys; sys.argv[0] = '-m'; import stages; {told}; from stages.runtime import start; start('toy', "
    command = [sys.executable, "-c", f"{script}lambda run: exec({told!r}))"]
    done = subprocess.run(
        command, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True
    )
    assert done.stdout.split()[:2] == ["False", "True"]


@pytest.fixture
def mine(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module of the project's own that the stage has imported."""
    file = project / "mine.py"
    file.write_text("ANSWER = 1\n")
    monkeypatch.setitem(sys.modules, "mine", SimpleNamespace(__file__=str(file)))
    return file


def test_code_from_the_future_is_no_edit(mine: Path) -> None:
    later = time.time() + 3600
    os.utime(mine, (later, later))
    start("toy", lambda _: None)

    def main(_: Run) -> None:
        mine.write_text("ANSWER = 2\n")
        os.utime(mine, (later, later))

    with pytest.raises(SystemExit, match=r"mine.py changed while the stage ran"):
        start("toy", main)


def test_code_edited_while_the_stage_was_loading_fails_it(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "STARTED", mine.stat().st_mtime - 1)
    with pytest.raises(SystemExit, match=r"mine.py changed while the stage ran"):
        start("toy", lambda _: None)


def test_code_that_is_gone_fails_the_stage(mine: Path) -> None:
    os.utime(mine, (1, 1))
    with pytest.raises(SystemExit, match=r"mine.py changed while the stage ran"):
        start("toy", lambda _: mine.unlink())


@pytest.mark.slow
@pytest.mark.parametrize("before", ["path,label,note\n", None], ids=["there", "absent"])
def test_what_a_person_wrote_and_edits_while_the_stage_runs_fails_it(project: Path, before: str | None) -> None:
    file = project / "corrections.csv"
    if before is not None:
        file.write_text(before)

    def read(run: Run) -> None:
        assert run.written(Path("corrections.csv")) == Path("corrections.csv")

    def main(run: Run) -> None:
        read(run)
        file.write_text("path,label,note\na.jpg,drop,\n")

    start("toy", read)

    with pytest.raises(SystemExit, match=r"corrections.csv changed while the stage ran, which read it as it was"):
        start("toy", main)


def test_what_a_stage_lacks_is_said_in_a_line() -> None:
    def main(_: Run) -> None:
        Path("data/images.csv").read_text()

    with pytest.raises(SystemExit, match=r"^toy: data/images.csv is absent; `dvc repro toy` makes what the stage"):
        start("toy", main)
    Path("data/images.csv").mkdir(parents=True)
    with pytest.raises(SystemExit, match=r"^toy: data/images.csv: Is a directory$"):
        start("toy", main)


def test_a_dvc_that_ends_between_two_questions_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    process = psutil.Process()
    assert runtime._lives(process)

    def gone() -> str:
        raise psutil.NoSuchProcess(process.pid)

    monkeypatch.setattr(process, "status", gone)
    assert not runtime._lives(process)


@pytest.mark.slow
def test_a_stage_ends_with_the_dvc_that_started_it(project: Path) -> None:
    check_ends_with(project / "dvc.py", {"DVC_STAGE": "toy"})


@pytest.mark.slow
def test_one_process_of_several_ends_with_the_launcher_that_started_it(project: Path) -> None:
    check_ends_with(project / "launcher.py", {"TORCHELASTIC_RUN_ID": "toy"})


@pytest.mark.slow
def test_it_ends_if_the_launcher_was_gone_before_it_looked() -> None:
    stage = "from stages import runtime; import time; runtime._end_with_parents(); time.sleep(300)"
    told = {"PYTHONPATH": str(ROOT), "TORCHELASTIC_RUN_ID": "toy", "GRAFT_LAUNCHER": "1"}
    done = subprocess.run([sys.executable, "-c", stage], env=os.environ | told, timeout=60, check=False)
    assert done.returncode == -signal.SIGTERM


def check_ends_with(starter: Path, told: dict[str, str]) -> None:
    """Kill what started a process that looks like a stage, and see it end."""
    stage = "from stages import runtime; import time; runtime._end_with_parents(); print(flush=True); time.sleep(300)"
    starter.write_text(f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {stage!r}])\n")
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | told
    with subprocess.Popen([sys.executable, starter], env=environment, stdout=subprocess.PIPE) as started:
        assert started.stdout is not None
        started.stdout.readline()  # the stage watches now
        (child,) = psutil.Process(started.pid).children()
        started.kill()
        _, alive = psutil.wait_procs([child], timeout=60)
    assert not alive, f"the stage outlived {starter.name}"


def test_of_several_processes_the_first_locks_logs_and_vouches(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def main(run: Run) -> None:
        run.params("lr", LearningRate)
        run.log(f"process {run.rank}")
        folder = run.unfinished()
        assert folder.is_dir() == (run.rank == 0)
        set_lr(project, "0.5" if run.rank else "0.001")

    start("toy", main, lambda: nullcontext(1))
    assert capsys.readouterr().out == ""
    assert not (project / ".graft").exists()
    set_lr(project, "0.001")
    start("toy", main, lambda: nullcontext(0))
    assert "toy: process 0" in capsys.readouterr().out
    start("toy", main, lambda: nullcontext(None))
    assert capsys.readouterr().out == ""


def record_code(digest: str) -> None:
    """Write code.json, by which the stage runs one room of graft."""
    content = {"graft": "0.1", "code": {}, "closure": {"toy": "graft/core"}, "parts": {"graft/core": digest}}
    installed.RECORD.write_text(json.dumps(content | {"files": {}}))


@pytest.mark.parametrize(
    ("recorded", "said"), [("of another graft", "toy: StageError: what is installed"), (None, "ran")]
)
def test_a_stage_looks_at_the_installed_code_before_it_imports_its_script(
    project: Path, recorded: str | None, said: str
) -> None:
    """Another graft may lack what an old script imports, which is no message for a user."""
    record_code(recorded or installed.parts(["graft/core"])["graft/core"])
    (project / "stages").mkdir()
    shutil.copy(ROOT / "stages/__init__.py", project / "stages")
    (project / "stages/toy.py").write_text("print('ran')" if recorded is None else "from graft.core import gone")
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "stages.toy"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.stdout + done.stderr).startswith(said)
    assert done.returncode == (0 if recorded is None else 1)


def test_graft_installed_anew_while_the_stage_runs_fails_it(project: Path) -> None:
    def main(_: Run) -> None:
        record_code(installed.parts(["graft/core"])["graft/core"])

    with pytest.raises(SystemExit, match="graft was installed anew while the stage ran: run it again"):
        start("toy", main)


def test_libraries_within_the_project_are_none_of_its_code(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = project / "env" / "site-packages" / "library.py"
    library.parent.mkdir(parents=True)
    library.touch()
    monkeypatch.setitem(sys.modules, "library", SimpleNamespace(__file__=str(library)))
    start("toy", lambda _: library.unlink())


def test_params_of_other_files_are_no_keys_of_params_yaml(project: Path) -> None:
    text = (project / "dvc.yaml").read_text()
    (project / "dvc.yaml").write_text(text.replace("params: [split]", "params: [split, {code.json: [code.split]}]"))
    assert Run("toy").params("seed", int) == 42
