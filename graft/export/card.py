"""The model card, and the record it is written from: figures, slices, data, licences, lineage."""

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd

from graft.core import tables
from graft.core.addresses import shown
from graft.core.files import write_text
from graft.render.templates import rendered

TEMPLATE = Path(__file__).with_name("card.md.j2")


def read_record(params: dict[str, Any], evaluated: Path, split: Path) -> dict[str, Any]:
    """Gather where the classifier comes from and how good it is.

    Args:
        params: the sections backbone, labels and source of params.yaml as they stand there.
        evaluated: reports/evaluate.
        split: reports/split.

    Returns:
        JSON-ready: source, licences and label rule; metrics by name with meaning, value, low, high and
        the values of the head and of the fine-tuned network, None where nothing was fine-tuned; figures of heads
        cross-validated over all images, None where there are none; slices; the number
        of images by split; warnings of the audit; lineage and versions.
    """
    files = (evaluated / "metrics.json", split / "metrics.json", split / "audit.json", evaluated / "lineage.json")
    metrics, counts, audit, lineage = (json.loads(file.read_text(encoding="utf-8")) for file in files)
    figures = tables.read(evaluated / "figures.csv")
    backbones = params["backbone"] if isinstance(params["backbone"], list) else [params["backbone"]]
    columns = {"value": "value", "low": "low", "high": "high", "head": "head_value", "finetuned": "finetuned_value"}
    return {
        "source": shown(params["source"]["uri"]),
        "licences": {
            "images": params["source"]["licence"],
            "weights": "; ".join(dict.fromkeys(one["licence"] for one in backbones)),
        },
        "labels": params["labels"],
        "metrics": {
            row["figure"]: {"meaning": row["meaning"]}
            | {name: _number(row[column]) for name, column in columns.items()}
            for _, row in figures.iterrows()
        },
        "primary_metric": "accuracy" if "accuracy" in metrics["test"] else "exact_match",
        "interval": metrics["interval"],
        "cross_validated": metrics.get("cross_validated"),
        "answered": metrics.get("answered"),
        "slices": _slices(tables.read(evaluated / "slices.csv")),
        "images": {name: row["all"] for name, row in counts.items()},
        "groups_across_splits": audit["groups_across_splits"],
        "warning": audit["metadata"]["warning"],
        "lineage": lineage["files"],
        "versions": lineage["versions"],
    }


def _slices(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a table whose first column is text and whose others are numbers."""
    first, *others = table.columns
    return [
        {first: row[first]} | {name: int(row[name]) if name == "images" else _number(row[name]) for name in others}
        for _, row in table.iterrows()
    ]


def _number(text: str) -> float | None:
    return float(text) if text else None


def save_card(path: Path, metadata: dict[str, Any]) -> None:
    """Write the card, Markdown for people and for the hub, from what graft.json says."""
    # names from the data are escaped where the template uses them
    values = metadata | {"table_of_models": _models(metadata)}
    write_text(path, rendered(TEMPLATE, values, escape=False, text=_text, quoted=_quoted))


def _models(metadata: dict[str, Any]) -> list[dict[str, Any]]:
    """Every model of the bundle: its first file, format and precision, and its size in bytes."""
    everything = {"onnx": {precision: [file] for precision, file in metadata["models"].items()}}
    sizes: dict[str, int] = metadata["bytes"]
    return [
        {"file": files[0], "format": name, "precision": precision, "bytes": sum(sizes[file] for file in files)}
        for name, models in (everything | metadata.get("formats", {})).items()
        for precision, files in models.items()
    ]


def _text(value: object) -> str:
    """A value as plain text in a cell of a Markdown table."""
    return re.sub(r"([\\`*_{}\[\]<>#|$~])", r"\\\1", " ".join(str(value).split()))


def _quoted(value: object) -> str:
    """A value as a string in double quotes of YAML."""
    return json.dumps(" ".join(str(value).split()), ensure_ascii=False)
