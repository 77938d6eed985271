"""What the bundle tells of itself beyond its graph: figures, slices, data, licences, lineage."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from graft.core import tables
from graft.core.files import write_text
from graft.render.templates import rendered


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
        "images": {name: row["all"] for name, row in counts.items()},
        "groups_across_splits": audit["groups_across_splits"],
        "warning": audit["metadata"]["warning"],
        "lineage": lineage["files"],
        "versions": lineage["versions"],
    }


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a table whose first column is text and whose others are numbers."""
    first, *others = table.columns
    return [
        {first: row[first]} | {name: int(row[name]) if name == "images" else _number(row[name]) for name in others}
        for _, row in table.iterrows()
    ]


def _number(text: str) -> float | None:
    return float(text) if text else None


TEMPLATE = Path(__file__).with_name("card.md.j2")


def save_card(path: Path, facts: dict[str, Any]) -> None:
    """Write the card.

    Args:
        facts: what graft.json says.
    """
    # Markdown for people and for the hub; names from the data are escaped where they are used
    told = rendered(TEMPLATE, facts | {"facts": facts}, escape=False, text=_text, quoted=_quoted)
    write_text(path, told)


def _text(value: object) -> str:
    """A value as plain text in a cell of a Markdown table."""
    plain = " ".join(str(value).split())
    return "".join(f"\\{char}" if char in "\\`*_{}[]<>#|$~" else char for char in plain)


def _quoted(value: object) -> str:
    """A value as a string in double quotes of YAML."""
    plain = " ".join(str(value).split())
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'
