"""Duplicate groups: pictures that are the same must never lie on both sides of a split."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from graft.index.hamming import Near, Search
from graft.index.thumbnail_match import alike

LEAST_CONTRAST = 2.0
"""Standard deviation of a thumbnail, in levels of 255, under which it shows too little to compare."""
COMPARISONS = 10_000_000
"""About how many pairs of thumbnails are compared at most: minutes on two cores."""
_CLOSEST = 2
"""Hashes this near are compared first, before crowds of less similar ones use up the comparisons."""
_READ = 4096
"""Thumbnails read at once."""
_REGROUP = 1 << 18
"""Comparisons after which what is tied by now is worked out, so that it is not compared again."""


@dataclass(frozen=True, slots=True)
class Duplicates:
    """What is the same as what.

    `groups` numbers the duplicate group of every picture, int64 `[N]`, by first appearance. `exact`
    counts pictures whose pixels repeat an earlier one's, `near` those that only look the same.
    `skipped` is an upper bound of the pairs that should have been compared but were not; it is zero
    unless a great many pictures look alike.
    """

    groups: NDArray[np.int64]
    exact: int
    near: int
    skipped: int


def group(
    pixels: Sequence[str],
    hashes: NDArray[np.uint64],
    thumbnails: NDArray[np.uint8],
    near: Near | Literal["off"],
) -> Duplicates:
    """Group pictures that are equal or, unless that is off, near copies of each other.

    Found are re-encoded, resized, slightly brightened or darkened copies, in colour or grey, and
    most that lost 1 % of every side; often missed are those that lost 2 % or bear a watermark, and
    always those mirrored, turned or cropped further. Groups are connected
    components: of three pictures the first and last may be tied only through the one between them.
    A picture that is nearly of one colour is grouped by its pixels only.

    Time and memory are bounded whatever the pictures are. At most `COMPARISONS` pairs of thumbnails
    are compared, shared out evenly: a pair is passed over, and counted in `skipped`, once both its
    pictures have had their share. `Search` says when it passes over pairs of hashes.

    Args:
        pixels: a digest of the pixels of every picture; equal digests are equal pictures.
        hashes: perceptual hashes, `[N]`, uint64.
        thumbnails: `[N, S, S]`, uint8; may be memory-mapped, and is then read piece by piece.
        near: how near is near, or ``off``.
    """
    codes, unique = pd.factorize(np.asarray(pixels, dtype=object))
    first = np.unique(codes, return_index=True)[1]
    of_unique = np.arange(len(first))
    skipped = 0
    if near != "off":
        of_unique, skipped = _near_groups(hashes[first], first, thumbnails, near)
    groups = pd.factorize(of_unique[codes])[0].astype(np.int64)
    count = int(groups.max(initial=-1)) + 1
    return Duplicates(groups, exact=len(codes) - len(unique), near=len(unique) - count, skipped=skipped)


def conflicts(images: pd.DataFrame, labels: pd.DataFrame) -> pd.DataFrame:
    """List duplicate groups whose pictures have different labels: at least one of them is wrong.

    Args:
        images: has the columns path and duplicate_group.
        labels: has the columns path and label; pictures without a row have no say.

    Returns:
        Columns duplicate_group, path, label: every labelled picture of such a group, sorted by
        group and path.
    """
    rows = images[["path", "duplicate_group"]].merge(labels[["path", "label"]], on="path", validate="one_to_one")
    disputed = rows.groupby("duplicate_group")["label"].transform("nunique") > 1
    table = rows.loc[disputed, ["duplicate_group", "path", "label"]]
    return table.sort_values(["duplicate_group", "path"], ignore_index=True)


def _near_groups(
    hashes: NDArray[np.uint64], rows: NDArray[np.int64], thumbnails: NDArray[np.uint8], near: Near
) -> tuple[NDArray[np.int64], int]:
    """Components of near copies among unique pictures, and how many comparisons were skipped.

    Args:
        hashes: of the unique pictures, `[U]`.
        rows: where their thumbnails are, `[U]`.
        thumbnails: `[N, S, S]`.
        near: how near is near.
    """
    contrast, skewness = _tones(thumbnails, rows)
    # in a crowd of equal hashes neighbours in this order are compared, so let it be one that copies share
    seen = np.flatnonzero(contrast >= LEAST_CONTRAST)
    seen = seen[np.argsort(skewness[seen], kind="stable")]
    share = max(16, 2 * COMPARISONS // max(1, len(seen)))
    compared = np.zeros(len(hashes), dtype=np.int64)
    tied = np.arange(len(hashes))
    ties: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
    skipped = since = 0
    closest = Search(hashes[seen], min(_CLOSEST, near.distance))
    others = Search(hashes[seen], near.distance, beyond=closest.distance)
    for one, other in chain(closest.pairs(), others.pairs()):
        left, right = seen[one], seen[other]
        apart = tied[left] != tied[right]
        affordable = np.minimum(compared[left], compared[right]) < share
        skipped += int((apart & ~affordable).sum())
        left, right = left[apart & affordable], right[apart & affordable]
        np.add.at(compared, left, 1)
        np.add.at(compared, right, 1)
        same = alike(thumbnails, rows[left], rows[right], near.tolerance)
        ties.append((left[same], right[same]))
        since += len(left)
        if since >= _REGROUP:
            tied, since = _components(ties, len(hashes)), 0
    return _components(ties, len(hashes)), skipped + closest.skipped + others.skipped


def _components(ties: list[tuple[NDArray[np.int64], NDArray[np.int64]]], count: int) -> NDArray[np.int64]:
    left = np.concatenate([np.empty(0, dtype=np.int64), *(one for one, _ in ties)])
    right = np.concatenate([np.empty(0, dtype=np.int64), *(other for _, other in ties)])
    graph = coo_matrix((np.ones(len(left), dtype=np.int8), (left, right)), shape=(count, count))
    return connected_components(graph, directed=False)[1].astype(np.int64)


def _tones(thumbnails: NDArray[np.uint8], rows: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Standard deviation and skewness of the grey levels of thumbnails, read piece by piece."""
    contrast, skewness = np.empty(len(rows)), np.empty(len(rows))
    for start in range(0, len(rows), _READ):
        part = slice(start, start + _READ)
        levels = np.asarray(thumbnails[rows[part]]).reshape(len(rows[part]), -1).astype(np.float64)
        levels -= levels.mean(axis=1, keepdims=True)
        squares = np.square(levels)
        contrast[part] = np.sqrt(squares.mean(axis=1))
        squares *= levels  # now cubes; a power of floats is many times slower
        skewness[part] = squares.mean(axis=1) / np.maximum(contrast[part], 1e-9) ** 3
    return contrast, skewness
