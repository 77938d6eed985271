"""The network as fine-tuning takes it up."""

from pathlib import Path

from graft.finetune.config import Finetune
from graft.finetune.parameter_groups import freeze
from graft.network.head import Description, load_head
from graft.network.network import Network, check_side, grafted


def trainable(backbone: Path, head: Path, config: Finetune) -> tuple[Network, Description]:
    """Graft a fitted head onto the pretrained network; what stays frozen is marked so.

    Args:
        backbone: the folder that `download` wrote.
        head: the folder that `train-head` wrote.

    Raises:
        ParamsError: the network takes no views of a size, or a pattern of `freeze` or `unfreeze` matches nothing.
    """
    fitted, description = load_head(head)
    description = description.model_copy(update={"folded": config.batch_norm == "frozen"})
    network = grafted(backbone, description, fitted, config.drop_path)
    for side in config.sides(description.view):
        check_side(network, description.backbone, side, "finetune.sizes")
    freeze(network, config.freeze, config.unfreeze)
    return network, description
