"""Leak audit: what lies on both sides of a split, and how well the label follows without a pixel.

The pixel-free baseline guesses the label from a file's path, size and EXIF. Where it can, a network may
learn the camera, the day or the folder instead of the thing: its figures would then say little about
images from elsewhere.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier

from graft.core.errors import DataError
from graft.core.seeds import derive
from graft.data.dataset import EXCLUDED, SPLITS, class_names, label_column
from graft.data.name_groups import name_groups
from graft.split.config import Split
from graft.stats.intervals import accuracy_interval

MAX_SHOWN = 10
"""Classes that are named in a warning."""
MAX_IMAGES = 10_000
"""More are drawn from at random: a baseline needs no more."""
MAX_CLASSES = 50
"""Only images of the most frequent are learnt and scored: taken as one, the rest would be the majority."""
MIN_GAIN = 0.02
"""A gain over the majority below this is not worth a warning, however certain."""


def count_classes(labels: pd.DataFrame, splits: pd.Series) -> dict[str, dict[str, int]]:
    """Count images by split and class, ``{"train": {"all": 3, "cat": 2, "dog": 1}, ...}``.

    An image of several classes counts in each, one of none under "". What is excluded is counted, if any is.
    """
    counts: dict[str, dict[str, int]] = {}
    for name in (*SPLITS, EXCLUDED):
        inside = labels[splits == name]
        if name != EXCLUDED or len(inside):
            by_class = class_names(inside).value_counts().sort_index().items()
            counts[name] = {"all": len(inside)} | {str(label): int(count) for label, count in by_class}
    return counts


def audit(labels: pd.DataFrame, images: pd.DataFrame, splits: pd.Series, pattern: str | None = None) -> dict[str, Any]:
    """Count what straddles the splits, and see how far the label follows without pixels.

    Duplicate groups must never straddle (`assign` ties them or excludes copies); groups do in a random
    split, and the count says how much a random split may flatter. Where no groups are known, ids in the names are
    counted the same way.

    Args:
        labels, images: rows of labels.csv and images.csv, aligned.
        splits: the split of every row.
        pattern: of the label rule, where it has one; see `mask_labels`.
    """
    inside = splits != EXCLUDED
    metadata = metadata_baseline(labels, images, splits, pattern)
    grouped = (labels["group"] != "") & inside
    return {
        "duplicate_groups_across_splits": _straddling(images["duplicate_group"][inside], splits[inside]),
        "groups": int(labels["group"][grouped].nunique()),
        "groups_across_splits": _straddling(labels["group"][grouped], splits[grouped]),
        "ids_in_names": _ids_in_names(labels[inside], splits[inside]),
        "metadata": metadata | {"warning": metadata_warning(metadata)},
    }


def _ids_in_names(labels: pd.DataFrame, splits: pd.Series) -> dict[str, Any] | None:
    """What ids the names hold and how many of them straddle the splits; None where groups are known, or no id is."""
    if (labels["group"] != "").any():
        return None
    found = name_groups(labels["path"].tolist(), label_column(labels).tolist())
    if found is None:
        return None
    ids = pd.Series(found.ids, index=labels.index)
    return {
        "pattern": found.pattern,
        "example": found.example,
        "ids": int(ids[ids != ""].nunique()),
        "across_splits": _straddling(ids[ids != ""], splits[ids != ""]),
    }


def ids_warning(found: dict[str, Any] | None) -> str | None:
    """Say how many ids in the names straddle the splits, and how to keep them together; None if none does."""
    if found is None or not found["across_splits"]:
        return None
    return (
        f"{found['across_splits']} of {found['ids']} ids in the names, such as {found['example']!r}, lie in several "
        f"splits, which flatters the figures if they mean one thing each: labels.group_pattern: '{found['pattern']}' "
        "with split.by: group keeps them together"
    )


def _straddling(units: pd.Series, splits: pd.Series) -> int:
    return int((splits.groupby(units).nunique() > 1).sum())


def absent_classes_warning(counts: dict[str, dict[str, int]]) -> str | None:
    """Say which classes train has no image of, given what `count_classes` counted; None if there is none."""
    names = sorted({name for count in counts.values() for name in count} - set(counts["train"]) - {""})
    if not names:
        return None
    more = f" and {len(names) - MAX_SHOWN} more" if len(names) > MAX_SHOWN else ""
    classes = f"{'classes' if len(names) > 1 else 'class'} {', '.join(map(repr, names[:MAX_SHOWN]))}{more}"
    measured = any(name in counts[split] for name in names for split in SPLITS)  # beside others of the same image
    end = "so nothing can be learnt of it" if measured else "and was left out"
    return f"{classes}: in no training picture, {end}"


def metadata_warning(metadata: dict[str, Any]) -> str | None:
    """Say that the label can be guessed without the image, and from what; None if it cannot."""
    if not metadata["suspicious"]:
        return None
    best = max(metadata["alone"], key=metadata["alone"].get)
    of = f" ({metadata['left_out']} of rarer classes left out)" if metadata["left_out"] else ""
    low, high = metadata["accuracy_low"], metadata["accuracy_high"]
    within = "one group, so no interval" if low is None else f"{low:.1%} to {high:.1%}"
    return (
        f"without looking at a pixel, the label of {metadata['accuracy']:.1%} of the held-out pictures{of} is guessed "
        f"right ({within}; always the most frequent class: "
        f"{metadata['majority']:.1%}), best from {best} ({metadata['alone'][best]:.1%} alone): a network may learn "
        f"that instead of the thing itself, and its figures then flatter"
    )


def check_metadata_gain(config: Split, metadata: dict[str, Any]) -> None:
    """Stop when the pixel-free baseline beats the majority class by more than is allowed.

    Raises:
        DataError: with the figures.
    """
    if config.max_metadata_gain is not None and metadata["gain"] > config.max_metadata_gain:
        finding = metadata_warning(metadata) or f"the pixel-free baseline is right for {metadata['accuracy']:.1%}"
        raise DataError(
            f"split: {finding}; a gain of {metadata['gain']:.3f} is over split.max_metadata_gain = "
            f"{config.max_metadata_gain:g}; hold out whole groups, or find what ties file and label"
        )


def metadata_baseline(
    labels: pd.DataFrame, images: pd.DataFrame, splits: pd.Series, pattern: str | None = None
) -> dict[str, Any]:
    """Predict the labels of what is held out, valid and test, from everything but pixels.

    The label's own name in the path is masked first: it is the label itself, not a leak. A random forest
    is fitted on train, with all kinds of metadata and with each alone.

    Args:
        labels, images, splits, pattern: as for `audit`.

    Returns:
        On what is held out: ``images`` scored, and ``left_out`` of rarer classes; ``majority``, the share of the
        most frequent class; ``accuracy`` with its interval; ``gain`` over the majority; ``suspicious``; and
        ``alone``: the accuracy of each kind of metadata.
    """
    generator = np.random.default_rng(derive(0, "audit"))
    train, held_out = (splits.isin(names).to_numpy() for names in (("train",), ("valid", "test")))
    most_frequent = (
        label_column(labels)[held_out].value_counts().sort_index().sort_values(ascending=False, kind="stable")
    )
    classes = sorted(most_frequent.index[:MAX_CLASSES])
    frequent = label_column(labels).isin(classes).to_numpy()
    words = set(class_names(labels[held_out & frequent])) - {""}
    known = train & frequent if (train & frequent).any() else train
    fitted, scored = (_sample(np.flatnonzero(rows), generator) for rows in (known, held_out & frequent))
    labels, images = labels.iloc[[*fitted, *scored]], images.iloc[[*fitted, *scored]]
    targets = pd.Index(classes).get_indexer(pd.Index(label_column(labels)))
    majority = float(np.bincount(targets[len(fitted) :]).max() / len(scored))
    paths = mask_labels(images["path"], words, pattern)
    kinds = dict(_metadata_features(paths, images)) or {"none": np.zeros((len(labels), 1))}
    alone = {kind: _forest_correct(features, targets, len(fitted)) for kind, features in kinds.items()}
    correct = _forest_correct(np.hstack(list(kinds.values())), targets, len(fitted))
    interval, method = accuracy_interval(correct, labels["group"].iloc[len(fitted) :])
    gain = float(correct.mean()) - majority
    return {
        "images": len(scored),
        "left_out": int((held_out & ~frequent).sum()),
        "majority": majority,
        "accuracy": float(correct.mean()),
        "accuracy_low": interval and interval.low,
        "accuracy_high": interval and interval.high,
        "interval": method,
        "gain": gain,
        # where all is of one group no interval tells it from chance, and to warn is the safer mistake
        "suspicious": bool((interval is None or interval.low > majority) and gain > MIN_GAIN),
        "alone": {kind: float(hits.mean()) for kind, hits in alone.items()},
    }


def mask_labels(paths: Iterable[str], classes: Collection[str], pattern: str | None) -> list[str]:
    """Put ``*`` in place of every class's name that stands in a path as a word, or as a number, of its own.

    What the group ``label`` of a label rule's pattern reads is masked, too.
    """
    longest_first = sorted(classes, key=lambda name: (-len(name), name))
    words = re.compile(rf"(?<![^\W_])(?:{'|'.join(map(_word, longest_first))})")
    masked = []
    for path in paths:
        rest = unicodedata.normalize("NFC", path)
        spans = [found.span("label") for found in re.finditer(pattern, rest) if found["label"]] if pattern else []
        for start, end in reversed(spans):
            rest = f"{rest[:start]}*{rest[end:]}"
        masked.append(words.sub("*", rest))
    return masked


def _word(name: str) -> str:
    """A word may be followed by a counter, ``cat012``; a number by nothing that would make it another."""
    return re.escape(name) + (r"(?![^\W_])" if name[-1].isdigit() else r"(?![^\W\d_])")


def _sample(rows: NDArray[np.int64], generator: np.random.Generator) -> NDArray[np.int64]:
    return rows if len(rows) <= MAX_IMAGES else np.sort(generator.choice(rows, MAX_IMAGES, replace=False))


def _forest_correct(features: NDArray[np.float64], targets: NDArray[np.int64], fitted: int) -> NDArray[np.bool_]:
    """Which rows after the first `fitted` a random forest guesses right that was fitted on those."""
    forest = RandomForestClassifier(100, min_samples_leaf=3, random_state=0, n_jobs=1)
    forest.fit(features[:fitted], targets[:fitted])
    return np.asarray(forest.predict(features[fitted:]) == targets[fitted:], dtype=np.bool_)


def _metadata_features(paths: list[str], images: pd.DataFrame) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Kinds of metadata as columns `[N, F]`; a kind that is the same for all images says nothing."""
    number = {column: images[column].astype(float) for column in ("bytes", "width", "height")}
    folders = pd.Series([path.rpartition("/")[0] for path in paths])
    kinds: dict[str, list[Any]] = {
        "order": [_natural_ranks(paths)],
        "folder": [_codes(folders)],
        "bytes": [number["bytes"]],
        "dimensions": [number["width"], number["height"], number["width"] / number["height"]],
        "encoding": [_codes(images["format"]), _codes(images["mode"])],
        "EXIF": [_codes(images["camera"]), _codes(images["taken"])],
    }
    for kind, columns in kinds.items():
        features = np.column_stack([np.asarray(column, dtype=np.float64) for column in columns])
        if (features != features[0]).any():
            yield kind, features


def _natural_ranks(paths: list[str]) -> NDArray[np.int64]:
    """Rank of each path in the order a person would sort them, 9 before 10; equals share a rank."""
    parts = (re.split(r"(\d+)", path) for path in paths)
    keys = [tuple((len(part), part) if part.isdigit() else (0, part) for part in split) for split in parts]
    rank = {key: number for number, key in enumerate(sorted(set(keys)))}
    return np.asarray([rank[key] for key in keys])


def _codes(values: pd.Series) -> NDArray[np.int64]:
    return np.asarray(pd.Categorical(values, sorted(values.unique())).codes, dtype=np.int64)
