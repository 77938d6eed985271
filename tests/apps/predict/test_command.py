"""``graft predict``: rows, messages and exit codes."""

import csv
import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from graft.apps import cli
from graft.predict.prediction import Failure, Prediction
from graft.predict.predictor import Predictor
from tests.predict.tiny_bundle import SCALE, paint, probabilities
from tests.source.site import Site, serve


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of a red and a green picture and one that is none."""
    monkeypatch.chdir(tmp_path)
    paint(tmp_path / "in/1 red.png", 200, 50, 50)
    paint(tmp_path / "in/2 green.png", 40, 160, 90)
    (tmp_path / "in/3 bad.png").touch()
    (tmp_path / "in/notes.txt").touch()
    return tmp_path


def run(bundle: Path, *words: str, **options: Any) -> Any:
    return CliRunner().invoke(cli.app, ["predict", *words, "--bundle", str(bundle)], **options)


def test_text_for_a_few(bundle: Path) -> None:
    done = run(bundle, "in/1 red.png", "in/2 green.png", "--top-k", "2")
    assert done.exit_code == 0, done.output
    (red, green, _), (_, other, blue) = probabilities(200, 50, 50), probabilities(40, 160, 90)
    assert done.stdout.splitlines() == [
        f"in/1 red.png    red {red:.1%}, green {green:.1%}",
        f"in/2 green.png  green {other:.1%}, blue {blue:.1%}",
    ]
    assert done.stderr == ""


def test_a_bad_image_is_a_row_and_exit_code_1(bundle: Path) -> None:
    done = run(bundle, "in", "--csv")
    assert done.exit_code == 1
    rows = list(csv.DictReader(done.stdout.splitlines()))
    assert [(row["path"], row["label"]) for row in rows] == [
        ("in/1 red.png", "red"),
        ("in/2 green.png", "green"),
        ("in/3 bad.png", ""),
    ]
    assert rows[2]["error"].startswith("not a picture in a format that is read")
    assert done.stderr.splitlines() == [
        "graft: passed over 1 files in folders, such as in/notes.txt",
        "graft: 1 of 3 pictures could not be classified",
    ]


def test_json_lines_from_standard_input(bundle: Path) -> None:
    done = run(bundle, "-", "--jsonl", input=b"in/2 green.png\nin/1 red.png\n")
    assert done.exit_code == 0
    assert [json.loads(line)["label"] for line in done.stdout.splitlines()] == ["green", "red"]


def test_an_unsure_answer_is_an_answer(bundle: Path) -> None:
    done = run(bundle, "in/2 green.png", "--threshold", "0.99")
    assert (done.exit_code, done.stdout) == (
        0,
        f"in/2 green.png  not sure (green {probabilities(40, 160, 90)[1]:.1%})\n",
    )


def test_several_labels(several: Path) -> None:
    done = run(several, "in/2 green.png", "in/1 red.png", "--csv", "--threshold", "0.2")
    rows = list(csv.DictReader(done.stdout.splitlines()))
    assert [(row["path"], row["labels"]) for row in rows] == [("in/2 green.png", "green|blue"), ("in/1 red.png", "red")]
    wanted = [1 / (1 + math.exp((128 - grey) / SCALE)) for grey in (160, 90, 200)]
    found = [float(chance) for row in rows for chance in row["probabilities"].split("|")]
    assert found == pytest.approx(wanted, abs=1e-6)


def test_a_file_named_after_its_format(bundle: Path) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    assert run(bundle, "in", "--out", "out.parquet").exit_code == 1
    assert pq.read_table("out.parquet")["label"].to_pylist() == ["red", "green", None]


def test_resume(bundle: Path, here: Path) -> None:
    assert run(bundle, "in", "--out", "out.csv").exit_code == 1
    whole = (here / "out.csv").read_bytes()
    (here / "out.csv").write_bytes(whole[:-5])
    done = run(bundle, "in", "--out", "out.csv", "--resume")
    assert (here / "out.csv").read_bytes() == whole
    assert "graft: 1 of 3 pictures could not be classified" in done.stderr
    assert run(bundle, "in", "--out", "out.csv", "--resume").exit_code == 1  # nothing was left to do


def test_boxes_of_a_table(bundle: Path, here: Path) -> None:
    (here / "boxes.csv").write_text("path,x,y,w,h\nin/1 red.png,1,1,5,5\nin/1 red.png,0,0,3,3\nin/3 bad.png,0,0,3,3\n")
    done = run(bundle, "in", "--regions", "boxes.csv", "--csv")
    rows = list(csv.DictReader(done.stdout.splitlines()))
    assert [(row["path"], row["x"], row["w"], row["label"]) for row in rows] == [
        ("in/1 red.png", "1", "5", "red"),
        ("in/1 red.png", "0", "3", "red"),
        ("in/2 green.png", "", "", ""),
        ("in/3 bad.png", "", "", ""),
    ]
    assert rows[3]["error"]
    assert (done.exit_code, "1 of 3 pictures could not be classified" in done.stderr) == (1, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["in", "--csv", "--jsonl"], "--csv and --jsonl: only one of them at a time"),
        (["in", "--parquet"], "--parquet needs a file"),
        (["in", "--resume"], "--resume goes on with a file"),
        (["in", "--out", "a.parquet", "--resume"], "to which nothing can be added"),
        (["in", "--out", "a.csv", "--resume", "--regions", "faces"], "an image has any number of rows"),
        (["in", "--regions", "none.csv"], "none.csv: is no table of boxes"),
        (["in", "--precision", "int8"], "has no precision 'int8'; it has float"),
        (["in", "--out", "in/notes.txt/a.csv"], "a.csv: cannot be written"),
        ([], "Missing argument"),
        (["in", "--threshold", "3"], "less than or equal to 1"),
        (["in", "--batch", "0"], "greater than or equal to 1"),
    ],
)
def test_wrong_usage_is_exit_code_2(bundle: Path, words: list[str], said: str) -> None:
    done = run(bundle, *words)
    assert done.exit_code == 2, done.output
    assert done.stdout == ""
    assert said in " ".join(done.stderr.split())


def test_no_bundle_is_exit_code_2(here: Path) -> None:
    done = CliRunner().invoke(cli.app, ["predict", "in"])
    assert done.exit_code == 2
    assert "graft: models/export: no such folder; `dvc repro export` writes one to models/export" in done.stderr


def test_help_tells_the_exit_codes() -> None:
    done = CliRunner().invoke(cli.app, ["predict", "--help"])
    said = " ".join(done.output.split())
    assert "Exit codes: 0, all are classified; 1, some could not be; 2, wrong usage, or no bundle" in said


def test_an_image_at_an_address(bundle: Path, here: Path) -> None:
    with serve(Site((here / "in/1 red.png").read_bytes(), statuses=[500])) as site:
        done = run(bundle, site.url, site.url, "--jsonl", "--threads", "1", "--batch", "1")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert sorted((row.get("label", "failed"), row["error"]) for row in rows) == [
        ("failed", "the server answers 500 Internal Server Error"),
        ("red", None),
    ]
    assert {row["path"] for row in rows} == {site.url}


def test_ctrl_c_leaves_whole_rows(bundle: Path, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    true = Predictor.predict_many

    def interrupted(self: Predictor, sources: Any, *, batch: int) -> Iterator[Prediction | Failure]:
        for number, result in enumerate(true(self, sources, batch=batch)):
            if number == 2:
                raise KeyboardInterrupt
            yield result

    monkeypatch.setattr(Predictor, "predict_many", interrupted)
    done = run(bundle, "in", "--out", "out.csv")
    assert done.exit_code == 130
    assert done.stderr == "graft: stopped after 2 pictures; --resume goes on\n"
    assert (here / "out.csv").read_text().count("\n") == 3
    done = run(bundle, "in")
    assert len(done.stdout.splitlines()) == 2
    for out in ("out.parquet", "out.txt"):
        assert run(bundle, "in", "--out", out).stderr == "graft: stopped after 2 pictures\n"


def test_rows_that_cannot_be_written_are_one_line(bundle: Path, here: Path) -> None:
    words = [sys.executable, "-m", "graft", "predict", f"{here}/in", "--bundle", str(bundle)]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            words, cwd=Path(cli.__file__).parents[2], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (2, "graft: standard output: cannot be written: No space left on device\n")


@pytest.mark.skipif(
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN, reason="Ctrl-C is ignored here, as in the background of a shell"
)
def test_ctrl_c_while_more_is_waited_for(bundle: Path, here: Path) -> None:
    out = here / "out.csv"
    root = Path(cli.__file__).parents[2]
    words = [sys.executable, "-m", "graft", "predict", "-", "--batch", "1", "--threads", "1"]
    words += ["--bundle", str(bundle), "--out", str(out)]
    with subprocess.Popen(
        words, cwd=root, stdin=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    ) as run:
        assert run.stdin is not None
        run.stdin.write(os.fsencode(f"{here}/in/1 red.png\n") * 9)
        run.stdin.flush()
        until = time.monotonic() + 60
        while not (out.exists() and out.read_text().count("\n") >= 6) and time.monotonic() < until:
            time.sleep(0.02)
        run.send_signal(signal.SIGINT)
        _, said = run.communicate(timeout=60)
    assert run.returncode == 130, said
    assert out.read_text().endswith("\n")
    assert {line.count(",") for line in out.read_text().splitlines()} == {3}
    assert b"--resume goes on" in said
