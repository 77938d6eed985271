"""The cases of a review, and what a person decides about them.

A label that was looked at and kept is no correction; a file of its own remembers it, so that it is not asked again.
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

REVIEW = Path("reports/report/review.csv")
LABELS, SPLIT = Path("data/labels.csv"), Path("data/split.csv")
UNLABELLED = "unlabelled"
"""The kind of a case whose image has no label."""


@dataclass(frozen=True, slots=True)
class ImageFile:
    """One image of a case: its path below the source, its labels as of the last run or None, its split."""

    path: str
    labels: list[str] | None
    split: str


@dataclass(frozen=True, slots=True)
class Case:
    """One row of review.csv, or one image without a label, to be settled by a person.

    Attributes:
        kind: label, near_duplicate or outlier; or unlabelled.
        score: how strongly it is suspected, or how sure the guess is, in [0, 1].
        suggested: labels that are suggested for the first image; None where nothing is.
        images: the one in question and, of a near duplicate, its partner.
        neighbours: labelled images that are most like it, to be looked at.
    """

    kind: str
    score: float
    suggested: list[str] | None
    images: tuple[ImageFile, ...]
    neighbours: tuple[ImageFile, ...] = ()

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What makes it the same case in a later run: kind, path, partner's path, and the labels of both."""
        paths = [image.path for image in self.images] + [""]
        labels = " ".join(LABEL_DELIMITER.join(image.labels or []) for image in self.images)
        return self.kind, paths[0], paths[1], labels


@dataclass(frozen=True, slots=True)
class Cases:
    """All cases, the labels of every image of the last run by path, and the names of the classes.

    `new_classes` says whether a person may name others.
    """

    rows: list[Case]
    labels: dict[str, list[str]]
    classes: list[str]
    multi_label: bool
    new_classes: bool = False


def read_cases(review: Path = REVIEW, labels: Path = LABELS, split: Path = SPLIT) -> Cases:
    """Read what `evaluate`, `index` and `split` wrote.

    Raises:
        DataError: one of the files is absent, or they are of different runs.
    """
    for file in (review, labels, split):
        if not file.is_file():
            raise DataError(f"{file} is absent: nothing was found to review yet; run `dvc repro`")
    named, multi_label = read_labels(labels)
    splits = tables.read(split).set_index("path")["split"]
    rows = [_case(row, named, splits, multi_label) for row in tables.read(review).to_dict("records")]
    return Cases(rows, named, classes_of(named), multi_label)


def read_labels(file: Path = LABELS) -> tuple[dict[str, list[str]], bool]:
    """Read the labels of every image that has any, by path, and whether an image may have several."""
    known = tables.read(file)
    multi_label = is_multi_label(known)
    names = [_names(text, multi_label) for text in label_column(known)]
    return dict(zip(known["path"], names, strict=True)), multi_label


def classes_of(labels: Mapping[str, list[str]]) -> list[str]:
    """The classes that occur, sorted."""
    return sorted({name for names in labels.values() for name in names})


def _note(case: Case, image: ImageFile) -> str:
    """What corrections.csv says of the reason."""
    if image.labels is not None:
        was, kind = ", ".join(image.labels) or "no class", case.kind.replace("_", " ")
        return f"was {was}; reviewed as {kind} {case.score:.2f}"
    if case.suggested is None:
        return "had no label"
    return f"had no label; guessed {', '.join(case.suggested) or 'no class'} {case.score:.2f}"


def _case(row: Mapping[Any, str], labels: dict[str, list[str]], splits: pd.Series, multi_label: bool) -> Case:
    paths = [path for path in (row["path"], row["other"]) if path]
    for path in paths:  # so that no path leads out of the source, whatever the table says
        if path not in labels or path not in splits.index:
            raise DataError(f"{path!r} is to be reviewed and has no label any more; run `dvc repro report`")
    images = tuple(ImageFile(path, labels[path], splits[path]) for path in paths)
    suggested = _names(row["suggested"], multi_label) if row["kind"] == "label" else None
    if row["kind"] == "near_duplicate" and images[0].labels != images[1].labels:
        suggested = images[1].labels
    return Case(row["kind"], float(row["score"]), suggested, images)


def _names(text: str, multi_label: bool) -> list[str]:
    if not multi_label:
        return [text]
    return text.split(LABEL_DELIMITER) if text else []


KEYS = ["kind", "path", "other", "labels"]
Action = Literal["keep", "relabel", "drop"]
Rows = dict[str, tuple[str, str]]  # label and note of each correction by path, in the order of the file


@dataclass(frozen=True, slots=True)
class State:
    """What is decided of a case: whether it was kept, and the new labels of each image, `"drop"`, or None."""

    kept: bool
    corrected: list[list[str] | str | None]

    @property
    def settled(self) -> bool:
        """Whether nothing is left to decide."""
        return self.kept or any(labels is not None for labels in self.corrected)


@dataclass
class Decisions:
    """Decisions about cases, each on disk before it counts.

    Args:
        cases: what is decided about.
        separator: text between labels in corrections.csv where an image has any number of them; None: one an image.
    """

    cases: Cases
    separator: str | None
    corrections: Path = Path("corrections.csv")
    kept: Path = Path(".graft/reviewed.csv")
    _undos: list[tuple[int, bool, Rows]] = field(default_factory=list)  # case, whether it was kept, corrections before
    _lock: Lock = field(default_factory=Lock)

    def decide(self, index: int, side: int, action: Action, labels: list[str]) -> None:
        """Decide about a case: keep it as it is, or correct one of its images.

        Args:
            side: which image to relabel or drop: 0, or 1 for the partner of a near duplicate.
            labels: the correct ones, for ``relabel``.

        Raises:
            DataError: a label is no class, or cannot be written; or corrections.csv is damaged.
        """
        case = self.cases.rows[index]
        image = case.images[side]
        if action == "relabel" and image.labels is not None and sorted(labels) == sorted(image.labels):
            action = "keep"
        text = self._text(labels) if action == "relabel" else DROP
        with self._lock:
            rows, kept = self._read()
            undo = (index, case.key in kept, dict(rows))
            if action == "keep":
                kept.add(case.key)
                for other in case.images:
                    # a correction that the last run has applied is what is being kept
                    if other.path in rows and self._labels(rows[other.path][0]) != other.labels:
                        del rows[other.path]
            else:
                kept.discard(case.key)
                rows[image.path] = (text, _note(case, image))
            self._write(rows, kept)
            self._undos.append(undo)

    def undo(self) -> int | None:
        """Take back the last decision since the server was started; return its case, or None where there is none."""
        with self._lock:
            if not self._undos:
                return None
            index, was_kept, before = self._undos[-1]
            rows, kept = self._read()
            case = self.cases.rows[index]
            paths = {image.path for image in case.images}
            rows = {path: row for path, row in rows.items() if path not in paths}
            rows |= {path: before[path] for path in paths & before.keys()}
            # in their former order; what was written since, by whomever, comes last
            rows = {path: rows[path] for path in before | rows if path in rows}
            self._write(rows, (kept - {case.key}) | ({case.key} if was_kept else set()))
            self._undos.pop()
            return index

    def corrected(self) -> dict[str, list[str] | str]:
        """Return the labels of every image in corrections.csv, or ``"drop"``, by path."""
        with self._lock:
            return self._corrected(self._read()[0])

    def skipped(self) -> set[str]:
        """Return the paths of the images that were to be labelled, and were not."""
        with self._lock:
            return {path for kind, path, *_ in self._read()[1] if kind == UNLABELLED}

    def classes(self) -> list[str]:
        """Return all classes, those that only corrections.csv names last, so that a key's class stays its class."""
        known = self.cases.classes
        named = [name for labels in self.corrected().values() if isinstance(labels, list) for name in labels]
        return known + [name for name in dict.fromkeys(named) if name not in known]

    def state(self) -> tuple[list[State], int]:
        """Return what is decided of every case, and how many corrections wait for the next run."""
        with self._lock:
            rows, kept = self._read()
        corrected = self._corrected(rows)
        states = [
            State(case.key in kept, [corrected.get(image.path) for image in case.images]) for case in self.cases.rows
        ]
        known = self.cases.labels
        applied = sum(
            path not in known if labels == DROP else known.get(path) == labels for path, labels in corrected.items()
        )
        return states, len(corrected) - applied

    def _corrected(self, rows: Rows) -> dict[str, list[str] | str]:
        return {path: DROP if label == DROP else self._labels(label) for path, (label, _) in rows.items()}

    def _text(self, labels: list[str]) -> str:
        for name in (name for name in labels if name not in self.cases.classes):
            if not self.cases.new_classes:
                raise DataError(f"{name!r} is no class; the classes are {', '.join(self.cases.classes)}")
            if not name.strip() or (self.separator is not None and {*name} & {*self.separator, LABEL_DELIMITER}):
                raise DataError(f"{name!r} cannot be the name of a class: it is empty, or holds what parts labels")
        if self.separator is None and len(labels) != 1:
            raise DataError(f"a picture has exactly one label here, not {len(labels)}")
        if self.separator is None and labels[0].lower() == DROP:
            raise DataError(f"the class {labels[0]!r} cannot be given: {self.corrections.name} leaves out by that name")
        # a separator alone is a list of no labels; an empty text would be no correction
        return labels[0] if self.separator is None else self.separator.join(sorted(labels)) or self.separator

    def _labels(self, text: str) -> list[str]:
        if self.separator is None:
            return [text]
        return sorted({name.strip() for name in text.split(self.separator)} - {""})

    def _read(self) -> tuple[Rows, set[tuple[str, ...]]]:
        found = Corrections.read(self.corrections).rows
        rows = {path: (label, note) for path, label, note in found[COLUMNS].itertuples(index=False)}
        if not self.kept.is_file():
            return rows, set()
        return rows, {tuple(row) for row in tables.read(self.kept)[KEYS].itertuples(index=False)}

    def _write(self, rows: Rows, kept: set[tuple[str, ...]]) -> None:
        """Write what has changed; what has not keeps its bytes, in case a person wrote it."""
        old_rows, old_kept = self._read()
        if list(rows.items()) != list(old_rows.items()):
            table = [(path, *row) for path, row in rows.items()]
            tables.write(self.corrections, pd.DataFrame(table, columns=COLUMNS, dtype=str))
        if kept != old_kept:
            tables.write(self.kept, pd.DataFrame(sorted(kept), columns=KEYS, dtype=str))
