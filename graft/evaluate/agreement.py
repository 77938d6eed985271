"""Whether the features that the head was fitted to are those that the whole network computes."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from graft.core.errors import TrainingError
from graft.data.arrays import Embeddings
from graft.data.dataset import LabelledImages, Targets
from graft.network.config import Precision
from graft.network.head import Description, head_logits
from graft.network.inference import all_outputs
from graft.network.network import Network
from graft.network.precision import evenly_spaced
from graft.tasks import Task

LOOKED_AT = 256
"""Valid images that are compared at most: a second pass over all of a large set would tell no more."""
MAX_METRIC = 0.02
"""How far the metric that decides may differ, or by one image: a close call may fall either way."""
MAX_LOSS = 0.1
"""How far the mean log loss may differ, in nats a term."""


@dataclass(frozen=True, slots=True)
class HeadScores:
    """The head's metric that decides, by name, and its log loss in nats a term, on some valid images."""

    name: str
    metric: float
    log_loss: float

    @classmethod
    def of(cls, task: Task, logits: NDArray[np.float32], targets: Targets) -> Self:
        """Measure logits `[N, K]`."""
        name, metric = next(iter(task.metrics(logits, targets).items()))
        return cls(name, metric, -float(task.log_likelihood(logits.astype(np.float64), targets).mean()))

    def agrees(self, other: "HeadScores", images: int) -> bool:
        """Whether the two, on so many images, could be of one network."""
        metric, loss = abs(self.metric - other.metric), abs(self.log_loss - other.log_loss)
        return metric <= max(MAX_METRIC, 1 / images) + 1e-9 and loss <= MAX_LOSS  # a loss that is NaN agrees with none

    def __str__(self) -> str:
        """Both, ``accuracy 0.8125 and log loss 0.4321``."""
        return f"{self.name.replace('_', ' ')} {self.metric:.4f} and log loss {self.log_loss:.4f}"


def require_agreement(
    network: Network,
    description: Description,
    embeddings: Embeddings,
    valid: LabelledImages,
    task: Task,
    precision: Precision,
) -> str:
    """Measure the head on valid twice, on its stored features and through the whole network, and say both in a line.

    The head was fitted and chosen by the first; the second is what is evaluated and served.

    Args:
        network: the backbone with the head, as `grafted` makes it.
        description: of the head.
        embeddings: the features that it was fitted to.
        precision: what the evaluation computes in.

    Raises:
        TrainingError: the two do not agree, whatever the cause.
    """
    assert network.head is not None
    some = evenly_spaced(len(valid), LOOKED_AT)
    rows, targets = valid.rows[some], valid.targets[some]
    features = embeddings.find([valid.pixels.paths[row] for row in rows])
    stored = HeadScores.of(task, head_logits(network.head, embeddings, features), targets)
    outputs = all_outputs(network, valid.pixels, rows, description.size, precision, "agree")
    whole = HeadScores.of(task, outputs, targets)
    told = f"{stored} by its stored features, {whole} through the whole network in {precision}"
    if not stored.agrees(whole, len(some)):
        raise TrainingError(f"the head has on valid {told}: {_advice(description.precision, precision)}")
    return f"the head on valid: {told}"


def _advice(stored: Precision, evaluated: Precision) -> str:
    """What may have brought features apart, and what to do about it."""
    inexact = {"embed": stored, "evaluate": evaluated}
    keys = [f"{section}.precision: fp32 (it was {used})" for section, used in inexact.items() if used != "fp32"]
    if keys:
        return f"rounding takes these images' differences away; set {' and '.join(keys)} and run `dvc repro`"
    return "the stored features are not those of this network and these images; run `dvc repro --force embed`"
