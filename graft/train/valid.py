"""How good a network is on the pictures it is chosen by."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from graft.images.rows import PictureRows
from graft.model.device import Precision
from graft.model.infer import all_outputs
from graft.model.network import Network


@dataclass(frozen=True, slots=True, order=True)
class Score:
    """Accuracy first; among equals the lower log loss (in nats) is better."""

    accuracy: float
    negative_log_loss: float


class Valid:
    """The pictures held out to choose by.

    Args:
        pixels: presized pictures.
        rows, targets: which of them, and their classes, both `[N]`.
        view: side of the view that networks are evaluated at.
    """

    def __init__(
        self,
        pixels: PictureRows,
        rows: NDArray[np.int64],
        targets: NDArray[np.int64],
        view: int,
        precision: Precision,
    ) -> None:
        self.pixels, self.rows, self.targets = pixels, rows, targets
        self.view, self.precision = view, precision

    def score(self, network: Network) -> Score:
        """Evaluate a network on whole pictures."""
        logits = all_outputs(network.eval(), self.pixels, self.rows, self.view, self.precision)
        log_probabilities = log_softmax(logits.astype(np.float64), axis=1)
        right = logits.argmax(1) == self.targets
        likelihood = log_probabilities[np.arange(len(self.rows)), self.targets]
        return Score(float(right.mean()), float(likelihood.mean()))
