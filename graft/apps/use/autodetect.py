"""Detect from names and tables alone how a folder of images is probably labelled, and say why."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from graft.apps.use.box_table import find_box_table
from graft.apps.use.folders.asides import Aside, find_asides
from graft.apps.use.folders.folder_rule import MIN_IMAGES, folder_rule
from graft.apps.use.folders.listing import Listing, list_files
from graft.apps.use.official_lists import with_lists
from graft.apps.use.table_rules import LabelRule, missing_splits, read_labels, table_rules, torn_groups
from graft.core.errors import DataError
from graft.data.dataset import SPLIT_ALIASES, class_names, is_multi_label, label_column
from graft.data.folders import CONTAINERS, read_folders, split_folders, words
from graft.data.name_groups import name_groups
from graft.index.config import Index
from graft.labels.rules import Labelled
from graft.split.assign import by_folder
from graft.split.config import Split

# a name that ends in a number: ``cat.12.jpg``, ``great_pyrenees_7.jpg``; ``cat012.jpg``
PATTERNS = (r"(?:^|/)(?P<label>[^/]+?)[ ._-]+\(?\d+\)?\.[^./]+$", r"(?:^|/)(?P<label>[^/]*[^/\d])\d+\.[^./]+$")
CAMERAS = frozenset(
    ("img", "dsc", "dscn", "dscf", "pxl", "mvi", "photo", "pic", "scan", "frame", "screenshot", "unnamed")
)
"""Words before a number that name no class."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What lies in a folder, and the sections of params.yaml that suit it.

    `images` are those that the patterns `only` let in, or boxes where `regions` names a table of them; `asides` say
    what is left out. `rule.classes` counts what will be in a split.
    """

    files: Listing
    images: list[str]
    only: list[str]
    asides: list[str]
    rule: LabelRule
    split: dict[str, Any]
    split_why: str
    rejected: list[str]
    regions: dict[str, Any] | None = None


def detect_layout(root: Path) -> Layout:
    """Look at names, first bytes and tables below a folder; no image is decoded.

    Raises:
        DataError: there is no image, or nothing labels at least two classes.
    """
    files = list_files(root)
    if (boxes := find_box_table(root, files.others)) is not None:
        split, why = _split(boxes.rule, pd.DataFrame())
        return Layout(files, boxes.names, [], [], boxes.rule, split, why, [], boxes.regions)
    asides = find_asides(root, files.images)
    left_out = {path for aside in asides for path in aside.paths}
    images = [path for path in files.images if path not in left_out]
    rules, doubts = _rules(root, images, files.others) if images else ([], {})
    if not rules and asides:  # a class may be called as what is left out elsewhere
        rules, every = _rules(root, files.images, files.others)
        if rules:
            images, asides, doubts = files.images, [], every
    if not rules:
        tried = "\n".join(f"  {why}: {doubt}" for why, doubt in doubts.items())
        raise DataError(
            f"{root}: {len(images)} pictures, such as {(images or files.images)[0]!r}, but nothing says their labels:\n"
            f"{tried}\nput each class in a folder of its own, of {MIN_IMAGES} pictures or more, "
            "or write the section `labels` of params.yaml by hand; if none has a label yet, add --unlabelled"
        )
    best = rules[0]
    doubts |= {rule.reads: f"covers {rule.covered}" for rule in rules}
    rejected = [f"{why}: {doubt}" for why, doubt in doubts.items() if why != best.reads]
    only = [*(aside.pattern for aside in asides), *best.only]
    images = [path for path in images if Index(only=only).takes(path)] if best.only else images
    best = with_lists(best, root, images, files.others)
    labelled = read_labels(best.labels, root, images)
    best = _with_groups(best, labelled.rows)
    labelled = read_labels(best.labels, root, images)
    split, split_why = _split(best, labelled.rows)
    best = _settled(best, labelled, split)
    return Layout(files, images, only, list(map(_told, asides)), best, split, split_why, rejected)


def unlabelled_layout(root: Path) -> Layout:
    """The layout of images that nothing labels yet, whatever their folders and names are called.

    Raises:
        DataError: there is no image.
    """
    files = list_files(root)
    asides = find_asides(root, files.images)
    only = [aside.pattern for aside in asides]
    images = [path for path in files.images if Index(only=only).takes(path)]
    reads, why = (
        "corrections.csv alone",
        "by each picture's content, so that labels that come later move no other picture",
    )
    rule = LabelRule({"rule": "corrections"}, 0, Counter(), reads, split={"by": "hash"}, split_why=why)
    split, why = _split(rule, pd.DataFrame())
    return Layout(files, images, only, list(map(_told, asides)), rule, split, why, [])


def _rules(root: Path, images: Sequence[str], others: Sequence[str]) -> tuple[list[LabelRule], dict[str, str]]:
    """Rules that may be meant, the best first, and why each other is none: a table, class folders, names.

    A table comes after folders that label twice as many; names come before folders where both say the same and names
    say it of more.
    """
    doubts: dict[str, str] = {}
    places = read_folders(images)
    # pictures in a split or a container alone are unlabelled, whatever the rule
    labelable = sum(bool(places.classes[path.rpartition("/")[0]]) for path in images) or len(images)
    kept: dict[str, list[LabelRule]] = {"table": [], "folder": [], "regex": []}
    found = [("table", rule) for rule in table_rules(root, images, others, doubts)]
    found += [("folder", rule) for rule in _by_folder(root, images)] + [("regex", rule) for rule in _by_name(images)]
    for kind, rule in found:
        if doubt := _doubt(rule, labelable if kind == "folder" else len(images)):
            doubts.setdefault(rule.reads, doubt)
        else:
            kept[kind].append(rule)
    tables, folders, named = (sorted(rules, key=lambda rule: -rule.covered) for rules in kept.values())
    if folders and named and named[0].covered > folders[0].covered and _agree(root, images, folders[0], named[0]):
        folders, named = named, folders
    if folders and tables and 2 * tables[0].covered < folders[0].covered:
        return [*folders, *tables, *named], doubts
    return [*tables, *folders, *named], doubts


def _doubt(rule: LabelRule, images: int) -> str | None:
    """Say why a rule is none, if it is none."""
    if len(rule.classes) < 2:
        return f"finds {len(rule.classes) or 'no'} class"
    if rule.covered < images / 2 and not rule.fits:
        return f"covers {rule.covered} of {images} pictures"
    if rule.covered < MIN_IMAGES * len(rule.classes):
        few = f"finds {len(rule.classes)} classes in {rule.covered} pictures, fewer than {MIN_IMAGES} each"
        return f"{few}: more likely names than classes"
    telling = Counter({name: count for name, count in rule.classes.items() if not _is_no_class(name)})
    if rule.labels["rule"] == "regex" and telling.total() < 0.9 * rule.covered:
        return (
            f"finds names such as {next(name for name in rule.classes if _is_no_class(name))!r}, which are no classes"
        )
    return None


def _is_no_class(name: str) -> bool:
    """Whether a name before a number is a camera's, a split's or a container's."""
    said = [word for word in words(name) if not word.isdigit()]
    return all(word in CAMERAS or word in CONTAINERS or word in SPLIT_ALIASES for word in said)


def _by_folder(root: Path, images: Sequence[str]) -> Iterator[LabelRule]:
    rule = folder_rule(images)
    taken = [path for path in images if Index(only=rule.only).takes(path)] if rule.only else images
    reads = "the folder each picture lies in"
    try:
        rows = read_labels(rule.labels, root, taken).rows
    except DataError:  # fewer than two classes
        names = filter(None, (folder.rpartition("/")[2] for folder in read_folders(taken).classes.values()))
        yield LabelRule(rule.labels, 0, Counter(names), reads)
        return
    notes, only = tuple(rule.notes), tuple(rule.only)
    yield LabelRule(rule.labels, len(rows), Counter(rows["label"]), reads, notes=notes, only=only)


def _by_name(images: Sequence[str]) -> Iterator[LabelRule]:
    for pattern in PATTERNS:
        classes = Counter(found["label"] for path in images if (found := re.search(pattern, path)))
        yield LabelRule({"rule": "regex", "pattern": pattern}, classes.total(), classes, "the name before its number")


def _agree(root: Path, images: Sequence[str], folder: LabelRule, named: LabelRule) -> bool:
    """Whether names say of every image what its class folder says."""
    ours, theirs = (read_labels(rule.labels, root, images).rows.set_index("path")["label"] for rule in (folder, named))
    return bool((theirs.reindex(ours.index) == ours).all())


def _with_groups(rule: LabelRule, rows: pd.DataFrame) -> LabelRule:
    """Have a rule that names no groups take the ids that repeat in the names of the images."""
    if (rows["group"] != "").any():
        return rule
    found = name_groups(rows["path"].tolist(), label_column(rows).tolist())
    if found is None:
        return rule
    ids = [one for one in found.ids if one]
    note = f"groups: {len({*ids})} ids, such as {found.example!r}, in the names of {len(ids)} pictures"
    split: dict[str, Any] = {} if rule.split.get("by") == "random" else rule.split
    labels = rule.labels | {"group_pattern": found.pattern}
    return replace(rule, labels=labels, split=split, notes=(*rule.notes, note))


def _split(rule: LabelRule, rows: pd.DataFrame) -> tuple[dict[str, Any], str]:
    """Choose how to divide: as the rule asks, as the folders do, by whole groups, or at random."""
    if rule.split:
        return Split(test=0.2, valid=0.2, **rule.split).model_dump(exclude={"column"} - {*rule.split}), rule.split_why
    by: Literal["folder", "group", "random"] = "random"
    why = "at random, stratified by label: nothing names groups or splits"
    splits = split_folders(rows["path"])
    grouped = "group_pattern" in rule.labels
    if len({*splits.values()}) > 1:
        by = "folder"
        drawn = missing_splits({*splits.values()}, None)
        whole = ", in whole groups by the ids in the names" if drawn and grouped else ""
        why = f"the folders {', '.join(sorted(splits))}{drawn}{whole}"
    elif grouped:
        by, why = "group", "whole groups, by the ids in the names"
    return Split(by=by, test=0.2, valid=0.2).model_dump(exclude={"column"}), why


def _settled(rule: LabelRule, labelled: Labelled, split: dict[str, Any]) -> LabelRule:
    """Count the classes of what will be in a split, and say what will be set aside."""
    rows, notes = labelled.rows, [*rule.notes, *labelled.warnings]
    for first in labelled.unlabelled.head(1).itertuples():
        notes.append(f"{len(labelled.unlabelled)} pictures get no label, such as {first.path!r}, which {first.reason}")
    if split["by"] == "folder":
        rows = rows[_in_a_split(rows, notes)]
    classes = Counter(name for name in class_names(rows) if name)
    return replace(rule, covered=len(rows), classes=classes, notes=tuple(dict.fromkeys(notes)))


def _in_a_split(rows: pd.DataFrame, notes: list[str]) -> pd.Series:
    """Mask of the images that folders put into a split; what they do not, and groups that they tear, is noted."""
    splits = by_folder(rows["path"])
    inside = splits != ""
    if not inside.all():
        first = rows["path"][~inside].iloc[0]
        notes.append(f"{(~inside).sum()} pictures, such as {first!r}, lie in no split's folder, so they are set aside")
    if not is_multi_label(rows):
        learnt = rows["label"].isin(rows["label"][splits == "train"])
        if unlearnt := sorted({*rows["label"][inside & ~learnt]}):
            notes.append(f"set aside, for they are not in train: {', '.join(map(repr, unlearnt))}")
        inside &= learnt
    notes += torn_groups(rows.assign(list=splits))
    return inside


def _told(aside: Aside) -> str:
    return f"left out: {len(aside.paths)} pictures, such as {aside.paths[0]}: {aside.why}"
