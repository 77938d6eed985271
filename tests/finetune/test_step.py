"""A step trains what `freeze` and `unfreeze` say, and finds what fits into memory by trying."""

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from graft.augment.config import Augment
from graft.core.errors import ParamsError
from graft.data.dataset import LabelledImages
from graft.finetune import step
from graft.finetune.config import Finetune
from graft.finetune.parameter_groups import parameter_groups
from graft.finetune.step import is_out_of_memory, largest_fit, load_trainable
from graft.network.head import Head, save
from graft.network.network import Network
from tests.finetune.conftest import DESCRIPTION
from tests.finetune.tiny_training import CONFIG, training
from tests.network.tiny_network import fetched

LIVE = CONFIG.model_copy(update={"batch_size": 7})  # of 16 images: batches of six and of five


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """A backbone as `download` leaves it, a head as `train-head` does."""
    backbone, head = tmp_path / "backbone", tmp_path / "head"
    for folder in (backbone, head):
        folder.mkdir()
    fetched("test_efficientnet", ".safetensors", backbone)
    save(head, Head(256, 2), DESCRIPTION)
    return backbone, head


def config(**values: object) -> Finetune:
    return Finetune.model_validate({"epochs": 3, "sizes": [[32, 1.0]]} | values)


def test_what_joins_in_later_is_known_to_the_optimizer_and_the_rest_that_is_frozen_is_not(
    folders: tuple[Path, Path],
) -> None:
    wanted = {"freeze": ["conv_stem", r"blocks\.[0-3]\."], "unfreeze": [{"epoch": 3, "pattern": r"blocks\.3\."}]}
    network, _ = load_trainable(*folders, config(**wanted))
    grouped = {id(parameter) for group in parameter_groups(network, 1.0, 10.0, 0.1) for parameter in group["params"]}
    body = dict(network.parts[""].body.named_parameters())
    trained = {name.rpartition(".")[0].split(".conv")[0] for name, value in body.items() if id(value) in grouped}
    assert "blocks.3.0" in trained
    assert not any(name.startswith(("conv_stem", "blocks.0", "blocks.1", "blocks.2")) for name in trained)


def test_unfreezing_nothing_is_an_error(folders: tuple[Path, Path]) -> None:
    with pytest.raises(ParamsError, match=r"finetune.unfreeze: 'layer9' matches no parameter"):
        load_trainable(*folders, config(unfreeze=[{"epoch": 2, "pattern": "layer9"}]))


@pytest.mark.parametrize(("room", "wanted"), [(5, 4), (8, 8), (0, 0), (1, 1)])
def test_halves_until_it_fits(room: int, wanted: int) -> None:
    def attempt(batch: int) -> None:
        if batch > room:
            raise torch.OutOfMemoryError(f"{batch} images")

    assert largest_fit(attempt, 32) == wanted


def test_smaller_batches_than_may_be_are_not_tried() -> None:
    tried: list[int] = []

    def attempt(batch: int) -> None:
        tried.append(batch)
        raise MemoryError("out of memory")

    assert largest_fit(attempt, 16, minimum=2) == 0
    assert tried == [8, 4, 2]


def test_another_error_is_passed_on() -> None:
    def attempt(batch: int) -> None:
        raise RuntimeError(f"shapes of {batch} do not agree")

    with pytest.raises(RuntimeError, match="shapes of 16"):
        largest_fit(attempt, 32)


def test_errors_of_the_cpus_allocator_are_understood() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.uint8)
    assert is_out_of_memory(caught.value)
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))


def test_images_that_fill_up_a_batch_leave_its_gradient_alone(network: Network, images: LabelledImages) -> None:
    found = []
    for filled_to in (0, 8):
        run = training(network, images, LIVE, augment=Augment(mixup=0.3))
        run.step.filled_to = filled_to
        run.step.train_mode()
        pixels, targets = images.batch(np.arange(5), run.step.device)
        loss = run.step.backward(pixels, targets, 32, 0, 5)
        found.append([loss, *(parameter.grad for parameter in run.network.parameters())])
    for alone, filled in zip(*found, strict=True):
        torch.testing.assert_close(filled, alone)


@pytest.fixture
def valueless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Train on the device "meta", which has no values: whoever asked it for one, as a GPU's host would wait, fails."""
    monkeypatch.setattr(step, "pick_device", lambda: torch.device("meta"))
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())  # it knows no such device


@pytest.mark.usefixtures("valueless")
@pytest.mark.parametrize("config", [{}, {"class_weights": "balanced"}, {"focal": 2.0, "batch_norm": "train"}])
def test_a_step_asks_the_device_nothing(network: Network, images: LabelledImages, config: dict[str, Any]) -> None:
    run = training(network, images, LIVE.model_copy(update=config))
    run.step.train_mode()
    pixels, targets = (tensor.to("meta") for tensor in images.batch(np.arange(5), torch.device("cpu")))
    for _ in range(2):
        losses = run.step.backward(pixels, targets, 32, 0, 5)
        norm = run.step.update()
        run.average.update()
    assert losses.is_meta
    assert norm.is_meta
    assert run.average.updates == 2


@pytest.mark.usefixtures("valueless")
@pytest.mark.parametrize(("batch_norm", "wanted"), [("frozen", 6), ("train", 0)])
def test_off_the_cpu_batches_are_filled_up_where_no_norm_follows_them(
    network: Network, images: LabelledImages, batch_norm: str, wanted: int
) -> None:
    assert training(network, images, LIVE.model_copy(update={"batch_norm": batch_norm})).step.filled_to == wanted


@pytest.mark.parametrize("config", [{}, {"precision": "bf16"}, {"batch_norm": "train", "optimizer": "sgd"}])
def test_a_gpu_is_not_waited_for_in_a_step(
    network: Network, images: LabelledImages, config: dict[str, Any], cuda: torch.device
) -> None:
    run = training(network, images, LIVE.model_copy(update=config))
    run.step.train_mode()
    pixels, targets = images.batch(np.arange(5), cuda)
    for number in range(3):
        torch.cuda.set_sync_debug_mode("error" if number else "default")  # what is set up once may wait
        try:
            run.step.backward(pixels, targets, 32, number, 5)
            run.step.update()
            run.average.update()
        finally:
            torch.cuda.set_sync_debug_mode("default")
    assert run.step.network.mean.device.type == cuda.type
