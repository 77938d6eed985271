"""Fine-tuning takes up the network with what `freeze` and `unfreeze` say."""

from pathlib import Path

import pytest

from graft.core.errors import ParamsError
from graft.finetune.config import Finetune
from graft.finetune.parameter_groups import parameter_groups
from graft.finetune.start import trainable
from graft.network.head import Head, save
from tests.finetune.conftest import DESCRIPTION
from tests.network.made import fetched


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


def test_what_thaws_later_is_known_to_the_optimizer_and_the_rest_that_is_frozen_is_not(
    folders: tuple[Path, Path],
) -> None:
    wanted = {"freeze": ["conv_stem", r"blocks\.[0-3]\."], "unfreeze": [{"epoch": 3, "pattern": r"blocks\.3\."}]}
    network, _ = trainable(*folders, config(**wanted))
    grouped = {id(parameter) for group in parameter_groups(network, 1.0, 10.0, 0.1) for parameter in group["params"]}
    body = dict(network.features.body.named_parameters())
    told = {name.rpartition(".")[0].split(".conv")[0] for name, value in body.items() if id(value) in grouped}
    assert "blocks.3.0" in told
    assert not any(name.startswith(("conv_stem", "blocks.0", "blocks.1", "blocks.2")) for name in told)


def test_a_thaw_that_matches_nothing_is_an_error(folders: tuple[Path, Path]) -> None:
    with pytest.raises(ParamsError, match=r"finetune.unfreeze: 'layer9' matches no parameter"):
        trainable(*folders, config(unfreeze=[{"epoch": 2, "pattern": "layer9"}]))
