"""Label rules that the tables of a folder suggest, alone and joined."""

import re
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from graft.apps.use.table_columns import same_parts
from graft.apps.use.table_file import TableFile, detect_like, detect_table
from graft.apps.use.table_places import Places
from graft.core.errors import DataError
from graft.core.params import check
from graft.data.dataset import SPLIT_ALIASES, class_names, is_multi_label
from graft.data.folders import split_folders
from graft.labels.corrections import COLUMNS, Corrections
from graft.labels.rules import Labelled, Labels, apply_rule
from graft.split.assign import by_folder

_SPLIT_WORD = re.compile(rf"(?<![A-Za-z])(?i:{'|'.join(sorted(SPLIT_ALIASES, key=len, reverse=True))})(?![a-z])")
MOST = 50  # tables; a text file beside each image is none
UNREAD = {
    ".mat": "a file of MATLAB is not read; write it as a CSV table with a column of file names and one of labels",
    ".xlsx": "a workbook is not read; save the sheet as CSV",
    ".xls": "a workbook is not read; save the sheet as CSV",
    ".ods": "a workbook is not read; save the sheet as CSV",
    ".json": "JSON is not read; write it as a CSV table with a column of file names and one of labels",
    ".jsonl": "JSON is not read; write it as a CSV table with a column of file names and one of labels",
}


@dataclass(frozen=True, slots=True)
class LabelRule:
    """A way to label: the section `labels`, how many images it covers, classes with counts, and what it reads.

    `fits` says that somebody wrote it down for these images: a table most of whose rows lead to images. `split`
    are the keys of the section `split` that it asks for, empty if it asks for none, and `split_why` the reason.
    `notes` are lines that a person should read, `only` patterns that `index.only` needs.
    """

    labels: dict[str, Any]
    covered: int
    classes: Counter[str]
    reads: str
    fits: bool = False
    split: dict[str, Any] = field(default_factory=dict)
    split_why: str = ""
    notes: tuple[str, ...] = ()
    only: tuple[str, ...] = ()


def table_rules(
    root: Path, images: Sequence[str], others: Sequence[str], doubts: dict[str, str]
) -> Iterator[LabelRule]:
    """Rules of the tables that label images; why another does not is added to `doubts` by its name."""
    tables = [name for name in others if PurePosixPath(name).suffix.lower() in {".csv", ".tsv", ".parquet"}]
    texts = [name for name in others if PurePosixPath(name).suffix.lower() == ".txt"]
    tables += texts if len(texts) <= MOST else []
    if len(tables) > MOST:
        doubts[f"{len(tables)} tables"] = f"more than {MOST} are not looked at; name the one that is meant by hand"
        return
    places = Places(images)
    found: dict[str, TableFile] = {}
    for name in tables:
        try:
            found[name] = detect_table(root, name, places)
        except DataError as error:
            if not name.lower().endswith(".txt"):  # which are mostly notes
                doubts[name] = str(error)
    joined = list(_joined(root, found, tables, places))
    alone = [one for name, one in found.items() if not any(name in other.files.values() for other in joined)]
    named = any(one.by_name for one in found.values())
    rules: list[LabelRule] = []
    for one in joined + alone:
        try:
            if named and not one.by_name:
                raise DataError("no column is called after a label, as one of another table is")
            rules.append(_rule(root, images, one))
        except DataError as error:
            doubts[one.name] = str(error)
    most = max((rule.covered for rule in rules), default=0)
    alike = [rule for rule in rules if rule.covered == most]
    if not named and any(rule.classes != alike[0].classes for rule in alike):
        doubts |= {
            rule.reads: "is one of several tables that say different things of the same pictures" for rule in alike
        }
        rules = []
    yield from rules
    unread = [name for name in others if PurePosixPath(name).suffix.lower() in UNREAD]
    doubts |= {name: UNREAD[PurePosixPath(name).suffix.lower()] for name in unread[:3]}


def split_in_name(path: str) -> tuple[str, str] | None:
    """A path without the name of a split, and that name as it is spelt; None if there is none, or two that differ."""
    found = _SPLIT_WORD.findall(path)
    if len({SPLIT_ALIASES[word.lower()] for word in found}) != 1:
        return None
    return _SPLIT_WORD.sub("*", path), found[-1]


def sets_of_splits(paths: Sequence[str]) -> Iterator[dict[str, str]]:
    """Files that differ in the name of a split alone, by that name: train, valid and test rather than trainval."""
    sets: dict[str, dict[str, str]] = {}
    for path in paths:
        if said := split_in_name(path):
            sets.setdefault(said[0], {})[said[1]] = path
    for members in sets.values():
        words = {word.lower(): word for word in members}
        twice = "trainval" if any(SPLIT_ALIASES[word] == "valid" for word in words) else "train"
        if {"train", "trainval"} <= {*words}:
            del members[words[twice]]
        if len({SPLIT_ALIASES[word.lower()] for word in members}) > 1:
            yield members


def read_labels(labels: dict[str, Any], root: Path, images: Sequence[str]) -> Labelled:
    """Label as the stage will, without corrections.

    Raises:
        DataError: as `apply_rule`.
    """
    none = Corrections(pd.DataFrame(columns=COLUMNS, dtype=str), "corrections.csv")
    return apply_rule(check("labels", Labels, labels), root, images, none)


def torn_groups(rows: pd.DataFrame) -> list[str]:
    """What to say of groups that stand in several official lists."""
    known = rows[(rows["group"] != "") & (rows["list"] != "")]
    torn = int((known.groupby("group")["list"].nunique() > 1).sum())
    if not torn:
        return []
    return [f"warning: {torn} of {known['group'].nunique()} groups stand in several of its splits, which leaks"]


def _joined(root: Path, found: Mapping[str, TableFile], tables: Sequence[str], places: Places) -> Iterator[TableFile]:
    """Tables of the splits of one set, read like that of them which names most images."""
    for files in sets_of_splits(tables):
        if not (known := [found[name] for name in files.values() if name in found]):
            continue
        first = max(known, key=lambda one: one.images)
        members: dict[str, TableFile] = {}
        for word, name in files.items():
            with suppress(DataError):  # an unlabelled test table, say
                members[word] = first if name in first.files.values() else detect_like(root, name, places, first)
        if len({SPLIT_ALIASES[word.lower()] for word in members}) > 1:
            wheres = [[way.replace(word, "{list}") for way in one.where] for word, one in members.items()]
            same = all(where == wheres[0] for where in wheres)
            where = wheres[0] if same else list(dict.fromkeys(way for one in members.values() for way in one.where))
            images = sum(one.images for one in members.values())
            yield replace(first, files={word: files[word] for word in members}, where=where, images=images)


def _rule(root: Path, images: Sequence[str], one: TableFile) -> LabelRule:
    """The rule that a table suggests, and what the stage will make of it.

    Raises:
        DataError: it labels no images, or by numbers for their folders.
    """
    labels: dict[str, Any] = {"rule": "table", "table": one.keys()}
    label = one.table.get("label")
    reads = f"the column {label}" if label else f"the columns {', '.join(one.table['one_hot'])}"
    reads += f" of {one.name}"
    if one.separator is not None:
        labels["label_separator"] = one.separator
        between = "" if label is None else f" between {one.separator!r}"
        reads += f", several labels a picture{between}"
    labelled = read_labels(labels, root, images)
    rows = labelled.rows
    # what a table alone says, apart from numbers for classes that have names: groups, splits
    more = {"group", "list_column"} & {*one.table} or (len(one.files) > 1 and "columns" not in one.table)
    if not more and not is_multi_label(rows) and _numbers_names(rows):
        raise DataError(f"the column {label} numbers the classes that folders or file names tell")
    notes = list(one.notes)
    if labelled.orphans:
        notes.append(f"{len(labelled.orphans)} rows lead to no picture, such as {labelled.orphans[0]!r}")
    classes = Counter(name for name in class_names(rows) if name)
    split, why = _split(one, rows, notes)
    return LabelRule(labels, len(rows), classes, reads, True, split, why, tuple(notes))


def _numbers_names(rows: pd.DataFrame) -> bool:
    """Whether labels are numbers, one for each folder, or for each name that files bear before their own number."""
    if not all(label.isdigit() for label in rows["label"].unique()):
        return False
    paths = [PurePosixPath(path) for path in rows["path"]]
    folders = [path.parent.as_posix() for path in paths]
    stems = [re.sub(r"[ ._-]*\(?\d+\)?$", "", path.stem) for path in paths]
    return any(same_parts(rows["label"], pd.Series(names, dtype=str)) for names in (folders, stems))


def _split(one: TableFile, rows: pd.DataFrame, notes: list[str]) -> tuple[dict[str, Any], str]:
    """Keys of the section `split`, and why: by what table or folders say, by whole groups, else at random."""
    group = one.table.get("group")
    lists = {SPLIT_ALIASES.get(name.lower(), "") for name in rows.get("list", [])} - {""}
    folders = split_folders(rows["path"])
    if len(lists) > 1:
        notes += torn_groups(rows)
        given, by = lists, {"by": "column", "column": "list"}
        column = one.table.get("list_column")
        said = f"the column {column}" if column else f"the tables {one.name}"
    elif len({*folders.values()}) > 1:
        notes += torn_groups(rows.assign(list=by_folder(rows["path"])))
        given = {*folders.values()}
        by, said = {"by": "folder"}, f"the folders {', '.join(sorted(folders))}"
    elif group:
        return {"by": "group"}, f"whole groups, {rows['group'].nunique()} by the column {group}"
    else:
        return {"by": "random"}, "at random, stratified by label: nothing names groups or splits"
    return by, said + missing_splits(given, group)


def missing_splits(given: Container[str], group: str | None) -> str:
    """What to say of the splits that are not given."""
    missing = [name for name in ("test", "valid") if name not in given]
    whole = f", in whole groups by the column {group}" if group else ""
    return f"; {' and '.join(missing)} drawn from train{whole}" if missing else ""
