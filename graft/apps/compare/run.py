"""predictions.csv read back: what a network said of each test picture."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
import pandas as pd

from graft.apps.compare.changes import Figures, figures
from graft.apps.compare.revisions import LABELS, METRICS, PARAMS, PREDICTIONS, SPLIT, Revision, RevisionError
from graft.core.errors import DataError, ParamsError
from graft.core.params import parse_yaml
from graft.data.dataset import LABEL_DELIMITER

TEXTS = ("path", "label", "predicted")
CHANCE = "p_"
"""Before the name of a class, the column of its probability."""

FORMAT: dict[str, Any] = {"encoding": "utf-8", "lineterminator": "\n", "keep_default_na": False}
"""As `graft.core.tables` reads: nothing is guessed, and only a line feed ends a row."""


@dataclass(frozen=True, slots=True)
class Predicted:
    """Answers, one row a picture.

    Attributes:
        rows: label, predicted and loss (nats an answer), by path.
        chances: probability of each class `[N, K]`, float32: the table has six digits; by path, columns are classes.
    """

    rows: pd.DataFrame
    chances: pd.DataFrame

    @property
    def classes(self) -> list[str]:
        """Names of the classes, in the order of the table."""
        return list(self.chances.columns)

    @property
    def multi_label(self) -> bool:
        """Whether a picture may have any number of labels: then probabilities do not sum to 1."""
        said = set(self.rows["label"]) | set(self.rows["predicted"])
        # each probability is rounded to six digits
        apart = np.abs(self.chances.to_numpy().sum(1, dtype=np.float64) - 1) > 1e-3 + 1e-6 * self.chances.shape[1]
        return bool(apart.any()) or not said <= set(self.classes)

    @property
    def right(self) -> pd.Series:
        """Whether each picture's answer is wholly right."""
        return self.rows["label"] == self.rows["predicted"]

    def of(self, paths: Sequence[str]) -> "Predicted":
        """Take some pictures, in the order given."""
        return Predicted(self.rows.loc[list(paths)], self.chances.loc[list(paths)])

    def names(self, text: str) -> list[str]:
        """Class names in what the table says of one picture."""
        if text in self.chances.columns:
            return [text]
        return text.split(LABEL_DELIMITER) if text else []

    def chance(self, path: str) -> list[float]:
        """Probability of each class that was predicted of a picture."""
        values = dict(zip(self.classes, self.chances.loc[[path]].to_numpy()[0].tolist(), strict=True))
        return [values[name] for name in self.names(str(self.rows.loc[path, "predicted"]))]


def parse(content: bytes, whence: str) -> Predicted:
    """Read the table; columns beyond those that are needed are left alone.

    Args:
        whence: names the table in messages.

    Raises:
        DataError: it lacks a column, has a picture twice, has no row, or something in it is no number.
    """
    try:
        columns = pd.read_csv(BytesIO(content), nrows=0, **FORMAT).columns
        lacking = [name for name in (*TEXTS, "loss") if name not in columns]
        chances = [name for name in columns if name.startswith(CHANCE)]
        if lacking or not chances:
            missing = ", ".join([*lacking, *([] if chances else [f"{CHANCE}<class>"])])
            raise DataError(f"{whence} lacks {missing}; it has {', '.join(columns)}; run `dvc repro evaluate`")
        types = dict.fromkeys(TEXTS, str) | {"loss": np.float64} | dict.fromkeys(chances, np.float32)
        table = pd.read_csv(BytesIO(content), usecols=list(types), dtype=types, **FORMAT)
    except ValueError as error:  # what pandas raises for a torn table, for text among numbers, for other bytes
        raise DataError(f"{whence} is not a table of predictions: {error}; run `dvc repro evaluate`") from error
    numbers = table[["loss", *chances]].to_numpy()
    if not len(table) or not np.isfinite(numbers).all():
        what = "a number that is not finite" if len(table) else "no row"
        raise DataError(f"{whence} has {what}; run `dvc repro evaluate`")
    if table["path"].duplicated().any():
        raise DataError(f"{whence} has {table['path'][table['path'].duplicated()].iloc[0]!r} twice")
    table = table.set_index("path").sort_index(kind="stable")
    return Predicted(
        table[["label", "predicted", "loss"]], table[chances].rename(columns=lambda name: name.removeprefix(CHANCE))
    )


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
