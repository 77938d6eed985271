"""What the classifier says of a picture, or why it says nothing."""

import heapq
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from graft.predict.bundle import Facts


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the classifier says of one picture.

    Attributes:
        label: the most probable class that holds; None where the classifier is not sure, or none holds.
        labels: the classes that hold: `label` alone or, from a bundle of several labels a picture, those
            as probable as its threshold or more, in the order of the classes, maybe none.
        probability: of the most probable class, whether it holds or not.
        probabilities: of every class, by name.
        sure: whether `probability` reaches the bundle's ``abstain_below``; always, without one.
        source: what was classified: a path as given, an open file's name, else empty.
    """

    label: str | None
    labels: tuple[str, ...]
    probability: float
    probabilities: dict[str, float]
    sure: bool = True
    source: str = ""

    def top(self, count: int) -> list[tuple[str, float]]:
        """Return so many classes with their probabilities, the most probable first."""
        return heapq.nlargest(count, self.probabilities.items(), key=lambda item: item[1])


@dataclass(frozen=True, slots=True)
class Failure:
    """A picture that could not be classified.

    Attributes:
        error: why, in one line.
        source: as in `Prediction`.
    """

    error: str
    source: str = ""


def decide(row: NDArray[np.float32], facts: Facts, source: str = "") -> Prediction:
    """Turn a picture's probabilities `[K]` into a prediction."""
    row = np.clip(row, 0, 1)  # a softmax may round to a little more than one
    best = int(row.argmax())
    name, probability, sure = facts.classes[best], float(row[best]), True
    if facts.multi_label:
        held = tuple(facts.classes[place] for place in np.flatnonzero(row >= facts.threshold))
    else:
        sure = facts.abstain_below is None or probability >= facts.abstain_below
        held = (name,) if sure else ()
    chances = dict(zip(facts.classes, row.tolist(), strict=True))
    return Prediction(name if held else None, held, probability, chances, sure, source)
