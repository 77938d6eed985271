"""What frozen layers give of views is computed once, and trains as the views themselves."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from graft.augment.augment import augment
from graft.augment.config import Augment
from graft.core.errors import ParamsError
from graft.data.dataset import LabelledImages
from graft.finetune import kept
from graft.finetune.config import Thaw
from graft.finetune.parameter_groups import freeze
from graft.network.network import Network
from tests.finetune.made import CONFIG, LIVELY, STILL, training, weights

KEPT = CONFIG.model_copy(update={"views": 2, "freeze": ["conv_stem", r"blocks\.[01]\."]})


def frozen(network: Network) -> Network:
    freeze(network, KEPT.freeze)
    return network


def test_kept_views_train_as_the_views_themselves(network: Network, images: LabelledImages, tmp_path: Path) -> None:
    """Without augmentation there is one view, and keeping it changes no more than float16 does."""
    whole = training(frozen(network), images, CONFIG, views=STILL)
    run = training(frozen(network), images, KEPT, views=STILL, folder=tmp_path)
    for plain, stored in zip(whole.epochs(), run.epochs(), strict=True):
        assert stored.train_loss == pytest.approx(plain.train_loss, rel=2e-2)
        assert stored.learning_rates == plain.learning_rates
    wanted, start = weights(whole), network.state_dict()
    for name, value in weights(run).items():
        torch.testing.assert_close(value, wanted[name], rtol=0.05, atol=2e-3)
        if name.startswith("network.features.body.blocks.1."):
            assert torch.equal(value, start[name.removeprefix("network.")])


def test_what_thaws_lies_behind_the_views_that_are_kept(
    network: Network, images: LabelledImages, tmp_path: Path
) -> None:
    thaws = [Thaw(epoch=2, pattern=r"blocks\.1\.")]
    freeze(network, KEPT.freeze, thaws)
    config = KEPT.model_copy(update={"unfreeze": thaws})
    run = training(network, images, config, lr=1e-2, folder=tmp_path)
    assert run.kept is not None
    assert run.kept.cut.name == "blocks.0"
    name, moved = "features.body.blocks.1.0.conv_pwl.weight", []
    for _ in run.epochs():
        moved.append(not torch.equal(run.network.state_dict()[name], network.state_dict()[name]))
    assert moved == [False, True, True]


def test_kept_views_are_drawn_once_and_shown_in_turn(network: Network, images: LabelledImages, tmp_path: Path) -> None:
    run = training(frozen(network), images, KEPT, folder=tmp_path)
    assert run.kept is not None
    run.kept.fill()
    places = np.arange(16)
    first, second, third = (run.kept.batch(places, epoch)[0] for epoch in (1, 2, 3))
    assert torch.equal(first, third)
    assert not torch.equal(first, second)
    assert first.is_contiguous(memory_format=torch.channels_last)


def test_kept_views_survive_a_crash(
    network: Network, images: LabelledImages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once while they are drawn, two views of sixteen pictures in eight batches, and once behind the first epoch."""
    whole = training(frozen(network), images, KEPT, folder=tmp_path / "whole")
    history = list(whole.epochs())
    drawn: list[int] = []

    def mortal(pixels: torch.Tensor, *rest: Any) -> torch.Tensor:
        if len(drawn) == 5:
            drawn.append(0)
            raise KeyboardInterrupt
        drawn.append(len(pixels))
        return augment(pixels, *rest)

    monkeypatch.setattr(kept, "MARK_EVERY", 2)
    monkeypatch.setattr(kept, "augment", mortal)
    with pytest.raises(KeyboardInterrupt):
        next(training(frozen(network), images, KEPT, folder=tmp_path / "killed").epochs())
    killed = training(frozen(network), images, KEPT, folder=tmp_path / "killed")
    done = [next(killed.epochs())]
    assert drawn == [4] * 5 + [0] + [4] * 4, "four of the five batches were marked, and are not drawn again"
    killed.save(tmp_path / "checkpoint", done)
    resumed = training(frozen(network), images, KEPT, folder=tmp_path / "killed")
    assert resumed.resume(tmp_path / "checkpoint") + list(resumed.epochs()) == history
    wanted = weights(whole)
    assert all(torch.equal(value, wanted[name]) for name, value in weights(resumed).items())


@pytest.mark.parametrize(
    ("freezes", "views", "message"),
    [
        ([], LIVELY, "there is nothing to keep, since the stem trains"),
        (["."], LIVELY, "there is nothing to keep, since no layer of the backbone trains"),
        (KEPT.freeze, Augment(mixup=0.2), r"which mixup 0.2 and cutmix 0 cannot mix"),
    ],
)
def test_views_that_cannot_be_kept(
    network: Network, images: LabelledImages, tmp_path: Path, freezes: list[str], views: Augment, message: str
) -> None:
    freeze(network, freezes)
    with pytest.raises(ParamsError, match=message):
        training(network, images, KEPT, views=views, folder=tmp_path)
