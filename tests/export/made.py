"""Bundles made on the spot."""

from pathlib import Path
from typing import Any

from graft.export.bundle import seal, write_facts, write_graph
from graft.model.decision import Decision
from graft.model.network import Network
from graft.model.saved import Description

STORY: dict[str, Any] = {
    "source": "package://cells/data",
    "licences": {"pictures": "CC BY & others", "weights": "CC0"},
    "labels": {"rule": "folder"},
    "metrics": {
        "accuracy": {"meaning": "accuracy (top-1)", "value": 0.75, "low": 0.5, "high": 0.9, "probe": 0.5},
        "roc_auc": {"meaning": "ROC AUC", "value": None, "low": None, "high": None, "probe": None},
    },
    "hits": "accuracy",
    "interval": "by group",
    "answered": None,
    "slices": [{"slice": "kind=m|n", "pictures": 4, "accuracy": 0.75, "accuracy_low": 0.5, "accuracy_high": 0.9}],
    "pictures": {"train": 20, "valid": 5, "test": 4},
    "groups_across_splits": 0,
    "warning": None,
    "lineage": {"data/labels.csv": "ab" * 32},
    "versions": {"torch": "2", "timm": "1"},
}
"""What a bundle tells beyond its graph."""


def bundled(
    folder: Path,
    network: Network,
    description: Description,
    size: int,
    decision: Decision | None = None,
    **told: Any,
) -> dict[str, Any]:
    """Write a whole bundle into an empty folder; return its facts."""
    decision = decision or Decision()
    write_graph(folder, network, description, size, decision)
    facts = write_facts(folder, description, size, decision, STORY | told)
    seal(folder, facts)
    return facts
