"""What the bundle tells of itself beyond its graph: figures, slices, data, licences, lineage."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from graft import tables


def read_story(evaluated: Path, split: Path) -> dict[str, Any]:
    """Gather what `evaluate` and `split` wrote.

    Args:
        evaluated: reports/evaluate.
        split: reports/split.

    Returns:
        JSON-ready: metrics by name with meaning, value, low, high and the probe's value; slices; the
        number of pictures by split; warnings of the audit; lineage and versions.
    """
    metrics, counts, audit, lineage = (
        json.loads(file.read_text(encoding="utf-8"))
        for file in (
            evaluated / "metrics.json",
            split / "metrics.json",
            split / "audit.json",
            evaluated / "lineage.json",
        )
    )
    figures = tables.read(evaluated / "figures.csv")
    columns = ("value", "low", "high", "probe")
    return {
        "metrics": {
            row["figure"]: {"meaning": row["meaning"]} | {name: _number(row[name]) for name in columns}
            for _, row in figures.iterrows()
        },
        "hits": "accuracy" if "accuracy" in metrics["test"] else "exact_match",
        "interval": metrics["interval"],
        "answered": metrics.get("answered"),
        "slices": _rows(tables.read(evaluated / "slices.csv")),
        "pictures": {name: row["all"] for name, row in counts.items()},
        "groups_across_splits": audit["groups_across_splits"],
        "warning": audit["metadata"]["warning"],
        "lineage": lineage["files"],
        "versions": lineage["versions"],
    }


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a table whose first column is text and whose others are numbers."""
    first, *others = table.columns
    return [
        {first: row[first]} | {name: int(row[name]) if name == "pictures" else _number(row[name]) for name in others}
        for _, row in table.iterrows()
    ]


def _number(text: str) -> float | None:
    return float(text) if text else None
