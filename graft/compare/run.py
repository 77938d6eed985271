"""All that is compared of one run, read from a revision."""

import json
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import pandas as pd

from graft.compare.changes import Figures, figures
from graft.compare.predicted import FORMAT, Predicted, parse
from graft.compare.revisions import LABELS, METRICS, PARAMS, PREDICTIONS, SPLIT, Revision, RevisionError
from graft.errors import DataError, ParamsError
from graft.params import parse_yaml


@dataclass(frozen=True, slots=True)
class Run:
    """What a revision set, answered and measured.

    Attributes:
        title: how a person is told of the revision.
        params: params.yaml.
        measured: figures of the test split, by name.
        split: the split of every picture, by path; None where it cannot be had.
        gaps: what could not be read, and why.
    """

    title: str
    predicted: Predicted
    params: dict[str, Any]
    measured: Figures
    split: pd.DataFrame | None
    gaps: list[str]


def read_run(revision: Revision) -> Run:
    """Read a run; only the predictions must be there.

    Raises:
        RevisionError: there are no predictions, or their content cannot be had.
        DataError: what is read is not what `evaluate` writes.
    """
    predicted = parse(revision.read(PREDICTIONS), f"{PREDICTIONS} of {revision.title}")
    gaps: list[str] = []
    params = _optional(revision, PARAMS, gaps)
    metrics = _optional(revision, METRICS, gaps)
    split = _optional(revision, SPLIT, [])  # it only adds to what is said of unlike test sets
    return Run(
        revision.title,
        predicted,
        {} if params is None else _params(params, revision.title),
        {} if metrics is None else _figures(metrics, revision.title),
        None if split is None else read_rows(split, f"{SPLIT} of {revision.title}", "split"),
        gaps,
    )


def read_labels(revision: Revision, paths: list[str]) -> tuple[pd.DataFrame | None, str]:
    """Columns of labels.csv for some pictures, in their order, by path; or None, and why.

    Raises:
        DataError: it is no such table.
    """
    try:
        rows = read_rows(revision.read(LABELS), f"{LABELS} of {revision.title}")
    except RevisionError as error:
        return None, str(error)
    unnamed = [path for path in paths if path not in rows.index]
    if unnamed:
        return None, f"{LABELS} of {revision.title} does not name {unnamed[0]!r}"
    return rows.loc[paths], ""


def read_rows(content: bytes, whence: str, *needed: str) -> pd.DataFrame:
    """Read a table of texts by its column `path`.

    Raises:
        DataError: it is no table, or lacks a column.
    """
    try:
        rows: pd.DataFrame = pd.read_csv(BytesIO(content), dtype=str, **FORMAT)
    except ValueError as error:
        raise DataError(f"{whence} is not a table: {error}; run `dvc repro`") from error
    for column in ("path", *needed):
        if column not in rows.columns:
            raise DataError(f"{whence} lacks the column {column}; it has {', '.join(rows.columns)}; run `dvc repro`")
    return rows.drop_duplicates("path").set_index("path")


def _optional(revision: Revision, path: str, gaps: list[str]) -> bytes | None:
    try:
        return revision.read(path)
    except RevisionError as error:
        gaps.append(str(error))
        return None


def _params(content: bytes, title: str) -> dict[str, Any]:
    """Any mapping will do: an older revision may know other keys."""
    try:
        tree = parse_yaml(content.decode())
    except (ParamsError, UnicodeDecodeError) as error:
        raise DataError(f"{PARAMS} of {title}: {error}") from error
    if not isinstance(tree, dict):
        raise DataError(f"{PARAMS} of {title}: expected a mapping; got {tree!r}")
    return tree


def _figures(content: bytes, title: str) -> Figures:
    try:
        test = json.loads(content)["test"]
        return figures(test)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{METRICS} of {title} holds no figures of test; run `dvc repro evaluate`") from error
