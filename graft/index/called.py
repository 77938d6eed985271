"""What people call the splits, and where the folders of a dataset are called so."""

from collections.abc import Iterable
from pathlib import PurePosixPath

CALLED = {
    "train": {"train", "training", "trainval"},
    "valid": {"valid", "val", "validation", "dev"},
    "test": {"test", "testing"},
}
"""Usual names of the splits, in any case."""

PLACE = {name: place for place, names in CALLED.items() for name in names}


def split_folders(paths: Iterable[str]) -> set[str]:
    """Folders that are splits: two or more side by side bear the names of different ones.

    One alone may be a class: trains beside buses.
    """
    beside: dict[str, dict[str, str]] = {}
    for folder in {PurePosixPath(path).parent for path in paths}:
        for part in (folder, *folder.parents):
            if part.name.lower() in PLACE:
                beside.setdefault(part.parent.as_posix(), {})[part.as_posix()] = PLACE[part.name.lower()]
    return {folder for named in beside.values() if len(set(named.values())) > 1 for folder in named}
