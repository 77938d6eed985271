"""One run of the pipeline read back: its predictions, parameters and metrics; and two runs' side by side."""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import numpy as np
import pandas as pd

from graft.apps.compare.revisions import (
    LABELS,
    LINEAGE,
    LOCK,
    METRICS,
    PARAMS,
    PREDICTIONS,
    SPLIT,
    Revision,
    RevisionError,
)
from graft.apps.results import recorded_params
from graft.core.addresses import shown
from graft.core.errors import DataError, ParamsError
from graft.core.params import flattened, parse_yaml
from graft.data.dataset import LABEL_DELIMITER

TEXT_COLUMNS = ("path", "label", "predicted")
PROBABILITY = "p_"
"""Before the name of a class, the column of its probability."""

CSV_FORMAT: dict[str, Any] = {"encoding": "utf-8", "lineterminator": "\n", "keep_default_na": False}
"""As `graft.core.tables` reads: nothing is guessed, and only a line feed ends a row."""

HIGHER_IS_BETTER = {"accuracy", "f1", "precision", "recall", "match", "auc", "auroc", "kappa"}
LOWER_IS_BETTER = {"loss", "error", "ece", "brier", "nll"}
"""Words in the names of metrics that say which way is better."""

NETWORKS = ("head", "finetuned", "cross_validated")
"""What metrics.json has figures of beside those of test: the two networks, and heads asked of all images."""
WEIGHTS = "models/finetuned/model.safetensors"
"""The network handed on, as the lineage names it."""

Metrics = dict[str, float | None]


@dataclass(frozen=True, slots=True)
class Predictions:
    """predictions.csv, one row a test image.

    Attributes:
        rows: label, predicted and loss in nats, by path.
        probabilities: of each class `[N, K]`, float32: the table has six digits; by path, columns are classes.
    """

    rows: pd.DataFrame
    probabilities: pd.DataFrame

    @property
    def classes(self) -> list[str]:
        """Names of the classes, in the order of the table."""
        return list(self.probabilities.columns)

    @property
    def multi_label(self) -> bool:
        """Whether an image may have any number of labels: then probabilities do not sum to 1."""
        names = set(self.rows["label"]) | set(self.rows["predicted"])
        sums = self.probabilities.to_numpy().sum(1, dtype=np.float64)
        off = np.abs(sums - 1) > 1e-3 + 1e-6 * len(self.classes)  # each probability is rounded to six digits
        return bool(off.any()) or not names <= set(self.classes)

    @property
    def correct(self) -> pd.Series:
        """Whether each prediction equals its label; of several labels, all of them."""
        return self.rows["label"] == self.rows["predicted"]

    def select(self, paths: Sequence[str]) -> "Predictions":
        """Take some images, in the order given."""
        return Predictions(self.rows.loc[list(paths)], self.probabilities.loc[list(paths)])

    def confidence(self, path: str) -> str:
        """Probability of each class that was predicted for an image, in six digits, several joined."""
        text = str(self.rows.loc[path, "predicted"])
        names = [text] if text in self.probabilities.columns else text.split(LABEL_DELIMITER) if text else []
        values = self.probabilities.loc[path].to_dict()
        return LABEL_DELIMITER.join(f"{values[name]:.6f}" for name in names)


def parse_predictions(content: bytes, name: str) -> Predictions:
    """Read predictions.csv, by its `name` in messages; columns beyond those that are needed are left alone.

    Raises:
        DataError: it lacks a column, has an image twice, has no row, or has no number where one must be.
    """
    try:
        columns = pd.read_csv(BytesIO(content), nrows=0, **CSV_FORMAT).columns
        lacking = [column for column in (*TEXT_COLUMNS, "loss") if column not in columns]
        probabilities = [column for column in columns if column.startswith(PROBABILITY)]
        if lacking or not probabilities:
            missing = ", ".join([*lacking, *([] if probabilities else [f"{PROBABILITY}<class>"])])
            raise DataError(f"{name} lacks {missing}; it has {', '.join(columns)}; run `dvc repro evaluate`")
        types = dict.fromkeys(TEXT_COLUMNS, str) | {"loss": np.float64} | dict.fromkeys(probabilities, np.float32)
        table = pd.read_csv(BytesIO(content), usecols=list(types), dtype=types, **CSV_FORMAT)
    except ValueError as error:  # what pandas raises for a torn table, for text among numbers, for other bytes
        raise DataError(f"{name} is not a table of predictions: {error}; run `dvc repro evaluate`") from error
    if not len(table) or not np.isfinite(table[["loss", *probabilities]].to_numpy()).all():
        problem = "a number that is not finite" if len(table) else "no row"
        raise DataError(f"{name} has {problem}; run `dvc repro evaluate`")
    if table["path"].duplicated().any():
        raise DataError(f"{name} has {table['path'][table['path'].duplicated()].iloc[0]!r} twice")
    table = table.set_index("path").sort_index(kind="stable")
    renamed = table[probabilities].rename(columns=lambda column: column.removeprefix(PROBABILITY))
    return Predictions(table[["label", "predicted", "loss"]], renamed)


@dataclass(frozen=True, slots=True)
class Run:
    """What a revision set, predicted and measured.

    Attributes:
        title: how a person is told of the revision.
        params: params.yaml.
        metrics: of the test split, by name; ``head.`` and ``finetuned.`` stand before those of either network.
        kept: which of the two was handed on; None where it is not known.
        weights: digest of the network handed on; None where it is not known.
        recorded: sections of params.yaml that it ran with, as DVC recorded them; none where that is not known.
        split: the split of every image, by path; None where it cannot be had.
        unreadable: what could not be read, and why.
    """

    title: str
    predictions: Predictions
    params: dict[str, Any]
    metrics: Metrics
    split: pd.DataFrame | None
    unreadable: list[str]
    kept: str | None = None
    weights: str | None = None
    recorded: dict[str, Any] = field(default_factory=dict)

    @property
    def stale(self) -> list[str]:
        """Sections of params.yaml that were changed after it ran."""
        return [key for key, value in self.recorded.items() if self.params.get(key) != value]


def read_run(revision: Revision) -> Run:
    """Read a run; only the predictions must be there.

    Raises:
        RevisionError: there are no predictions, or their content cannot be had.
        DataError: what is read is not what `evaluate` writes.
    """
    predictions = parse_predictions(revision.read(PREDICTIONS), f"{PREDICTIONS} of {revision.title}")
    unreadable: list[str] = []
    params = _read_optional(revision, PARAMS, unreadable)
    metrics = _read_optional(revision, METRICS, unreadable)
    # these only explain what is found
    split, lineage, lock = (_read_optional(revision, path, []) for path in (SPLIT, LINEAGE, LOCK))
    measured = {} if metrics is None else parse_metrics(metrics, revision.title)
    files = {} if lineage is None else _parse_lineage(lineage, revision.title)
    return Run(
        revision.title,
        predictions,
        {} if params is None else _parse_params(params, revision.title),
        numbers(measured.get("test", {}) | {name: measured[name] for name in NETWORKS if name in measured}),
        None if split is None else read_rows(split, f"{SPLIT} of {revision.title}", "split"),
        unreadable,
        measured.get("kept"),
        files.get(WEIGHTS),
        {} if lock is None else recorded_params(lock.decode()),
    )


def read_labels(revision: Revision, paths: list[str]) -> tuple[pd.DataFrame | None, str]:
    """Columns of labels.csv for some images, in their order, by path; or None, and why.

    Raises:
        DataError: it is no such table.
    """
    try:
        rows = read_rows(revision.read(LABELS), f"{LABELS} of {revision.title}")
    except RevisionError as error:
        return None, str(error)
    missing = [path for path in paths if path not in rows.index]
    if missing:
        return None, f"{LABELS} of {revision.title} does not name {missing[0]!r}"
    return rows.loc[paths], ""


def read_rows(content: bytes, name: str, *needed: str) -> pd.DataFrame:
    """Read a table of texts by its column `path`.

    Raises:
        DataError: it is no table, or lacks a column.
    """
    try:
        rows: pd.DataFrame = pd.read_csv(BytesIO(content), dtype=str, **CSV_FORMAT)
    except ValueError as error:
        raise DataError(f"{name} is not a table: {error}; run `dvc repro`") from error
    for column in ("path", *needed):
        if column not in rows.columns:
            raise DataError(f"{name} lacks the column {column}; it has {', '.join(rows.columns)}; run `dvc repro`")
    return rows.drop_duplicates("path").set_index("path")


def _read_optional(revision: Revision, path: str, unreadable: list[str]) -> bytes | None:
    try:
        return revision.read(path)
    except RevisionError as error:
        unreadable.append(str(error))
        return None


def _parse_params(content: bytes, title: str) -> dict[str, Any]:
    """Any mapping will do: an older revision may know other keys."""
    try:
        values = parse_yaml(content.decode())
    except (ParamsError, UnicodeDecodeError) as error:
        raise DataError(f"{PARAMS} of {title}: {error}") from error
    if not isinstance(values, dict):
        raise DataError(f"{PARAMS} of {title}: expected a mapping; got {values!r}")
    return values


def _parse_lineage(content: bytes, title: str) -> dict[str, str]:
    """Digests of what `evaluate` read, by file."""
    try:
        files: dict[str, str] = json.loads(content)["files"]
        return files
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{LINEAGE} of {title} names no files; run `dvc repro evaluate`") from error


def parse_metrics(content: bytes, title: str) -> dict[str, Any]:
    """All that `evaluate` measured, the figures of test among them."""
    try:
        measured: dict[str, Any] = json.loads(content)
        numbers(measured["test"])
        return measured
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{METRICS} of {title} holds no figures of test; run `dvc repro evaluate`") from error


def numbers(nested: dict[str, Any]) -> Metrics:
    """Numbers of a nested mapping under dotted keys, None where there is no value; texts and lists are left out."""
    return {
        key: None if value is None else float(value)
        for key, value in flattened(nested).items()
        if value is None or (isinstance(value, int | float) and not isinstance(value, bool))
    }


@dataclass(frozen=True, slots=True)
class ParamChange:
    """A parameter by its dotted key, as A and as B have it."""

    key: str
    a: str
    b: str


@dataclass(frozen=True, slots=True)
class MetricPair:
    """A metric of the test split in both runs, None without a value; `better` is as `direction` gives it."""

    name: str
    a: float | None
    b: float | None
    better: int

    @property
    def difference(self) -> float | None:
        """B's less A's."""
        return None if self.a is None or self.b is None else self.b - self.a


def changed_params(a: dict[str, Any], b: dict[str, Any]) -> list[ParamChange]:
    """Parameters that are not equal, those that both have first, - for none; the type counts, so 1 and 1.0 differ."""
    left, right = ({key: _as_yaml(value) for key, value in flattened(values).items()} for values in (a, b))
    keys = sorted(set(left) | set(right), key=lambda key: (not (key in left and key in right), key))
    differing = [key for key in keys if left.get(key) != right.get(key)]
    return [ParamChange(key, left.get(key, "-"), right.get(key, "-")) for key in differing]


def paired_metrics(a: Metrics, b: Metrics) -> list[MetricPair]:
    """Every metric that either has, in B's order and then A's; one that the other lacks is None there."""
    return [MetricPair(name, a.get(name), b.get(name), direction(name)) for name in dict.fromkeys([*b, *a])]


def direction(name: str) -> int:
    """1 where more of a metric is better, -1 where less is; 0 for counts, limits of intervals, unknown names."""
    words = name.replace(".", "_").split("_")
    if words[-1] in ("low", "high"):
        return 0
    if LOWER_IS_BETTER & set(words):
        return -1
    return int(bool(HIGHER_IS_BETTER & set(words)) or name.endswith("average_precision"))


def _as_yaml(value: Any) -> str:
    """A value on one line: a text that YAML would take for something else in quotes, an address without its secrets."""
    if isinstance(value, str):
        value = shown(value) if "://" in value else value
        with suppress(ParamsError):
            if parse_yaml(value) == value:
                return str(value)
    return json.dumps(value, ensure_ascii=False, default=str)
