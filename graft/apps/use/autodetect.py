"""Detect from names and tables alone how a folder of images is probably labelled, and say why."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from graft.apps.use.official_lists import with_lists
from graft.apps.use.table_rules import LabelRule, table_rules
from graft.core.errors import DataError
from graft.core.litter import is_hidden
from graft.data.folders import read_folders, split_folders
from graft.data.raw import names
from graft.images.formats import IMAGE_SUFFIXES
from graft.split.config import Split

# a name that ends in a number: ``cat.12.jpg``, ``great_pyrenees_7.jpg``; ``cat012.jpg``
PATTERNS = (r"(?:^|/)(?P<label>[^/]+?)[ ._-]+\(?\d+\)?\.[^./]+$", r"(?:^|/)(?P<label>[^/]*[^/\d])\d+\.[^./]+$")
MIN_IMAGES = 3  # that a class must have in the mean: one to learn from, one for valid, one for test


@dataclass(frozen=True, slots=True)
class Layout:
    """What lies in a folder, and the sections of params.yaml that suit it."""

    images: list[str]
    others: list[str]
    hidden: int
    rule: LabelRule
    split: dict[str, Any]
    split_why: str
    rejected: list[str]


def detect_layout(root: Path) -> Layout:
    """Look at names and tables below a folder; no image is decoded.

    Raises:
        DataError: there is no image, or nothing labels at least two classes.
    """
    every = names(root)
    open_names = [name for name in every if not is_hidden(name)]
    images = [name for name in open_names if PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES]
    others = sorted({*open_names} - {*images})
    if not images:
        example = f"; it holds {len(others)} other files, such as {others[0]!r}" if others else ""
        raise DataError(f"{root}: no file is a picture by its name{example}")
    doubts: dict[str, str] = {}
    found = (*table_rules(root, images, others, doubts), _by_folder(images), *_by_name(images))
    rules: list[LabelRule] = []
    # sorting keeps the order of equals: table, folder, name
    for rule in sorted(found, key=lambda rule: (rule.fits, rule.covered), reverse=True):
        if doubt := _doubt(rule, len(images)):
            doubts.setdefault(rule.reads, doubt)
        else:
            rules.append(rule)
    if not rules:
        tried = "\n".join(f"  {why}: {doubt}" for why, doubt in doubts.items())
        raise DataError(
            f"{root}: {len(images)} pictures, such as {images[0]!r}, but nothing says their labels:\n{tried}\n"
            f"put each class in a folder of its own, of {MIN_IMAGES} pictures or more, "
            "or write the section `labels` of params.yaml by hand"
        )
    best = rules[0]
    doubts |= {rule.reads: f"covers {rule.covered}" for rule in rules}
    rejected = [f"{why}: {doubt}" for why, doubt in doubts.items() if why != best.reads]
    best = with_lists(best, root, images, others)
    split, split_why = _split(best, images)
    return Layout(images, others, len(every) - len(open_names), best, split, split_why, rejected)


def _doubt(rule: LabelRule, images: int) -> str | None:
    """Say why a rule is none, if it is none."""
    if len(rule.classes) < 2:
        return f"finds {len(rule.classes) or 'no'} class"
    if rule.covered < images / 2 and not rule.fits:
        return f"covers {rule.covered} of {images} pictures"
    if rule.covered < MIN_IMAGES * len(rule.classes):
        few = f"finds {len(rule.classes)} classes in {rule.covered} pictures, fewer than {MIN_IMAGES} each"
        return f"{few}: more likely names than classes"
    return None


def _by_folder(images: Sequence[str]) -> LabelRule:
    folders = read_folders(images).classes
    named = (folders[path.rpartition("/")[0]].rpartition("/")[2] for path in images)
    classes = Counter(name for name in named if name)
    return LabelRule({"rule": "folder"}, classes.total(), classes, "the folder each picture lies in")


def _by_name(images: Sequence[str]) -> Iterator[LabelRule]:
    for pattern in PATTERNS:
        classes = Counter(found["label"] for path in images if (found := re.search(pattern, path)))
        yield LabelRule({"rule": "regex", "pattern": pattern}, classes.total(), classes, "the name before its number")


def _split(rule: LabelRule, images: Sequence[str]) -> tuple[dict[str, Any], str]:
    """Choose how to divide: as the folders do, by whole groups, or at random."""
    if rule.split:
        return Split(test=0.2, valid=0.2, **rule.split).model_dump(exclude={"column"} - {*rule.split}), rule.split_why
    table = rule.labels.get("table", {})
    by: Literal["folder", "group", "random"] = "random"
    why = "at random, stratified by label: nothing names groups or splits"
    splits = split_folders(images)
    if len({*splits.values()}) > 1:
        missing = {"valid", "test"} - {*splits.values()}
        rest = f"; {' and '.join(sorted(missing))} drawn from train" if missing else ""
        whole = f", in whole groups by the column {table['group']}" if missing and "group" in table else ""
        by, why = "folder", f"the folders {', '.join(sorted(splits))}{rest}{whole}"
    elif "group" in table:
        by, why = "group", f"whole groups, from the column {table['group']}"
    return Split(by=by, test=0.2, valid=0.2).model_dump(exclude={"column"}), why
