"""The report: one HTML file that needs nothing beside it, for a person who was not there."""

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pandas as pd
from markupsafe import Markup

from graft.core import tables
from graft.core.addresses import shown
from graft.core.files import write_text
from graft.core.params import flattened
from graft.evaluate.evaluation import metrics_of, read_lineage
from graft.evaluate.record import Record, read_record
from graft.render.templates import number, percent, rendered
from graft.tasks import Decision, Task

HERE = Path(__file__).parent
TEMPLATE, STYLE = HERE / "report.html.j2", HERE / "report.css"
MOST_ROWS = 20
"""Rows of a long table that the page shows."""


@dataclass(frozen=True, slots=True)
class Interpreted:
    """What `evaluate` measured on a split; `confused` has the rows of confused.csv, none without confused classes."""

    record: Record
    confused: list[dict[Any, Any]]

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read what `evaluate` wrote of a split."""
        confused = folder / "confused.csv"
        return cls(read_record(folder), tables.read(confused).to_dict("records") if confused.is_file() else [])


@dataclass(frozen=True, slots=True)
class Content:
    """What the page shows beside its images.

    Attributes:
        test: what was measured on test.
        valid: the same of valid, where `evaluate.interpret` names it; its images lie in a folder of its name.
        decision, lineage: how logits become answers, and from which inputs.
        review: rows of review.csv; None where it was not asked for.
        splits, audit, choice: what `split` and `finetune` wrote of their work.
        parameters: sections of params.yaml as they stand there.
    """

    task: Task
    test: Interpreted
    valid: Interpreted | None
    decision: Decision
    lineage: dict[str, dict[str, str]]
    review: list[dict[Any, Any]] | None
    splits: dict[str, dict[str, int]]
    audit: dict[str, Any]
    choice: dict[str, Any]
    parameters: dict[str, Any]

    @classmethod
    def read(
        cls,
        task: Task,
        evaluated: Path,
        split: Path,
        finetuned: Path,
        review: pd.DataFrame | None,
        parameters: dict[str, Any],
    ) -> Self:
        """Gather what the stages before wrote into their folders of `reports`."""
        files = split / "metrics.json", split / "audit.json", finetuned / "metrics.json"
        splits, audit, choice = (json.loads(file.read_text(encoding="utf-8")) for file in files)
        return cls(
            task=task,
            test=Interpreted.read(evaluated),
            valid=Interpreted.read(evaluated / "valid") if (evaluated / "valid").is_dir() else None,
            decision=Decision.read(evaluated),
            lineage=read_lineage(evaluated),
            review=None if review is None else review.to_dict("records"),
            splits=splits,
            audit=audit,
            choice=choice,
            parameters=parameters,
        )


def save_report(path: Path, images: Path, content: Content) -> None:
    """Render the report.

    Args:
        images: folder of the PNG files that the template names; they are written into the page.
    """
    parameters = {key: _without_secrets(value) for key, value in flattened(content.parameters).items()}
    facts = {name: getattr(content, name) for name in Content.__slots__} | {
        "classes": content.task.classes,
        "multi_label": content.task.multi_label,
        "meanings": metrics_of(content.task).meanings,
        "most": MOST_ROWS,
        "source": {key: parameters[f"source.{key}"] for key in ("uri", "licence")},
        "parameters": {key: json.dumps(value, ensure_ascii=False) for key, value in parameters.items()},
    }
    page = rendered(
        TEMPLATE,
        facts,
        image=lambda name: inline(images / name),
        has=lambda name: (images / name).is_file(),
        style=Markup(STYLE.read_text(encoding="utf-8")),  # noqa: S704 - our own file
        pct=lambda share: percent(share).replace(" ", "\u00a0"),
        num=number,
    )
    write_text(path, page.lstrip())


def _without_secrets(value: Any) -> Any:
    """A value as it may be shown to others: addresses without the secrets they may carry."""
    if isinstance(value, list):
        return [_without_secrets(one) for one in value]
    if isinstance(value, dict):
        return {key: _without_secrets(one) for key, one in value.items()}
    return shown(value) if isinstance(value, str) and "://" in value else value


def inline(file: Path) -> str:
    """A PNG file as the address of an image in a page that needs no file beside it."""
    return "data:image/png;base64," + base64.b64encode(file.read_bytes()).decode()
