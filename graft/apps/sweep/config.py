"""The file of a sweep: which values or ranges of which parameters to try, and how often."""

import copy
from itertools import product
from pathlib import Path
from typing import Any, Self

from pydantic import Field, field_validator, model_validator

from graft.apps.check import MODELS
from graft.core import params
from graft.core.errors import ParamsError, nearest
from graft.core.seeds import Seed

REFUSED = {
    "seed": "the best of several seeds is luck",
    "evaluate.interpret": "the sweep sets it itself",
    **dict.fromkeys(("source", "labels", "index", "split"), "trials on other images of valid cannot be compared"),
    **dict.fromkeys(("report", "export"), "nothing on valid depends on it"),
}
"""Keys, or sections, that no sweep may change, and why."""

DIGITS = 4
"""Significant digits of a value that is drawn: more say nothing and cannot be read in `dvc exp show`."""


class Range(params.Section):
    """Numbers from `low` to `high`, both included; whole ones where both ends are whole: write 1.0 for others."""

    low: int | float
    high: int | float
    log: bool = False
    """Whether 1 to 10 is as far as 10 to 100, as for learning rates and penalties."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.low < self.high:
            raise ValueError(f"low must be below high; got {self.low} and {self.high}")
        if self.log and self.low <= 0:
            raise ValueError(f"a range by logarithm begins above 0; got {self.low}")
        return self

    @property
    def is_whole(self) -> bool:
        """Whether only whole numbers are meant."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def holds(self, value: Any) -> bool:
        """Whether a value lies within."""
        number = isinstance(value, int if self.is_whole else int | float) and not isinstance(value, bool)
        return number and self.low <= value <= self.high

    def shortened(self, value: float) -> float:
        """A value in `DIGITS` significant digits, within the range."""
        return value if self.is_whole else min(max(float(f"{value:.{DIGITS}g}"), self.low), self.high)


class Sweep(params.Section):
    """What a sweep tries."""

    trials: int = Field(default=20, ge=1)
    """Trials in all, those of earlier calls among them; the first has the values of params.yaml if they are allowed."""
    params: dict[str, Range | list[Any]] = Field(min_length=1)
    """Of each parameter, by its dotted key, the values to try or the range to draw from."""
    seed: Seed = 0
    """Of the draws. The seed of training is that of params.yaml in every trial."""

    @field_validator("params")
    @classmethod
    def _several_values(cls, given: dict[str, Range | list[Any]]) -> dict[str, Range | list[Any]]:
        for key, space in given.items():
            if isinstance(space, list) and (len(space) < 2 or any(space.count(value) > 1 for value in space)):
                raise ValueError(f"{key}: a list needs two values or more, each once; got {space}")
        return given

    def allows(self, values: dict[str, Any]) -> bool:
        """Whether every value is one to try, or lies in its range."""
        return all(
            space.holds(values[key]) if isinstance(space, Range) else values[key] in space
            for key, space in self.params.items()
        )

    def combinations(self, most: int) -> list[dict[str, Any]] | None:
        """Every combination of values; None where there are more than `most`."""
        each: list[list[Any] | range] = []
        count = 1
        for space in self.params.values():
            if isinstance(space, Range) and not space.is_whole:
                return None
            values = range(int(space.low), int(space.high) + 1) if isinstance(space, Range) else space
            count *= len(values)
            each.append(values)
        return [dict(zip(self.params, values, strict=True)) for values in product(*each)] if count <= most else None


def read_sweep(file: Path, values: dict[str, Any]) -> Sweep:
    """Read the file of a sweep, and check that params.yaml could hold each value and both ends of each range.

    Raises:
        ParamsError: the file cannot be read, or names a key or a value that cannot be.
    """
    try:
        content = params.parse_yaml(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ParamsError) as error:
        raise ParamsError(f"{file}: {error}") from error
    found: Sweep = params.check(file.name, Sweep, content)
    for key, space in found.params.items():
        section = key.partition(".")[0]
        if section not in MODELS:
            raise ParamsError(f"{file}: unknown key {key!r}{nearest(section, MODELS)}; name a key of params.yaml")
        if reason := REFUSED.get(key) or REFUSED.get(section):
            raise ParamsError(f"{file}: {key} cannot be swept: {reason}")
        for value in (space.low, space.high) if isinstance(space, Range) else space:
            try:
                params.check(section, MODELS[section], with_value(values, key, value)[section])
            except ParamsError as error:
                raise ParamsError(f"{file}: {error}") from error
    return found


def with_value(values: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    """A copy of the values of params.yaml in which one, by its dotted key, is another."""
    *above, last = key.split(".")
    found = copy.deepcopy(dict(values))
    holder = found
    for name in above:
        if not isinstance(holder.get(name), dict):
            holder[name] = {}
        holder = holder[name]
    holder[last] = value
    return found


def value_of(values: dict[str, Any], key: str) -> Any:
    """A value of params.yaml by its dotted key; where it does not stand there, the default of its section."""
    section, *names = key.split(".")
    checked = params.check(section, MODELS[section], values[section])
    found = checked.model_dump() if isinstance(checked, params.Section) else checked
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    return found
