"""The table tells rates, sizes and how much longer both networks take."""

from benchmarks.ensemble import table
from tests.benchmarks.test_accuracy import MACHINE


def test_table_compares_with_the_first() -> None:
    networks = {"alone": {"rate": 30.0, "megabytes": 13.5}, "ensemble": {"rate": 20.0, "megabytes": 26.04}}
    lines = table({"networks": networks, "machine": MACHINE}).splitlines()
    assert lines[2:4] == ["| alone | 30 | 1.00 | 13.5 |", "| ensemble | 20 | 1.50 | 26.0 |"]
