"""What the classifier answers for an image, or why it has no answer."""

import heapq
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from graft.images.regions import Region
from graft.predict.bundle import Metadata


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the classifier answers for one image.

    Attributes:
        label: the most probable class that holds; None where the classifier is not sure, or none holds.
        labels: the classes that hold: `label` alone or, from a bundle of several labels an image, those
            as probable as its threshold or more, in the order of the classes, maybe none.
        probability: of the most probable class, whether it holds or not.
        probabilities: of every class, by name.
        sure: whether `probability` reaches the bundle's ``abstain_below``; always, without one.
        source: what was classified: a path as given, an open file's name, else empty.
        region: the part of the image that was; None for all of it.
    """

    label: str | None
    labels: tuple[str, ...]
    probability: float
    probabilities: dict[str, float]
    sure: bool = True
    source: str = ""
    region: Region | None = None

    def top(self, count: int) -> list[tuple[str, float]]:
        """Return so many classes with their probabilities, the most probable first."""
        return heapq.nlargest(count, self.probabilities.items(), key=lambda item: item[1])


@dataclass(frozen=True, slots=True)
class Failure:
    """An image that could not be classified: why, in one line, and its source as in `Prediction`."""

    error: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class Nothing:
    """An image in which there was nothing to classify: no face, or no box in the table; its source as above."""

    source: str = ""


def decide(row: NDArray[np.float32], metadata: Metadata, source: str = "") -> Prediction:
    """Turn an image's probabilities `[K]` into a prediction."""
    row = np.clip(row, 0, 1)  # a softmax may round to a little more than one
    best = int(row.argmax())
    name, probability, sure = metadata.classes[best], float(row[best]), True
    if metadata.multi_label:
        labels = tuple(metadata.classes[index] for index in np.flatnonzero(row >= metadata.threshold))
    else:
        sure = metadata.abstain_below is None or probability >= metadata.abstain_below
        labels = (name,) if sure else ()
    probabilities = dict(zip(metadata.classes, row.tolist(), strict=True))
    return Prediction(name if labels else None, labels, probability, probabilities, sure, source)
