"""Four images are followed through every step, up to their loss or to the step that fails."""

import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from typer.testing import CliRunner

from graft.apps import cli
from graft.apps.summary.walk import is_failure, summarise
from graft.backbone.config import Backbone
from graft.backbone.weights import fetch_weights
from graft.core import params
from graft.network.head import Head, save
from graft.source.config import Source
from graft.source.dataset import fetch_dataset
from tests.network.tiny_network import TINY, made

ROOT = Path(__file__).resolve().parents[3]
NETWORK = "test_efficientnet"


@pytest.fixture
def values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """params.yaml that takes labels from folders and a tiny network; there are no images yet."""
    shutil.copy(ROOT / "params.yaml", tmp_path)
    (tmp_path / "corrections.csv").write_text("path,label,note\n")
    monkeypatch.chdir(tmp_path)
    return params.load(tmp_path / "params.yaml") | {
        "labels": {"rule": "folder"},
        "presize": {"size": 40},
        "embed": {"size": 32, "layers": [], "pools": ["mean"], "standardise": False},
        "backbone": {"name": NETWORK, "weights": "made.safetensors", "licence": "none"},
        "augment": {"strength": "none"},
    }


@pytest.fixture
def folder(values: dict[str, Any], tmp_path: Path) -> Path:
    """Eight images of two classes, linked."""
    folder = tmp_path / "set"
    for kind in ("cat", "dog"):
        (folder / kind).mkdir(parents=True)
        for number in range(4):
            Image.new("RGB", (8, 8), (number, len(kind), ord(kind[0]))).save(folder / kind / f"{number}.png")
    fetch_dataset(Source(uri=str(folder), licence="CC0"), tmp_path / "data/raw", tmp_path / ".graft/downloads")
    return folder


@pytest.fixture
def backbone(values: dict[str, Any], tmp_path: Path) -> None:
    """Weights of the tiny network, downloaded."""
    save_file(made(NETWORK), "made.safetensors")
    target = tmp_path / "models/backbone"
    target.mkdir(parents=True)
    fetch_weights(Backbone(**values["backbone"]), target)


def split(parts: dict[str, str], folder: Path) -> None:
    """Write data/split.csv: the split of each image, train where none is given."""
    paths = sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*.png"))
    rows = {"path": paths, "split": [parts.get(path, "train") for path in paths]}
    pd.DataFrame(rows).to_csv("data/split.csv", index=False)


def loss_of(lines: list[str]) -> float:
    (line,) = [line for line in lines if "loss of the batch" in line]
    return float(line.split()[-2])


def test_without_images_nothing_is_followed(values: dict[str, Any]) -> None:
    done = CliRunner().invoke(cli.app, ["summary"])
    assert done.output == "download    fails here: data/raw is absent; run `dvc repro download`\n"
    assert done.exit_code == 1


def test_the_first_step_that_fails_ends_it(values: dict[str, Any], folder: Path) -> None:
    lines = list(summarise(values, "dog/1.png"))
    size = (folder / "dog/1.png").stat().st_size
    batch = "dog/1.png 'dog', cat/0.png 'cat', cat/2.png 'cat', dog/3.png 'dog'"
    assert lines[:5] == [
        f"download    8 images in {folder}",
        "index       8 images have a label, 0 have none",
        f"            a batch of them: {batch}",
        "            of the first: group '', split ''",
        f"index       dog/1.png, {size} bytes: PNG RGB -> RGB 8 x 8, upright",
    ]
    assert lines[8:12] == [
        "split       nothing is divided yet; run `dvc repro split`",
        "            2 classes: 0 cat, 1 dog",
        "            targets [4] int64: [1, 0, 0, 1]",
        "presize     [4, 40, 40, 3] uint8, from 0 to 100",
    ]
    assert lines[-1] == "embed       fails here: models/backbone is absent; run `dvc repro download`"
    assert [is_failure(line) for line in lines[-2:]] == [False, True]

    (folder / "dog" / "1.png").write_bytes(b"no image")
    assert list(summarise(values, "dog/1.png"))[-1].startswith("index       fails here: not a")


def test_only_images_that_have_a_label_are_followed(values: dict[str, Any], folder: Path) -> None:
    (folder / "annotations").mkdir()
    Image.new("L", (8, 8)).save(folder / "annotations" / "0.png")  # a mask, say, first by name
    rule = {"labels": {"rule": "regex", "pattern": r"(?P<label>cat|dog)/"}}
    lines = list(summarise(values | rule, None))
    assert lines[1] == "index       8 images have a label, 1 have none"
    assert lines[2].startswith("            a batch of them: cat/0.png 'cat', cat/2.png 'cat', dog/")
    reason = list(summarise(values | rule, "annotations/0.png"))[-1]
    assert reason.startswith("index       fails here: annotations/0.png gets no label: does not match the pattern")
    assert "is no image of the source (did you mean 'cat/1.png'?)" in list(summarise(values | rule, "cat/11.png"))[-1]


def test_boxes_are_followed_as_images_of_their_own(values: dict[str, Any], folder: Path) -> None:
    boxes = "cat/0.png,0,0,4,6,cat\ncat/0.png,4,0,4,8,dog\ndog/3.png,2,2,5,5,dog\n"
    (folder / "boxes.csv").write_text(f"path,x,y,w,h,label\n{boxes}")
    regions = {"labels": {"rule": "regions"}, "index": {"regions": {"file": "boxes.csv"}}}
    lines = list(summarise(values | regions, None))
    assert lines[0].startswith("download    3 images in ")
    assert lines[2].endswith("cat/0.png#4x6+0+0 'cat', cat/0.png#4x8+4+0 'dog', dog/3.png#5x5+2+2 'dog'")
    assert lines[4].endswith("PNG RGB -> RGB 4 x 6, upright")
    assert any(line.endswith("targets [3] int64: [0, 1, 1]") for line in lines)


def test_what_index_rejected_is_not_followed_and_the_batch_is_of_train(values: dict[str, Any], folder: Path) -> None:
    kept = [f"{kind}/{number}.png" for kind in ("cat", "dog") for number in range(4) if (kind, number) != ("cat", 0)]
    columns = {"path": kept, "mode": "RGB", "black": "", "white": ""}
    pd.DataFrame(columns).to_csv("data/images.csv", index=False)
    split({"cat/1.png": "valid", "dog/3.png": "test"}, folder)
    lines = list(summarise(values, None))
    assert lines[0].startswith("download    7 images in ")
    chosen = "cat/2.png 'cat', cat/3.png 'cat', dog/1.png 'dog', dog/2.png 'dog'"
    assert lines[2] == f"            a batch of them: {chosen}"
    assert "split       5 train, 1 valid, 1 test" in lines


def test_before_any_training_a_fresh_head_guesses(values: dict[str, Any], folder: Path, backbone: None) -> None:
    lines = list(summarise(values, None))
    assert not is_failure(lines[-1]), lines[-1]
    assert any("so a fresh one: linear, 256 features -> 2 logits" in line for line in lines)
    assert loss_of(lines) == pytest.approx(0.6931)
    with_layer = values | {"train_head": {"head": "fastai", "hidden": 8}}
    assert any("a fresh one: fastai, 256 features -> 8 -> 2 logits" in line for line in summarise(with_layer, None))


def test_of_several_labels_each_is_a_question(values: dict[str, Any], folder: Path, backbone: None) -> None:
    lines = list(summarise(values | {"labels": {"rule": "folder", "label_separator": "+"}}, "dog/0.png"))
    assert any("targets [4, 2] float32: [[0.0, 1.0], [1.0, 0.0], " in line for line in lines)
    assert loss_of(lines) == pytest.approx(0.6931)  # both classes hold for half of the images


def test_the_loss_is_that_of_the_head_that_was_fitted(values: dict[str, Any], folder: Path, backbone: None) -> None:
    head, place = Head(256, 2), Path("models/head")
    with torch.no_grad():
        head.linear.weight.zero_()
        head.linear.bias.copy_(torch.tensor([3.0, 1.0]).log())
    place.mkdir()
    config = {"backbone": NETWORK, "classes": ["cat", "dog"]}
    save(place, head, TINY.model_copy(update=config))
    lines = list(summarise(values, "dog/0.png"))
    assert any("models/head: linear, 256 features" in line for line in lines)
    assert any("-ln 0.2500 = 1.3863" in line for line in lines)

    save(place, head, TINY.model_copy(update=config | {"classes": ["bird", "dog"]}))
    assert any("so a fresh one" in line for line in summarise(values, None))
