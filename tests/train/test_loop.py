"""Training goes on after a crash as if nothing had happened, learns, and touches only what it may."""

import copy
import itertools
from functools import partial
from pathlib import Path

import pytest
import torch

from graft.errors import TrainingError
from graft.images.augment import Augment
from graft.images.pictures import Pictures
from graft.model.network import Network
from graft.train.finetune import Finetune
from graft.train.groups import freeze
from graft.train.loop import Epoch, Training
from graft.train.valid import Score, better, score

KNOBS = Finetune(epochs=3, batch_size=4, sizes=[[32, 1.0]], ema=0.9, precision="fp32")
STILL = Augment(flip="none", rotate=0.0, zoom=1.0, warp=0.0, lighting=0.0)


def training(network: Network, pictures: Pictures, knobs: Finetune = KNOBS, lr: float = 1e-3) -> Training:
    judge = partial(score, pictures=pictures, view=32, precision="fp32")
    return Training(copy.deepcopy(network), pictures, judge, knobs, Augment(), lr, seed=7)


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
    judge = partial(score, pictures=pictures, view=32, precision="fp32")
    run = Training(network, pictures, judge, knobs, STILL, 2e-2, seed=0)
    last = list(run.epochs())[-1]
    assert last.valid_accuracy == 1.0
    assert last.train_loss < 0.05


def test_frozen_bytes_do_not_change_and_the_rest_does(network: Network, pictures: Pictures) -> None:
    freeze(network, ["conv_stem", r"blocks\.0\."])
    before = {name: value.clone() for name, value in network.state_dict().items()}
    judge = partial(score, pictures=pictures, view=32, precision="fp32")
    run = Training(network, pictures, judge, KNOBS, Augment(), 1e-2, seed=0)
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
    epoch = Epoch(1, 32, 0.5, 0.4, 0.9, {"head": 0.1})
    wanted = {"train/loss": 0.5, "valid/loss": 0.4, "valid/accuracy": 0.9, "learning_rate/head": 0.1}
    assert epoch.metrics() == wanted


def test_score_by_hand(network: Network, pictures: Pictures) -> None:
    assert network.head is not None
    with torch.no_grad():
        network.head.linear.weight.zero_()
        network.head.linear.bias.copy_(torch.tensor([0.0, 0.0]))
    found = score(network, pictures, 32, "fp32")
    assert found.accuracy == 0.5
    assert found.log_likelihood == pytest.approx(-0.6931472)


@pytest.mark.parametrize(
    ("head", "finetuned", "kept"),
    [
        (Score(0.8, -0.5), Score(0.9, -0.9), "finetuned"),
        (Score(0.9, -0.5), Score(0.8, -0.1), "head"),
        (Score(0.9, -0.5), Score(0.9, -0.4), "finetuned"),
        (Score(0.9, -0.4), Score(0.9, -0.5), "head"),
        (Score(0.9, -0.4), Score(0.9, -0.4), "head"),
        (Score(0.9, -0.4), Score(float("nan"), float("nan")), "head"),
    ],
    ids=["more right", "fewer right", "as many, surer", "as many, less sure", "the same", "broken"],
)
def test_never_worse_than_the_head(head: Score, finetuned: Score, kept: str) -> None:
    assert better(head, finetuned)["kept"] == kept
