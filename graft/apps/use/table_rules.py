"""Label rules that the tables of a folder suggest."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from graft.apps.use.table_columns import detect_columns
from graft.core.errors import DataError


@dataclass(frozen=True, slots=True)
class LabelRule:
    """A way to label: the section `labels`, how many images it covers, classes with counts, and what it reads.

    `fits` says that somebody wrote it down for these images: a table most of whose rows lead to images. `split`
    are the keys of the section `split` that it asks for, empty if it asks for none, and `split_why` the reason.
    `notes` are lines that a person should read.
    """

    labels: dict[str, Any]
    covered: int
    classes: Counter[str]
    reads: str
    fits: bool = False
    split: dict[str, Any] = field(default_factory=dict)
    split_why: str = ""
    notes: tuple[str, ...] = ()


def table_rules(
    root: Path, images: Sequence[str], others: Sequence[str], doubts: dict[str, str]
) -> Iterator[LabelRule]:
    """Rules of the tables that label images; why another does not is added to `doubts` by its name."""
    tables = [name for name in others if PurePosixPath(name).suffix.lower() in {".csv", ".tsv", ".txt", ".parquet"}]
    for name in tables if len(tables) <= 50 else []:  # a text file beside each image is no table of labels
        try:
            found = detect_columns(root, name, images)
        except DataError as error:
            if not name.lower().endswith(".txt"):  # which are mostly notes
                doubts[name] = str(error).removeprefix(f"{PurePosixPath(name).name}: ")
            continue
        labels: dict[str, Any] = {"rule": "table", "table": found.table}
        reads = f"the column {found.table['label']} of {name}"
        if found.separator is not None:
            labels["label_separator"] = found.separator
            reads += f", several labels a picture between {found.separator!r}"
        yield LabelRule(labels, found.covered, found.classes, reads, fits=True)
