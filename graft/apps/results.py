"""``graft results``: the test metrics of the last run, whether they are of what lies here, and where the report is."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from graft.core import params
from graft.core.errors import GraftError
from graft.core.files import sha256

METRICS = Path("reports/evaluate/metrics.json")
LINEAGE = Path("reports/evaluate/lineage.json")
REPORT = Path("reports/report.html")
LOCK = Path("dvc.lock")

COLUMNS = {"micro_f1": "micro F1", "macro_f1": "macro F1", "mean_average_precision": "mAP", "log_loss": "log loss"}
"""Metrics beside the primary one; those that were measured of the task are shown."""
ROWS = {"head": "the head", "finetuned": "fine-tuned"}
"""The two networks; without fine-tuning there is the head alone."""


def results(values: dict[str, Any]) -> Iterator[str]:
    """Yield lines for a person.

    Raises:
        GraftError: nothing was evaluated yet.
    """
    if not METRICS.is_file():
        raise GraftError(f"{METRICS}: nothing was evaluated yet; run `dvc repro`")
    metrics = json.loads(METRICS.read_text(encoding="utf-8"))
    if changed := [*_changed_params(values), *_changed_files(), *([] if "kept" in metrics else ["graft itself"])]:
        yield f"these figures are of an earlier run; since then {', '.join(changed)} changed: run `dvc repro`"
    yield from _table(metrics)
    yield f"report: {REPORT.resolve().as_uri() if REPORT.is_file() else 'not here; `dvc repro` writes it'}"


def _table(metrics: dict[str, Any]) -> Iterator[str]:
    test = metrics["test"]
    primary = "accuracy" if "accuracy" in test else "exact_match"
    columns = {key: title for key, title in COLUMNS.items() if key in test}
    head = f"test, {test['images']} images"
    titles = "".join(f"{title:>10}" for title in columns.values())
    yield f"{head:24}{primary.replace('_', ' '):>12}{'95 % interval':>20}{titles}"

    def line(title: str, row: dict[str, Any]) -> str:
        low, high = row[f"{primary}_low"], row[f"{primary}_high"]
        interval = "none: one group" if low is None else f"{low:.1%} to {high:.1%}"
        others = "".join(f"{'none':>10}" if row[key] is None else f"{row[key]:>10.3f}" for key in columns)
        return f"{title:24}{row[primary]:>12.1%}{interval:>20}{others}"

    for name in (name for name in ROWS if name in metrics):
        yield line(ROWS[name] + ", handed on" * (name == metrics["kept"]), metrics[name])
    if change := metrics.get("difference"):
        low, high = change[f"{primary}_low"], change[f"{primary}_high"]
        interval = "none: one group" if low is None else f"{100 * low:+.1f} to {100 * high:+.1f}"
        yield f"{'difference, points':24}{100 * change[primary]:>+12.1f}{interval:>20}"
    yield f"{'majority class':24}{metrics['majority'][primary]:>12.1%}"
    if every := metrics.get("cross_validated"):
        yield f"all {every['images']} images, each asked of a head that had not learnt from it"
        yield line("heads, cross-validated", every)


def recorded_params(lock: str) -> dict[str, Any]:
    """Sections of params.yaml that `report` ran with, all but export, in the content of dvc.lock."""
    stages = params.parse_yaml(lock).get("stages", {})
    recorded: dict[str, Any] = stages.get("report", {}).get("params", {}).get("params.yaml", {})
    return recorded


def _changed_params(values: dict[str, Any]) -> Iterator[str]:
    """Sections that differ from those of the last run."""
    if LOCK.is_file():
        recorded = recorded_params(LOCK.read_text(encoding="utf-8"))
        yield from (key for key, value in recorded.items() if values.get(key) != value)


def _changed_files() -> Iterator[str]:
    """Inputs of `evaluate` that are here and have another digest than those it read."""
    if LINEAGE.is_file():
        read = json.loads(LINEAGE.read_text(encoding="utf-8"))["files"]
        yield from (file for file, digest in read.items() if Path(file).is_file() and sha256(Path(file)) != digest)
