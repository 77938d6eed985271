"""How good a network is on the validation images, by which it is chosen and handed on."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from graft.core.errors import TrainingError
from graft.data.dataset import LabelledImages
from graft.network.config import Precision
from graft.network.head import Description, save
from graft.network.inference import all_outputs
from graft.network.network import BEFORE_REFIT, NOT_KEPT, Network
from graft.tasks import Task


@dataclass(frozen=True, slots=True)
class Score:
    """Metrics by name, the higher the better; `log_likelihood` is the mean of its terms, in nats."""

    metrics: dict[str, float]
    log_likelihood: float

    def beats(self, other: "Score") -> bool:
        """The first metric decides; among equals, the higher log likelihood is better.

        Without a finite log likelihood nothing is beaten: a broken network may have a metric all the same.
        """
        own, others = ((next(iter(score.metrics.values())), score.log_likelihood) for score in (self, other))
        return math.isfinite(self.log_likelihood) and own > others

    def __str__(self) -> str:
        """The first metric, ``accuracy 0.8125``."""
        name, value = next(iter(self.metrics.items()))
        return f"{name.replace('_', ' ')} {value:.4f}"


def validate(
    network: Network, task: Task, images: LabelledImages, size: int, precision: Precision, batch: int | None = None
) -> Score:
    """Evaluate a network on whole images at a size.

    Args:
        batch: images of a batch in training, which a GPU takes here too.

    Raises:
        TrainingError: the log loss is not finite.
    """
    logits = all_outputs(network.eval(), images.pixels, images.rows, size, precision, "valid", batch)  # [N, K]
    likelihood = float(task.log_likelihood(logits.astype(np.float64), images.targets).mean())
    if not math.isfinite(likelihood):
        raise TrainingError(
            f"the network's log loss on valid is {-likelihood} at precision {precision}; "
            "try a lower lr, or finetune.precision fp32"
        )
    return Score(task.metrics(logits, images.targets), likelihood)


def choose(
    head: Score, finetuned: Score | None, keep: Literal["better", "finetuned", "head"] = "better"
) -> dict[str, Any]:
    """Compare the network before and after, and name which to keep: its head's, unless fine-tuning gained on valid.

    Args:
        finetuned: None where nothing was trained; then the head's is kept.
        keep: `finetune.keep`.
    """
    scores = {"head": head} | ({"finetuned": finetuned} if finetuned else {})
    valid = {name: score.metrics | {"log_loss": -score.log_likelihood} for name, score in scores.items()}
    better = "finetuned" if finetuned and finetuned.beats(head) else "head"
    return {"valid": valid, "kept": better if keep == "better" or not finetuned else keep}


def told(metrics: dict[str, Any]) -> Iterator[str]:
    """What `choose` found, for the log: the first metric of each network."""
    for name, score in metrics["valid"].items():
        yield f"{name} {next(iter(score)).replace('_', ' ')} {next(iter(score.values())):.4f}"


def hand_on(
    folder: Path,
    head: tuple[Network, Description],
    finetuned: tuple[Network, Description] | None,
    kept: str,
    refitted: tuple[Network, Description] | None = None,
) -> None:
    """Write the network that is kept, and in a folder within the fine-tuned one that was measured on valid instead.

    Args:
        head: the network that is handed on where its head is better, as `with_final_head` makes it.
        finetuned: None where nothing was trained.
        kept: as `choose` has it.
        refitted: what `finetune.refit` trained, to be kept instead of the fine-tuned one.
    """
    place = folder
    if kept == "head":
        save(folder, *head)
        place = folder / NOT_KEPT
    elif refitted is not None:
        save(folder, refitted[0], refitted[1].model_copy(update={"finetuned": True, "refit": True}))
        place = folder / BEFORE_REFIT
    if finetuned is not None:
        place.mkdir(exist_ok=True)
        save(place, finetuned[0], finetuned[1].model_copy(update={"finetuned": True}))
