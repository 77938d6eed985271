"""Stored features made on the spot, as `embed` leaves them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from graft.data.arrays import Embeddings
from graft.data.dataset import Dataset


def stored(folder: Path, features: NDArray[Any]) -> Embeddings:
    """Write features `[N, D]` or `[N, V, D]` of the pictures 000.png, 001.png and so on."""
    values = features[:, None] if features.ndim == 2 else features
    np.save(folder / "features.npy", values.astype(np.float32))
    pd.DataFrame({"path": paths(len(features))}).to_csv(folder / "rows.csv", index=False)
    return Embeddings(folder / "features.npy")


def paths(count: int) -> list[str]:
    return [f"{number:04}.png" for number in range(count)]


def dataset(labels: Sequence[str], split: str | Sequence[str] = "train", **columns: Any) -> Dataset:
    """One label a picture."""
    rows = pd.DataFrame({"path": paths(len(labels)), "label": labels, "group": ""} | columns).assign(split=split)
    return Dataset(rows, sorted(set(labels)))


def alone(count: int) -> pd.Series:
    """Duplicate groups: no picture has a copy."""
    return pd.Series([str(number) for number in range(count)])


def two_clouds(count: int, width: int = 16, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.str_]]:
    """Two classes, a and b, of which the best plane tells 95 % apart, and their labels."""
    generator = np.random.default_rng(seed)
    labels = np.resize(["a", "b"], count)
    features = generator.normal(size=(count, width))
    features[:, 0] += np.where(labels == "a", -1.645, 1.645)
    return features, labels


def flip(labels: NDArray[np.str_], share: float, seed: int = 0) -> tuple[NDArray[np.str_], NDArray[np.int64]]:
    """Labels with a share of them turned into the other of two classes, and which."""
    chosen = np.random.default_rng(seed + 100).permutation(len(labels))[: round(share * len(labels))]
    wrong = labels.copy()
    wrong[chosen] = np.where(labels[chosen] == "a", "b", "a")
    return wrong, chosen
