"""Every key of params.yaml with its model: for checking all at once, before any stage runs.

Stages do not import this: each reads only its own sections, from beside the code that uses them.
"""

from typing import Any

from graft import params
from graft.errors import ParamsError, WeightsError
from graft.evaluate.settings import Evaluate
from graft.export.settings import Export
from graft.images.presize import Presize
from graft.images.settings import Augment
from graft.index.labels import Labels
from graft.index.settings import Index
from graft.model.backbone import Backbone
from graft.model.library import find
from graft.model.settings import Embed
from graft.model.weights import published
from graft.params import LearningRate, Seed
from graft.source.settings import Source
from graft.split.metadata import Audit
from graft.split.settings import Split
from graft.train.finetune import Finetune
from graft.train.train_head import TrainHead

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
        ParamsError: all problems of all sections, one a line.
    """
    problems: list[str] = []
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
