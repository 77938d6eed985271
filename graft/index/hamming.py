"""Hamming search: all pairs of hashes that differ in a few bits, without comparing every pair.

Cut 64 bits into `distance + 2` chunks: two hashes that differ in at most `distance` bits agree in at
least two whole chunks. So hashes are sorted once for every two chunks, and only those that agree
there are compared.

Source: Manku, Jain and Das Sarma 2007, Detecting Near-Duplicates for Web Crawling.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray

BITS = 64
WINDOW = 512
"""In a crowd of hashes that agree in two chunks, each is compared with this many that follow it."""
_BLOCK = 1 << 16
"""Hashes compared at once; their arrays stay in the processor's cache."""
_FLUSH = 1 << 14
"""Pairs gathered before they are yielded."""

Pairs = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Index of the first and of the second of every pair, `[P]` each."""


@dataclass
class HammingSearch:
    """A search for pairs of similar hashes; `skipped` counts what it passed over, once `pairs` is done.

    Time is at most proportional to N x `window`. Nothing is passed over unless more than `window` + 1 hashes
    agree in the same two chunks. Then each is compared with the `window` hashes that follow it, sorted by the
    rest of the hash. `skipped` counts each pair in such a crowd that was not looked at, similar or not.
    """

    hashes: NDArray[np.uint64]
    distance: int
    beyond: int = -1
    window: int = WINDOW
    skipped: int = 0

    def pairs(self) -> Iterator[Pairs]:
        """Yield pairs that differ in more than `beyond` and at most `distance` bits.

        A pair comes once, or now and then again when it lies in a crowd.
        """
        chunks = _chunks(self.distance + 2)
        passes = list(combinations(range(len(chunks)), 2))
        complete = np.zeros((len(passes), len(self.hashes)), dtype=np.bool_)
        for number, (high, low) in enumerate(passes):
            turned = _bring_forward(self.hashes, chunks, high, low)
            order = np.argsort(turned, kind="stable")
            turned = turned[order]
            # equal hashes stand in one order in every pass, so they are compared in the first
            beyond = self.beyond if number == 0 else max(self.beyond, 0)
            following, crowd = _runs(turned >> np.uint64(BITS - chunks[high][1] - chunks[low][1]))
            unseen = np.maximum(following - self.window, 0)
            if beyond >= 0:
                unseen -= np.maximum(_runs(turned)[0] - self.window, 0)
            self.skipped += int(unseen.sum())
            for one, other in self._compare(turned, np.minimum(following, self.window), beyond):
                first, second = order[one], order[other]
                agree = [_chunk(self.hashes[first] ^ self.hashes[second], *chunk) == 0 for chunk in chunks]
                new = np.ones(len(first), dtype=np.bool_)
                for earlier, (left, right) in enumerate(passes[:number]):  # those surely met there are not
                    new &= ~(agree[left] & agree[right] & complete[earlier, first])
                if new.any():
                    yield first[new], second[new]
            complete[number, order[crowd <= self.window + 1]] = True

    def _compare(self, hashes: NDArray[np.uint64], following: NDArray[np.int64], beyond: int) -> Iterator[Pairs]:
        """Compare every sorted hash with so many that follow it; yield positions of similar ones."""
        for start in range(0, len(hashes), _BLOCK):
            at = np.arange(start, min(start + _BLOCK, len(hashes)))
            left = following[at]
            found: list[Pairs] = []
            count = 0
            for step in range(1, int(left.max(initial=0)) + 1):
                if (stays := left >= step).sum() < len(at):
                    at, left = at[stays], left[stays]
                bits = np.bitwise_count(hashes[at] ^ hashes[at + step])
                if len(similar := at[(bits <= self.distance) & (bits > beyond)]):
                    found.append((similar, similar + step))
                    count += len(similar)
                if count >= _FLUSH:
                    yield concatenated(found)
                    found, count = [], 0
            if found:
                yield concatenated(found)


def concatenated(pairs: list[Pairs]) -> Pairs:
    """Put several arrays of pairs into one."""
    nothing = np.empty(0, dtype=np.int64)
    ones, others = zip((nothing, nothing), *pairs, strict=True)
    return np.concatenate(ones), np.concatenate(others)


def _runs(keys: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How many equal keys follow each in sorted order, and how many there are in all."""
    starts = np.flatnonzero(np.append(True, keys[1:] != keys[:-1])[: len(keys)])
    sizes = np.diff(np.append(starts, len(keys)))
    return np.repeat(starts + sizes, sizes) - np.arange(len(keys)) - 1, np.repeat(sizes, sizes)


def _chunks(count: int) -> list[tuple[int, int]]:
    """Cut the bits into chunks as equal as can be; the lowest bit and the width of each."""
    limits = [BITS * number // count for number in range(count + 1)]
    return [(low, high - low) for low, high in pairwise(limits)]


def _chunk(hashes: NDArray[np.uint64], low: int, width: int) -> NDArray[np.uint64]:
    return (hashes >> np.uint64(low)) & np.uint64((1 << width) - 1)


def _bring_forward(
    hashes: NDArray[np.uint64], chunks: list[tuple[int, int]], high: int, low: int
) -> NDArray[np.uint64]:
    """Rearrange the bits so that two chunks come first and the rest keeps its order."""
    turned = np.zeros_like(hashes)
    for number in (high, low, *(n for n in range(len(chunks)) if n not in (high, low))):
        at, width = chunks[number]
        turned = (turned << np.uint64(width)) | _chunk(hashes, at, width)
    return turned
