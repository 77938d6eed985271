"""Training goes on from a network kept earlier, if that is the one meant, of the same kind, and knows no test image."""

import json
from pathlib import Path

import pandas as pd
import pytest
import torch

from graft.core.errors import DataError, GraftError, ParamsError, TrainingError
from graft.core.params import check
from graft.data.dataset import Dataset
from graft.data.raw import fingerprint
from graft.finetune.config import Finetune
from graft.finetune.previous import begin
from graft.network.head import save
from graft.network.network import Network
from tests.finetune.conftest import DESCRIPTION

SPLIT = {"a": "train", "b": "valid", "c": "test", "d": "excluded"}


def dataset(**splits: str) -> Dataset:
    """Images whose split is as it was, but for some."""
    split = SPLIT | splits
    rows = pd.DataFrame({"path": list(split), "label": "dark", "group": "", "split": list(split.values())})
    return Dataset(rows, DESCRIPTION.classes)


@pytest.fixture
def previous(network: Network, tmp_path: Path) -> Path:
    """What `graft keep` leaves: the same network, its head trained to other weights."""
    folder = tmp_path / "previous"
    folder.mkdir()
    assert network.head is not None
    weights = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    torch.nn.init.constant_(network.head.linear.weight, 0.25)
    save(folder, network, DESCRIPTION)
    network.load_state_dict(weights)
    pd.DataFrame({"path": list(SPLIT), "split": list(SPLIT.values())}).to_csv(folder / "split.csv", index=False)
    return folder


def start(network: Network, previous: Path, images: Dataset | None = None, **described: object) -> None:
    config = Finetune(init="previous", previous=fingerprint(previous))
    begin(network, DESCRIPTION.model_copy(update=described), config, images or dataset(), previous)


def test_the_weights_are_those_that_were_kept(network: Network, previous: Path) -> None:
    start(network, previous, dataset(e="test", f="train", d="train"), size=48)
    assert network.head is not None
    assert (network.head.linear.weight == 0.25).all()


def test_a_network_that_learnt_valid_is_refused(network: Network, previous: Path) -> None:
    description = json.loads((previous / "network.json").read_text()) | {"refit": True}
    (previous / "network.json").write_text(json.dumps(description))
    with pytest.raises(TrainingError, match=r"learnt from valid as well, .* have train_head\.refit and"):
        start(network, previous)


def test_without_a_wish_it_begins_from_the_head(network: Network, tmp_path: Path) -> None:
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    begin(network, DESCRIPTION, Finetune(), dataset(), tmp_path / "absent")
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


@pytest.mark.parametrize(
    ("images", "described", "error", "message"),
    [
        (
            dataset(),
            {"classes": ["dark", "dim", "light"]},
            TrainingError,
            "has 2 classes and this run 3 .only there: none; only here: dim.; they must be the same",
        ),
        (dataset(), {"classes": ["light", "dark"]}, TrainingError, "they must be the same: set finetune.init to head"),
        (
            dataset(),
            {"layers": ["blocks.3"]},
            TrainingError,
            r"layers \[\] and this run \['blocks.3'\]: set embed.layers",
        ),
        (dataset(), {"folded": False}, TrainingError, "set finetune.batch_norm as it was"),
        (dataset(a="test"), {}, DataError, "1 images were .* such as 'a', then in train and now in test"),
        (dataset(b="test"), {}, DataError, "'b', then in valid and now in test"),
        (dataset(a="valid"), {}, DataError, "'a', then in train and now in valid"),
    ],
    ids=["new class", "other order", "other layers", "other norms", "seen", "chosen by", "seen before choosing"],
)
def test_what_would_be_another_network_or_a_leak_is_refused(
    network: Network,
    previous: Path,
    images: Dataset,
    described: dict[str, object],
    error: type[GraftError],
    message: str,
) -> None:
    with pytest.raises(error, match=message):
        start(network, previous, images, **described)


def test_only_the_network_that_the_params_name_is_taken(network: Network, previous: Path, tmp_path: Path) -> None:
    config = Finetune(init="previous", previous=fingerprint(previous))
    changed = json.loads((previous / "network.json").read_text()) | {"size": 64}
    (previous / "network.json").write_text(json.dumps(changed))
    with pytest.raises(TrainingError, match=f"has the digest {fingerprint(previous)}, and finetune.previous is "):
        begin(network, DESCRIPTION, config, dataset(), previous)
    with pytest.raises(TrainingError, match="absent is absent: `graft keep` fills it"):
        begin(network, DESCRIPTION, config, dataset(), tmp_path / "absent")


def test_previous_needs_a_digest() -> None:
    with pytest.raises(ParamsError, match="init 'previous' needs the digest of models/previous; `graft keep` writes"):
        check("finetune", Finetune, {"init": "previous"})
