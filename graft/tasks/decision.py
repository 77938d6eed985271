"""How logits become answers, as `evaluate` found it and the bundle carries it."""

import json
from pathlib import Path

from graft.core.params import Section
from graft.network.config import Flip

FILE = "decision.json"


class Decision(Section):
    """Between logits and answers."""

    flips: list[Flip] = ["none"]
    """Views whose logits are averaged."""
    temperature: float = 1.0
    """What the logits are divided by."""
    abstain_below: float | None = None
    """Confidence below which the answer is "not sure"; None answers always."""


def read_decision(folder: Path) -> Decision:
    """Read what `evaluate` wrote beside its figures."""
    return Decision.model_validate(json.loads((folder / FILE).read_text(encoding="utf-8")))
