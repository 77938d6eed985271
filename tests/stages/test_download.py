"""download brings the dataset under data/raw, or a pointer to it."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml
from safetensors.torch import save_file

from graft.data.raw import POINTER, raw_root
from stages import download
from stages.runtime import start
from tests.network.tiny_network import made

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with params.yaml, and pictures beside it."""
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "1.jpg").write_bytes(b"1")
    (tmp_path / "project").mkdir()
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(ROOT / name, tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


def name(project: Path, **values: object) -> None:
    """Write the section `source`."""
    file = project / "params.yaml"
    params = yaml.safe_load(file.read_text())
    params["source"] = {"licence": "CC0", **values}
    file.write_text(yaml.safe_dump(params))


def test_a_folder_is_linked(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name(project, uri="../images")
    start("download@dataset", download.dataset)
    assert [path.name for path in download.RAW.iterdir()] == [POINTER]
    assert (raw_root(download.RAW) / "1.jpg").read_bytes() == b"1"
    assert "1 files linked from ../images, sha256 " in capsys.readouterr().out


def test_an_archive_is_unpacked(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with zipfile.ZipFile(project / "a.zip", "w") as archive:
        archive.write("../images/1.jpg", "cat/1.jpg")
    name(project, uri="a.zip")
    start("download@dataset", download.dataset)
    assert (raw_root(download.RAW) / "cat" / "1.jpg").read_bytes() == b"1"
    assert "1 files unpacked from a.zip" in capsys.readouterr().out


@pytest.mark.slow
def test_what_is_cut_off_is_said(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_file(made("resnet18"), project / "made.safetensors")
    file = project / "params.yaml"
    params = yaml.safe_load(file.read_text())
    params["backbone"] = {"name": "resnet18", "weights": "made.safetensors", "licence": "CC0"}
    file.write_text(yaml.safe_dump(params))
    start("download@weights", download.weights)
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("download@weights: resnet18 from made.safetensors, sha256 ")
    assert said[1] == "download@weights: cut off fc: Linear [1000, 512]"


def test_a_refusal_is_said_in_a_line_and_leaves_what_was_there(project: Path) -> None:
    name(project, uri="../images")
    start("download@dataset", download.dataset)
    name(project, uri="../images", sha256="0" * 64)
    with pytest.raises(SystemExit, match=r"SourceError: the folder \.\./images has changed"):
        start("download@dataset", download.dataset)
    assert [path.name for path in download.RAW.iterdir()] == [POINTER]
    assert [path.name for path in download.RAW.parent.iterdir()] == ["raw"]


@pytest.mark.parametrize(("words", "got"), [(["nonsense"], "nonsense"), ([], "nothing")])
def test_an_item_that_there_is_not_is_said(words: list[str], got: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "stages.download", *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (1, f"download: expected one of dataset and weights; got {got}\n")
