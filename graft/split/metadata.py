"""The pixel-free baseline: how well the label follows from a file's place, size and EXIF alone.

Where it does, a network may learn the camera, the day or the folder instead of the thing: its
figures would then say little about pictures from elsewhere.
"""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field
from sklearn.ensemble import RandomForestClassifier

from graft.intervals import accuracy_interval
from graft.params import Section
from graft.seeds import derive
from graft.tables import JOINED

MOST_PICTURES = 10_000
"""More are drawn from at random: a baseline needs no more."""

MOST_CLASSES = 50
"""The most frequent are told apart; rarer ones count as one."""

LEAST_GAIN = 0.02
"""A gain over the majority below this is not worth a warning, however certain."""


class Audit(Section):
    """What the leak audit lets pass."""

    max_metadata_gain: float | None = Field(default=None, ge=0, le=1)
    """Largest share by which the pixel-free baseline may beat the majority class before `split` fails; null: any."""


def baseline(labels: pd.DataFrame, images: pd.DataFrame, places: pd.Series) -> dict[str, Any]:
    """Predict the labels of what is held out, valid and test, from everything but pixels.

    What the label rule reads (the label as part of the path) is blanked first: it is the label
    itself, not a leak. A random forest is fitted on train, with all clues and with each kind alone.

    Args:
        labels, images: rows of labels.csv and images.csv, aligned.
        places: the split of every row.

    Returns:
        On what is held out: ``majority``, the share of its most frequent class; ``accuracy`` with its interval;
        ``gain`` over the majority; ``suspicious``; and ``alone``: the accuracy of each kind of clue.
    """
    generator = np.random.default_rng(derive(0, "audit"))
    learn, judge = (
        _some(np.flatnonzero(places.isin(chosen).to_numpy()), generator) for chosen in (("train",), ("valid", "test"))
    )
    labels, images = labels.iloc[[*learn, *judge]], images.iloc[[*learn, *judge]]
    names = labels["labels" if "labels" in labels.columns else "label"]
    target = pd.Categorical(names, sorted(names.value_counts().index[:MOST_CLASSES])).codes
    judged = target[len(learn) :]
    floor = float(np.bincount(judged + 1).max() / len(judged))
    clues = dict(_clues(names, images)) or {"none": np.zeros((len(names), 1))}
    right = {kind: _guessed(clue, target, len(learn)) for kind, clue in clues.items()}
    every = _guessed(np.hstack(list(clues.values())), target, len(learn))
    interval, method = accuracy_interval(every, labels["group"].iloc[len(learn) :])
    gain = float(every.mean()) - floor
    return {
        "pictures": len(judge),
        "majority": floor,
        "accuracy": float(every.mean()),
        "accuracy_low": interval and interval.low,
        "accuracy_high": interval and interval.high,
        "interval": method,
        "gain": gain,
        # where all is of one group no interval tells it from chance, and to warn is the safer mistake
        "suspicious": bool((interval is None or interval.low > floor) and gain > LEAST_GAIN),
        "alone": {kind: float(answers.mean()) for kind, answers in right.items()},
    }


def _some(rows: NDArray[np.int64], generator: np.random.Generator) -> NDArray[np.int64]:
    return rows if len(rows) <= MOST_PICTURES else np.sort(generator.choice(rows, MOST_PICTURES, replace=False))


def _guessed(clue: NDArray[np.float64], target: NDArray[np.int8], learn: int) -> NDArray[np.bool_]:
    """Which rows after the first `learn` are guessed right by a forest that saw those."""
    forest = RandomForestClassifier(100, min_samples_leaf=3, random_state=0, n_jobs=1)
    forest.fit(clue[:learn], target[:learn])
    return np.asarray(forest.predict(clue[learn:]) == target[learn:], dtype=np.bool_)


def _clues(names: pd.Series, images: pd.DataFrame) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Kinds of clues as columns `[N, F]`; a kind that is the same for all pictures is no clue."""
    number = {column: images[column].astype(float) for column in ("bytes", "width", "height")}
    blank = [_blank(path, label) for path, label in zip(images["path"], names, strict=True)]
    folders = pd.Series([path.rpartition("/")[0] for path in blank])
    kinds: dict[str, list[Any]] = {
        "order": [_ranks(blank)],
        "folder": [_codes(folders)],
        "bytes": [number["bytes"]],
        "dimensions": [number["width"], number["height"], number["width"] / number["height"]],
        "encoding": [_codes(images["format"]), _codes(images["mode"])],
        "EXIF": [_codes(images["camera"]), _codes(images["taken"])],
    }
    for kind, columns in kinds.items():
        clue = np.column_stack([np.asarray(column, dtype=np.float64) for column in columns])
        if (clue != clue[0]).any():
            yield kind, clue


def _blank(path: str, label: str) -> str:
    """Path without the label, wherever it stands as a word of its own."""
    for name in label.split(JOINED):
        path = re.sub(rf"(?<![^\W_]){re.escape(name)}(?![^\W\d_])", "*", path)
    return path


def _ranks(paths: list[str]) -> NDArray[np.int64]:
    """Place of each path in the order a person would sort them, 9 before 10; equals share a place."""
    keys = [
        tuple((len(part), part) if part.isdigit() else (0, part) for part in re.split(r"(\d+)", path)) for path in paths
    ]
    place = {key: number for number, key in enumerate(sorted(set(keys)))}
    return np.asarray([place[key] for key in keys])


def _codes(values: pd.Series) -> NDArray[np.int64]:
    return np.asarray(pd.Categorical(values, sorted(values.unique())).codes, dtype=np.int64)
