"""What a network is asked: the one class of an image (`SingleLabel`), or every class that holds (`MultiLabel`).

All that differs between the two is a method of the object that `task_of` makes; no other code asks which it is.
"""

from graft.network.head import Description
from graft.tasks.base import Decision, LossOptions, Task
from graft.tasks.multi_label import MultiLabel
from graft.tasks.single_label import SingleLabel

__all__ = ["Decision", "LossOptions", "MultiLabel", "SingleLabel", "Task", "make_task", "task_of"]


def make_task(classes: list[str], multi_label: bool) -> Task:
    """The task of a dataset."""
    return MultiLabel(classes) if multi_label else SingleLabel(classes)


def task_of(description: Description) -> Task:
    """The task that a saved head or network was made for."""
    return make_task(description.classes, description.multi_label)
