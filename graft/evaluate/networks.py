"""What both networks answer, the one handed on and the other: of test, of valid, and of images to calibrate by."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from graft.data.arrays import Embeddings
from graft.data.dataset import Dataset, LabelledImages
from graft.evaluate.config import Evaluate
from graft.evaluate.decision import Logits, temperature_of
from graft.heads.cross_validate import OUT_OF_FOLD, SEEN, answerable, never_learnt
from graft.network.head import Description, handed_on, head_logits, load_head
from graft.network.network import BEFORE_REFIT, NOT_KEPT, Network, load
from graft.tasks import Task

Answer = Callable[[Network, LabelledImages], Logits]
"""Runs a network over images."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What a network answers.

    Attributes:
        splits: by split, test and valid.
        unseen: of images that it did not learn from, for the temperature and the threshold: those of valid, or for a
            head that learnt them too, those of train and valid out of fold.
    """

    splits: dict[str, Logits]
    unseen: Logits

    def calibrated(self, task: Task, config: Evaluate) -> dict[str, NDArray[np.float32]]:
        """Logits by split, divided by the network's own temperature."""
        temperature = np.float32(temperature_of(task, self.unseen, config))
        return {split: logits.values / temperature for split, logits in self.splits.items()}


@dataclass(frozen=True, slots=True)
class StoredHead:
    """The head on stored features, which costs next to nothing: of the images as they are, without flips.

    Attributes:
        folder: what `train-head` wrote.
    """

    folder: Path
    embeddings: Embeddings
    dataset: Dataset
    task: Task

    def split(self, name: str) -> Logits:
        """What the head handed on answers of test, and of valid the head that never saw it."""
        head, _ = load_head(self.folder if name == "valid" else handed_on(self.folder))
        rows = self.embeddings.find(self.dataset.paths(name))
        return Logits(head_logits(head, self.embeddings, rows), self.dataset.targets(name))

    def unseen(self) -> Logits:
        """What heads answer of images that they had not learnt from, where they could answer."""
        if handed_on(self.folder) == self.folder:
            return self.split("valid")
        values, targets = np.load(self.folder / OUT_OF_FOLD), self.dataset.targets(*SEEN)
        known = answerable(values, targets, self.task)
        return Logits(never_learnt(values[known]), targets[known])


def answers_of_kept(
    folder: Path,
    network: Network,
    description: Description,
    head: StoredHead,
    images: dict[str, LabelledImages],
    answer: Answer,
) -> Answers:
    """Answer the images by the network handed on, which lies in a folder; those of valid by one that never saw them."""
    if not description.refit:
        splits = {split: answer(network, some) for split, some in images.items()}
        return Answers(splits, splits["valid"])
    test = answer(network, images["test"])
    if not description.finetuned:
        return Answers({"test": test, "valid": head.split("valid")}, head.unseen())
    before, _ = load(folder / BEFORE_REFIT)
    valid = answer(before, images["valid"])
    return Answers({"test": test, "valid": valid}, valid)


def answers_of_other(
    folder: Path, description: Description, head: StoredHead, images: dict[str, LabelledImages], answer: Answer
) -> Answers | None:
    """Answer the images by the network that was not handed on; None where nothing was fine-tuned.

    Args:
        folder: of the network handed on, and `description` its description.
    """
    if description.finetuned:
        return Answers({split: head.split(split) for split in images}, head.unseen())
    if not (folder / NOT_KEPT).is_dir():
        return None
    network, _ = load(folder / NOT_KEPT)
    splits = {split: answer(network, some) for split, some in images.items()}
    return Answers(splits, splits["valid"])
