"""Train once more, on train and valid together, what won: by the same schedule, and nothing is chosen afterwards."""

import math
from pathlib import Path

from graft.data.dataset import Dataset
from graft.finetune.config import Finetune
from graft.finetune.previous import begin
from graft.finetune.step import load_trainable
from graft.finetune.validate import Score
from graft.network.head import handed_on
from graft.network.network import Network

SEEN = "train", "valid"
"""What is learnt from."""


def load_refit(backbone: Path, head: Path, config: Finetune, dataset: Dataset) -> Network:
    """Load what the training begins from: as the first one did, but with the head that was refitted, if one was."""
    network, description = load_trainable(backbone, handed_on(head), config)
    begin(network, description, config, dataset)
    return network


def unscored(_: Network) -> Score:
    """No score: of valid it would flatter."""
    return Score({}, -math.nan)
