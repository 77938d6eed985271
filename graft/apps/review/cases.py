"""What a person decided: corrections in corrections.csv, and which cases were found right.

A correction is written the moment it is made. That a label was looked at and kept changes no data, so
it is no correction; it is remembered in a file of its own, only so that the case is not asked again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any, Literal

import pandas as pd

from graft.core import tables
from graft.core.errors import DataError
from graft.data.dataset import LABEL_DELIMITER, is_multi_label, label_column
from graft.labels.corrections import COLUMNS, DROP, Corrections

REVIEW = Path("reports/evaluate/review.csv")
LABELS, SPLIT = Path("data/labels.csv"), Path("data/split.csv")


@dataclass(frozen=True, slots=True)
class ImageFile:
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
    images: tuple[ImageFile, ...]

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What makes it the same case in a later run: kind, path, partner's path, and the labels of both."""
        paths = [image.path for image in self.images] + [""]
        labels = " ".join(LABEL_DELIMITER.join(image.labels) for image in self.images)
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
    several = is_multi_label(known)
    named = {path: _names(text, several) for path, text in zip(known["path"], label_column(known), strict=True)}
    splits = tables.read(split).set_index("path")["split"]
    rows = [_case(row, named, splits, several) for row in tables.read(review).to_dict("records")]
    return Cases(rows, named, sorted({name for names in named.values() for name in names}), several)


def _case(row: Mapping[Any, str], labels: dict[str, list[str]], splits: pd.Series, several: bool) -> Case:
    paths = [path for path in (row["path"], row["other"]) if path]
    for path in paths:  # so that no path leads out of the source, whatever the table says
        if path not in labels or path not in splits.index:
            raise DataError(f"{path!r} is to be reviewed and has no label any more; run `dvc repro evaluate`")
    images = tuple(ImageFile(path, labels[path], splits[path]) for path in paths)
    kind, suggested = row["kind"], _names(row["suggested"], several)
    if kind == "near_duplicate":
        differ = images[0].labels != images[1].labels
        return Case(kind, float(row["score"]), images[1].labels if differ else None, images)
    return Case(kind, float(row["score"]), suggested if kind == "label" else None, images)


def _names(text: str, several: bool) -> list[str]:
    if not several:
        return [text]
    return text.split(LABEL_DELIMITER) if text else []


CORRECTIONS, KEPT = Path("corrections.csv"), Path(".graft/reviewed.csv")
KEYS = ["kind", "path", "other", "labels"]
Action = Literal["keep", "relabel", "drop"]

Row = tuple[str, str, str]
"""Path, label and note."""


@dataclass(frozen=True, slots=True)
class State:
    """What is decided of a case: whether it was kept, and the new labels of each picture, `"drop"`, or None."""

    kept: bool
    corrected: list[list[str] | str | None]

    @property
    def settled(self) -> bool:
        """Whether nothing is left to decide."""
        return self.kept or any(now is not None for now in self.corrected)


@dataclass(frozen=True, slots=True)
class _Before:
    """What undoing a decision brings back: whether the case was kept; path, place and row of each correction."""

    case: int
    kept: bool
    corrections: list[tuple[str, int | None, Row | None]]


@dataclass
class Decisions:
    """Decisions about cases, each on disk before it counts.

    Args:
        cases: what is decided about.
        several: text between labels in corrections.csv where a picture bears several; None: one a picture.
    """

    cases: Cases
    several: str | None
    corrections: Path = CORRECTIONS
    kept: Path = KEPT
    _past: list[_Before] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def decide(self, number: int, side: int, action: Action, labels: list[str]) -> None:
        """Decide about a case: keep it as it is, or correct one of its pictures.

        Args:
            side: which picture to relabel or drop: 0, or 1 for the partner of a near duplicate.
            labels: the right ones, for ``relabel``.

        Raises:
            DataError: a label is no class, or cannot be written; or corrections.csv is damaged.
        """
        case = self.cases.rows[number]
        if action == "relabel" and sorted(labels) == sorted(case.images[side].labels):
            action = "keep"
        text = self._text(labels) if action == "relabel" else DROP
        with self._lock:
            rows, kept = self._rows(), self._kept()
            before = [(image.path, *_find(rows, image.path)) for image in case.images]
            if action == "keep":
                for image, (path, _, old) in zip(case.images, before, strict=True):
                    # a correction that the last run has applied is what is being kept
                    if old and self._labels(old[1]) != image.labels:
                        rows = _replaced(rows, path, None)
            else:
                image = case.images[side]
                rows = _replaced(rows, image.path, (image.path, text, _note(case, image.labels)))
            self._write(rows, (kept - {case.key}) | ({case.key} if action == "keep" else set()))
            self._past.append(_Before(number, case.key in kept, before))

    def undo(self) -> int | None:
        """Take the last decision since the page was served back, and return its case; None where there is none."""
        with self._lock:
            if not self._past:
                return None
            before = self._past[-1]
            rows, kept, key = self._rows(), self._kept(), self.cases.rows[before.case].key
            for path, place, row in before.corrections:
                rows = _replaced(rows, path, row, place)
            self._write(rows, (kept - {key}) | ({key} if before.kept else set()))
            self._past.pop()
            return before.case

    def state(self) -> tuple[list[State], int]:
        """What is decided of every case, and how many corrections wait for the next run."""
        with self._lock:
            rows, kept = self._rows(), self._kept()
        said = {path: DROP if label == DROP else self._labels(label) for path, label, _ in rows}
        states = [State(case.key in kept, [said.get(image.path) for image in case.images]) for case in self.cases.rows]
        known = self.cases.labels
        applied = sum(path not in known if now == DROP else known.get(path) == now for path, now in said.items())
        return states, len(said) - applied

    def _text(self, labels: list[str]) -> str:
        """Labels as corrections.csv has them."""
        for name in labels:
            if name not in self.cases.classes:
                raise DataError(f"{name!r} is no class; the classes are {', '.join(self.cases.classes)}")
        if self.several is None and len(labels) != 1:
            raise DataError(f"a picture has exactly one label here, not {len(labels)}")
        if labels == [DROP]:
            raise DataError(f"the class {DROP!r} cannot be given: in {self.corrections.name} it means to leave out")
        # a separator alone is a list of no labels; an empty text would be no correction
        return labels[0] if self.several is None else self.several.join(sorted(labels)) or self.several

    def _labels(self, text: str) -> list[str]:
        """Labels of a correction's text."""
        if self.several is None:
            return [text]
        return sorted({name.strip() for name in text.split(self.several)} - {""})

    def _rows(self) -> list[Row]:
        found = Corrections.read(self.corrections).rows
        return [(path, label, note) for path, label, note in found[COLUMNS].itertuples(index=False)]

    def _kept(self) -> set[tuple[str, ...]]:
        if not self.kept.is_file():
            return set()
        return {tuple(row) for row in tables.read(self.kept)[KEYS].itertuples(index=False)}

    def _write(self, rows: list[Row], kept: set[tuple[str, ...]]) -> None:
        """Write what has changed; what has not keeps its bytes, in case a person wrote it."""
        if rows != self._rows():
            tables.write(self.corrections, pd.DataFrame(rows, columns=COLUMNS, dtype=str))
        if kept != self._kept():
            tables.write(self.kept, pd.DataFrame(sorted(kept), columns=KEYS, dtype=str))


def _find(rows: list[Row], path: str) -> tuple[int | None, Row | None]:
    """The correction of a path, and its place."""
    return next(((place, row) for place, row in enumerate(rows) if row[0] == path), (None, None))


def _replaced(rows: list[Row], path: str, new: Row | None, place: int | None = None) -> list[Row]:
    """Rows with the correction of a path replaced where it stands, or taken out; a new one goes to `place`, or last."""
    stands, _ = _find(rows, path)
    rest = [row for row in rows if row[0] != path]
    if new is None:
        return rest
    at = stands if stands is not None else len(rest) if place is None else place
    return [*rest[:at], new, *rest[at:]]


def _note(case: Case, labels: list[str]) -> str:
    """Why, for whoever reads corrections.csv later."""
    return f"was {', '.join(labels) or 'no class'}; reviewed as {case.kind.replace('_', ' ')} {case.score:.2f}"
