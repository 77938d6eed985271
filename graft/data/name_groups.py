"""Groups that names alone give away: ids of patients, cases, scenes, and numbered pictures of one thing.

`graft use` proposes them, and the audit of a split counts those that it tears apart.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from graft.data.folders import UNITS

MIN_IDS = 3
"""Ids that each class must have: one to learn from, one for valid, one for test."""

_UNIT = re.compile(rf"(?<![A-Za-z])({'|'.join(sorted(UNITS))})([ _-]?)\d+", re.IGNORECASE)
EXPORTED = r"(?P<group>[^/]+)\.rf\.[0-9A-Za-z]+\.[^./]+$"
"""Names that Roboflow gives to several augmented copies of a picture."""
NUMBERED = r"(?P<group>[^/]*\d[^/]*?)[ ._-]+\(?(\d{1,5})\)?\.[^./]+$"
"""An id that holds a number, and behind it another number, of a slice, a frame or a view."""


@dataclass(frozen=True, slots=True)
class NameGroups:
    """A regular expression with the named group ``group``, and what it finds in each path, empty for nothing."""

    pattern: str
    ids: list[str]

    @property
    def example(self) -> str:
        """The id of most images; of several, the first."""
        counts = Counter(sorted(filter(None, self.ids)))
        return counts.most_common(1)[0][0]


def name_groups(paths: Sequence[str], labels: Sequence[str]) -> NameGroups | None:
    """Find ids that repeat in the names of images, enough of them in each class to divide by; None if there are none.

    Args:
        paths: of the images.
        labels: class of each, to tell an id from another name of the class.
    """
    for pattern, least, in_runs in _patterns(paths):
        search = re.compile(pattern)
        found = [search.search(path) for path in paths]
        ids = [match["group"].lower() if match else "" for match in found]
        counts = Counter(filter(None, ids))
        repeated = sum(count for count in counts.values() if count > 1)
        if repeated < max(2, least * len(paths)) or not _in_every_class(ids, labels):
            continue
        if in_runs and not _are_runs([(match["group"], int(match[2])) for match in found if match]):
            continue
        return NameGroups(pattern, [match["group"] if match else "" for match in found])
    return None


def _patterns(paths: Sequence[str]) -> Iterator[tuple[str, float, bool]]:
    """Patterns to try, what share of the images must share its id, and whether their numbers must be runs."""
    words = Counter((match[1].lower(), match[2]) for path in paths for match in _UNIT.finditer(path))
    for (word, mark), _ in sorted(words.items(), key=lambda item: (-item[1], item[0])):
        yield rf"(?<![A-Za-z])(?P<group>(?i:{word}){re.escape(mark)}\d+)", 0.1, False
    yield EXPORTED, 0.1, False
    yield NUMBERED, 0.5, True


def _in_every_class(ids: Sequence[str], labels: Sequence[str]) -> bool:
    """Whether each class has several units, an image without an id being one."""
    units: defaultdict[str, set[str]] = defaultdict(set)
    for row, (one, label) in enumerate(zip(ids, labels, strict=True)):
        units[label].add(one or f"/{row}")
    return min(map(len, units.values()), default=0) >= MIN_IDS


def _are_runs(numbered: Sequence[tuple[str, int]]) -> bool:
    """Whether the numbers behind most ids that repeat follow each other without a gap, and begin low."""
    numbers: defaultdict[str, set[int]] = defaultdict(set)
    for one, number in numbered:
        numbers[one].add(number)
    several = [held for held in numbers.values() if len(held) > 1]
    runs = sum(max(held) - min(held) < 1.5 * len(held) and min(held) <= 1 for held in several)
    return runs > 0.8 * len(several) > 0
