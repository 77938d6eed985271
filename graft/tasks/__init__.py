"""What is asked of a network: the one class of a picture, or which of the classes hold.

All that differs between the two follows from the object that `task_of` makes: targets are read
by it, and loss, probabilities, decisions and scores are its own.

Targets are those of `graft.data.dataset`: int64 `[N]`, or float32 `[N, K]` of zeros and ones.
"""

from graft.network.head import Description
from graft.tasks.base import Task
from graft.tasks.multi_label import THRESHOLD, ManyLabels
from graft.tasks.single_label import OneLabel

__all__ = ["THRESHOLD", "ManyLabels", "OneLabel", "Task", "make_task", "task_of"]


def make_task(classes: list[str], multi_label: bool) -> Task:
    """The task of a dataset."""
    return ManyLabels(classes) if multi_label else OneLabel(classes)


def task_of(description: Description) -> Task:
    """The task that a saved head or network was made for."""
    return make_task(description.classes, description.multi_label)
