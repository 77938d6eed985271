"""Scores are those of valid, and the better network is handed on."""

import copy
import math
from pathlib import Path
from typing import Literal

import pytest
import torch

from graft.core.errors import TrainingError
from graft.data.dataset import LabelledImages
from graft.finetune.loop import Epoch
from graft.finetune.validate import Score, choose, hand_on, validate
from graft.network.network import BEFORE_REFIT, NOT_KEPT, Network, load
from graft.tasks import MultiLabel
from tests.finetune.tiny_training import TASK, several
from tests.network.tiny_network import TINY


def test_score_by_hand(network: Network, images: LabelledImages) -> None:
    assert network.head is not None
    with torch.no_grad():
        network.head.linear.weight.zero_()
        network.head.linear.bias.copy_(torch.tensor([0.0, 0.0]))
    found = validate(network, TASK, images, 32, "fp32")
    assert found.metrics == {"accuracy": 0.5}
    assert str(found) == "accuracy 0.5000"
    assert found.log_likelihood == pytest.approx(-0.6931472)


def scored(first: float, log_likelihood: float) -> Score:
    """A score whose second metric, which must not decide, is the better the worse the first is."""
    return Score({"mean_average_precision": first, "exact_match": 1 - first}, log_likelihood)


@pytest.mark.parametrize(
    ("head", "finetuned", "kept"),
    [
        (scored(0.8, -0.5), scored(0.9, -0.9), "finetuned"),
        (scored(0.9, -0.5), scored(0.8, -0.1), "head"),
        (scored(0.9, -0.5), scored(0.9, -0.4), "finetuned"),
        (scored(0.9, -0.4), scored(0.9, -0.5), "head"),
        (scored(0.9, -0.4), scored(0.9, -0.4), "head"),
        (scored(0.8, -0.4), scored(0.9, float("nan")), "head"),
    ],
    ids=["more correct", "fewer correct", "as many, surer", "as many, less sure", "the same", "broken"],
)
def test_never_worse_than_the_head(head: Score, finetuned: Score, kept: str) -> None:
    assert choose(head, finetuned)["kept"] == kept


@pytest.mark.parametrize("keep", ["finetuned", "head"])
def test_what_is_asked_for_is_kept_whatever_the_figures_are(keep: Literal["finetuned", "head"]) -> None:
    for head, finetuned in ((0.8, 0.9), (0.9, 0.8)):
        assert choose(scored(head, -0.5), scored(finetuned, -0.5), keep)["kept"] == keep


def test_what_was_compared_is_recorded() -> None:
    found = choose(Score({"accuracy": 0.5}, -0.7), Score({"accuracy": 0.75}, -0.6))
    valid = {"head": {"accuracy": 0.5, "log_loss": 0.7}, "finetuned": {"accuracy": 0.75, "log_loss": 0.6}}
    assert found == {"valid": valid, "kept": "finetuned"}


@pytest.mark.parametrize("keep", ["better", "finetuned"])
def test_without_fine_tuning_the_head_is_kept(keep: Literal["better", "finetuned"]) -> None:
    found = choose(Score({"accuracy": 0.5}, -0.7), None, keep)
    assert found == {"valid": {"head": {"accuracy": 0.5, "log_loss": 0.7}}, "kept": "head"}


DESCRIPTION = TINY.model_copy(update={"classes": TASK.classes})
BIAS = "head.linear.bias"


@pytest.mark.parametrize("kept", ["head", "finetuned"])
def test_the_fine_tuned_network_is_handed_on_even_where_the_head_is_kept(
    network: Network, tmp_path: Path, kept: str
) -> None:
    finetuned = copy.deepcopy(network)
    finetuned.state_dict()[BIAS].add_(1)
    hand_on(tmp_path, (network, DESCRIPTION), (finetuned, DESCRIPTION), kept)
    first, told = load(tmp_path)
    assert told.finetuned == (kept == "finetuned")
    assert torch.equal(first.state_dict()[BIAS], (finetuned if told.finetuned else network).state_dict()[BIAS])
    assert (tmp_path / NOT_KEPT).exists() == (kept == "head")
    if kept == "head":
        other, told = load(tmp_path / NOT_KEPT)
        assert told.finetuned
        assert torch.equal(other.state_dict()[BIAS], finetuned.state_dict()[BIAS])


def test_a_refitted_network_is_kept_beside_the_one_that_valid_measured(network: Network, tmp_path: Path) -> None:
    finetuned, refitted = copy.deepcopy(network), copy.deepcopy(network)
    finetuned.state_dict()[BIAS].add_(1)
    refitted.state_dict()[BIAS].add_(2)
    hand_on(tmp_path, (network, DESCRIPTION), (finetuned, DESCRIPTION), "finetuned", (refitted, DESCRIPTION))
    (first, told), (other, before) = load(tmp_path), load(tmp_path / BEFORE_REFIT)
    assert (told.finetuned, told.refit, before.finetuned, before.refit) == (True, True, True, False)
    assert torch.equal(first.state_dict()[BIAS], refitted.state_dict()[BIAS])
    assert torch.equal(other.state_dict()[BIAS], finetuned.state_dict()[BIAS])


def test_without_fine_tuning_there_is_one_network(network: Network, tmp_path: Path) -> None:
    hand_on(tmp_path, (network, DESCRIPTION), None, "head")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["model.safetensors", "network.json"]
    assert not load(tmp_path)[1].finetuned


def test_a_network_that_is_broken_gets_no_validate(network: Network, images: LabelledImages) -> None:
    assert network.head is not None
    network.head.linear.bias.data[0] = math.nan
    with pytest.raises(
        TrainingError, match=r"log loss on valid is nan at precision bf16; try a lower lr, or finetune.precision fp32"
    ):
        validate(network, TASK, images, 32, "bf16")


def test_score_of_several_labels_by_hand(network: Network, images: LabelledImages) -> None:
    assert network.head is not None
    with torch.no_grad():
        network.head.linear.weight.zero_()
        network.head.linear.bias.copy_(torch.tensor([0.0, 2.0]))
    found = validate(network, MultiLabel(["light", "seen"]), several(images), 32, "fp32")
    # every picture is predicted to be light, at even chances: half are; all are seen
    assert found.metrics == {"mean_average_precision": pytest.approx(0.75), "exact_match": 0.5}
    assert found.log_likelihood == pytest.approx((math.log(0.5) - math.log(1 + math.exp(-2))) / 2)
    assert str(found) == "mean average precision 0.7500"


def test_epoch_names_its_curves() -> None:
    epoch = Epoch(1, 32, 0.5, 0.4, {"accuracy": 0.9}, {"head": 0.1})
    wanted = {"train/loss": 0.5, "valid/loss": 0.4, "valid/accuracy": 0.9, "learning_rate/head": 0.1}
    assert epoch.curves() == wanted
    assert epoch.row() == {"epoch": 1, "train_loss": 0.5, "valid_loss": 0.4, "accuracy": 0.9}
