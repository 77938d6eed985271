"""Whether two thumbnails show the same picture: as strict as the perceptual hash is generous.

A perceptual hash also ties pictures of one kind that merely look alike: the cells of a solar module,
X-rays of one view. So a pair is confirmed on the thumbnails: what is left of their difference, once
everything is explained away that a copy may have gone through, must be next to nothing.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from graft.core.parallel import cores

PEAK = 6.0
"""The largest difference allowed in one place, in tolerances: a copy differs a little everywhere,
another picture may differ in one spot only."""

FARTHEST = 1.25
"""The largest shift or stretch that still counts as a crop of the border, in thumbnail pixels."""

_LIGHT = 240.0
"""Brightening a picture by 5 % clips what lay above this level."""
_ROUGH = 0.3
"""A crop leaves less than this of the contrast unexplained in a thumbnail of half the side."""
_EXCUSES = 7
_FIT = 128
"""Pairs fitted at once: their arrays stay in the processor's cache."""
_TASK = 4096
"""Pairs a thread takes at once, about 20 MB."""


def alike(
    thumbnails: NDArray[np.uint8], one: NDArray[np.int64], other: NDArray[np.int64], tolerance: float
) -> NDArray[np.bool_]:
    """Compare thumbnails pair by pair, in threads.

    The difference of the two, slightly blurred, is fitted by least squares with what a copy may
    differ in: brightness, contrast, clipped lights, and the shift and stretch along each axis that
    cropping the border makes (to first order, about the mean of the two, so that it does not matter
    which is which). They are alike when the rest is at most `tolerance` in root mean square, as a
    share of the picture's own contrast, and nowhere over `PEAK` times that.

    Args:
        thumbnails: `[N, S, S]`, uint8, S even; may be memory-mapped.
        one: index of the first of every pair, `[P]`.
        other: index of the second, `[P]`.
        tolerance: see above; 0.05 is five percent of the standard deviation.

    Returns:
        `[P]`, bool.

    Source: Simard, LeCun, Denker and Victorri 1998, Transformation Invariance in Pattern
    Recognition: Tangent Distance and Tangent Propagation.
    """

    def compare(start: int) -> NDArray[np.bool_]:
        part = slice(start, start + _TASK)
        first, second = np.asarray(thumbnails[one[part]]), np.asarray(thumbnails[other[part]])
        found = _roughly(first, second) <= _ROUGH + tolerance
        likely = np.flatnonzero(found)
        for at in range(0, len(likely), _FIT):
            pairs = likely[at : at + _FIT]
            size, peak, farthest = difference(first[pairs], second[pairs])
            found[pairs] = (size <= tolerance) & (peak <= PEAK * tolerance) & (farthest <= FARTHEST)
        return found

    starts = range(0, len(one), _TASK)
    if len(starts) == 0:
        return np.zeros(0, dtype=np.bool_)
    if len(starts) == 1:
        return compare(0)  # not worth a thread
    with ThreadPoolExecutor(cores()) as pool:
        return np.concatenate(list(pool.map(compare, starts)))


def difference(
    one: NDArray[np.uint8], other: NDArray[np.uint8]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """What is left of the difference of every pair, and how far one had to be moved.

    Args:
        one: thumbnails `[P, S, S]`, uint8.
        other: their partners, of the same shape.

    Returns:
        Root mean square and largest absolute difference, both in standard deviations of the mean of
        the two, and the largest shift or stretch in thumbnail pixels: float32 `[P]` each.
    """
    first, second = _blur(one), _blur(other)
    mean: NDArray[np.float32] = (first + second) / np.float32(2)
    excuses, spread = _excuses(mean)
    target = ((second - first)[:, 1:-1, 1:-1] / spread).reshape(len(one), -1)
    # einsum: BLAS is slower on many small matrices; float64: the gradients of a flat picture nearly vanish
    square = np.einsum("pik,pjk->pij", excuses, excuses).astype(np.float64)
    square += 1e-6 * target.shape[1] * np.eye(_EXCUSES)
    side = np.einsum("pik,pk->pi", excuses, target).astype(np.float64)
    weights = np.linalg.solve(square, side[..., None])[..., 0].astype(np.float32)
    rest = np.abs(target - np.einsum("pi,pik->pk", weights, excuses))
    return np.sqrt(np.square(rest).mean(axis=1)), rest.max(axis=1), np.abs(weights[:, 3:]).max(axis=1)


def _excuses(mean: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What a copy may differ in, `[P, 7, pixels]`, and the contrast it is measured in, `[P, 1, 1]`."""
    inside = mean[:, 1:-1, 1:-1]
    spread = np.maximum(inside.std(axis=(1, 2), keepdims=True), np.float32(1e-3))
    down = (mean[:, 2:, 1:-1] - mean[:, :-2, 1:-1]) / 2
    across = (mean[:, 1:-1, 2:] - mean[:, 1:-1, :-2]) / 2
    place = np.linspace(-1, 1, inside.shape[1], dtype=np.float32)
    excuses = np.empty((len(mean), _EXCUSES, *inside.shape[1:]), dtype=np.float32)
    excuses[:, 0] = spread
    excuses[:, 1] = inside - inside.mean(axis=(1, 2), keepdims=True)
    excuses[:, 2] = np.maximum(inside - np.float32(_LIGHT), 0)
    excuses[:, 3] = down
    excuses[:, 4] = across
    excuses[:, 5] = down * place[:, None]
    excuses[:, 6] = across * place
    excuses /= spread[:, None]
    return excuses.reshape(len(mean), _EXCUSES, -1), spread


def _blur(thumbnails: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Average with neighbours by 1, 2, 1 both ways, so that a first-order shift holds; the rim is lost."""
    pixels = thumbnails.astype(np.float32)
    rows = pixels[:, :-2] + 2 * pixels[:, 1:-1] + pixels[:, 2:]
    blurred: NDArray[np.float32] = (rows[:, :, :-2] + 2 * rows[:, :, 1:-1] + rows[:, :, 2:]) / np.float32(16)
    return blurred


def _roughly(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Share of the contrast that brightness and contrast alone leave unexplained, at half the side: `[P]`.

    Ten times faster than `difference`, and enough to turn down most pairs.
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
