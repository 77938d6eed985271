"""See from names and tables alone how a folder of pictures is probably labelled, and say why."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from graft.apps.use.table_columns import guess_table
from graft.core.errors import DataError
from graft.data.raw import names
from graft.index.scan import IMAGE_SUFFIXES, is_hidden
from graft.labels.rules import PLACE, split_folders

PATTERNS = (
    r"(?:^|/)(?P<label>[^/]+?)[ ._-]+\(?\d+\)?\.[^./]+$",
    r"(?:^|/)(?P<label>[^/]*[^/\d])\d+\.[^./]+$",
)
"""A name that ends in a number: ``cat.12.jpg``, ``great_pyrenees_7.jpg``; ``cat012.jpg``."""

TABLES = {".csv", ".tsv", ".txt", ".parquet"}
MOST_TABLES = 50
"""Folders of one text file a picture are no tables of labels."""


FEWEST = 3
"""Pictures a class must have in the mean: one to learn from, one for valid, one for test."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A way to label: the `labels` section, how many pictures it covers, classes with counts, and why."""

    labels: dict[str, Any]
    covered: int
    classes: Counter[str]
    why: str


@dataclass(frozen=True, slots=True)
class Layout:
    """What lies in a folder, and the sections of params.yaml that suit it."""

    images: list[str]
    others: list[str]
    hidden: int
    rule: Rule
    split: dict[str, Any]
    split_why: str
    turned_down: list[str] = field(default_factory=list)


def survey(root: Path) -> Layout:
    """Look at names and tables below a folder; no picture is decoded.

    Raises:
        DataError: there is no picture, or nothing labels at least two classes.
    """
    images: list[str] = []
    others: list[str] = []
    hidden = 0
    for name in names(root):
        if is_hidden(name):
            hidden += 1
        else:
            (images if PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES else others).append(name)
    if not images:
        seen = f"; it holds {len(others)} other files, such as {others[0]!r}" if others else ""
        raise DataError(f"{root}: no file is a picture by its name{seen}")
    doubts: dict[str, str] = {}
    found = (*_by_table(root, images, others, doubts), _by_folder(images), *_by_name(images))
    rules: list[Rule] = []
    # sorting keeps the order of equals: table, folder, name
    for rule in sorted(found, key=lambda rule: rule.covered, reverse=True):
        if doubt := _doubt(rule, len(images)):
            doubts.setdefault(rule.why, doubt)
        else:
            rules.append(rule)
    if not rules:
        tried = "\n".join(f"  {why}: {doubt}" for why, doubt in doubts.items())
        raise DataError(
            f"{root}: {len(images)} pictures, such as {images[0]!r}, but nothing says their labels:\n{tried}\n"
            f"put each class in a folder of its own, of {FEWEST} pictures or more, "
            "or write the section `labels` of params.yaml by hand"
        )
    best = rules[0]
    doubts |= {rule.why: f"covers {rule.covered}" for rule in rules}
    turned_down = [f"{why}: {doubt}" for why, doubt in doubts.items() if why != best.why]
    split, split_why = _split(best, images)
    return Layout(images, others, hidden, best, split, split_why, turned_down)


def _doubt(rule: Rule, images: int) -> str | None:
    """Say why a rule is none, if it is none."""
    if len(rule.classes) < 2:
        return f"finds {len(rule.classes) or 'no'} class"
    if rule.covered < images / 2:
        return f"covers {rule.covered} of {images} pictures"
    if rule.covered < FEWEST * len(rule.classes):
        return (
            f"finds {len(rule.classes)} classes in {rule.covered} pictures, fewer than {FEWEST} each: "
            "more likely names than classes"
        )
    return None


def _by_folder(images: Sequence[str]) -> Rule:
    splits = split_folders(images)
    parents = [PurePosixPath(path).parent for path in images]
    classes = Counter(folder.name for folder in parents if folder.name and folder.as_posix() not in splits)
    return Rule({"rule": "folder"}, classes.total(), classes, "the folder each picture lies in")


def _by_name(images: Sequence[str]) -> Iterator[Rule]:
    for pattern in PATTERNS:
        classes = Counter(found["label"] for path in images if (found := re.search(pattern, path)))
        yield Rule({"rule": "regex", "pattern": pattern}, classes.total(), classes, "the name before its number")


def _by_table(root: Path, images: Sequence[str], others: Sequence[str], doubts: dict[str, str]) -> Iterator[Rule]:
    """Rules of the tables that are some; why another is none is added to `doubts` by its name."""
    tables = [name for name in others if PurePosixPath(name).suffix.lower() in TABLES]
    for name in tables if len(tables) <= MOST_TABLES else []:
        try:
            found = guess_table(root, name, images)
        except DataError as error:
            if not name.lower().endswith(".txt"):  # which are mostly notes
                doubts[name] = str(error).removeprefix(f"{PurePosixPath(name).name}: ")
            continue
        labels: dict[str, Any] = {"rule": "table", "table": found.table}
        why = f"the column {found.table['label']} of {name}"
        if found.several is not None:
            labels["several"] = found.several
            why += f", several labels a picture between {found.several!r}"
        yield Rule(labels, found.covered, found.classes, why)


def _split(rule: Rule, images: Sequence[str]) -> tuple[dict[str, Any], str]:
    """Choose how to divide: as the folders do, by whole groups, or at random."""
    drawn: dict[str, Any] = {
        "test": 0.2,
        "valid": 0.2,
        "folds": None,
        "fold": 0,
        "stratify": ["label"],
        "seed": 0,
    }
    table = rule.labels.get("table", {})
    if splits := sorted(split_folders(images)):
        missing = {"valid", "test"} - {PLACE[PurePosixPath(name).name.lower()] for name in splits}
        rest = f"; {' and '.join(sorted(missing))} drawn from train" if missing else ""
        whole = f", in whole groups by the column {table['group']}" if missing and "group" in table else ""
        return {"by": "folder"} | drawn, f"the folders {', '.join(splits)}{rest}{whole}"
    if "group" in table:
        return {"by": "group"} | drawn, f"whole groups, from the column {table['group']}"
    return {"by": "random"} | drawn, "at random, stratified by label: nothing names groups or splits"
