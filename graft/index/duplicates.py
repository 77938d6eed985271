"""Duplicate groups: pictures that are the same must never lie on both sides of a split."""

from collections.abc import Sequence


def groups(fingerprints: Sequence[str]) -> list[int]:
    """Number pictures so that equal fingerprints share a number.

    Numbers follow first appearance, so that adding pictures at the end renumbers none.
    """
    numbers: dict[str, int] = {}
    return [numbers.setdefault(fingerprint, len(numbers)) for fingerprint in fingerprints]
