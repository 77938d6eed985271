"""Duplicate groups: images that are the same must never lie on both sides of a split.

Perceptual hashes name candidates, which may merely look alike: the cells of a solar module, X-rays of one
view. Thumbnails decide: what is left of their difference, once everything is explained away that a copy may
have gone through, must be next to nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from graft.core.parallel import in_order
from graft.index.config import NearDuplicates
from graft.index.hamming import HammingSearch, Pairs, concatenated

MIN_CONTRAST = 2.0
"""Standard deviation of a thumbnail, in levels of 255, under which it shows too little to compare."""
MAX_COMPARISONS = 10_000_000
"""About how many pairs of thumbnails are compared at most: minutes on two cores."""
_READ = 4096
"""Thumbnails read at once, and pairs of them that a thread compares at once, about 20 MB."""
_REGROUP = 1 << 18
"""Comparisons after which groups are worked out anew, so that what is tied by now is not compared again."""

PEAK = 6.0
"""The largest difference allowed in one spot, in tolerances: a copy differs a little everywhere,
another image may differ in one spot only."""
MAX_SHIFT = 1.25
"""The largest shift or stretch that still counts as a crop of the border, in thumbnail pixels."""
MAX_TINT = 0.25
"""The largest difference of colour, as a share of the stronger colour: more than JPEG or five per cent make of it."""
GREY = 4.0
"""Root mean square of the chroma, in levels of 255, under which an image counts as grey: of a copy that lost its
colour nothing can be said, so that its greys decide."""
_ROUGH = 0.3
"""A crop leaves less than this of the contrast unexplained in a thumbnail of half the side."""
_REGRESSORS = 7
_FIT = 128
"""Pairs fitted at once: their arrays stay in the processor's cache."""


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Which images are copies of which.

    `groups` numbers the duplicate group of every image, int64 `[N]`, by first appearance. `exact` counts
    images whose pixels repeat an earlier one's, `near` those that only look the same. `skipped` bounds the
    pairs that should have been compared but were not; it is zero unless a great many images look alike.
    """

    groups: NDArray[np.int64]
    exact: int
    near: int
    skipped: int


def find_duplicates(
    pixels: Sequence[str],
    hashes: NDArray[np.uint64],
    thumbnails: NDArray[np.uint8],
    near: NearDuplicates | Literal["off"],
    chroma: NDArray[np.uint8] | None = None,
) -> Duplicates:
    """Group images that are equal or, unless that is off, near copies of each other.

    Found are re-encoded, resized, slightly brightened or darkened copies, in colour or grey, and most that
    lost 1 % of every side; often missed are those that lost 2 % or bear a watermark, and always those
    mirrored, turned or cropped further. Groups are connected components: of three images the first and last
    may be tied only through the second. An image that is nearly of one colour is grouped by its pixels only.

    Time and memory are bounded whatever the images are. At most `MAX_COMPARISONS` pairs of thumbnails
    are compared, shared out evenly: a pair is passed over, and counted in `skipped`, once both its
    images have had their share. `HammingSearch` says when it passes over pairs of hashes.

    Args:
        pixels: a digest of the pixels of every image; equal digests are equal images.
        hashes: perceptual hashes, `[N]`, uint64.
        thumbnails: `[N, S, S]`, uint8; may be memory-mapped, and is then read piece by piece.
        near: how near is near, or ``off``.
        chroma: `[N, C, C, 2]`, uint8, may be memory-mapped; without, greys alone decide.
    """
    codes, unique = pd.factorize(np.asarray(pixels, dtype=object))
    first = np.unique(codes, return_index=True)[1]
    group_of_unique = np.arange(len(first))
    skipped = 0
    if near != "off":
        group_of_unique, skipped = _near_groups(hashes[first], first, thumbnails, near, chroma)
    groups = pd.factorize(group_of_unique[codes])[0].astype(np.int64)
    count = int(groups.max(initial=-1)) + 1
    return Duplicates(groups, exact=len(codes) - len(unique), near=len(unique) - count, skipped=skipped)


def conflicts(images: pd.DataFrame, labels: pd.DataFrame) -> pd.DataFrame:
    """List duplicate groups whose images have different labels: at least one of them is wrong.

    Args:
        images: has the columns path and duplicate_group.
        labels: has the columns path and label; images without a row do not count.

    Returns:
        Columns duplicate_group, path, label: every labelled image of such a group, sorted by group and path.
    """
    rows = images[["path", "duplicate_group"]].merge(labels[["path", "label"]], on="path", validate="one_to_one")
    disputed = rows.groupby("duplicate_group")["label"].transform("nunique") > 1
    table = rows.loc[disputed, ["duplicate_group", "path", "label"]]
    return table.sort_values(["duplicate_group", "path"], ignore_index=True)


def _near_groups(
    hashes: NDArray[np.uint64],
    rows: NDArray[np.int64],
    thumbnails: NDArray[np.uint8],
    near: NearDuplicates,
    chroma: NDArray[np.uint8] | None,
) -> tuple[NDArray[np.int64], int]:
    """Components of near copies among unique images, `[U]`, whose thumbnails are `rows`; and pairs skipped."""
    contrast, skewness = _tones(thumbnails, rows)
    # in a crowd of equal hashes neighbours in this order are compared, so let it be one that copies share
    seen = np.flatnonzero(contrast >= MIN_CONTRAST)
    seen = seen[np.argsort(skewness[seen], kind="stable")]
    share = max(16, 2 * MAX_COMPARISONS // max(1, len(seen)))
    compared = np.zeros(len(hashes), dtype=np.int64)
    groups = np.arange(len(hashes))
    ties: list[Pairs] = []
    skipped = since = 0
    # the most similar first, before crowds of less similar ones use up the comparisons
    closest = HammingSearch(hashes[seen], min(2, near.distance))
    others = HammingSearch(hashes[seen], near.distance, beyond=closest.distance)
    for one, other in chain(closest.pairs(), others.pairs()):
        left, right = seen[one], seen[other]
        apart = groups[left] != groups[right]
        affordable = np.minimum(compared[left], compared[right]) < share
        skipped += int((apart & ~affordable).sum())
        left, right = left[apart & affordable], right[apart & affordable]
        np.add.at(compared, left, 1)
        np.add.at(compared, right, 1)
        same = thumbnails_match(thumbnails, rows[left], rows[right], near.tolerance, chroma)
        ties.append((left[same], right[same]))
        since += len(left)
        if since >= _REGROUP:
            groups, since = _components(ties, len(hashes)), 0
    return _components(ties, len(hashes)), skipped + closest.skipped + others.skipped


def _components(ties: list[Pairs], count: int) -> NDArray[np.int64]:
    left, right = concatenated(ties)
    graph = coo_array((np.ones(len(left), dtype=np.int8), (left, right)), shape=(count, count))
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


def thumbnails_match(
    thumbnails: NDArray[np.uint8],
    one: NDArray[np.int64],
    other: NDArray[np.int64],
    tolerance: float,
    chroma: NDArray[np.uint8] | None = None,
) -> NDArray[np.bool_]:
    """Whether two thumbnails show the same image, pair by pair, in threads.

    The difference of the two, slightly blurred, is fitted by least squares with what a copy may differ in:
    brightness, contrast, clipped lights, and the shift and stretch along each axis that cropping the border
    makes (to first order, about the mean of the two, so that it does not matter which is which). They match
    when the rest is at most `tolerance` in root mean square, as a share of the image's standard deviation,
    and nowhere over `PEAK` times that, and when their colours do.

    Args:
        thumbnails: `[N, S, S]`, uint8, S even; may be memory-mapped.
        one, other: index of the first and of the second of every pair, `[P]`.
        chroma: as `find_duplicates` takes it.

    Source: Simard, LeCun, Denker and Victorri 1998, Transformation Invariance in Pattern
    Recognition: Tangent Distance and Tangent Propagation.
    """

    def compare(start: int) -> NDArray[np.bool_]:
        part = slice(start, start + _READ)
        first, second = np.asarray(thumbnails[one[part]]), np.asarray(thumbnails[other[part]])
        match = _rough_distance(first, second) <= _ROUGH + tolerance
        if chroma is not None:
            match &= colours_match(np.asarray(chroma[one[part]]), np.asarray(chroma[other[part]]))
        likely = np.flatnonzero(match)
        for at in range(0, len(likely), _FIT):
            pairs = likely[at : at + _FIT]
            size, peak, shift = tangent_distance(first[pairs], second[pairs])
            match[pairs] = (size <= tolerance) & (peak <= PEAK * tolerance) & (shift <= MAX_SHIFT)
        return match

    return np.concatenate([np.zeros(0, dtype=np.bool_), *in_order(compare, range(0, len(one), _READ))])


def colours_match(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Whether two images have the same colours, or one has none, pair by pair, by their chroma `[P, C, C, 2]`."""
    first, second = one.astype(np.float32) - 128, other.astype(np.float32) - 128
    size, others, apart = (np.sqrt(np.square(each).mean((1, 2, 3))) for each in (first, second, first - second))
    match: NDArray[np.bool_] = (np.minimum(size, others) < GREY) | (apart <= MAX_TINT * np.maximum(size, others))
    return match


def tangent_distance(
    one: NDArray[np.uint8], other: NDArray[np.uint8]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """What is left of the difference of every pair of thumbnails `[P, S, S]`, and how far one had to be moved.

    Returns:
        Root mean square and largest absolute difference, both in standard deviations of the mean of
        the two, and the largest shift or stretch in thumbnail pixels: float32 `[P]` each.
    """
    first, second = _blur(one), _blur(other)
    mean: NDArray[np.float32] = (first + second) / np.float32(2)
    regressors, spread = _regressors(mean)
    target = ((second - first)[:, 1:-1, 1:-1] / spread).reshape(len(one), -1)
    # einsum: BLAS is slower on many small matrices; float64: the gradients of a flat image nearly vanish
    square = np.einsum("pik,pjk->pij", regressors, regressors).astype(np.float64)
    square += 1e-6 * target.shape[1] * np.eye(_REGRESSORS)
    side = np.einsum("pik,pk->pi", regressors, target).astype(np.float64)
    weights = np.linalg.solve(square, side[..., None])[..., 0].astype(np.float32)
    rest = np.abs(target - np.einsum("pi,pik->pk", weights, regressors))
    return np.sqrt(np.square(rest).mean(axis=1)), rest.max(axis=1), np.abs(weights[:, 3:]).max(axis=1)


def _regressors(mean: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What a copy may differ in, `[P, 7, pixels]`, and the contrast it is measured in, `[P, 1, 1]`."""
    inside = mean[:, 1:-1, 1:-1]
    spread = np.maximum(inside.std(axis=(1, 2), keepdims=True), np.float32(1e-3))
    position = np.linspace(-1, 1, inside.shape[1], dtype=np.float32)
    regressors = np.empty((len(mean), _REGRESSORS, *inside.shape[1:]), dtype=np.float32)
    regressors[:, 0] = spread
    regressors[:, 1] = inside - inside.mean(axis=(1, 2), keepdims=True)
    regressors[:, 2] = np.maximum(inside - np.float32(240), 0)  # what brightening by 5 % clips
    regressors[:, 3] = down = (mean[:, 2:, 1:-1] - mean[:, :-2, 1:-1]) / 2
    regressors[:, 4] = across = (mean[:, 1:-1, 2:] - mean[:, 1:-1, :-2]) / 2
    regressors[:, 5] = down * position[:, None]
    regressors[:, 6] = across * position
    regressors /= spread[:, None]
    return regressors.reshape(len(mean), _REGRESSORS, -1), spread


def _blur(thumbnails: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Average with neighbours by 1, 2, 1 both ways, so that a first-order shift holds; the rim is lost."""
    pixels = thumbnails.astype(np.float32)
    rows = pixels[:, :-2] + 2 * pixels[:, 1:-1] + pixels[:, 2:]
    blurred: NDArray[np.float32] = (rows[:, :, :-2] + 2 * rows[:, :, 1:-1] + rows[:, :, 2:]) / np.float32(16)
    return blurred


def _rough_distance(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Share of the contrast that brightness and contrast alone leave unexplained, at half the side: `[P]`.

    Ten times faster than `tangent_distance`, and enough to turn down most pairs.
    """
    first, second = _halved(one), _halved(other)
    both = np.einsum("pk,pk->p", first, second)
    power = np.einsum("pk,pk->p", first, first) * np.einsum("pk,pk->p", second, second)
    left: NDArray[np.float32] = np.sqrt(np.maximum(1 - np.square(both) / np.maximum(power, np.float32(1e-6)), 0))
    left[both < 0] = 1  # a negative is no copy
    return left


def _halved(thumbnails: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Add up squares of 2 x 2 pixels and take off the mean: `[P, S * S / 4]`."""
    wide = thumbnails.astype(np.float32)
    rows = wide[:, ::2] + wide[:, 1::2]
    sums = (rows[:, :, ::2] + rows[:, :, 1::2]).reshape(len(wide), -1)
    sums -= sums.mean(axis=1, keepdims=True)
    return sums
