"""Detect a table that labels boxes: each of them then counts as an image."""

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from graft.apps.use.table_rules import LabelRule
from graft.data.dataset import class_names
from graft.images.regions import COLUMNS
from graft.index.config import Index
from graft.index.regions import Boxes
from graft.labels import corrections
from graft.labels.rules import Labels, apply_rule


@dataclass(frozen=True, slots=True)
class BoxTable:
    """The section `index.regions` and the rule that a table suggests, and the names of its boxes."""

    regions: dict[str, Any]
    rule: LabelRule
    names: list[str]


def find_box_table(root: Path, others: Sequence[str]) -> BoxTable | None:
    """Find the first table with boxes and labels among files that are no images; None where there is none.

    Raises:
        DataError: a box of it is none, no row leads to a file, or it labels fewer than two classes.
    """
    for name in others:
        if name.lower().endswith(".csv") and {*COLUMNS, "label"} <= {*_header(root / name)}:
            return _read(root, name)
    return None


def _header(file: Path) -> list[str]:
    with file.open(encoding="utf-8-sig", errors="replace", newline="") as text:
        return next(csv.reader([text.readline()]), [])


def _read(root: Path, name: str) -> BoxTable:
    regions = {"file": name, "margin": 0.0}
    boxes = Boxes.read(root, Index.model_validate({"regions": regions}))
    names = list(dict.fromkeys(region.of(path) for path, held in boxes.of_image.items() for region in held))
    none = corrections.Corrections(pd.DataFrame(columns=corrections.COLUMNS, dtype=str), "corrections.csv")
    labelled = apply_rule(Labels(rule="regions"), root, names, none, boxes.labels)
    notes = [f"each box is a picture of its own, of {len(boxes.of_image)} files; index.regions: null takes files whole"]
    if boxes.astray:
        notes.append(f"boxes that lead to no file: {len(boxes.astray)}, such as {boxes.astray[0]!r}")
    for first in labelled.unlabelled.head(1).itertuples():
        notes.append(f"boxes without a label: {len(labelled.unlabelled)}, such as {first.path!r}, which {first.reason}")
    classes = Counter(class_names(labelled.rows))
    split, why = {"by": "group"}, "whole files, so that the boxes of one stay together"
    reads = f"the column label of the boxes in {name}"
    rule = LabelRule({"rule": "regions"}, len(labelled.rows), classes, reads, True, split, why, tuple(notes))
    return BoxTable(regions, rule, names)
