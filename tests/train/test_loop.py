"""Training goes on after a crash as if nothing had happened, learns, and touches only what it may."""

import copy
import itertools
import math
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from graft.errors import TrainingError
from graft.images.augment import Augment
from graft.images.pictures import Pictures
from graft.model.network import Network
from graft.model.task import ManyLabels, OneLabel
from graft.train.finetune import Finetune
from graft.train.groups import freeze
from graft.train.loop import Epoch, Training
from graft.train.valid import Score, better, score

KNOBS = Finetune(epochs=3, batch_size=4, sizes=[[32, 1.0]], ema=0.9, precision="fp32")
TASK = OneLabel(["dark", "light"])
STILL = Augment(flip="none", rotate=0.0, zoom=1.0, warp=0.0, lighting=0.0)


def training(network: Network, pictures: Pictures, knobs: Finetune = KNOBS, lr: float = 1e-3) -> Training:
    judge = partial(score, task=TASK, pictures=pictures, view=32, precision="fp32")
    return Training(copy.deepcopy(network), TASK, pictures, judge, knobs, Augment(), lr, seed=7)


def weights(trained: Training) -> dict[str, torch.Tensor]:
    states = {"network": trained.network, "average": trained.average}
    return {f"{who}.{name}": value for who, module in states.items() for name, value in module.state_dict().items()}


@pytest.mark.parametrize("killed_after", [1, 2])
def test_resumed_training_is_the_uninterrupted_one(
    network: Network, pictures: Pictures, tmp_path: Path, killed_after: int
) -> None:
    whole = training(network, pictures)
    history = list(whole.epochs())

    file = tmp_path / "checkpoint.safetensors"
    killed, done = training(network, pictures), []
    for epoch in itertools.islice(killed.epochs(), killed_after):
        done.append(epoch)
        killed.save(file, done)
    resumed = training(network, pictures)
    told = resumed.resume(file)
    assert told == history[:killed_after]
    assert told + list(resumed.epochs()) == history
    wanted = weights(whole)
    assert all(torch.equal(value, wanted[name]) for name, value in weights(resumed).items())


def test_same_seed_gives_the_same_bits_and_another_seed_does_not(network: Network, pictures: Pictures) -> None:
    runs = [training(network, pictures) for _ in range(2)]
    other = training(network, pictures)
    other.seed = 8
    for run in (*runs, other):
        list(run.epochs())
    first, second, third = (weights(run)["network.head.linear.weight"] for run in (*runs, other))
    assert torch.equal(first, second)
    assert not torch.equal(first, third)


def test_no_checkpoint_means_the_beginning(network: Network, pictures: Pictures, tmp_path: Path) -> None:
    fresh = training(network, pictures)
    assert fresh.resume(tmp_path / "none.safetensors") == []
    assert fresh.done == 0


def test_a_few_pictures_can_be_learnt_by_heart(network: Network, pictures: Pictures) -> None:
    knobs = Finetune(epochs=40, batch_size=16, sizes=[[32, 1.0]], ema=0.5, label_smoothing=0.0, precision="fp32")
    judge = partial(score, task=TASK, pictures=pictures, view=32, precision="fp32")
    run = Training(network, TASK, pictures, judge, knobs, STILL, 2e-2, seed=0)
    last = list(run.epochs())[-1]
    assert last.valid == {"accuracy": 1.0}
    assert last.train_loss < 0.05


def test_frozen_bytes_do_not_change_and_the_rest_does(network: Network, pictures: Pictures) -> None:
    freeze(network, ["conv_stem", r"blocks\.0\."])
    before = {name: value.clone() for name, value in network.state_dict().items()}
    judge = partial(score, task=TASK, pictures=pictures, view=32, precision="fp32")
    run = Training(network, TASK, pictures, judge, KNOBS, Augment(), 1e-2, seed=0)
    list(run.epochs())
    for module in (run.network, run.averaged()):
        for name, value in module.state_dict().items():
            inside = name.removeprefix("features.body.")
            if inside.startswith(("conv_stem", "blocks.0.")) or name in ("head.mean", "head.scale"):
                assert torch.equal(value, before[name]), name
        assert not torch.equal(module.state_dict()["head.linear.weight"], before["head.linear.weight"])
        last = "features.body.blocks.4.0.conv_pw.weight"
        assert not torch.equal(module.state_dict()[last], before[last])


def test_loss_that_is_not_finite_stops_with_epoch_and_rates(network: Network, pictures: Pictures) -> None:
    assert network.head is not None
    network.head.linear.bias.data[0] = float("nan")
    with pytest.raises(TrainingError, match=r"the loss is nan in epoch 1, learning rates \{.*head.*try a lower lr"):
        list(training(network, pictures).epochs())


def test_average_of_weights_by_hand(network: Network, pictures: Pictures) -> None:
    run = training(network, pictures, KNOBS.model_copy(update={"ema": 0.2}))
    assert run.network.head is not None
    weight = run.network.head.linear.bias
    with torch.no_grad():
        weight.copy_(torch.tensor([1.0, 0.0]))
        run.average.update_parameters(run.network)  # the first is taken as it is
        weight.copy_(torch.tensor([2.0, 0.0]))
        run.average.update_parameters(run.network)  # decay min(0.2, 2 / 11) = 2 / 11
    averaged = run.averaged().head.linear.bias  # type: ignore[union-attr]
    torch.testing.assert_close(averaged[0].detach(), torch.tensor(1 * 2 / 11 + 2 * 9 / 11))


def test_epoch_names_its_curves() -> None:
    epoch = Epoch(1, 32, 0.5, 0.4, {"accuracy": 0.9}, {"head": 0.1})
    wanted = {"train/loss": 0.5, "valid/loss": 0.4, "valid/accuracy": 0.9, "learning_rate/head": 0.1}
    assert epoch.metrics() == wanted


def test_score_by_hand(network: Network, pictures: Pictures) -> None:
    assert network.head is not None
    with torch.no_grad():
        network.head.linear.weight.zero_()
        network.head.linear.bias.copy_(torch.tensor([0.0, 0.0]))
    found = score(network, TASK, pictures, 32, "fp32")
    assert found.figures == {"accuracy": 0.5}
    assert str(found) == "accuracy 0.5000"
    assert found.log_likelihood == pytest.approx(-0.6931472)


def scored(figure: float, log_likelihood: float) -> Score:
    """A score whose second figure, which must not decide, is the better the worse the first is."""
    return Score({"mean_average_precision": figure, "exact_match": 1 - figure}, log_likelihood)


@pytest.mark.parametrize(
    ("head", "finetuned", "kept"),
    [
        (scored(0.8, -0.5), scored(0.9, -0.9), "finetuned"),
        (scored(0.9, -0.5), scored(0.8, -0.1), "head"),
        (scored(0.9, -0.5), scored(0.9, -0.4), "finetuned"),
        (scored(0.9, -0.4), scored(0.9, -0.5), "head"),
        (scored(0.9, -0.4), scored(0.9, -0.4), "head"),
        (scored(0.9, -0.4), scored(float("nan"), float("nan")), "head"),
    ],
    ids=["more right", "fewer right", "as many, surer", "as many, less sure", "the same", "broken"],
)
def test_never_worse_than_the_head(head: Score, finetuned: Score, kept: str) -> None:
    assert better(head, finetuned)["kept"] == kept


def test_what_was_compared_is_told() -> None:
    found = better(Score({"accuracy": 0.5}, -0.7), Score({"accuracy": 0.75}, -0.6))
    valid = {"head": {"accuracy": 0.5, "log_loss": 0.7}, "finetuned": {"accuracy": 0.75, "log_loss": 0.6}}
    assert found == {"valid": valid, "kept": "finetuned"}


def several(pictures: Pictures) -> Pictures:
    """The same pictures, asked two questions: is it light, and is it dark or light."""
    light = pictures.targets
    return Pictures(pictures.pixels, pictures.rows, np.stack([light, np.ones_like(light)], axis=1).astype(np.float32))


def test_several_labels_can_be_learnt_by_heart(network: Network, pictures: Pictures) -> None:
    knobs = Finetune(epochs=40, batch_size=16, sizes=[[32, 1.0]], ema=0.5, label_smoothing=0.0, precision="fp32")
    task, asked = ManyLabels(["light", "seen"]), several(pictures)
    judge = partial(score, task=task, pictures=asked, view=32, precision="fp32")
    run = Training(network, task, asked, judge, knobs, STILL, 2e-2, seed=0)
    history = list(run.epochs())
    assert history[-1].valid == {"mean_average_precision": 1.0, "exact_match": 1.0}
    assert history[-1].train_loss < 0.05
    assert history[-1].score.beats(history[0].score)
    curves = ["train/loss", "valid/loss", "valid/mean_average_precision", "valid/exact_match"]
    assert list(history[-1].metrics())[:4] == curves


def test_score_of_several_labels_by_hand(network: Network, pictures: Pictures) -> None:
    assert network.head is not None
    with torch.no_grad():
        network.head.linear.weight.zero_()
        network.head.linear.bias.copy_(torch.tensor([0.0, 2.0]))
    found = score(network, ManyLabels(["light", "seen"]), several(pictures), 32, "fp32")
    # every picture is said to be light, at even chances: half are; all are seen
    assert found.figures == {"mean_average_precision": pytest.approx(0.75), "exact_match": 0.5}
    assert found.log_likelihood == pytest.approx((math.log(0.5) - math.log(1 + math.exp(-2))) / 2)
    assert str(found) == "mean average precision 0.7500"
