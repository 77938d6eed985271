"""How good a network is on the pictures it is chosen by."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from graft.core.errors import TrainingError
from graft.data.dataset import LabelledImages
from graft.network.device import Precision
from graft.network.inference import all_outputs
from graft.network.network import Network
from graft.tasks import Task


@dataclass(frozen=True, slots=True)
class Score:
    """Figures by name, the higher the better; `log_likelihood` is the mean of an answer, in nats."""

    figures: dict[str, float]
    log_likelihood: float

    def beats(self, other: "Score") -> bool:
        """The first figure decides; among equals, the higher log likelihood is better.

        Without a finite log likelihood nothing is beaten: a broken network may have a figure all the same.
        """
        return math.isfinite(self.log_likelihood) and self._order > other._order

    def __str__(self) -> str:
        """Say the first figure, ``accuracy 0.8125``."""
        name, figure = next(iter(self.figures.items()))
        return f"{name.replace('_', ' ')} {figure:.4f}"

    @property
    def _order(self) -> tuple[float, float]:
        return next(iter(self.figures.values())), self.log_likelihood


def score(network: Network, task: Task, images: LabelledImages, view: int, precision: Precision) -> Score:
    """Evaluate a network on whole pictures at the side `view`.

    Raises:
        TrainingError: what it says of them is not finite.
    """
    logits = all_outputs(network.eval(), images.pixels, images.rows, view, precision, "valid")
    likelihood = float(task.log_likelihood(logits.astype(np.float64), images.targets).mean())
    if not math.isfinite(likelihood):
        raise TrainingError(
            f"the network's log loss on valid is {-likelihood} at precision {precision}; "
            "try a lower lr, or finetune.precision fp32"
        )
    return Score(task.metrics(logits, images.targets), likelihood)


def better(head: Score, finetuned: Score) -> dict[str, Any]:
    """Compare the network before and after, and name which to hand on.

    The head's network is kept unless the finetuned one is better on valid, so that fine-tuning
    never hands on less than it was given.
    """
    kept = "finetuned" if finetuned.beats(head) else "head"
    scores = {"head": head, "finetuned": finetuned}
    facts = {name: found.figures | {"log_loss": -found.log_likelihood} for name, found in scores.items()}
    return {"valid": facts, "kept": kept}
