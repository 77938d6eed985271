"""The label rule: how an image's label follows from its folder, its name, or a table."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Literal, Self

import pandas as pd
from pydantic import Field, model_validator

from graft.core.errors import DataError
from graft.core.params import Section
from graft.data.dataset import LABEL_DELIMITER
from graft.data.folders import Folders, read_folders
from graft.images.regions import image_of_region
from graft.labels.corrections import Corrections
from graft.labels.lists import Lists, list_of
from graft.labels.locate import Locator, nfc
from graft.labels.spelling import common_names, spelling_warnings
from graft.labels.tables import RESERVED, Table, read_table


class Labels(Section):
    """How an image gets its label."""

    rule: Literal["folder", "regex", "table", "regions", "corrections"]
    """Where the label is: in the name of the folder, in a part of the path (``regex``), in a ``table``, beside each
    box in the table of `index.regions`, or only in ``corrections.csv``, which `graft label` writes."""
    pattern: str | None = None
    """For ``regex``: searched in the path; the named group ``label`` is the label, a group ``group`` the unit
    that must not straddle splits, and any other named group a slice."""
    table: Table | None = None
    """For ``table``: the file and its columns."""
    lists: Lists | None = None
    """Text files that list images, by which `split` can divide."""
    label_separator: str | None = Field(default=None, min_length=1)
    """Text between the labels of an image where it may have any number of them (multi-label; an empty cell of
    a table means none of the classes); null: exactly one label for each image."""
    group_pattern: str | None = None
    """Searched in the path, whatever the rule: its named group ``group`` is the unit that must not straddle splits,
    such as ``(?P<group>patient\\d+)``; an image in which it is not found is of no group."""
    normalise: bool = False
    """Whether classes whose names differ in case, white space or Unicode form only are one."""
    min_images: int = Field(default=1, ge=1)
    """Images that a class must have, where each image has one label; those of a smaller one get no label."""

    @model_validator(mode="after")
    def _check_keys_together(self) -> Self:
        for rule, key, value in (("regex", "pattern", self.pattern), ("table", "table", self.table)):
            if value is not None and self.rule != rule:
                raise ValueError(f"the key {key!r} belongs to rule: {rule}, and the rule is {self.rule}; leave it out")
            if value is None and self.rule == rule:
                raise ValueError(f"the rule {rule!r} needs the key {key!r}")
        if self.lists is not None and self.table is not None and (self.table.list_column or len(self.table.files) > 1):
            raise ValueError(
                "lists, table.list_column and several table.files all make the column 'list'; give one of them"
            )
        if self.min_images > 1 and self.label_separator is not None:
            raise ValueError("min_images is for one label a picture, and label_separator for several; leave one out")
        if self.group_pattern is not None:
            _named_groups("group_pattern", self.group_pattern, "group")
            if self.table is not None and (self.table.group or self.table.runs):
                raise ValueError("group_pattern and the table both name groups; leave one out")
        if self.pattern is not None:
            groups = _named_groups("pattern", self.pattern, "label")
            if self.group_pattern is not None and "group" in groups:
                raise ValueError("group_pattern and pattern both name groups; leave one out")
            if taken := sorted(groups & (RESERVED - {"label", "group"})):
                raise ValueError(f"pattern: {taken[0]!r} is a name graft uses itself; rename the group")
        return self


def _named_groups(key: str, pattern: str, needed: str) -> set[str]:
    """Named groups of a regular expression, which must have the one needed."""
    try:
        groups = set(re.compile(pattern).groupindex)
    except re.error as error:
        raise ValueError(f"{key} is no regular expression: {error}") from error
    if needed not in groups:
        raise ValueError(f"{key} needs a named group: (?P<{needed}>...)")
    return groups


@dataclass(frozen=True, slots=True)
class Labelled:
    """Result of the label rule for the images it was applied to.

    `rows` has the columns path, label (or labels, joined, where an image bears several), group (or ""), the
    slices, and list where there are lists, sorted by path. `unlabelled` has path and reason. `orphans` are
    paths in the table whose image is absent; `warnings` name corrections and classes that may be
    misspelt.
    """

    rows: pd.DataFrame
    unlabelled: pd.DataFrame
    orphans: list[str]
    warnings: list[str] = field(default_factory=list)


def apply_rule(
    labels: Labels, root: Path, paths: Sequence[str], corrections: Corrections, regions: Sequence[tuple[str, str]] = ()
) -> Labelled:
    """Label images, never by guessing: what the rule does not cover, or covers twice, is returned as unlabelled.

    Args:
        paths: of the images, or names of regions of them; rules look at the image's path, and the regions of an image
            that is in no other group are one.
        regions: name and label of each region, for the rule ``regions``.

    Raises:
        DataError: the table or a list is absent or malformed, a correction names no image, or a rule other than
            ``corrections`` finds fewer than two classes.
    """
    separator = labels.label_separator
    known = set(paths)
    images = Locator(paths)
    if labels.rule == "regions":
        rows = _by_regions(regions)
        absent = "has no row in the table of index.regions"
    elif labels.rule == "corrections":
        rows = pd.DataFrame(columns=["path", "label", "unlabelled", "group"], dtype=str)
        absent = f"has no row in {corrections.file}"
    elif labels.table is not None:
        rows = read_table(labels.table, root, images, separator)
        absent = f"has no row in {' or '.join(labels.table.files.values())}"
    else:
        rows = _by_folder(paths) if labels.rule == "folder" else _by_regex(str(labels.pattern), paths)
        absent = "has nothing that says its label"
    orphans = sorted(set(rows["path"][rows["unlabelled"] == ""]) - known)
    rows = _merge_repeated(rows[rows["path"].isin(known)], separator)
    warnings = corrections.warnings(_classes(rows["label"], separator), separator)
    rows = corrections.apply(rows, images.by_nfc)
    reasons = dict.fromkeys(known, absent) | dict(zip(rows["path"], rows["unlabelled"], strict=True))
    rows = rows[rows["unlabelled"] == ""].drop(columns="unlabelled").sort_values("path", ignore_index=True)
    if separator is not None:
        names = [sorted(_classes([text], separator)) for text in rows["label"]]
        if wrong := next((name for name in chain(*names) if LABEL_DELIMITER in name), None):
            raise DataError(
                f"the label {wrong!r} holds {LABEL_DELIMITER!r}, which graft puts between labels; rename it"
            )
        rows["label"] = [LABEL_DELIMITER.join(labels) for labels in names]
    if labels.group_pattern is not None:
        found = (re.search(labels.group_pattern, nfc(path)) for path in rows["path"])
        rows["group"] = [(match["group"] or "") if match else "" for match in found]
    whole = [(image, region is None) for image, region in map(image_of_region, rows["path"])]
    rows["group"] = [
        group if alone or group else image for group, (image, alone) in zip(rows["group"], whole, strict=True)
    ]
    warnings += _settle_classes(labels, rows)
    if labels.min_images > 1:
        few = rows.groupby("label")["path"].transform("size") < labels.min_images
        reasons |= {
            path: f"is of the class {label!r}, which has fewer than labels.min_images = {labels.min_images}"
            for path, label in rows.loc[few, ["path", "label"]].itertuples(index=False)
        }
        rows = rows[~few].reset_index(drop=True)
    if labels.lists is not None:
        rows["list"] = rows["path"].map(list_of(labels.lists, root, images)).fillna("")
    missing = sorted(known - set(rows["path"]))
    unlabelled = pd.DataFrame({"path": missing, "reason": [reasons[path] for path in missing]}, dtype=str)
    _check_classes(labels, rows, unlabelled, orphans)
    rows = rows if separator is None else rows.rename(columns={"label": "labels"})
    return Labelled(rows, unlabelled, orphans, warnings)


def _settle_classes(labels: Labels, rows: pd.DataFrame) -> list[str]:
    """Join classes that are spelt differently, where that is wanted; else say which they are."""
    mark = labels.label_separator and LABEL_DELIMITER
    counts = Counter(name for text in rows["label"] for name in (text.split(mark) if mark else [text]) if name)
    if not labels.normalise:
        return spelling_warnings(counts)
    names = common_names(counts)
    texts = {
        text: LABEL_DELIMITER.join(sorted({names.get(name, name) for name in (text.split(mark) if mark else [text])}))
        for text in rows["label"].unique()
    }
    rows["label"] = rows["label"].map(texts)
    return []


def _by_regions(regions: Sequence[tuple[str, str]]) -> pd.DataFrame:
    if not regions:
        raise DataError("labels.rule is 'regions', and there is no table of index.regions with a column 'label'")
    rows = [(name, nfc(label), "" if label else "has an empty label", "") for name, label in regions]
    return pd.DataFrame(rows, columns=["path", "label", "unlabelled", "group"], dtype=str)


def _by_folder(paths: Sequence[str]) -> pd.DataFrame:
    folders = read_folders(paths)
    holders = [path.rpartition("/")[0] for path in paths]
    names = [nfc(folders.classes[holder].rpartition("/")[2]) for holder in holders]
    unlabelled = ["" if name else _no_class(holder, folders) for name, holder in zip(names, holders, strict=True)]
    return pd.DataFrame({"path": list(paths), "label": names, "unlabelled": unlabelled, "group": ""}, dtype=str)


def _no_class(holder: str, folders: Folders) -> str:
    where = "in a folder that only holds pictures" if holder else "at the top of the source"
    return f"lies {'in a folder called after a split' if holder in folders.splits else where}, in no class folder"


def _by_regex(pattern: str, paths: Sequence[str]) -> pd.DataFrame:
    """Search the pattern everywhere in each path; matches that disagree on the label label nothing."""
    search = re.compile(pattern)
    slices = [name for name in search.groupindex if name not in ("label", "group")]
    columns: dict[str, list[str]] = {name: [] for name in ("label", "unlabelled", "group", *slices)}
    for path in (nfc(image_of_region(path)[0]) for path in paths):
        found = [match for match in search.finditer(path) if match["label"]]
        distinct = sorted({match["label"] for match in found})
        groups = sorted({match["group"] or "" for match in found} - {""}) if "group" in search.groupindex else []
        reason = "" if found else f"does not match the pattern {pattern}"
        if len(distinct) > 1:
            reason = f"matches the pattern {pattern} as {' and as '.join(map(repr, distinct))}"
        elif len(groups) > 1:
            reason = f"matches the pattern {pattern} with the groups {' and '.join(map(repr, groups))}"
        columns["label"].append("" if reason else distinct[0])
        columns["unlabelled"].append(reason)
        columns["group"].append(next(iter(groups), ""))
        for name in slices:
            columns[name].append((found[0][name] or "") if found else "")
    return pd.DataFrame({"path": list(paths)} | columns, dtype=str)


def _merge_repeated(rows: pd.DataFrame, separator: str | None) -> pd.DataFrame:
    """Merge the rows of each image into one: equal labels are one, several are joined."""
    repeated = rows["path"].duplicated(keep=False)
    if not repeated.any():
        return rows
    merged = []
    for _, same in rows[repeated].groupby("path", sort=False):
        row, labels = same.iloc[0].copy(), sorted(set(same["label"]) - {""})
        disagree = ""
        for name in ("group", "list") if "list" in row else ("group",):
            values = sorted(set(same[name]) - {""})
            row[name] = next(iter(values), "")
            if len(values) > 1:
                disagree = f"{name}s {' and '.join(map(repr, values))}"
        if disagree:
            row["label"], row["unlabelled"] = "", f"has {len(same)} rows, of the {disagree}"
        elif len(labels) > 1 and separator is None:
            row["label"], row["unlabelled"] = "", f"has {len(same)} rows, as {' and as '.join(map(repr, labels))}"
        elif labels:
            row["label"], row["unlabelled"] = (separator or "").join(labels), ""
        merged.append(row)
    return pd.concat([rows[~repeated], pd.DataFrame(merged)], ignore_index=True)


def _classes(labels: Iterable[str], separator: str | None) -> set[str]:
    return {name.strip() for text in set(labels) for name in (text.split(separator) if separator else [text])} - {""}


def _check_classes(labels: Labels, rows: pd.DataFrame, unlabelled: pd.DataFrame, orphans: list[str]) -> None:
    """Check that there are two classes, or one where an image may also have none; by hand they come one by one."""
    classes = sorted(_classes(rows["label"], labels.label_separator and LABEL_DELIMITER))
    if len(classes) >= 2 or (labels.label_separator is not None and classes) or labels.rule == "corrections":
        return
    example = f"; {unlabelled['path'][0]!r} {unlabelled['reason'][0]}" if len(unlabelled) else ""
    absent = f"; the table names {orphans[0]!r}, which is no picture of the source" if orphans else ""
    raise DataError(
        f"labels.rule {labels.rule!r} finds {len(classes)} classes {classes} in "
        f"{len(rows) + len(unlabelled)} pictures, of which it labels {len(rows)}; "
        f"at least two classes are needed{example}{absent}"
    )
