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

FIGURES = {"micro_f1": "micro F1", "macro_f1": "macro F1", "mean_average_precision": "mAP", "log_loss": "log loss"}
"""Of these, what was measured of the task is shown."""


def results(values: dict[str, Any]) -> Iterator[str]:
    """Yield lines for a person.

    Args:
        values: params.yaml.

    Raises:
        GraftError: nothing was evaluated yet.
    """
    if not METRICS.is_file():
        raise GraftError(f"{METRICS}: nothing was evaluated yet; run `dvc repro`")
    if changed := [*_params_since(values), *_files_since()]:
        yield f"these figures are of an earlier run; since then {', '.join(changed)} changed: run `dvc repro`"
    yield from _table(json.loads(METRICS.read_text(encoding="utf-8")))
    yield f"report: {REPORT.resolve().as_uri() if REPORT.is_file() else 'not here; `dvc repro` writes it'}"


def _table(metrics: dict[str, Any]) -> Iterator[str]:
    share, said = ("accuracy", "accuracy") if "accuracy" in metrics["test"] else ("exact_match", "all right")
    figures = {key: title for key, title in FIGURES.items() if key in metrics["test"]}
    head = f"test, {metrics['test']['pictures']} pictures"
    yield f"{head:24}{said:>10}{'95 % interval':>20}" + "".join(f"{title:>10}" for title in figures.values())
    for name, row in (("this network", metrics["test"]), ("linear probe", metrics["probe"])):
        low, high = row[f"{share}_low"], row[f"{share}_high"]
        interval = "none: one group" if low is None else f"{low:.1%} to {high:.1%}"
        told = "".join(f"{'none':>10}" if row[key] is None else f"{row[key]:>10.3f}" for key in figures)
        yield f"{name:24}{row[share]:>10.1%}{interval:>20}{told}"
    yield f"{'majority class':24}{metrics['majority'][share]:>10.1%}"


def _params_since(values: dict[str, Any]) -> Iterator[str]:
    """Sections of params.yaml that say otherwise than when `evaluate` ran, as DVC recorded it."""
    if LOCK.is_file():
        stages = params.parse_yaml(LOCK.read_text(encoding="utf-8")).get("stages", {})
        recorded = stages.get("evaluate", {}).get("params", {}).get("params.yaml", {})
        yield from (key for key, value in recorded.items() if values.get(key) != value)


def _files_since() -> Iterator[str]:
    """Inputs of `evaluate` that are here and have another digest than those it read."""
    if LINEAGE.is_file():
        read = json.loads(LINEAGE.read_text(encoding="utf-8"))["files"]
        yield from (file for file, digest in read.items() if Path(file).is_file() and sha256(Path(file)) != digest)
