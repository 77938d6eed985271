"""What the network answers that was not handed on: the head, or the fine-tuned one where the head was."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from graft.data.arrays import Embeddings
from graft.data.dataset import LabelledImages
from graft.evaluate.config import Evaluate
from graft.evaluate.decision import Logits, temperature_of
from graft.network.head import Description, Head, head_logits
from graft.network.network import NOT_KEPT, Network, load
from graft.tasks import Task


def answers_of_other(
    folder: Path,
    description: Description,
    head: Head,
    embeddings: Embeddings,
    images: dict[str, LabelledImages],
    answer: Callable[[Network, LabelledImages], Logits],
) -> dict[str, Logits]:
    """Answer the images of every split by the network that was not handed on.

    The head's answers cost next to nothing, since the features it reads are stored; so they are of the images as they
    are, without the flips of `evaluate.tta`. A fine-tuned network runs over all images.

    Args:
        folder: of the network handed on, and `description` its description.
        embeddings: the features that the head was fitted to.
        answer: runs a network over images.

    Returns:
        Logits by split; none where nothing was fine-tuned.
    """
    if description.finetuned:
        rows = {split: embeddings.find([some.pixels.paths[row] for row in some.rows]) for split, some in images.items()}
        return {split: Logits(head_logits(head, embeddings, rows[split]), images[split].targets) for split in rows}
    if not (folder / NOT_KEPT).is_dir():
        return {}
    network, _ = load(folder / NOT_KEPT)
    return {split: answer(network, some) for split, some in images.items()}


def calibrated(task: Task, answers: dict[str, Logits], config: Evaluate) -> dict[str, NDArray[np.float32]]:
    """Logits by split at the network's own temperature, as `decide` finds it for the network handed on."""
    if not answers:
        return {}
    temperature = np.float32(temperature_of(task, answers["valid"], config))
    return {split: logits.values / temperature for split, logits in answers.items()}
