"""The label rule: how a picture's label follows from its folder, its name, or a table."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal, Self

import pandas as pd
from pydantic import Field, model_validator

from graft.core.errors import DataError
from graft.core.params import Section
from graft.data.dataset import LABEL_DELIMITER
from graft.labels.corrections import Corrections
from graft.labels.tables import RESERVED, Table, composed, located, read_table

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


class Lists(Section):
    """Text files that list pictures, one a line: an official train and test list, say."""

    files: dict[str, str] = Field(min_length=1)
    """Name of the list (it becomes the picture's value in the column ``list``) and its file below the source."""
    where: str = "{path}"
    """How the first word of a line leads to the file, from the list's folder, such as ``../images/{path}.jpg``."""

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if "{path}" not in self.where:
            raise ValueError("where must hold {path}, the place of the line's first word")
        return self


class Labels(Section):
    """How a picture gets its label."""

    rule: Literal["folder", "regex", "table"]
    """``folder``: the name of the folder it lies in; ``regex``: a part of its path; ``table``."""
    pattern: str | None = None
    """For ``regex``: searched in the path; the named group ``label`` is the label, a group ``group`` the unit
    that must not straddle splits, and any other named group a slice."""
    table: Table | None = None
    """For ``table``."""
    lists: Lists | None = None
    """Lists that the pictures stand in, by which `split` can divide."""
    several: str | None = Field(default=None, min_length=1)
    """Text between labels where a picture bears any number of them (multi-label; an empty cell of a table says
    none of them); null: one a picture."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        for rule, key, value in (("regex", "pattern", self.pattern), ("table", "table", self.table)):
            if value is not None and self.rule != rule:
                raise ValueError(f"the key {key!r} belongs to rule: {rule}, and the rule is {self.rule}; leave it out")
        if self.rule == "table" and self.table is None:
            raise ValueError("the rule 'table' needs the key 'table'")
        if self.rule == "regex":
            if self.pattern is None:
                raise ValueError("the rule 'regex' needs the key 'pattern'")
            try:
                groups = set(re.compile(self.pattern).groupindex)
            except re.error as error:
                raise ValueError(f"pattern is no regular expression: {error}") from error
            if "label" not in groups:
                raise ValueError("pattern needs a named group: (?P<label>...)")
            if taken := sorted(groups & (RESERVED - {"label", "group"})):
                raise ValueError(f"pattern: {taken[0]!r} is a name graft uses itself; rename the group")
        return self


@dataclass(frozen=True, slots=True)
class Labelled:
    """What the label rule says of the pictures it was asked about.

    `rows` has the columns path, label (or labels, joined, where a picture bears several), group
    (empty where there is none), the slices, and list where there are lists, sorted by path.
    `unlabelled` has path and reason. `orphans` are paths in the table whose picture is absent;
    `doubts` are corrections that may be misspelt, in words.
    """

    rows: pd.DataFrame
    unlabelled: pd.DataFrame
    orphans: list[str]
    doubts: list[str] = field(default_factory=list)


def apply_rule(labels: Labels, root: Path, paths: Sequence[str], corrections: Corrections) -> Labelled:
    """Label pictures, never by guessing: what the rule does not cover, or covers twice, is returned as unlabelled.

    Raises:
        DataError: the table or a list is absent or malformed, a correction names no picture, or there
            are fewer than two classes.
    """
    known = set(paths)
    here = {composed(path): path for path in paths} | dict(zip(paths, paths, strict=True))
    if labels.rule == "table":
        assert labels.table is not None
        told = read_table(labels.table, root, labels.several)
        told["path"] = [here.get(path, path) for path in told["path"]]
        absent = f"has no row in {labels.table.file}"
    else:
        told = _by_folder(paths) if labels.rule == "folder" else _by_regex(str(labels.pattern), paths)
        absent = "has nothing that says its label"
    orphans = sorted(set(told["path"][told["why"] == ""]) - known)
    told = _once(told[told["path"].isin(known)], labels.several)
    doubts = corrections.doubts(_classes(told["label"], labels.several), labels.several)
    told = corrections.apply(told, here)
    rows = told[told["why"] == ""].drop(columns="why").sort_values("path", ignore_index=True)
    if labels.several is not None:
        rows["label"] = [_joined(text, labels.several) for text in rows["label"]]
    if labels.lists is not None:
        rows["list"] = _listed(labels.lists, root, [composed(path) for path in rows["path"]])
    reasons = dict.fromkeys(known, absent) | dict(zip(told["path"], told["why"], strict=True))
    missing = sorted(known - set(rows["path"]))
    unlabelled = pd.DataFrame({"path": missing, "reason": [reasons[path] for path in missing]}, dtype=str)
    _need_two_classes(labels, rows, unlabelled, orphans)
    rows = rows if labels.several is None else rows.rename(columns={"label": "labels"})
    return Labelled(rows, unlabelled, orphans, doubts)


def _by_folder(paths: Sequence[str]) -> pd.DataFrame:
    splits = split_folders(paths)
    folders = [PurePosixPath(path).parent for path in paths]
    names = ["" if folder.as_posix() in splits else composed(folder.name) for folder in folders]
    bare = (
        "lies at the top of the source, in no class folder",
        "lies in a folder called after a split, in no class folder",
    )
    why = ["" if name else bare[bool(folder.name)] for name, folder in zip(names, folders, strict=True)]
    return pd.DataFrame({"path": list(paths), "label": names, "why": why, "group": ""}, dtype=str)


def _by_regex(pattern: str, paths: Sequence[str]) -> pd.DataFrame:
    """Search the pattern everywhere in each path; places that disagree on the label label nothing."""
    search = re.compile(pattern)
    slices = [name for name in search.groupindex if name not in ("label", "group")]
    columns: dict[str, list[str]] = {name: [] for name in ("label", "why", "group", *slices)}
    for path in map(composed, paths):
        found = [match for match in search.finditer(path) if match["label"]]
        distinct = sorted({match["label"] for match in found})
        why = "" if len(distinct) == 1 else f"does not match the pattern {pattern}"
        if len(distinct) > 1:
            why = f"matches the pattern {pattern} as {' and as '.join(map(repr, distinct))}"
        groups = sorted({match["group"] or "" for match in found} - {""}) if "group" in search.groupindex else []
        if not why and len(groups) > 1:
            why = f"matches the pattern {pattern} with the groups {' and '.join(map(repr, groups))}"
        columns["label"].append("" if why else distinct[0])
        columns["why"].append(why)
        columns["group"].append(next(iter(groups), ""))
        for name in slices:
            columns[name].append((found[0][name] or "") if found else "")
    return pd.DataFrame({"path": list(paths)} | columns, dtype=str)


def _once(told: pd.DataFrame, several: str | None) -> pd.DataFrame:
    """Bring the rows of each picture to one: the same said twice is once, several labels are joined."""
    twice = told["path"].duplicated(keep=False)
    if not twice.any():
        return told
    merged = []
    for _, rows in told[twice].groupby("path", sort=False):
        row, said, groups = rows.iloc[0].copy(), *(sorted(set(rows[name]) - {""}) for name in ("label", "group"))
        row["group"] = next(iter(groups), "")
        if len(groups) > 1:
            row["label"], row["why"] = "", f"has {len(rows)} rows, of the groups {' and '.join(map(repr, groups))}"
        elif len(said) > 1 and several is None:
            row["label"], row["why"] = "", f"has {len(rows)} rows, as {' and as '.join(map(repr, said))}"
        elif said:
            row["label"], row["why"] = (several or "").join(said), ""
        merged.append(row)
    return pd.concat([told[~twice], pd.DataFrame(merged)], ignore_index=True)


def _classes(texts: Iterable[str], several: str | None) -> set[str]:
    """Names of the classes that some labels name."""
    return {name.strip() for text in set(texts) for name in (text.split(several) if several else [text])} - {""}


def _joined(text: str, separator: str) -> str:
    names = sorted(_classes([text], separator))
    if wrong := [name for name in names if LABEL_DELIMITER in name]:
        raise DataError(f"the label {wrong[0]!r} holds {LABEL_DELIMITER!r}, which graft puts between labels; rename it")
    return LABEL_DELIMITER.join(names)


def _listed(lists: Lists, root: Path, paths: list[str]) -> list[str]:
    """Name of the list each picture stands in; empty for none."""
    place: dict[str, str] = {}
    for name, file in lists.files.items():
        if not (root / file).is_file():
            raise DataError(f"labels.lists.files.{name}: {file} is not in the source")
        folder = PurePosixPath(file).parent.as_posix()
        try:
            lines = (root / file).read_text(encoding="utf-8-sig").splitlines()
        except UnicodeDecodeError as error:
            raise DataError(f"labels.lists.files.{name}: {file} is no text in UTF-8: {error}") from error
        for path in (located(folder, lists.where, line.split()[0]) for line in lines if line.strip()):
            if place.setdefault(path, name) != name:
                raise DataError(f"labels.lists: {path!r} stands in the lists {place[path]!r} and {name!r}")
    if not place.keys() & set(paths):
        example = next(iter(place), "nothing")
        raise DataError(f"labels.lists: no listed file is a labelled picture; the first is {example!r}; mend `where`")
    return [place.get(path, "") for path in paths]


def _need_two_classes(labels: Labels, rows: pd.DataFrame, unlabelled: pd.DataFrame, orphans: list[str]) -> None:
    classes = sorted(_classes(rows["label"], labels.several and LABEL_DELIMITER))
    if len(classes) >= 2 or (labels.several is not None and classes):
        return
    example = f"; {unlabelled['path'][0]!r} {unlabelled['reason'][0]}" if len(unlabelled) else ""
    absent = f"; the table names {orphans[0]!r}, which is no picture of the source" if orphans else ""
    raise DataError(
        f"labels.rule {labels.rule!r} finds {len(classes)} classes {classes} in "
        f"{len(rows) + len(unlabelled)} pictures, of which it labels {len(rows)}; "
        f"at least two classes are needed{example}{absent}"
    )
