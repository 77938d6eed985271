"""How good a network is on the pictures it is chosen by."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import log_softmax

from graft.images.pictures import Pictures
from graft.model.device import Precision
from graft.model.infer import all_outputs
from graft.model.network import Network


@dataclass(frozen=True, slots=True, order=True)
class Score:
    """Accuracy first; among equals the higher mean log likelihood, in nats, is better."""

    accuracy: float
    log_likelihood: float


def score(network: Network, pictures: Pictures, view: int, precision: Precision) -> Score:
    """Evaluate a network on whole pictures at the side `view`."""
    logits = all_outputs(network.eval(), pictures.pixels, pictures.rows, view, precision, "valid")
    log_probabilities = log_softmax(logits.astype(np.float64), axis=1)
    right = logits.argmax(1) == pictures.targets
    likelihood = log_probabilities[np.arange(len(pictures)), pictures.targets]
    return Score(float(right.mean()), float(likelihood.mean()))


def better(head: Score, finetuned: Score) -> dict[str, Any]:
    """Compare the network before and after, and name which to hand on.

    The head's network is kept unless the finetuned one is better on valid, so that fine-tuning
    never hands on less than it was given.
    """
    kept = "finetuned" if finetuned > head else "head"
    scores = {"head": head, "finetuned": finetuned}
    facts = {name: {"accuracy": found.accuracy, "log_loss": -found.log_likelihood} for name, found in scores.items()}
    return {"valid": facts, "kept": kept}
