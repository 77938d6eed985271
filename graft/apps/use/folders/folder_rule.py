"""The label rule that class folders suggest: which level of folders is the class, and what lies elsewhere."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from graft.apps.use.folders.asides import within
from graft.data.folders import Folders, around, read_folders

MIN_IMAGES = 3
"""That a class must have: one to learn from, one for valid, one for test."""
MAX_NAMED = 5


@dataclass(frozen=True, slots=True)
class FolderRule:
    """The section `labels`, further patterns for `index.only`, and lines that a person should read."""

    labels: dict[str, Any]
    only: list[str]
    notes: list[str]


def folder_rule(images: Sequence[str]) -> FolderRule:
    """Read classes off folders: those that lie side by side, at the depth of most images.

    Folders of another depth whose names are no class of that depth are left out, and small ones, too.
    """
    folders = read_folders(images)
    held: dict[str, list[str]] = defaultdict(list)
    for path in images:
        if folder := folders.classes[path.rpartition("/")[0]]:
            held[folder].append(path)
    if not held:
        return FolderRule({"rule": "folder"}, [], [])
    depths = Counter({folder.count("/"): 0 for folder in held})
    for folder, paths in held.items():
        depths[folder.count("/")] += len(paths)
    depth = max(depths, key=lambda level: (depths[level], level))
    level = {folder: paths for folder, paths in held.items() if folder.count("/") == depth}
    names = {_name(folder) for folder in level}
    odd = sorted(folder for folder in held.keys() - level.keys() if _name(folder) not in names)
    # one with class folders within cannot be left out by its name
    around_classes = {outer for folder in level for outer in around(folder)} - level.keys()
    labels: dict[str, Any] = {"rule": "folder"}
    notes, only = [], [within(folder) for folder in odd if folder not in around_classes]
    if odd:
        told = _listed([f"{folder} ({len(held[folder])} pictures)" for folder in odd])
        notes.append(f"left out, for they lie at another level than the classes: {told}")
    inner = any(folder in around_classes for folder in odd)
    outer = _outer(level, folders)
    if inner:
        labels = {"rule": "regex", "pattern": rf"^{_folders(depth)}(?P<label>[^/]+)/"}
    if outer and not odd:
        note, pattern = _two_levels(outer, depth)
        notes.append(note)
        labels = {"rule": "regex", "pattern": pattern} if pattern else labels
    elif inner:
        notes.append(f"of two levels of folders the inner one is the class: {_listed(sorted(names))}")
    sizes: Counter[str] = Counter()
    for folder, paths in held.items():
        sizes[_name(folder)] += 0 if folder in odd else len(paths)
    small = sorted(name for name in names if sizes[name] < MIN_IMAGES)
    if small and 2 * len(small) < len(names):
        labels["min_images"] = MIN_IMAGES
        notes.append(f"left out, for they hold fewer than {MIN_IMAGES} pictures: {_listed(small)}")
    return FolderRule(labels, only, notes)


def _outer(level: dict[str, list[str]], folders: Folders) -> dict[str, str]:
    """For each class folder the one around it that is no split or container; empty where two do not hold several."""
    found = {}
    for folder in level:
        holder = folder.rpartition("/")[0]
        while holder in folders.splits.keys() | folders.containers:
            holder = holder.rpartition("/")[0]
        if not holder:
            return {}
        found[folder] = holder
    several = [holder for holder, count in Counter(found.values()).items() if count > 1]
    return found if len(several) > 1 else {}


def _two_levels(outer: dict[str, str], depth: int) -> tuple[str, str]:
    """What to say of two levels of folders; and the pattern that keeps the outer one, where classes repeat in it."""
    around_name: defaultdict[str, set[str]] = defaultdict(set)
    for folder, holder in outer.items():
        around_name[_name(folder)].add(_name(holder))
    outers = _listed(sorted({_name(holder) for holder in outer.values()}))
    repeated = sum(len(holders) > 1 for holders in around_name.values())
    (at, *others) = {holder.count("/") for holder in outer.values()}
    if 2 * repeated < len(around_name) or others:
        return f"of two levels of folders the inner one is the class; around it lie {outers}", ""
    pattern = rf"^{_folders(at)}(?P<domain>[^/]+)/{_folders(depth - at - 1)}(?P<label>[^/]+)/"
    note = f"the folders around the classes ({outers}) are kept as the slice 'domain'"
    return f"{note}; to hold out whole ones, call it 'group' in labels.pattern, with split.by: group", pattern


def _folders(count: int) -> str:
    """A regular expression for so many folders."""
    return "[^/]+/" * count if count < 3 else rf"(?:[^/]+/){{{count}}}"


def _name(folder: str) -> str:
    return folder.rpartition("/")[2]


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return f"{', '.join(names[:MAX_NAMED])}{more}"
