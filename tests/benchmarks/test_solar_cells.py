"""The table of both splits, by hand."""

from typing import Any

from benchmarks.machine import machine
from benchmarks.solar_cells import spread, table


def run(seed: int, right: float) -> dict[str, Any]:
    figures = {"images": 100, "accuracy": right, "accuracy_low": right - 0.1, "accuracy_high": right + 0.1}
    head = figures | {"accuracy": 0.5, "accuracy_low": 0.4, "accuracy_high": 0.6}
    majority = {"accuracy": 0.25}
    return {"seed": seed, "test": figures, "head": head, "majority": majority, "seconds": 7 * seed}


def test_spread_by_hand() -> None:
    assert spread([0.80, 0.82, 0.81]) == "81.0% ± 1.0"


def test_table_by_hand() -> None:
    one = {"runs": [run(1, 0.7), run(2, 0.8), run(3, 0.75)], "metadata": {"accuracy": 0.3}}
    lines = table({"solar-cells": one, "machine": machine()}).splitlines()
    assert lines[2] == (
        "| `solar-cells` | 100 | 25.0% | 30.0% | 50.0% (40.0% to 60.0%) | 50.0% ± 0.0 "
        "| 70.0% (60.0% to 80.0%) | 75.0% ± 5.0 | 7 s |"
    )
    assert len([line for line in lines if line.startswith("| `")]) == 1
