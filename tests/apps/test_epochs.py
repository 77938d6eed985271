"""The number of epochs follows from a time and the speed of this machine, and params.yaml holds it."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from graft.apps import epochs as module
from graft.apps.epochs import epochs, parse_time, seconds_of_epoch
from graft.augment.config import Augment
from graft.core import params
from graft.core.errors import ParamsError
from graft.data.dataset import LabelledImages
from graft.finetune.config import Finetune
from graft.finetune.step import Step
from graft.network.network import Network
from graft.tasks import SingleLabel

ROOT = Path(__file__).resolve().parents[2]
CONFIG = Finetune(batch_size=4, precision="fp32")


@pytest.mark.parametrize(("text", "seconds"), [("10 min", 600), ("90 s", 90), ("1 h", 3600), ("1h30min", 5400)])
def test_times_have_units(text: str, seconds: int) -> None:
    assert parse_time(text) == seconds


@pytest.mark.parametrize("text", ["10", "soon", "0 s", "-5 min", ""])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ParamsError, match=f"expected a time with its unit, such as '10 min'.*; got {text!r}"):
        parse_time(text)


@pytest.fixture
def step(network: Network, images: LabelledImages) -> Step:
    task = SingleLabel(["dark", "light"])
    return Step(network, task, images.targets, CONFIG, Augment(strength="none"), 1.0)


def test_measuring_moves_no_weight(step: Step, images: LabelledImages) -> None:
    before = [parameter.detach().clone() for parameter in step.network.parameters()]
    assert 0 < seconds_of_epoch(step, images, images, CONFIG) < 60
    assert all(bool((a == b).all()) for a, b in zip(before, step.network.parameters(), strict=True))


@pytest.fixture
def measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: Step, images: LabelledImages
) -> tuple[dict[str, Any], Path]:
    """params.yaml of a project in which an epoch takes half a minute."""
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.setattr(module, "prepare_network", lambda values, seed: (step, images, CONFIG, "fp32"))
    monkeypatch.setattr(module, "read_dataset", lambda labels, split: None)
    monkeypatch.setattr(LabelledImages, "of", lambda pixels, dataset, split: images)
    monkeypatch.setattr(module, "seconds_of_epoch", lambda *words: 30.0)
    return params.load(tmp_path / "params.yaml"), tmp_path / "params.yaml"


@pytest.mark.parametrize(("budget", "count"), [("5 min", 10), ("59 s", 1), ("10 h", module.MOST)])
def test_epochs_are_written(measured: tuple[dict[str, Any], Path], budget: str, count: int) -> None:
    values, file = measured
    told = list(epochs(values, budget, file))
    assert params.load(file)["finetune"]["epochs"] == count
    assert f"{count} epochs take {30 * count} s" in told
    assert any("no more than 30 are of use" in line for line in told) == (count == module.MOST)


def test_less_than_an_epoch_is_refused(measured: tuple[dict[str, Any], Path]) -> None:
    values, file = measured
    before = file.read_bytes()
    with pytest.raises(ParamsError, match="20 s is shorter than one epoch, which takes 30 s"):
        list(epochs(values, "20 s", file))
    assert file.read_bytes() == before
