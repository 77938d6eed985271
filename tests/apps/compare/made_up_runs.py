"""Made-up runs that the tests of comparing share."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from graft.apps.compare.run import Run, parse_predictions

CLASSES = ("cat", "dog", "owl")


def names(count: int) -> list[str]:
    """Paths of images."""
    return [f"images/{index:04d}.png" for index in range(count)]


def csv(
    labels: Sequence[str], answers: Sequence[str], chance: float = 0.8, paths: Sequence[str] | None = None
) -> bytes:
    """predictions.csv: every answer with the same probability, the rest shared alike."""
    paths = paths or names(len(labels))
    chances = {
        f"p_{name}": [chance if name == answer else (1 - chance) / (len(CLASSES) - 1) for answer in answers]
        for name in CLASSES
    }
    given = [chance if label == answer else (1 - chance) / 2 for label, answer in zip(labels, answers, strict=True)]
    columns = {"path": paths, "label": labels, "predicted": answers, "loss": -np.log(given)}
    text: str = pd.DataFrame(columns | chances).round(6).to_csv(index=False, lineterminator="\n")
    return text.encode()


def run(
    labels: Sequence[str],
    answers: Sequence[str],
    title: str = "some",
    chance: float = 0.8,
    paths: Sequence[str] | None = None,
    **more: Any,
) -> Run:
    """A run with these answers."""
    rest = {"params": {}, "metrics": {}, "split": None, "unreadable": []} | more
    return Run(title=title, predictions=parse_predictions(csv(labels, answers, chance, paths), "made"), **rest)


def answers(labels: Sequence[str], wrong: Sequence[int]) -> list[str]:
    """Right answers, but for some images."""
    return [
        CLASSES[(CLASSES.index(label) + 1) % 3] if index in set(wrong) else label for index, label in enumerate(labels)
    ]


def labels(count: int) -> list[str]:
    """Each class in turn."""
    return [CLASSES[index % 3] for index in range(count)]


def pair(count: int, wrong_a: Sequence[int], wrong_b: Sequence[int], **more: Any) -> tuple[Run, Run]:
    """Two runs on the same images, each wrong about some of them."""
    told = labels(count)
    return run(told, answers(told, wrong_a), "old (aaaaaaa)", **more), run(told, answers(told, wrong_b), "new", **more)
