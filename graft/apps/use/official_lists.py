"""Detect text files that list the images of an official split, such as ``meta/train.txt`` and ``meta/test.txt``."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from graft.apps.use.table_places import Places
from graft.apps.use.table_rules import LabelRule, missing_splits, read_labels, sets_of_splits, torn_groups
from graft.core.errors import DataError
from graft.data.dataset import SPLIT_ALIASES
from graft.labels.lists import list_lines, listed

SUFFIXES = {".txt", ".csv", ".tsv", ".lst", ".list"}


def with_lists(rule: LabelRule, root: Path, images: Sequence[str], others: Sequence[str]) -> LabelRule:
    """Have a rule divide as official lists do, if there are some and it does not say how to divide itself."""
    files = [name for name in others if PurePosixPath(name).suffix.lower() in SUFFIXES]
    if rule.split.get("by") == "column":
        return rule
    places = Places(images)
    found = [one for names in sets_of_splits(files) if (one := _detect(root, names, places))]
    found.sort(key=lambda one: one[1], reverse=True)
    for lists, _ in found:
        labels = rule.labels | {"lists": lists}
        try:
            rows = read_labels(labels, root, images).rows
        except DataError:
            continue
        given = Counter(SPLIT_ALIASES[name.lower()] for name in rows["list"] if name)
        if "train" not in given or len(given) < 2:
            continue
        why = f"the official lists {', '.join(lists['files'].values())}"
        unlisted = int((rows["list"] == "").sum())
        notes = [f"{unlisted} labelled pictures stand in no list, and will be in no split"] if unlisted else []
        notes += torn_groups(rows)
        beside = [next(iter(other["files"].values())) for other, _ in found if other is not lists]
        notes += [f"there are other lists, too, such as {beside[0]}"] if beside else []
        group = rule.labels.get("table", {}).get("group")
        split: dict[str, Any] = {"by": "column", "column": "list"}
        whole = why + missing_splits(given, group)
        return replace(rule, labels=labels, split=split, split_why=whole, notes=(*rule.notes, *notes))
    both = [name for name in files if {"train", "test"} <= _named(name)]
    note = tuple(f"{name} may hold an official split, in a form that is not read" for name in both[:1])
    return replace(rule, notes=(*rule.notes, *note))


def _detect(root: Path, files: dict[str, str], places: Places) -> tuple[dict[str, Any], int] | None:
    """The section ``labels.lists`` for some files, and how many images they list; None if they are no lists."""
    where: dict[str, None] = {}
    count = 0
    for name in files.values():
        try:
            lines = list_lines(root / name)
        except (OSError, ValueError):
            return None
        folder = PurePosixPath(name).parent.as_posix()
        ways = [places.where(names, folder, name)[0] for names in zip(*lines, strict=True)]
        best = max(ways, key=lambda ways: sum(map(bool, listed(lines, folder, ways, places.locator))), default=[])
        found = sum(map(bool, listed(lines, folder, best, places.locator)))
        if 2 * found < len(lines) or not found:
            return None
        count += found
        where |= dict.fromkeys(best)
    templates = list(where)
    shown = {} if templates == ["{path}"] else {"where": templates[0] if len(templates) == 1 else templates}
    return {"files": files} | shown, count


def _named(path: str) -> set[str]:
    stem = PurePosixPath(path).stem.lower().replace("-", "_").split("_")
    return {SPLIT_ALIASES[word] for word in stem if word in SPLIT_ALIASES}
