"""Readings of curves whose answers are known, and range tests over a few images that touch nothing else."""

import copy
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from ruamel.yaml import YAML

from graft.apps import lr_find as module
from graft.apps.lr_find import RateRange, find_range, head_range, lr_find, network_range, save_range
from graft.augment.config import Augment
from graft.core import tables
from graft.core.errors import DataError, TrainingError
from graft.data.arrays import Embeddings
from graft.data.dataset import LabelledImages, read_dataset
from graft.finetune.config import Finetune
from graft.finetune.step import Step
from graft.heads.config import TrainHead
from graft.network.features import Features
from graft.network.head import Head
from graft.network.network import Network
from graft.tasks import SingleLabel
from tests.finetune.conftest import DESCRIPTION
from tests.network.tiny_network import tiny_body

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]


def rate_range(losses: list[float]) -> RateRange:
    rates = np.logspace(-len(losses), -1, len(losses))
    return RateRange(rates, np.array(losses), np.array(losses))


def test_rates_rise_geometrically_to_ten() -> None:
    found = find_range(lambda number, rate: 1.0)
    assert len(found.rates) == 100
    assert (found.rates[0], found.rates[-1]) == (pytest.approx(1e-7), pytest.approx(10))
    assert np.diff(np.log(found.rates)) == pytest.approx(math.log(1e8) / 99)


def test_smoothing_of_a_constant_is_the_constant() -> None:
    assert find_range(lambda number, rate: 0.7).smoothed == pytest.approx(0.7)


def test_smoothing_by_hand() -> None:
    found = find_range(lambda number, rate: float(number < 1))
    assert found.smoothed[1] == pytest.approx(0.02 * 0.98 / (1 - 0.98**2))


def test_it_stops_when_the_loss_explodes() -> None:
    found = find_range(lambda number, rate: 1.0 if rate < 0.1 else 1e6)
    assert found.rates.max() < 0.1


def test_no_curve_is_an_error() -> None:
    with pytest.raises(TrainingError, match="the loss is nan at learning rate 1e-07, after 0 steps"):
        find_range(lambda number, rate: math.nan)


def test_readings_by_hand() -> None:
    found = rate_range([9.0, 9.0, 8.0, 4.0, 3.5, 6.0])
    assert found.minimum == pytest.approx(1e-2 / 10)
    # central differences are 0, -0.5, -2.5, -2.25, 1, 2.5
    assert found.steepest == pytest.approx(1e-4)


def sweep(loss: Callable[[float], float], noise: float) -> RateRange:
    """A range test whose loss is a function of the rate, with noise of every minibatch."""
    generator = np.random.default_rng(0)
    return find_range(lambda number, rate: loss(rate) + noise * float(generator.standard_normal()))


def falls_at(rate: float) -> Callable[[float], float]:
    """A loss that falls by half within a factor of ten about a rate, and rises from 1 on."""
    return lambda tried: 1 - 0.5 / (1 + (rate / tried) ** 2) + max(0.0, tried - 1)


@pytest.mark.parametrize("rate", [1e-4, 1e-3, 1e-2])
@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_steepest_is_where_the_loss_falls(rate: float, noise: float) -> None:
    # the average lags behind by less than two decades
    assert rate / 2 < sweep(falls_at(rate), noise).steepest < 100 * rate


def test_steepest_is_not_the_first_point_of_a_noisy_start() -> None:
    losses = [1.5, *([1.0] * 39), *np.linspace(1, 0.5, 30), *np.linspace(0.5, 2, 10)]
    found = find_range(lambda number, rate: float(losses[min(number, len(losses) - 1)]))
    assert found.smoothed.argmax() == 0
    assert np.gradient(found.smoothed, np.log(found.rates)).argmin() < 2
    assert found.rates[40] < found.steepest <= found.rates[70]


def test_valley_is_half_way_through_the_middle_third() -> None:
    falling = rate_range([float(20 - index) for index in range(20)] + [50.0])
    # the descent is of 20 points and ends at 19, so it is taken to begin at 0; thirds of 19 / 3
    assert falling.valley == pytest.approx(falling.rates[6 + 3])


def test_a_bump_does_not_break_the_descent() -> None:
    losses = [float(20 - index) for index in range(20)] + [50.0]
    losses[9] = 40.0
    assert rate_range(losses).valley == pytest.approx(rate_range(losses).rates[6 + 3])


def test_suggestions_have_two_digits() -> None:
    assert rate_range([9.0, 9.0, 8.0, 4.0, 3.5, 6.0]).suggestions()["minimum / 10"] == 1e-3


def test_network_is_swept_by_the_base_rate_and_repeats(network: Network, images: LabelledImages) -> None:
    config = Finetune(epochs=1, batch_size=8, sizes=[[32, 1.0]], precision="fp32")
    task = SingleLabel(["dark", "light"])
    found = []
    for _ in range(2):
        step = Step(copy.deepcopy(network), task, images.targets, config, Augment(strength="none"), 1.0)
        peaks = step.learning_rates()
        found.append(network_range(step, images, config, seed=3))
    first, second = found
    assert first.losses.tolist() == second.losses.tolist()
    assert 1e-5 < first.valley < 1
    last = first.rates[-1]
    # the sweep ends a step after the last rate that it tells, or at its highest
    assert all(rate >= peaks[name] * last * 0.999 for name, rate in step.learning_rates().items())


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the pipeline leaves up to embed, of two classes."""
    monkeypatch.chdir(tmp_path)
    Path("data/embeddings").mkdir(parents=True)
    paths = [f"{number:02}.png" for number in range(40)]
    labels = np.array(["a", "b"])[np.arange(40) % 2]
    values = np.random.default_rng(0).normal(size=(40, 1, 6)) + (labels == "b")[:, None, None]
    np.save("data/embeddings/features.npy", values.astype(np.float32))
    tables.write(Path("data/embeddings/rows.csv"), pd.DataFrame({"path": paths}))
    tables.write(Path("data/labels.csv"), pd.DataFrame({"path": paths, "label": labels, "group": ""}))
    splits = np.where(np.arange(40) % 5 == 0, "valid", "train")
    tables.write(Path("data/split.csv"), pd.DataFrame({"path": paths, "split": splits}))
    return tmp_path


def test_no_norm_meets_a_single_image(project: Path, images: LabelledImages) -> None:
    """A fastai head refuses a batch of one."""
    config = TrainHead.model_validate({"head": "fastai", "hidden": 8, "batch_size": 1})
    dataset, embeddings = read_dataset(module.LABELS, module.SPLIT), Embeddings(module.EMBEDDINGS)
    assert np.isfinite(head_range(embeddings, dataset, config, seed=1).losses).all()
    network = Network(Features(tiny_body(folded=False), [], ["mean"]), Head(256, 2, "fastai", 8), DESCRIPTION)
    few = LabelledImages(images.pixels, images.rows[:3], images.targets[:3])
    following = Finetune(epochs=1, batch_size=2, sizes=[[32, 1.0]], precision="fp32", batch_norm="train")
    step = Step(network, SingleLabel(["dark", "light"]), few.targets, following, Augment(strength="none"), 1.0)
    assert np.isfinite(network_range(step, few, following, seed=3).losses).all()


@pytest.mark.parametrize("kind", ["linear", "mlp"])
def test_head_is_swept(project: Path, kind: str) -> None:
    config = TrainHead.model_validate({"head": kind, "hidden": 8, "batch_size": 16, "l2": [0.1, 1.0]})
    dataset, embeddings = read_dataset(module.LABELS, module.SPLIT), Embeddings(module.EMBEDDINGS)
    first, second = (head_range(embeddings, dataset, config, seed=1) for _ in range(2))
    assert first.losses.tolist() == second.losses.tolist()
    assert first.smoothed.min() < 0.95 * first.smoothed[0]
    assert 1e-4 < first.valley < 10


def test_curves_are_written_for_people_and_for_dvc(project: Path) -> None:
    values = YAML(typ="safe").load((ROOT / "params.yaml").read_text())
    files = {file for file in project.rglob("*") if file.is_file()}
    line, suggestion = lr_find(values, ("head",))
    assert line.startswith("head     valley ")
    assert "steepest" in line
    valley = line.removeprefix("head     valley ").partition(",")[0]
    assert suggestion == f"suggested lr: {valley}, the valley of the head: dvc exp run -S lr={valley}"
    assert "minimum / 10" in line
    written = {file for file in project.rglob("*") if file.is_file()} - files
    assert written == {project / "reports/lr-find" / name for name in ("head.csv", "head.png", "dvc.yaml")}
    with Image.open("reports/lr-find/head.png") as image:
        assert min(image.size) > 300
    plots = YAML(typ="safe").load(Path("reports/lr-find/dvc.yaml").read_text())["plots"]
    assert [next(iter(plot.values()))["y"] for plot in plots] == [{"head.csv": "smoothed"}]


def test_both_curves_share_a_dvc_yaml(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = YAML(typ="safe").load((ROOT / "params.yaml").read_text())
    save_range(Path("reports/lr-find"), "network", find_range(lambda number, rate: 1 / (1 + rate)))
    list(lr_find(values, ("head",)))
    plots = YAML(typ="safe").load(Path("reports/lr-find/dvc.yaml").read_text())["plots"]
    assert [next(iter(plot)) for plot in plots] == ["head", "network"]


def test_without_a_head_the_stage_to_run_is_named(project: Path) -> None:
    values = YAML(typ="safe").load((ROOT / "params.yaml").read_text())
    with pytest.raises(DataError, match=r"network\.json is absent; run `dvc repro train-head`"):
        list(lr_find(values, ("network",)))
