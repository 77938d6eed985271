"""Every key of params.yaml with its model: for checking all at once, before any stage runs.

Stages do not import this: each reads only its own sections, from beside the code that uses them.
"""

from typing import Any

from graft.augment.config import Augment
from graft.backbone.build import find
from graft.backbone.config import Backbone
from graft.backbone.weights import published
from graft.core import params
from graft.core.errors import ParamsError, WeightsError, nearest
from graft.core.seeds import Seed
from graft.evaluate.config import Evaluate
from graft.export.config import Export
from graft.finetune.config import Finetune
from graft.heads.config import TrainHead
from graft.images.presize import Presize
from graft.index.config import Index
from graft.labels.rules import Labels
from graft.network.config import Embed
from graft.optim.schedule import LearningRate
from graft.source.config import Source
from graft.split.config import Split
from graft.split.metadata import Audit

MODELS: dict[str, Any] = {
    "lr": LearningRate,
    "seed": Seed,
    "source": Source,
    "labels": Labels,
    "index": Index,
    "split": Split,
    "audit": Audit,
    "presize": Presize,
    "backbone": Backbone,
    "embed": Embed,
    "train_head": TrainHead,
    "augment": Augment,
    "finetune": Finetune,
    "evaluate": Evaluate,
    "export": Export,
}


def check_all(values: dict[str, Any]) -> int:
    """Check every key, and that the libraries have the backbone of that name; return how many keys there are.

    Raises:
        ParamsError: all problems of all sections, a missing or unknown key among them, one a line.
    """
    strange = [key for key in values if key not in MODELS]
    problems = [f"{key}: unknown key{nearest(str(key), MODELS)}; the keys are {', '.join(MODELS)}" for key in strange]
    for key, kind in MODELS.items():
        try:
            section = params.check(key, kind, values[key])
            if isinstance(section, Backbone):
                published(section.weights, find(section.name).name)
        except (ParamsError, WeightsError) as error:
            problems.append(str(error))
    if problems:
        raise ParamsError("\n".join(problems))
    return len(MODELS)
