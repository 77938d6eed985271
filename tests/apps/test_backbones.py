"""Networks are tried on one's images by heads that never saw the image they are asked about, and never on test."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.torch import save_file
from typer.testing import CliRunner

from graft.apps import cli
from graft.apps.backbones import Candidate, Measured, compare
from graft.apps.backbones import backbones as try_backbones
from graft.core import params, tables
from graft.core.errors import DataError, ParamsError, SourceError
from graft.network.config import Embed
from graft.tasks import SingleLabel
from tests.network.tiny_network import made

ROOT = Path(__file__).resolve().parents[2]
COUNT = 48
TINY = "embed: {size: 32, layers: [], pools: [mean]}"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the pipeline leaves up to presize, of dark and light images; the labels of test are all wrong."""
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(0)
    light = np.arange(COUNT) % 2
    pixels = generator.integers(0, 120, (COUNT, 32, 32, 3)) + 130 * light[:, None, None, None]
    split = np.resize(["train", "train", "train", "train", "valid", "valid", "test", "test"], COUNT)
    label = np.where(light ^ (split == "test"), "light", "dark")
    rows = pd.DataFrame({"path": [f"{number:02}.png" for number in range(COUNT)], "label": label, "group": ""})
    for folder in ("data/presized", "presets/backbones"):
        (tmp_path / folder).mkdir(parents=True)
    np.save("data/presized/pixels.npy", pixels.astype(np.uint8))
    tables.write(Path("data/presized/rows.csv"), rows[["path"]])
    tables.write(Path("data/labels.csv"), rows)
    tables.write(Path("data/split.csv"), rows[["path"]].assign(split=split))
    tables.write(Path("data/images.csv"), rows[["path"]].assign(duplicate_group=range(COUNT)))
    shutil.copy(ROOT / "params.yaml", tmp_path)
    file = tmp_path / "params.yaml"
    file.write_text(file.read_text().replace("standardise: true", "standardise: false"))
    save_file(made("test_efficientnet"), tmp_path / "tiny.safetensors")
    one = "{name: test_efficientnet, weights: tiny.safetensors, licence: CC0}"
    Path("presets/backbones/tiny.yaml").write_text(f"backbone: {one}\n{TINY}\n")
    Path("presets/backbones/twice.yaml").write_text(f"backbone: [{one}, {one}]\n{TINY}\n")
    return tmp_path


def test_each_is_measured_on_train_and_valid_alone(project: Path) -> None:
    done = CliRunner().invoke(cli.app, ["backbones", "tiny", "twice"])
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert lines[0] == "linear heads, cross-validated in train and valid: 36 images, 5 folds drawn image by image"
    assert lines[1].startswith("tiny: 256 features, l2 ")
    assert lines[2].startswith("twice: 512 features, l2 ")
    assert lines[-1] == "graft use --backbone NAME takes one of them into use"
    table = pd.read_csv(project / "reports/backbones/backbones.csv")
    assert table["name"].tolist() == ["tiny", "twice"]
    assert table["backbone"].tolist() == ["test_efficientnet", "test_efficientnet + test_efficientnet"]
    assert table["accuracy"].tolist() == [1.0, 1.0]  # the wrong labels of test taught nothing, and were not asked for
    assert table["low"][0] == pytest.approx(0.904, abs=0.001)  # Wilson's of 36 of 36
    assert table["licence"].tolist() == ["CC0", "CC0"]
    assert table["megabytes"][1] == pytest.approx(2 * table["megabytes"][0], abs=0.2)
    assert (table["images_per_second"] > 0).all()
    assert not (project / "models").exists()


def test_several_labels_an_image_count_where_all_are_found(project: Path) -> None:
    rows = tables.read(Path("data/labels.csv")).rename(columns={"label": "labels"})
    rows["labels"] = rows["labels"].replace("light", "light|lit")
    tables.write(Path("data/labels.csv"), rows)
    lines = list(try_backbones(params.load(project / "params.yaml"), ["tiny"]))
    assert "exact match" in lines[2]
    assert pd.read_csv(project / "reports/backbones/backbones.csv")["exact_match"].tolist() == [1.0]


def test_weights_may_lie_in_a_file(project: Path) -> None:
    shutil.move(project / "tiny.safetensors", project / "mine.safetensors")
    values = params.load(project / "params.yaml")
    with pytest.raises(SourceError, match=r"tiny\.safetensors"):
        list(try_backbones(values, ["tiny"]))
    candidate = Candidate.of("tiny=mine.safetensors", values)
    assert candidate.backbones[0].weights == "mine.safetensors"
    assert candidate.embed == Embed(**values["embed"] | {"size": 32, "layers": [], "pools": ["mean"]})


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("tinny", "no preset 'tinny' of a backbone"),
        ("fast", r"fast: its weights are fetched from https://.*: fetch that file and say fast=FILE"),
        ("twice=a.pth", "twice is of several networks, which one file cannot hold"),
    ],
)
@pytest.mark.usefixtures("project")
def test_only_what_lies_here_is_tried(word: str, message: str) -> None:
    with pytest.raises(ParamsError, match=message):
        list(try_backbones(params.load(Path("params.yaml")), [word]))


def test_without_images_the_stage_to_run_is_named(project: Path) -> None:
    (project / "data/presized/rows.csv").unlink()
    with pytest.raises(DataError, match="run `dvc repro presize split`"):
        list(try_backbones(params.load(Path("params.yaml")), ["tiny"]))


def test_differences_are_of_the_same_images_by_group(project: Path) -> None:
    candidate = Candidate.of("tiny", params.load(project / "params.yaml"))
    first = np.resize([True, True, True, False], 40)
    second = first.copy()
    second[3::8] = True  # five more
    found = [Measured(candidate, correct, 0.5, 1.0, 256, 10.0, 1.0) for correct in (first, second)]
    task = SingleLabel(["a", "b"])
    table = compare(found, pd.Series([""] * 40), task)
    assert table["accuracy"].tolist() == [0.75, 0.875]
    assert table["difference"].tolist() == [0.0, 0.125]
    assert table["difference_low"][1] > 0
    one_group = compare(found, pd.Series(["g"] * 40), task)
    assert one_group["low"].isna().all()
    assert one_group["difference_low"][1] == -1.0
