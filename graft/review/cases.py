"""The rows of review.csv, joined with what is known of their pictures now."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from graft import tables
from graft.errors import DataError

REVIEW = Path("reports/evaluate/review.csv")
LABELS, SPLIT = Path("data/labels.csv"), Path("data/split.csv")


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture of a case: its path below the source, its labels as of the last run, its split."""

    path: str
    labels: list[str]
    split: str


@dataclass(frozen=True, slots=True)
class Case:
    """One row of review.csv, to be settled by a person.

    Attributes:
        kind: label, near_duplicate or outlier.
        score: how strongly it is suspected, in [0, 1].
        suggested: labels that are suggested for the first picture; None where nothing is.
        pictures: the one in question and, of a near duplicate, its partner.
    """

    kind: str
    score: float
    suggested: list[str] | None
    pictures: tuple[Picture, ...]

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What makes it the same case in a later run: kind, path, partner's path, and the labels of both."""
        paths = [picture.path for picture in self.pictures] + [""]
        labels = " ".join(tables.JOINED.join(picture.labels) for picture in self.pictures)
        return self.kind, paths[0], paths[1], labels


@dataclass(frozen=True, slots=True)
class Cases:
    """All cases, the labels of every picture of the last run by path, and the names of the classes."""

    rows: list[Case]
    labels: dict[str, list[str]]
    classes: list[str]
    multi_label: bool


def read_cases(review: Path = REVIEW, labels: Path = LABELS, split: Path = SPLIT) -> Cases:
    """Read what `evaluate`, `index` and `split` wrote.

    Raises:
        DataError: one of the files is absent, or they are of different runs.
    """
    for file in (review, labels, split):
        if not file.is_file():
            raise DataError(f"{file} is absent: nothing was found to review yet; run `dvc repro`")
    known = tables.read(labels)
    several = tables.is_multi_label(known)
    named = {path: _names(text, several) for path, text in zip(known["path"], tables.said(known), strict=True)}
    splits = tables.read(split).set_index("path")["split"]
    rows = [_case(row, named, splits, several) for row in tables.read(review).to_dict("records")]
    return Cases(rows, named, sorted({name for names in named.values() for name in names}), several)


def _case(row: Mapping[Any, str], labels: dict[str, list[str]], splits: pd.Series, several: bool) -> Case:
    paths = [path for path in (row["path"], row["other"]) if path]
    for path in paths:  # so that no path leads out of the source, whatever the table says
        if path not in labels or path not in splits.index:
            raise DataError(f"{path!r} is to be reviewed and has no label any more; run `dvc repro evaluate`")
    pictures = tuple(Picture(path, labels[path], splits[path]) for path in paths)
    kind, suggested = row["kind"], _names(row["suggested"], several)
    if kind == "near_duplicate":
        differ = pictures[0].labels != pictures[1].labels
        return Case(kind, float(row["score"]), pictures[1].labels if differ else None, pictures)
    return Case(kind, float(row["score"]), suggested if kind == "label" else None, pictures)


def _names(text: str, several: bool) -> list[str]:
    if not several:
        return [text]
    return text.split(tables.JOINED) if text else []
