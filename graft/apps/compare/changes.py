"""What was set, and what was measured, side by side: params.yaml and metrics.json of two runs."""

import json
from dataclasses import dataclass
from typing import Any

from graft.core.addresses import shown
from graft.core.errors import ParamsError
from graft.core.params import flattened, parse_yaml

ABSENT = "-"
"""Stands for a key that one of the two lacks."""

BETTER_HIGH = {"accuracy", "f1", "precision", "recall", "match", "auc", "auroc", "kappa"}
BETTER_LOW = {"loss", "error", "ece", "brier", "nll"}
"""Words in the names of figures that say which way is better."""

Figures = dict[str, float | None]


@dataclass(frozen=True, slots=True)
class Changed:
    """A parameter by its dotted key, as A and as B have it."""

    key: str
    a: str
    b: str


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of the test split; None has no value.

    `better` is 1 where more is better, -1 where less is, 0 where neither.
    """

    name: str
    a: float | None
    b: float | None
    better: int

    @property
    def difference(self) -> float | None:
        """B's less A's."""
        return None if self.a is None or self.b is None else self.b - self.a


def changed_params(a: dict[str, Any], b: dict[str, Any]) -> list[Changed]:
    """Parameters that are not equal, those that both have first; the type counts, so 1 and 1.0 differ."""
    left, right = ({key: _said(value) for key, value in flattened(tree).items()} for tree in (a, b))
    keys = sorted(set(left) | set(right), key=lambda key: (not (key in left and key in right), key))
    return [
        Changed(key, left.get(key, ABSENT), right.get(key, ABSENT)) for key in keys if left.get(key) != right.get(key)
    ]


def side_by_side(a: Figures, b: Figures) -> list[Figure]:
    """Every figure that either has, in B's order and then A's; one that the other lacks is None there."""
    return [Figure(name, a.get(name), b.get(name), direction(name)) for name in dict.fromkeys([*b, *a])]


def direction(name: str) -> int:
    """1 where more of a figure is better, -1 where less is; 0 for counts, limits of intervals, unknown names."""
    words = name.replace(".", "_").split("_")
    if words[-1] in ("low", "high"):
        return 0
    if BETTER_LOW & set(words):
        return -1
    return int(bool(BETTER_HIGH & set(words)) or name.endswith("average_precision"))


def figures(tree: dict[str, Any]) -> Figures:
    """Numbers of a nested mapping under dotted keys, None where there is no value; texts and lists are left out."""
    return {
        key: None if value is None else float(value)
        for key, value in flattened(tree).items()
        if value is None or (isinstance(value, int | float) and not isinstance(value, bool))
    }


def _said(value: Any) -> str:
    """A value on one line: a text that YAML would take for something else in quotes, an address without its secrets."""
    if isinstance(value, str) and "://" in value:
        value = shown(value)
    if isinstance(value, str) and _is_plain(value):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)


def _is_plain(text: str) -> bool:
    try:
        return bool(parse_yaml(text) == text)
    except ParamsError:
        return False
