"""Which classes are taken for which: the mistakes by how often they are made, and the confusion matrix as a table."""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from graft.core import tables
from graft.evaluate.single_label import confusion


def most_confused(
    predicted: NDArray[np.int64], targets: NDArray[np.int64], classes: list[str]
) -> list[tuple[str, str, int]]:
    """Pairs of classes that are confused, the most frequent first, equal ones by name.

    Args:
        predicted, targets: `[N]`, places in `classes`.

    Returns:
        Actual class, predicted class, pictures.

    Source: ClassificationInterpretation.most_confused of fastai 2, https://docs.fast.ai/interpret.html
    """
    counts = confusion(predicted, targets, classes)
    np.fill_diagonal(counts, 0)
    pairs = np.argwhere(counts > 0)
    found = [(classes[actual], classes[said], int(counts[actual, said])) for actual, said in pairs]
    return sorted(found, key=lambda pair: (-pair[2], pair[0], pair[1]))


def counted(predicted: NDArray[np.int64], targets: NDArray[np.int64], classes: list[str]) -> pd.DataFrame:
    """The confusion matrix, a row a cell: actual, predicted, pictures, and their share of the actual class.

    Cells without a picture are left out but for the diagonal, which names every class. A class
    without a picture has no share.
    """
    counts = confusion(predicted, targets, classes)
    kept = np.argwhere((counts > 0) | np.eye(len(classes), dtype=bool))
    images = counts[kept[:, 0], kept[:, 1]]
    of_class = counts.sum(1)[kept[:, 0]]
    return pd.DataFrame(
        {
            "actual": [classes[place] for place in kept[:, 0]],
            "predicted": [classes[place] for place in kept[:, 1]],
            "images": images,
            "share": np.where(of_class > 0, images / of_class.clip(1), np.nan).round(6),
        }
    )


def save_confused(
    folder: Path, predicted: NDArray[np.int64], targets: NDArray[np.int64], classes: list[str]
) -> list[tuple[str, str, int]]:
    """Write ``confused.csv``, the pairs that are confused, and ``confusion.csv``, the matrix; return the pairs."""
    pairs = most_confused(predicted, targets, classes)
    tables.write(folder / "confused.csv", pd.DataFrame(pairs, columns=["actual", "predicted", "images"]))
    tables.write(folder / "confusion.csv", counted(predicted, targets, classes))
    return pairs


def save_no_matrix(folder: Path) -> None:
    """Write ``confusion.csv`` without a row: with several labels a picture, no class is taken for another."""
    tables.write(folder / "confusion.csv", pd.DataFrame(columns=["actual", "predicted", "images", "share"]))
