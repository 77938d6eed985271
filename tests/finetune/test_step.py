"""A step trains what `freeze` and `unfreeze` say, and finds what fits into memory by trying."""

from pathlib import Path

import pytest
import torch

from graft.core.errors import ParamsError
from graft.finetune.config import Finetune
from graft.finetune.parameter_groups import parameter_groups
from graft.finetune.step import is_out_of_memory, largest_fit, load_trainable
from graft.network.head import Head, save
from tests.finetune.conftest import DESCRIPTION
from tests.network.tiny_network import fetched


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
    body = dict(network.features.body.named_parameters())
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
