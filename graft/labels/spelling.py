"""Names of classes that differ in nothing a person means: in case, white space or Unicode form."""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Mapping


def alike(counts: Mapping[str, int]) -> list[list[str]]:
    """Groups of two or more names that are one but for their spelling, each with the most frequent first."""
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for name in sorted(counts, key=lambda name: (-counts[name], name)):
        groups[_plain(name)].append(name)
    return sorted(group for group in groups.values() if len(group) > 1)


def common_names(counts: Counter[str]) -> dict[str, str]:
    """One name for each: the most frequent of those that are alike, without white space around it."""
    return {name: " ".join(group[0].split()) for group in alike(counts) for name in group}


def spelling_warnings(counts: Mapping[str, int]) -> list[str]:
    """Say which classes differ in their spelling alone."""
    what = "differ in case, white space or Unicode form only"
    return [
        f"the classes {', '.join(map(repr, group))} {what}; labels.normalise: true joins them"
        for group in alike(counts)
    ]


def _plain(name: str) -> str:
    """A name as it is compared: compatible forms such as a no-break space are one, capitals are small."""
    return " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold()).split())
