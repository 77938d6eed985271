"""Read off the valid pictures how logits become answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from graft.core.errors import DataError, ParamsError
from graft.data.dataset import LabelledImages
from graft.evaluate.abstention import Surest, threshold
from graft.evaluate.calibration import confidences, fit_temperature
from graft.evaluate.config import Evaluate
from graft.network.device import Precision
from graft.network.inference import all_outputs
from graft.tasks import Decision, Task


@dataclass(frozen=True, slots=True)
class Logits:
    """Logits `[N, K]` of some pictures, and their targets."""

    values: NDArray[np.float32]
    targets: NDArray[Any]

    def probabilities(self, task: Task, temperature: float) -> NDArray[np.float64]:
        """Probabilities `[N, K]` at a temperature."""
        return task.probabilities(self.values / np.float32(temperature))

    def losses(self, task: Task, temperature: float) -> NDArray[np.float64]:
        """Log loss of each picture, `[N]`, in nats an answer; of logits, for probabilities round to 0."""
        cooled = (self.values / np.float32(temperature)).astype(np.float64)
        told: NDArray[np.float64] = -task.log_likelihood(cooled, self.targets).reshape(len(cooled), -1).mean(1)
        return told


def logits_of(
    network: nn.Module, images: LabelledImages, paths: Sequence[str], view: int, precision: Precision
) -> Logits:
    """Run a network over whole pictures, at the side `view`.

    Args:
        paths: of the pictures, for messages.

    Raises:
        DataError: a logit is not finite.
    """
    said = all_outputs(network, images.pixels, images.rows, view, precision, "evaluate")
    wrong = np.flatnonzero(~np.isfinite(said).all(1))
    if len(wrong):
        better = "" if precision == "fp32" else "; evaluate.precision: fp32 may hold it"
        raise DataError(
            f"{paths[wrong[0]]}: the network gives logits that are not finite in {precision}, of {len(wrong)} of "
            f"{len(said)} pictures{better}"
        )
    return Logits(said, images.targets)


def decide(task: Task, valid: Logits, config: Evaluate) -> Decision:
    """Fit the temperature, and find the threshold that is asked for.

    Raises:
        ParamsError: a threshold is asked for where pictures may have several labels, or cannot be reached.
    """
    temperature = fit_temperature(task, valid.values, valid.targets) if config.calibrate else 1.0
    below = None
    if config.abstain is not None:
        if not task.can_abstain:
            raise ParamsError(
                "evaluate.abstain: a picture with several labels may have none of them, which says it already; use null"
            )
        confidence, right = confidences(task, valid.probabilities(task, temperature), valid.targets)
        below = threshold(Surest.of(confidence, right), config.abstain)
    return Decision(tta=config.flips, temperature=temperature, abstain_below=below)
