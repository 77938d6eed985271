"""The pixel-free baseline: how well the label follows from a file's place, size and EXIF alone.

Where it does, a network may learn the camera, the day or the folder instead of the thing: its
figures would then say little about pictures from elsewhere.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field
from sklearn.ensemble import RandomForestClassifier

from graft.core.params import Section
from graft.core.seeds import derive
from graft.data.dataset import LABEL_DELIMITER, is_multi_label, label_column
from graft.stats.intervals import accuracy_interval


def blanked(paths: Iterable[str], classes: Collection[str], pattern: str | None) -> list[str]:
    """Blank in each path the name of every class that stands there as a word, or as a number, of its own.

    Args:
        paths: of the pictures.
        classes: their names.
        pattern: the label rule's, if it has one: what its group ``label`` reads is blanked, too.
    """
    rule = None if pattern is None else re.compile(pattern)
    words = re.compile(rf"(?<![^\W_])(?:{'|'.join(_word(name) for name in sorted(classes, key=_longest_first))})")
    return [words.sub("*", _unread(unicodedata.normalize("NFC", path), rule)) for path in paths]


def _longest_first(name: str) -> tuple[int, str]:
    return -len(name), name


def _word(name: str) -> str:
    """A word may be followed by a counter, ``cat012``; a number by nothing that would make it another."""
    return re.escape(name) + (r"(?![^\W_])" if name[-1].isdigit() else r"(?![^\W\d_])")


def _unread(path: str, rule: re.Pattern[str] | None) -> str:
    spans = [found.span("label") for found in rule.finditer(path) if found["label"]] if rule else []
    for start, end in reversed(spans):
        path = f"{path[:start]}*{path[end:]}"
    return path


MOST_IMAGES = 10_000
"""More are drawn from at random: a baseline needs no more."""

MOST_CLASSES = 50
"""Only pictures of the most frequent are learnt and judged: told as one, the rest would be the majority."""

LEAST_GAIN = 0.02
"""A gain over the majority below this is not worth a warning, however certain."""


class Audit(Section):
    """What the leak audit lets pass."""

    max_metadata_gain: float | None = Field(default=None, ge=0, le=1)
    """Largest share by which the pixel-free baseline may beat the majority class before `split` fails; null: any."""


def baseline(
    labels: pd.DataFrame, images: pd.DataFrame, places: pd.Series, pattern: str | None = None
) -> dict[str, Any]:
    """Predict the labels of what is held out, valid and test, from everything but pixels.

    What tells the label in the path is blanked first: it is the label itself, not a leak. A random
    forest is fitted on train, with all clues and with each kind alone.

    Args:
        labels, images: rows of labels.csv and images.csv, aligned.
        places: the split of every row.
        pattern: of the label rule, where that is one.

    Returns:
        On what is held out: ``images`` judged, and ``left_out`` of rarer classes; ``majority``, the share of the
        most frequent class; ``accuracy`` with its interval; ``gain`` over the majority; ``suspicious``; and
        ``alone``: the accuracy of each kind of clue.
    """
    generator = np.random.default_rng(derive(0, "audit"))
    train, held_out = (places.isin(chosen).to_numpy() for chosen in (("train",), ("valid", "test")))
    classes = _most_frequent(label_column(labels)[held_out])
    kept = label_column(labels).isin(classes).to_numpy()
    known = train & kept if (train & kept).any() else train
    learn, judge = (_some(np.flatnonzero(rows), generator) for rows in (known, held_out & kept))
    labels, images = labels.iloc[[*learn, *judge]], images.iloc[[*learn, *judge]]
    target = pd.Index(classes).get_indexer(pd.Index(label_column(labels)))
    judged = target[len(learn) :]
    floor = float(np.bincount(judged).max() / len(judged))
    paths = blanked(images["path"], _words(classes, is_multi_label(labels)), pattern)
    clues = dict(_clues(paths, images)) or {"none": np.zeros((len(labels), 1))}
    right = {kind: _guessed(clue, target, len(learn)) for kind, clue in clues.items()}
    every = _guessed(np.hstack(list(clues.values())), target, len(learn))
    interval, method = accuracy_interval(every, labels["group"].iloc[len(learn) :])
    gain = float(every.mean()) - floor
    return {
        "images": len(judge),
        "left_out": int((held_out & ~kept).sum()),
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


def _most_frequent(names: pd.Series) -> list[str]:
    counts = names.value_counts().sort_index().sort_values(ascending=False, kind="stable")
    return sorted(counts.index[:MOST_CLASSES])


def _words(classes: list[str], several: bool) -> set[str]:
    """Names of classes; of joined ones, each."""
    return {word for name in classes for word in (name.split(LABEL_DELIMITER) if several else [name])} - {""}


def _some(rows: NDArray[np.int64], generator: np.random.Generator) -> NDArray[np.int64]:
    return rows if len(rows) <= MOST_IMAGES else np.sort(generator.choice(rows, MOST_IMAGES, replace=False))


def _guessed(clue: NDArray[np.float64], target: NDArray[np.int64], learn: int) -> NDArray[np.bool_]:
    """Which rows after the first `learn` are guessed right by a forest that saw those."""
    forest = RandomForestClassifier(100, min_samples_leaf=3, random_state=0, n_jobs=1)
    forest.fit(clue[:learn], target[:learn])
    return np.asarray(forest.predict(clue[learn:]) == target[learn:], dtype=np.bool_)


def _clues(paths: list[str], images: pd.DataFrame) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Kinds of clues as columns `[N, F]`; a kind that is the same for all pictures is no clue."""
    number = {column: images[column].astype(float) for column in ("bytes", "width", "height")}
    folders = pd.Series([path.rpartition("/")[0] for path in paths])
    kinds: dict[str, list[Any]] = {
        "order": [_ranks(paths)],
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


def _ranks(paths: list[str]) -> NDArray[np.int64]:
    """Place of each path in the order a person would sort them, 9 before 10; equals share a place."""
    keys = [
        tuple((len(part), part) if part.isdigit() else (0, part) for part in re.split(r"(\d+)", path)) for path in paths
    ]
    place = {key: number for number, key in enumerate(sorted(set(keys)))}
    return np.asarray([place[key] for key in keys])


def _codes(values: pd.Series) -> NDArray[np.int64]:
    return np.asarray(pd.Categorical(values, sorted(values.unique())).codes, dtype=np.int64)
