"""The sheets show the images, labels and views that training gets, and need nothing that is trained."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from graft.apps import cli
from graft.apps.show.show import batch_tiles, show, split_tiles
from graft.augment.config import Augment
from graft.core import params
from graft.core.errors import DataError
from graft.data.arrays import ImageRows
from graft.data.dataset import LabelledImages, read_dataset
from graft.network.network import Network
from graft.tasks import MultiLabel, SingleLabel
from tests.conftest import Draw
from tests.finetune.conftest import images, network
from tests.finetune.tiny_training import CONFIG, LIVELY, TASK, training

__all__ = ["images", "network"]

ROOT = Path(__file__).resolve().parents[3]
PATHS = [f"{kind}/{number:02}.png" for kind in ("cat", "dog") for number in range(20)]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, draw: Draw) -> dict[str, Any]:
    """Forty images, indexed, divided and presized; nothing is downloaded or trained."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    for folder in ("data/raw/cat", "data/raw/dog", "data/presized"):
        (tmp_path / folder).mkdir(parents=True)
    pixels = []
    for number, path in enumerate(PATHS):
        image = draw(number, 24, 16)
        image.save(tmp_path / "data/raw" / path)
        pixels.append(np.asarray(image.resize((16, 16))))
    np.save("data/presized/pixels.npy", np.stack(pixels))
    frame = pd.DataFrame({"path": PATHS})
    frame.assign(aspect=1.5).to_csv("data/presized/rows.csv", index=False)
    frame.assign(mode="RGB", black="", white="").to_csv("data/images.csv", index=False)
    frame.assign(label=frame["path"].str[:3]).to_csv("data/labels.csv", index=False)
    splits = ["train"] * 17 + ["valid"] * 3
    frame.assign(split=splits * 2).to_csv("data/split.csv", index=False)
    return params.load(tmp_path / "params.yaml") | {"embed": {"size": 16}}


def test_the_batch_is_the_first_of_fine_tuning(
    network: Network, images: LabelledImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = CONFIG.model_copy(update={"sampling": "balanced"})
    seen: list[torch.Tensor] = []
    mixing = LIVELY.model_copy(update={"mixup": 0.4})
    forward = Network.forward

    def recorded(self: Network, shown: torch.Tensor) -> torch.Tensor:
        seen.append(shown.detach().clone())
        return forward(self, shown)

    monkeypatch.setattr(Network, "forward", recorded)
    next(training(network, images, config, augment=mixing).epochs())
    tiles = batch_tiles(images, TASK, config, mixing, 32, 7)
    assert len(tiles) == config.batch_size
    expected = (seen[0] * 255).round().byte().permute(0, 2, 3, 1).numpy()
    assert np.array_equal(np.stack([tile.pixels for tile in tiles]), expected)
    assert all("%, " in tile.lines[0] for tile in tiles)  # two labels, as two images are blended


def test_a_batch_bears_the_labels_of_its_images(images: LabelledImages) -> None:
    still = Augment(strength="none", flip="none")
    for tile in batch_tiles(images, TASK, CONFIG, still, 32, 7):
        assert tile.lines == ("light" if tile.pixels.mean() > 125 else "dark",)


def test_images_of_a_split_bear_their_labels(project: dict[str, Any]) -> None:
    dataset, pixels = (
        read_dataset(Path("data/labels.csv"), Path("data/split.csv")),
        ImageRows(Path("data/presized/pixels.npy")),
    )
    tiles = split_tiles(dataset, SingleLabel(dataset.classes), pixels, "train")
    assert len(tiles) == 16
    by_pixels = {pixels.array[row].tobytes(): path for row, path in enumerate(pixels.paths)}
    for tile in tiles:
        path = by_pixels[tile.pixels.tobytes()]
        assert tile.lines == (path[:3], path[4:])
    valid = split_tiles(dataset, SingleLabel(dataset.classes), pixels, "valid")
    assert sorted(line for tile in valid for line in tile.lines if ".png" in line) == sorted(
        ["17.png", "18.png", "19.png"] * 2
    )


@pytest.mark.slow
def test_sheets_and_a_page_are_written_before_any_training(project: dict[str, Any]) -> None:
    lines = list(show(project))
    files = ["transforms", "batch", "train", "valid"]
    assert [line.split(":")[0] for line in lines[:-1]] == [f"reports/show/{name}.png" for name in files]
    assert lines[2].endswith("16 of 34 images, drawn at random")
    page = Path("reports/show/show.html").read_text()
    assert page.startswith("<!doctype html>")
    assert page.count("data:image/png;base64,") == 4
    assert "34 train, 6 valid, 0 test;" in page
    with Image.open("reports/show/transforms.png") as sheet:
        assert sheet.width == 5 * (176 + 12) + 12
    before = {name: Path(f"reports/show/{name}.png").read_bytes() for name in files}
    again = list(show(project | {"finetune": {"epochs": 0, "batch_size": 16}}))
    assert again[1].endswith("which no epoch will see: finetune.epochs is 0")
    assert before == {name: Path(f"reports/show/{name}.png").read_bytes() for name in files}


def test_several_labels_are_named(project: dict[str, Any]) -> None:
    labels = pd.read_csv("data/labels.csv")
    several = labels.assign(labels=labels["label"] + "|seen").drop(columns="label")
    several.to_csv("data/labels.csv", index=False)
    dataset, pixels = (
        read_dataset(Path("data/labels.csv"), Path("data/split.csv")),
        ImageRows(Path("data/presized/pixels.npy")),
    )
    tiles = split_tiles(dataset, MultiLabel(dataset.classes), pixels, "valid")
    assert {tile.lines[0] for tile in tiles} == {"cat, seen", "dog, seen"}


def test_what_is_missing_is_named(project: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    Path("data/raw/cat/00.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"cat/00.png: not a picture .*; run `dvc repro`"):
        list(show(project))
    Path("data/split.csv").unlink()
    done = CliRunner().invoke(cli.app, ["show"])
    assert str(done.exception) == "data/split.csv is absent; run `dvc repro presize split`"
